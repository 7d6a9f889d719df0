/** The way of teacher data from end to end, with replay: determinism, resume, refusal of foreign output, conservation. */
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { digestFile, shippedPath, TransientError } from "../../forge/base/index.ts";
import { openTeacher, runTeach, type Teacher } from "../../forge/teach/index.ts";
import { teachConfigSchema, type TeachConfig } from "../../schemas/config/teach.ts";
import { answersManifestSchema, type Answer } from "../../schemas/record/answer.ts";
import { renderChat, type ChatMessage } from "../../schemas/record/chat.ts";

const prompts = shippedPath("prompts");
const shipped = parse(await readFile(join(prompts, "orca.yaml"), "utf8")) as object;
const configWith = (changes: object = {}): TeachConfig => teachConfigSchema.parse({ ...shipped, ...changes });

let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), "forge-teach-"));
});
afterEach(async () => {
  await rm(out, { recursive: true });
});

const options = (folder = out, more: object = {}): Parameters<typeof runTeach>[1] => ({
  folder: prompts,
  out: folder,
  ...more,
});

async function readRows(folder: string, kind: "answers" | "rejects"): Promise<Answer[]> {
  const names = (await readdir(join(folder, kind))).sort();
  const parts = await Promise.all(
    names.map(async (name) =>
      parquetReadObjects({
        file: await asyncBufferFromFile(join(folder, kind, name)),
        compressors: { GZIP: (input) => gunzipSync(input) },
      }),
    ),
  );
  return parts.flat() as unknown as Answer[];
}

async function digests(folder: string): Promise<Record<string, string>> {
  const names = ["README.md", "manifest.json"];
  for (const kind of ["answers", "rejects"])
    for (const name of await readdir(join(folder, kind))) names.push(join(kind, name));
  return Object.fromEntries(
    await Promise.all(names.sort().map(async (name) => [name, (await digestFile(join(folder, name))).sha256])),
  );
}

/** Replay that dies, as a killed process does, after a number of answers. */
async function dyingTeacher(config: TeachConfig, after: number): Promise<Teacher> {
  const replay = await openTeacher(config, prompts, {});
  let answered = 0;
  return {
    identify: (signal) => replay.identify(signal),
    ask: (request, signal) => {
      if (++answered > after) return Promise.reject(new Error("killed"));
      return replay.ask(request, signal);
    },
    [Symbol.asyncDispose]: () => replay[Symbol.asyncDispose](),
  };
}

