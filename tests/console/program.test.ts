import { describe, expect, it } from "vitest";
import { ConfigError, DataError, EnvironmentError } from "../../forge/base/errors.ts";
import type { CommandSpec } from "../../forge/console/command.ts";
import { Interrupted, runProgram, type ProgramIo, type ProgramSpec } from "../../forge/console/program.ts";
import { createProgress } from "../../forge/console/progress.ts";
import { createStyle } from "../../forge/console/style.ts";
import { forgeProgram } from "../../forge/cli/index.ts";

async function run(
  argv: readonly string[],
  command: Partial<CommandSpec> = {},
  io: Partial<ProgramIo> = {},
): Promise<{ code: number; out: string; err: string }> {
  const spec: CommandSpec = {
    name: "weigh",
    summary: "Weigh things",
    examples: ["p weigh x"],
    argument: { name: "THING", description: "What to weigh", required: true },
    options: [
      { name: "out", value: "DIR", description: "Where" },
      { name: "tag", value: "T", description: "Tags", repeatable: true },
      { name: "count", value: "N", description: "How many" },
    ],
    run: ({ argument, flags }) =>
      Promise.resolve({
        text: `${argument} ${flags.text("out")} ${flags.list("tag").join("+")}`,
        json: { count: flags.integer("count", 1) ?? null },
        next: "p eat",
      }),
    ...command,
  };
  const program: ProgramSpec = {
    name: "p",
    summary: "A program.",
    version: "1.2.3",
    examples: ["p weigh x"],
    commands: [{ name: "weigh", summary: "Weigh things", load: () => Promise.resolve(spec) }],
  };
  let out = "";
  let err = "";
  const code = await runProgram(program, argv, {
    stdout: (text) => (out += text),
    stderr: (text) => (err += text),
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    stdinIsTerminal: false,
    columns: 80,
    env: {},
    cwd: ".",
    signal: new AbortController().signal,
    ...io,
  });
  return { code, out, err };
}

describe("runProgram", () => {
  it("prints results on stdout and the next command on stderr", async () => {
    expect(await run(["weigh", "x", "--out", "d", "--tag", "a", "--tag", "b"])).toEqual({
      code: 0,
      out: "x d a+b\n",
      err: "next: p eat\n",
    });
  });

  it("prints one JSON document under --json", async () => {
    expect(await run(["weigh", "x", "--count", "3", "--json"])).toEqual({ code: 0, out: '{"count":3}\n', err: "" });
  });

  it.each([
    [["wiegh"], 'p has no command "wiegh"', 'Did you mean "p weigh"?'],
    [["weigh"], "missing required argument 'THING'", "See p weigh --help"],
    [["weigh", "x", "--otu", "d"], "unknown option '--otu'", "Did you mean --out?"],
    [["weigh", "x", "y"], "too many arguments", "See p weigh --help"],
    [["weigh", "x", "--count", "0", "--json"], "--count wants a whole number of at least 1", ""],
  ])("ends %j with exit code 2 and a remedy", async (argv, message, hint) => {
    const { code, err } = await run(argv);
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(err).toContain(hint);
  });

  it("gives each kind of error its exit code, without a stack", async () => {
    const issues = [
      { path: "a.b", message: "unknown key", file: "c.yaml", line: 3, column: 1, hint: 'did you mean "a.c"?' },
    ];
    const cases = [
      [
        new ConfigError("config-invalid", "c.yaml has 1 problem", issues),
        2,
        'c.yaml:3:1  a.b: unknown key (did you mean "a.c"?)',
      ],
      [new DataError("bad", "bad row", { file: "x.jsonl", row: 3 }), 3, "error: bad row"],
      [new EnvironmentError("disk-full", "No space left", { hint: "Free some" }), 4, "hint: Free some"],
    ] as const;
    for (const [error, exitCode, text] of cases) {
      const { code, err } = await run(["weigh", "x"], { run: () => Promise.reject(error) });
      expect(code).toBe(exitCode);
      expect(err).toContain(text);
      expect(err).not.toContain("at ");
    }
  });

  it("calls anything else a bug and shows its stack", async () => {
    const { code, err } = await run(["weigh", "x"], { run: () => Promise.reject(new TypeError("oops")) });
    expect(code).toBe(1);
    expect(err).toContain("TypeError: oops\n    at ");
  });

  it("ends an interrupted run with 130 and the command that resumes", async () => {
    const controller = new AbortController();
    controller.abort(new Interrupted("SIGINT"));
    const { code, err } = await run(
      ["weigh", "texts/**/*.jsonl", "--out", "d"],
      { run: ({ signal }) => Promise.reject(signal.reason as Error) },
      { signal: controller.signal },
    );
    expect(code).toBe(130);
    expect(err).toContain("resume with: p weigh 'texts/**/*.jsonl' --out d\n");
  });

  it("shows help with examples first, and loads every command of forge", async () => {
    const { out } = await run(["weigh", "--help"]);
    expect(out).toMatchInlineSnapshot(`
      "Weigh things

      Examples
        p weigh x

      Usage
        p weigh THING [flags]

        THING  What to weigh

      Flags
        --out DIR  Where
        --tag T    Tags (repeatable)
        --count N  How many
        --json     Print the result as JSON, progress as NDJSON
        --quiet    Print the result only
      "
    `);
    for (const entry of forgeProgram.commands) expect((await entry.load()).name).toBe(entry.name);
  });

  it("off a terminal writes a line each 10 % or 30 s, and none for a stage that is over at once", () => {
    let text = "";
    let clock = 0;
    const { report } = createProgress({
      write: (more) => (text += more),
      style: createStyle({ terminal: false, env: {} }),
      terminal: false,
      columns: 80,
      now: () => clock,
    });
    const at = (ms: number, done: number): void => {
      clock = ms;
      report({ type: "stage-progress", stage: "read", done, total: 100, unit: "documents" });
    };
    report({ type: "stage-start", stage: "read" });
    at(900, 40);
    at(1100, 41);
    at(2000, 45);
    at(3000, 51);
    at(33_000, 52);
    at(34_000, 100);
    expect(text.match(/\d+ documents/g)).toEqual(["41 documents", "51 documents", "52 documents"]);
  });

  it("draws progress as plain lines off a terminal and as NDJSON under --json", async () => {
    const command: Partial<CommandSpec> = {
      run: ({ reporter }) => {
        reporter({ type: "stage-start", stage: "read" });
        reporter({ type: "stage-progress", stage: "read", done: 5, total: 10, unit: "documents" });
        reporter({ type: "stage-end", stage: "read", elapsedMs: 1234, figures: { kept: 9 } });
        return Promise.resolve({ text: "", json: {} });
      },
    };
    expect((await run(["weigh", "x"], command)).err).toBe("✓ read 1.2 s  kept 9\n");
    const lines = (await run(["weigh", "x", "--json"], command)).err.trim().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual([
      "stage-start",
      "stage-progress",
      "stage-end",
    ]);
  });
});
