/** What a user reads when something is not as it should be: file, key or row, remedy, and the exit code. */
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { build, plantedConfig, plantedFiles, writeFiles } from "../pipeline/corpora.ts";
import { runForge, type Ran } from "../forge.ts";

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "forge-messages-"));
  await writeFiles(join(cwd, "in"), plantedFiles());
  await build(plantedConfig(join(cwd, "in")), join(cwd, "shards", "mine"));
}, 60_000);
afterAll(async () => {
  await rm(cwd, { recursive: true, force: true });
});

const forge = async (...argv: readonly string[]): Promise<Ran> => await runForge(cwd, argv);

describe("a folder that is not there", () => {
  const commands = [
    ["verify"],
    ["stats"],
    ["inspect"],
    ["card"],
    ["where", "--at", "train-00000:1"],
    ["export", "--format", "nanogpt"],
  ];

  it.each(commands)("is named by forge %s with one that may be meant", async (command, ...flags) => {
    const { code, stderr } = await forge(command, "shards/mien", ...flags);
    expect(code).toBe(2);
    expect(stderr).toBe("error: The folder shards/mien does not exist\nhint: Did you mean shards/mine?\n");
  });

  it.each(commands)("is not taken for a file by forge %s", async (command, ...flags) => {
    const { code, stderr } = await forge(command, "shards/mine/manifest.json", ...flags);
    expect(code).toBe(2);
    expect(stderr).toContain("is a file; the output folder of a run is expected");
  });

  it("is told from one that no run has finished", async () => {
    const { code, stderr } = await forge("stats", "in");
    expect(code).toBe(3);
    expect(stderr).toContain("in has no manifest.json");
  });
});

describe("what is looked for in a corpus", () => {
  it("names the shards that there are", async () => {
    const { code, stderr } = await forge("where", "shards/mine", "--at", "train-00007:1");
    expect(code).toBe(2);
    expect(stderr).toMatch(/has no token shard train-00007\nhint: It has train-00000/);
  });

  it("names a reason like the one that was asked for", async () => {
    const { stderr } = await forge("inspect", "shards/mine", "--rejected", "too_few_wrods");
    expect(stderr).toContain("Did you mean too_few_words?");
  });
});

describe("a config", () => {
  it("that is not there is the command line's fault", async () => {
    for (const command of ["build-corpus", "refilter"]) {
      const { code, stderr } = await forge(command, "none.yaml");
      expect(code).toBe(2);
      expect(stderr).toMatch(/none\.yaml does not exist\nhint: Name a YAML file/);
    }
  });

  it("with a wrong condition is refused before anything is touched, once, with the place", async () => {
    const yaml = `name: mine
sources: [{ name: a, path: in }]
filters:
  - filter: language
  - filter: expression
    name: prose
    keep: signals.words > 3 and signals.wrods < 9
  - filter: expression
    name: late
    keep: signals.words_listed < 2
filtersByLanguage:
  de:
    - filter: expression
      name: kurz
      keep: signals.words >
`;
    await writeFile(join(cwd, "wrong.yaml"), yaml);
    const before = await readFile(join(cwd, "shards", "mine", "manifest.json"), "utf8");
    for (const argv of [
      ["build-corpus", "wrong.yaml", "--update"],
      ["build-corpus", "wrong.yaml", "--dry-run"],
      ["refilter", "wrong.yaml"],
    ]) {
      const { code, stdout, stderr } = await forge(...argv);
      expect(code).toBe(2);
      expect(stdout).toBe("");
      const [head, ...lines] = stderr.trimEnd().split("\n");
      expect(head).toBe(`error: ${join(cwd, "wrong.yaml")} has 3 problems`);
      expect(lines[0]).toMatch(
        /wrong\.yaml:7:11 {2}filters\.1\.keep: wrong at character 31: .*\(did you mean words\?\)$/,
      );
      expect(lines.slice(1, 3)).toEqual([
        "    signals.words > 3 and signals.wrods < 9",
        "                                  ^",
      ]);
      expect(stderr).toMatch(
        /:10:11 {2}filters\.2\.keep: wrong at character 9: there is no signal called "words_listed"/,
      );
      expect(stderr).toMatch(/:15:13 {2}filtersByLanguage\.de\.0\.keep: wrong at character 16: a value is expected/);
    }
    expect(await readFile(join(cwd, "shards", "mine", "manifest.json"), "utf8")).toBe(before);
  });

  it("is refused by the pipeline itself, too", async () => {
    const expression = { filter: "expression", name: "x", keep: "signals.wrods > 1" };
    const sources = [{ name: "one", path: "a", filters: [expression] }];
    const building = build(plantedConfig(join(cwd, "in"), { sources }), join(cwd, "never"));
    await expect(building).rejects.toMatchObject({
      code: "config-invalid",
      issues: [expect.objectContaining({ path: "sources.0.filters.0.keep" })],
    });
    expect(await readdir(cwd)).not.toContain("never");
  });
});