describe("forge teach with replay", () => {
  it("stores every planned answer once, accepted or rejected, and reads back what it wrote", async () => {
    const { manifest, asked } = await runTeach(configWith(), options());
    const accepted = await readRows(out, "answers");
    const rejected = await readRows(out, "rejects");
    expect(asked).toBe(86);
    expect([accepted.length, rejected.length]).toEqual([66, 20]);
    expect(accepted.length + rejected.length).toBe(manifest.planned);
    expect(new Set([...accepted, ...rejected].map((row) => row.id)).size).toBe(manifest.planned);
    for (const row of accepted) {
      const messages = JSON.parse(row.messages_student) as ChatMessage[];
      expect(messages.at(-1)).toEqual({ role: "assistant", content: row.answer });
      expect(renderChat(messages).some(({ loss }) => loss)).toBe(true);
      expect(row.checks.every((check) => check.passed)).toBe(true);
      expect(row.reason ?? null).toBe(null);
    }
    for (const row of rejected) expect(row.checks.find((check) => !check.passed)).toBeDefined();
    expect(answersManifestSchema.parse(JSON.parse(await readFile(join(out, "manifest.json"), "utf8")))).toEqual(
      manifest,
    );
    const card = await readFile(join(out, "README.md"), "utf8");
    expect(card).toContain("written for this project; no teacher was run");
    expect(card).toContain("86 answers planned = 66 accepted");
  });

  it("writes the same bytes whatever the concurrency", async () => {
    await runTeach(configWith({ concurrency: 1, rowsPerPart: 30 }), options(join(out, "a")));
    await runTeach(configWith({ concurrency: 17, rowsPerPart: 30 }), options(join(out, "b")));
    expect(await readdir(join(out, "a", "answers"))).toHaveLength(3);
    expect(await digests(join(out, "a"))).toEqual(await digests(join(out, "b")));
  });

  it("resumes after a kill without asking again, drops a torn last line, and ends with the same bytes", async () => {
    await runTeach(configWith(), options(join(out, "whole")));
    const killed = join(out, "killed");
    const config = configWith({ concurrency: 1 });
    await expect(runTeach(config, options(killed, { teacher: await dyingTeacher(config, 40) }))).rejects.toThrow(
      "killed",
    );
    await expect(readFile(join(killed, "manifest.json"))).rejects.toThrow(/ENOENT/);
    const journal = join(killed, "journal.ndjson");
    await truncate(journal, (await readFile(journal)).byteLength - 7);
    const { asked } = await runTeach(configWith(), options(killed));
    expect(asked).toBe(86 - 39);
    expect(await digests(killed)).toEqual(await digests(join(out, "whole")));
  });

  it("survives kill -9 of the process: what stood in the journal is not asked again", async () => {
    const script = `
      import { readFile } from "node:fs/promises"; import { parse } from "yaml";
      import { openTeacher, runTeach } from ${JSON.stringify(shippedPath("forge/teach/index.ts"))};
      import { teachConfigSchema } from ${JSON.stringify(shippedPath("schemas/config/teach.ts"))};
      const folder = ${JSON.stringify(prompts)};
      const config = teachConfigSchema.parse({ ...parse(await readFile(folder + "/orca.yaml", "utf8")), concurrency: 1 });
      const replay = await openTeacher(config, folder, {});
      let n = 0;
      const ask = (request, signal) => (++n > 25 ? process.kill(process.pid, "SIGKILL") : replay.ask(request, signal));
      await runTeach(config, { folder, out: ${JSON.stringify(out)}, teacher: { ...replay, ask, [Symbol.asyncDispose]: async () => {} } });`;
    const child = promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], { cwd: shippedPath() });
    await expect(child).rejects.toMatchObject({ signal: "SIGKILL" });
    const { asked } = await runTeach(configWith(), options());
    expect(asked).toBe(86 - 25);
  });

  it("does nothing when the output is whole, and mends it from the journal when a part is damaged", async () => {
    await runTeach(configWith(), options());
    const before = await digests(out);
    expect(await runTeach(configWith(), options())).toMatchObject({ unchanged: true, asked: 0 });
    await truncate(join(out, "answers", "part-00000.parquet"), 100);
    expect(await runTeach(configWith(), options())).toMatchObject({ unchanged: false, asked: 0 });
    expect(await digests(out)).toEqual(before);
  });

  it("refuses an output made from something else and names what changed; --update keeps answers still asked for", async () => {
    await runTeach(configWith(), options());
    const stricter = configWith({ checks: { minWords: 100 } });
    await expect(runTeach(stricter, options())).rejects.toMatchObject({
      code: "output-differs",
      exitCode: 2,
      details: { changed: ["checks"] },
    });
    const { asked, manifest } = await runTeach(stricter, options(out, { update: true }));
    expect(asked).toBe(0);
    expect(manifest.rejected["too-short"]).toBeGreaterThan(1);
  });

  it("rejects what was never recorded as not-recorded", async () => {
    const { manifest } = await runTeach(configWith({ samples: 2, limit: 5 }), options());
    expect(manifest).toMatchObject({ planned: 10, accepted: 5, rejected: { "not-recorded": 5 } });
  });

  it("replaces the system message in what the student sees, and only there", async () => {
    await runTeach(configWith({ limit: 3, erase: { mode: "replace", with: "Be careful." } }), options());
    for (const row of await readRows(out, "answers")) {
      expect(row.system_teacher).not.toBe("Be careful.");
      expect((JSON.parse(row.messages_student) as ChatMessage[])[0]).toEqual({
        role: "system",
        content: "Be careful.",
      });
      expect((JSON.parse(row.messages) as ChatMessage[])[0]?.content).toBe(row.system_teacher);
    }
  });

  it("names file and line of a bad query", async () => {
    const folder = join(out, "prompts");
    await cp(prompts, folder, { recursive: true });
    const file = join(folder, "recorded", "queries.jsonl");
    await writeFile(file, `${await readFile(file, "utf8")}{"id": "x", \n`);
    await expect(runTeach(configWith(), { folder, out: join(out, "o") })).rejects.toMatchObject({
      code: "bad-line",
      exitCode: 3,
      position: { row: 86 },
    });
  });

  it("asks again under --update for what the teacher failed to answer, and for nothing else", async () => {
    const config = configWith({ limit: 10, retry: { attempts: 1, baseMs: 0 } });
    const replay = await openTeacher(config, prompts, {});
    let calls = 0;
    const flaky: Teacher = {
      identify: (signal) => replay.identify(signal),
      ask: (request, signal) =>
        calls++ === 3 ? Promise.reject(new TransientError("teacher-failed", "hiccup")) : replay.ask(request, signal),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    const first = await runTeach(config, options(out, { teacher: flaky }));
    expect(first.manifest).toMatchObject({ accepted: 9, rejected: { "teacher-error": 1 } });
    expect(await runTeach(config, options(out, { teacher: flaky }))).toMatchObject({ unchanged: true });
    const second = await runTeach(config, options(out, { teacher: flaky, update: true }));
    expect(second).toMatchObject({ asked: 1, manifest: { accepted: 10, rejected: {} } });
  });

  it("stops the run, resumable, when one answer after the other fails", async () => {
    const broken: Teacher = {
      identify: () =>
        Promise.resolve({ provider: "ollama", model: "m", digest: null, serverVersion: null, origin: "test" }),
      ask: () => Promise.reject(new TransientError("teacher-failed", "out of memory")),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    const config = configWith({ retry: { attempts: 2, baseMs: 0, maxFailedInRow: 4 } });
    await expect(runTeach(config, options(out, { teacher: broken }))).rejects.toMatchObject({
      exitCode: 75,
      message: expect.stringContaining("out of memory"),
    });
  });
});
