import { createHash } from "node:crypto";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ForgeEvent } from "../../forge/base/index.ts";
import { corpusConfigSchema, type CorpusConfig } from "../../schemas/config/corpus.ts";
import { alter, build, makeText, rowsOf, snapshot, writeFiles } from "./corpora.ts";

let work: string;
let root: string;
const base = { bands: 16, rows: 4, keepIndex: true };

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "forge-against-"));
  root = join(work, "in");
  const jsonLines = (texts: readonly string[]): string => texts.map((text) => `${JSON.stringify({ text })}\n`).join("");
  const old = Array.from({ length: 24 }, (_, i) => makeText(100 + i, `old ${i}`));
  const fresh = Array.from({ length: 16 }, (_, i) => makeText(90 + i, `fresh ${i}`));
  await writeFiles(root, {
    // Within the old corpus: two exact and two near copies.
    "old/a.jsonl": jsonLines([
      ...old,
      old[0] as string,
      old[1] as string,
      ...old.slice(2, 4).map((text) => alter(text, 80)),
    ]),
    // The new one holds copies of kept documents, of removed ones, longer near copies, and copies of its own.
    "new/a.jsonl": jsonLines([
      ...fresh,
      ...old.slice(4, 7),
      ...old.slice(7, 10).map((text) => text.toUpperCase()),
      ...old.slice(10, 14).map((text) => `${alter(text, 70)} and more`),
      alter(old[2] as string, 80),
      fresh[0] as string,
      alter(fresh[1] as string, 75),
    ]),
  });
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

function config(sources: readonly string[], dedup: Record<string, unknown> = {}): CorpusConfig {
  return corpusConfigSchema.parse({
    name: sources.join("-and-"),
    root,
    sources: sources.map((name) => ({ name, path: name })),
    filters: [{ filter: "length", minWords: 3 }],
    read: { splitBytes: 4096 },
    dedup: { ...base, ...dedup },
    tokenizer: { name: "against-300", vocabularySize: 300 },
    shard: { tokensPerShard: 8192 },
  });
}

const idsOf = async (folder: string): Promise<string[]> =>
  (await rowsOf(folder, "documents")).map((row) => String(row["id"])).sort();

describe("a corpus deduplicated against another", () => {
  it(
    "keeps what it would keep were both built together with the other ranked first, and names partner and corpus",
    { timeout: 240_000 },
    async () => {
      const [first, second, both] = ["first", "second", "both"].map((name) => join(work, name)) as [
        string,
        string,
        string,
      ];
      await build(config(["old"]), first);
      const manifest = await build(config(["new"], { against: [first] }), second, { cwd: work });
      await build(config(["old", "new"]), both);
      expect([...(await idsOf(first)), ...(await idsOf(second))].sort()).toEqual(await idsOf(both));
      expect(manifest.conservation).toMatchObject({ documentsIn: 29, kept: 16, quarantined: 0 });
      expect(await readFile(join(second, "README.md"), "utf8")).toContain("Documents of `first` came first");

      const keptBefore = new Set(await idsOf(first));
      const keptHere = new Set(await idsOf(second));
      const rejects = await rowsOf(second, "rejects");
      expect(rejects).toHaveLength(13);
      for (const { partnerId, partnerCorpus, jaccard } of rejects) {
        if (partnerCorpus === null) expect(keptHere.has(String(partnerId))).toBe(true);
        else expect([partnerCorpus, keptBefore.has(String(partnerId))]).toEqual(["old", true]);
        expect(jaccard).toBeGreaterThanOrEqual(0.8);
      }
      expect(rejects.filter((row) => row["partnerCorpus"] === "old")).toHaveLength(11);

      // The same bytes with threads; and a third corpus compares with both before it.
      await build(config(["new"], { against: [first] }), join(work, "threads"), { cwd: work, workers: 2 });
      expect(await snapshot(join(work, "threads"))).toEqual(await snapshot(second));
      const third = config(["old", "new"], { against: ["first", "second"] });
      await expect(build(third, join(work, "third"), { cwd: work })).rejects.toMatchObject({
        code: "nothing-kept",
        details: { documentsIn: 57 },
      });
    },
  );

  it("needs that one's index, which an update makes without redoing anything else", { timeout: 120_000 }, async () => {
    const plain = join(work, "plain");
    await build(config(["old"], { keepIndex: false }), plain);
    const wanted = config(["new"], { against: [plain] });
    await expect(build(wanted, join(work, "without"))).rejects.toMatchObject({ code: "index-missing", exitCode: 2 });
    const redone: string[] = [];
    const reporter = (event: ForgeEvent): void => {
      if (event.type === "task-skip") redone.push(event.task.split("/")[0] as string);
    };
    await build(config(["old"]), plain, { update: true, reporter });
    expect(redone).not.toContain("index");
    expect(new Set(redone)).toContain("ingest");
    expect(new Set(redone)).toContain("shard");
    await build(wanted, join(work, "without"));
  });

  it("refuses an index made with other settings, naming them", async () => {
    const one = join(work, "one");
    await build(config(["old"]), one);
    for (const [name, value] of Object.entries({ bands: 8, shingleWords: 4, seed: 2, url: true })) {
      const wanted = config(["new"], { against: [one], [name]: value });
      await expect(build(wanted, join(work, "refused"))).rejects.toMatchObject({
        code: "index-differs",
        message: expect.stringContaining(`dedup.${name}`) as string,
      });
    }
    expect(() => config(["new"], { against: [one], scope: "source" })).toThrow("scope: global");
  });

  it("refuses an index of other hashes, before anything is read", async () => {
    const old = join(work, "outdated");
    await build(config(["old"]), old);
    const path = join(old, "index/part-00000.col");
    const before = await readFile(path);
    const bytes = Buffer.from(before);
    bytes.write("dedup-index-1", bytes.indexOf("dedup-index-2"));
    await writeFile(path, bytes);
    const manifestPath = join(old, "manifest.json");
    const manifest = await readFile(manifestPath, "utf8");
    const digest = (content: Buffer): string => createHash("sha256").update(content).digest("hex");
    await writeFile(manifestPath, manifest.replace(digest(before), digest(bytes)));
    await expect(build(config(["new"], { against: [old] }), join(work, "with-outdated"))).rejects.toMatchObject({
      code: "index-outdated",
      exitCode: 3,
      position: { file: path },
      hint: expect.stringContaining("--update") as string,
    });
  });

  it(
    "refuses an index or documents that are not those of its manifest, or gone, naming the file",
    { timeout: 120_000 },
    async () => {
      const whole = join(work, "whole");
      await build(config(["old"]), whole);
      // Documents are read only where candidates stand, as in the second part.
      for (const part of ["index/part-00000.col", "documents/part-00001.parquet"]) {
        const broken = join(work, "broken");
        const path = join(broken, part);
        const refused = async (code: string): Promise<void> => {
          await expect(build(config(["new"], { against: [broken] }), join(work, "over"))).rejects.toMatchObject({
            code,
            exitCode: 3,
            position: { file: path },
          });
          await rm(join(work, "over"), { recursive: true, force: true });
        };
        await cp(whole, broken, { recursive: true });
        const bytes = await readFile(path);
        // One bit within the first column, where no length or magic number tells.
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
        await writeFile(path, bytes);
        await refused("corpus-changed");
        await rm(path);
        await refused("file-not-found");
        await rm(broken, { recursive: true });
      }
    },
  );
});
