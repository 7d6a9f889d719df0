import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { localExecutor } from "../../forge/execute/index.ts";
import { refilterCorpus } from "../../forge/pipeline/index.ts";
import type { CorpusConfig } from "../../schemas/config/corpus.ts";
import { lostDocuments } from "../../schemas/run/manifest.ts";
import { build, makeText, plantedConfig, plantedFiles, snapshot, writeFiles } from "./corpora.ts";

let work: string;
let root: string;
let out: string;
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), "forge-refilter-"));
  root = join(work, "in");
  out = join(work, "out");
  const menus = Array.from({ length: 30 }, (_, i) => `Menu\n${makeText(60 + i, `menu ${i}`)}\nWe use cookies here.`);
  const german = "Die Schmiede liest Texte aus vielen Quellen und macht daraus Dokumente. ".repeat(3);
  await writeFiles(root, {
    ...plantedFiles(),
    "a/menus.jsonl": [...menus, german].map((text) => JSON.stringify({ text })).join("\n"),
  });
});
afterEach(async () => {
  await rm(work, { recursive: true, force: true });
});

const loose = { filter: "language", threshold: 0.3 };
const filters = [
  loose,
  { filter: "length", minWords: 10 },
  { filter: "c4", minSentences: 2 },
  { filter: "fineweb", minPunctuatedLines: null, maxShortLines: null, maxDuplicateLineCharacters: null },
];

const refilter = async (config: CorpusConfig) =>
  await refilterCorpus(config, { out, executor: localExecutor({ workers: 0 }) });

describe("refilterCorpus", () => {
  const changes: readonly (readonly [string, Record<string, unknown>])[] = [
    ["a stricter limit", { filters: [loose, { filter: "length", minWords: 75 }, ...filters.slice(2)] }],
    ["a looser limit", { filters: [loose, { filter: "length", minWords: 1 }, ...filters.slice(2)] }],
    [
      "another limit after the edit",
      {
        filters: [
          ...filters.slice(0, 3),
          { filter: "fineweb", maxNewlinesPerWord: 0.02, minPunctuatedLines: null, maxShortLines: null },
        ],
      },
    ],
    ["another order", { filters: [filters[1], filters[0], filters[3], filters[2]] }],
    ["other line rules", { filters: [...filters.slice(0, 2), { filter: "c4", minSentences: null, policy: false }] }],
    ["no filter at all", { filters: [] }],
    [
      "other languages",
      { filters: [{ filter: "language", languages: ["de", "en"], threshold: 0.3 }, ...filters.slice(1)] },
    ],
    ["less text for the language", { filters: [{ ...loose, maxCodePoints: 20 }, ...filters.slice(1)] }],
    ["another duplicate threshold", { filters, dedup: { bands: 8, rows: 5, verifyGroups: 2, threshold: 0.99 } }],
  ];
  it.each(changes)(
    "makes of %s what a fresh run would make, without the sources",
    { timeout: 60_000 },
    async (_, more) => {
      await build(plantedConfig(root, { filters }), out);
      const fresh = join(work, "fresh");
      await build(plantedConfig(root, more), fresh);
      const expected = await snapshot(fresh);
      await rm(root, { recursive: true });
      const manifest = await refilter(plantedConfig(root, more));
      expect(lostDocuments(manifest.conservation)).toBe(0);
      expect(await snapshot(out)).toEqual(expected);
    },
  );

  it("can go back and forth, and does nothing the second time", { timeout: 60_000 }, async () => {
    await build(plantedConfig(root, { filters }), out);
    const before = await snapshot(out);
    await refilter(plantedConfig(root, { filters: filters.slice(0, 2) }));
    expect(await snapshot(out)).not.toEqual(before);
    await refilter(plantedConfig(root, { filters }));
    await refilter(plantedConfig(root, { filters }));
    expect(await snapshot(out)).toEqual(before);
  });

  it("refuses, before anything is touched, what would need the sources", { timeout: 60_000 }, async () => {
    await build(plantedConfig(root, { filters }), out);
    const before = await snapshot(out);
    const config = plantedConfig(root, { filters, repair: { controls: false } });
    await expect(refilter(config)).rejects.toMatchObject({ code: "refilter-needs-source", exitCode: 2 });
    expect(await snapshot(out)).toEqual(before);
  });

  it("refuses a folder that holds no corpus", async () => {
    await expect(refilter(plantedConfig(root))).rejects.toMatchObject({ code: "corpus-not-there" });
  });

  it("does not trust stored documents that were changed", { timeout: 60_000 }, async () => {
    await build(plantedConfig(root, { filters }), out);
    const path = join(out, ".work/ingest/00000-originals.arrow");
    const bytes = await readFile(path);
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] as number) ^ 1;
    await writeFile(path, bytes);
    const changed = plantedConfig(root, { filters: filters.slice(0, 2) });
    await expect(refilter(changed)).rejects.toMatchObject({ code: "stored-documents-gone" });
    // With the sources it goes on.
    const fresh = join(work, "fresh");
    await build(changed, fresh);
    await build(changed, out, { update: true });
    expect(await snapshot(out)).toEqual(await snapshot(fresh));
  });
});