describe("a file that a config names", () => {
  it.each([
    ["a tokenizer that is none", ["--set", "tokenizer.path=wrong.json"], /wrong\.json/],
    [
      "an evaluation set without the field",
      ["--set", "decontaminate.sets=[{name: quiz, path: quiz.jsonl, fields: {question: qestion}}]"],
      /qestion/,
    ],
  ] as const)("is found wrong before anything is read: %s", async (_, flags, message) => {
    await writeFile(join(cwd, "wrong.json"), "{}");
    await writeFile(join(cwd, "quiz.jsonl"), '{"question": "Which one of these is it that was meant by them?"}\n');
    const argv = ["build-corpus", "--source", "in", "--out", "early", "--force", "--workers", "1", ...flags];
    const { code, stderr } = await forge(...argv);
    expect(code).toBe(3);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain("ingest");
  });
});

describe("an output folder", () => {
  it("that is a file, or below one, is the command line's fault", async () => {
    for (const out of ["wrong.yaml", "wrong.yaml/below"]) {
      const { code, stderr } = await forge("build-corpus", "--source", "in", "--out", out);
      expect(code).toBe(2);
      expect(stderr).toMatch(/a file stands where a folder was expected\nhint: /);
    }
  });

  it.skipIf(process.platform !== "linux")("that cannot be made is this machine's", async () => {
    const { code, stderr } = await forge("build-corpus", "--source", "in", "--out", "/proc/forge");
    expect(code).toBe(4);
    expect(stderr).toMatch(/\/proc\/forge cannot be written to\nhint: /);
  });
});

describe("input that cannot be read", () => {
  it("ends a run of which nothing is left with its cause, before any other stage", async () => {
    await writeFile(join(cwd, "noise.parquet"), randomBytes(5000));
    const { code, stderr } = await forge(
      "build-corpus",
      "--source",
      "noise.parquet",
      "--out",
      "noise",
      "--workers",
      "1",
    );
    expect(code).toBe(3);
    expect(stderr).toMatch(/^! 1 record is quarantined \(file-unreadable\): noise\.parquet cannot be read as Parquet/m);
    expect(stderr).toMatch(
      /^error: No document is left of 1: 1 quarantined; noise\.parquet cannot be read as Parquet/m,
    );
    expect(stderr).not.toContain("fingerprint");
    expect(await readFile(join(cwd, "noise", "quarantine.jsonl"), "utf8")).toContain("file-unreadable");
  });

  it("ends with 6 under --strict, and is told of either way", async () => {
    await writeFile(join(cwd, "in", "broken.jsonl"), '{"text": \n{"txt": "x"}\n{"txt": "y"}\n');
    const argv = ["build-corpus", "--source", "in", "--out", "strict", "--workers", "1"];
    for (const [flags, expected] of [
      [[], 0],
      [["--strict"], 6],
    ] as const) {
      const { code, stdout, stderr } = await forge(...argv, ...flags);
      expect(code).toBe(expected);
      expect(stdout).toMatch(/^quarantined {4}\d+ \(see strict\/quarantine\.jsonl\)$/m);
      expect(stderr).toMatch(
        /\(field-missing\): in\/a\/records\.jsonl, record 6: there is no field "text"; and others$/m,
      );
    }
  });
});
