import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exists } from "../../forge/base/index.ts";
import { corpusConfigSchema, type CorpusConfig } from "../../schemas/config/corpus.ts";
import {
  build,
  makeText,
  plantedConfig,
  plantedFiles,
  quarantineOf,
  snapshot,
  writeFiles,
  type Files,
} from "./corpora.ts";
import { buildAndKill } from "./kill.ts";

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "forge-faults-"));
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

async function corpus(
  name: string,
  files: Files,
  more: Record<string, unknown> = {},
): Promise<{ config: CorpusConfig; out: string }> {
  const root = join(work, name, "in");
  await writeFiles(root, files);
  const config = corpusConfigSchema.parse({
    name,
    root,
    sources: [{ name: "all", path: "*" }],
    filters: [],
    tokenizer: { vocabularySize: 270 },
    ...more,
  });
  return { config, out: join(work, name, "out") };
}

describe("a run that is stopped", () => {
  it("gives the same bytes after being killed at several points and run again", { timeout: 120_000 }, async () => {
    const root = join(work, "kill", "in");
    await writeFiles(root, plantedFiles());
    const config = { ...plantedConfig(root), sources: plantedConfig(root).sources.slice(1) };
    const configPath = join(work, "kill", "config.json");
    await writeFile(configPath, JSON.stringify(config));
    await build(config, join(work, "kill", "whole"));
    const out = join(work, "kill", "out");
    for (const afterEvents of [12, 50]) {
      await buildAndKill(configPath, out, afterEvents);
      expect(await exists(join(out, "manifest.json"))).toBe(false);
    }
    await build(config, out);
    expect(await snapshot(out)).toEqual(await snapshot(join(work, "kill", "whole")));
  });

  it("ends with the signal's reason, writes no manifest, and finishes when run again", async () => {
    const { config, out } = await corpus("abort", { "a.txt": makeText(300, "a"), "b.md": makeText(300, "b") });
    const controller = new AbortController();
    const reason = new Error("interrupted");
    const stopped = build(config, out, {
      signal: controller.signal,
      reporter: (event) => {
        if (event.type === "stage-end" && event.stage === "exact") controller.abort(reason);
      },
    });
    await expect(stopped).rejects.toBe(reason);
    expect(await exists(join(out, "manifest.json"))).toBe(false);
    const left = await readdir(out, { recursive: true });
    expect(left.filter((name) => name.includes(".tmp-") || name.includes(".lock"))).toEqual([]);
    const skipped: string[] = [];
    await build(config, out, { reporter: (event) => void (event.type === "task-skip" && skipped.push(event.task)) });
    expect(skipped).toContain("exact/exact-00000");
  });

  it("refuses a folder in which another run is at work", async () => {
    const { config, out } = await corpus("locked", { "a.txt": makeText(300, "a") });
    const release = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const first = build(config, out, {
      executor: async () => {
        begun.resolve();
        await release.promise;
        throw new Error("given up");
      },
    });
    await begun.promise;
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("waited")), 300);
    await expect(build(config, out, { signal: controller.signal })).rejects.toThrow("waited");
    release.resolve();
    await expect(first).rejects.toThrow("given up");
  });
});

describe("bad input", () => {
  it("is quarantined with its file, its place and the reason, and the rest is read", async () => {
    const good = (seed: string): string => JSON.stringify({ text: makeText(60, seed) });
    const packed = gzipSync(Array.from({ length: 200 }, (_, i) => good(`packed ${i}`)).join("\n"));
    const lines = [
      good("one"),
      '{"text": "cut',
      good("two"),
      '{"title": "x"}',
      '{"text": [1]}',
      `{"text": "${"long ".repeat(4000)}"}`,
      good("three"),
      "",
    ];
    const { config, out } = await corpus(
      "bad",
      {
        "lines.jsonl": lines.join("\n"),
        "cut.jsonl.gz": packed.subarray(0, packed.length >> 1),
        "bytes.txt": Buffer.from([0x61, 0xff, 0x62]),
      },
      { read: { maxRecordBytes: 16_000, onInvalidUtf8: "quarantine" } },
    );
    const manifest = await build(config, out);
    const entries = await quarantineOf(out);
    const found = (source: string): unknown[] =>
      entries.filter((entry) => entry["source"] === source).map((entry) => [entry["reason"], entry["byteOffset"]]);
    const offset = (line: number): number => Buffer.byteLength(lines.slice(0, line).join("\n")) + (line === 0 ? 0 : 1);
    expect(found("lines.jsonl")).toEqual([
      ["malformed-json", offset(1)],
      ["field-missing", offset(3)],
      ["field-not-text", offset(4)],
      ["record-too-long", offset(5)],
    ]);
    expect(found("bytes.txt").map((entry) => (entry as string[])[0])).toEqual(["invalid-utf8"]);
    const cut = entries.filter((entry) => entry["source"] === "cut.jsonl.gz");
    expect(["truncated", "corrupt-compression"]).toContain(cut.at(-1)?.["reason"]);
    expect(manifest.conservation.quarantined).toBe(entries.length);
    expect(manifest.conservation.kept).toBeGreaterThanOrEqual(3);
  });

  it("is found before anything is written when a source is not there at all", async () => {
    const { config, out } = await corpus(
      "missing",
      { "a.txt": "text" },
      { sources: [{ name: "all", path: "nowhere/*.txt" }] },
    );
    await expect(build(config, out)).rejects.toMatchObject({ code: "sources-missing", exitCode: 3 });
    expect(await exists(out)).toBe(false);
  });

  it("stops with a clear error when there is no text at all", async () => {
    const { config, out } = await corpus("empty", { "a.txt": "", "b.jsonl": "" });
    await expect(build(config, out)).rejects.toMatchObject({ code: "corpus-empty", exitCode: 3 });
  });

  it("says so when nothing is left to keep", async () => {
    const { config, out } = await corpus("nothing", { "a.jsonl": "not json\n" });
    await expect(build(config, out)).rejects.toMatchObject({ code: "nothing-kept", exitCode: 3 });
  });

  it("names a tokenizer that is not there", async () => {
    const { config, out } = await corpus(
      "no-tokenizer",
      { "a.txt": makeText(50, 1) },
      { tokenizer: { path: "nowhere/tokenizer.json" } },
    );
    await expect(build(config, out)).rejects.toMatchObject({ code: "file-not-found", exitCode: 3 });
  });
});

const mount = mountable();

describe("a full disk", () => {
  it.skipIf(!mount)(
    `is named as such, and the run is finished when there is space${mount ? "" : " (skipped: needs root to mount a tmpfs)"}`,
    async () => {
      const root = join(work, "full", "in");
      await writeFiles(
        root,
        Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${i}.txt`, makeText(2000, `full ${i}`)])),
      );
      const disk = join(work, "full", "disk");
      await mkdir(disk);
      const config = corpusConfigSchema.parse({
        name: "full",
        root,
        sources: [{ name: "all", path: "*" }],
        filters: [],
        tokenizer: { vocabularySize: 270 },
      });
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=600k", "tmpfs", disk]);
      try {
        await expect(build(config, join(disk, "out"))).rejects.toMatchObject({ code: "disk-full", exitCode: 4 });
        execFileSync("mount", ["-o", "remount,size=32m", disk]);
        await build(config, join(disk, "out"));
        await build(config, join(work, "full", "whole"));
        expect(await snapshot(join(disk, "out"))).toEqual(await snapshot(join(work, "full", "whole")));
      } finally {
        execFileSync("umount", [disk]);
      }
    },
  );
});

/** True where this process may mount a file system of its own. */
function mountable(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  try {
    execFileSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
