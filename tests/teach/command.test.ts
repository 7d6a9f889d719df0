/** `forge teach` as a user types it, in process. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runForge, type Ran } from "../forge.ts";

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "forge-command-"));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

const forge = async (...argv: readonly string[]): Promise<Ran> => await runForge(cwd, argv);

describe("forge teach", () => {
  it("finds the shipped prompts, writes the output and says what lies where", async () => {
    const { code, stdout, stderr } = await forge("teach", "--prompts", "prompts/orca.yaml", "--out", "answers");
    expect(code).toBe(0);
    expect(stdout).toMatch(/planned +86\n +accepted +66\n/);
    expect(stderr).toContain("next:");
    expect((await readdir(join(cwd, "answers"))).sort()).toEqual([
      ".work",
      "README.md",
      "answers",
      "journal.ndjson",
      "manifest.json",
      "rejects",
    ]);
  });

  it("loads no HTTP until a server is asked", async () => {
    const code = `await import(${JSON.stringify(new URL("../../forge/cli/teach.ts", import.meta.url).href)});
      console.log(process.moduleLoadList.join("\\n"));`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code]);
    const loaded = stdout.split("\n");
    expect(loaded).toContain("NativeModule fs");
    expect(loaded.filter((name) => /^NativeModule (.*undici|https?)$/.test(name))).toEqual([]);
  });

  it("prints the plan under --dry-run and writes nothing", async () => {
    const { code, stdout } = await forge("teach", "--dry-run", "--json", "--limit", "3", "--samples", "2");
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as { rows: unknown[] }).rows).toHaveLength(6);
    expect(await readdir(cwd)).toEqual([]);
  });

  it("gives the manifest as JSON under --json", async () => {
    const { stdout } = await forge("teach", "--json", "--limit", "4");
    expect(JSON.parse(stdout)).toMatchObject({
      asked: 4,
      unchanged: false,
      planned: 4,
      accepted: 4,
      teacher: { provider: "replay" },
    });
  });

  it("explains a wrong teacher, a wrong key and a missing file, each with its exit code and no stack", async () => {
    const teacher = await forge("teach", "--teacher", "gpt");
    expect([teacher.code, teacher.stderr]).toEqual([2, expect.stringContaining("ollama:MODEL")]);
    await writeFile(join(cwd, "p.yaml"), "systems: [{ id: a, text: x }]\ncollections: {}\nquerys: [q.jsonl]\n");
    const key = await forge("teach", "--prompts", "p.yaml");
    expect([key.code, key.stderr]).toEqual([2, expect.stringMatching(/p\.yaml:3:1.*\n?.*did you mean "queries"/)]);
    const missing = await forge("teach", "--prompts", "nowhere.yaml");
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining("does not exist")]);
    for (const { stderr } of [teacher, key, missing]) expect(stderr).not.toMatch(/\n\s+at /);
  });

  it("shows where each value of the config came from", async () => {
    const { stdout } = await forge("teach", "--show-config", "--seed", "7", "--set", "checks.minWords=5");
    expect(stdout).toMatch(/seed: 7 +# flag/);
    expect(stdout).toMatch(/checks\.minWords: 5 +# set/);
    expect(stdout).toMatch(/sampling\.temperature: 0\.7 +# default/);
  });
});
