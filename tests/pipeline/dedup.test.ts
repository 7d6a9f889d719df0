import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentReporter } from "../../forge/base/index.ts";
import { verifyOutput } from "../../forge/shard/index.ts";
import { loadTokenizer } from "../../forge/tokenize/index.ts";
import { lostDocuments } from "../../schemas/run/manifest.ts";
import { build, makeText, plantedConfig, rowsOf, snapshot, writeFiles } from "./corpora.ts";

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "forge-pipeline-dedup-"));
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

const jsonLines = (records: readonly Record<string, string>[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join("");

describe("lines that documents repeat", () => {
  const notice = "This site uses cookies and other things, click here to read all about them.";
  const bodies = Array.from({ length: 24 }, (_, i) => makeText(60 + i, `body ${i}`).replaceAll("\n", " "));
  const short = "Only a few words of its own.";
  const texts = [
    ...bodies.slice(0, 12).map((body) => `${body}\n${notice}`),
    ...bodies.slice(12),
    `${short}\n${notice}`,
  ];

  it(
    "are gone from documents and tokens alike, every byte and document accounted for, with 0 and 2 workers",
    { timeout: 120_000 },
    async () => {
      const root = join(work, "lines-in");
      await writeFiles(root, { "a/pages.jsonl": jsonLines(texts.map((text) => ({ text }))) });
      const config = plantedConfig(root, {
        sources: [{ name: "pages", path: "a" }],
        read: { splitBytes: 2048 },
        filters: [{ filter: "length", minWords: 3 }],
        dedup: { bands: 8, rows: 5, lines: { minDocumentCharacters: 100 } },
      });
      const out = join(work, "lines");
      const manifest = await build(config, out);
      const kept = (await rowsOf(out, "documents")).map((row) => String(row["text"]));
      const rejects = await rowsOf(out, "rejects");
      // One document keeps the notice: the first in keep order, which is the longest that has it.
      expect(kept.filter((text) => text.includes(notice))).toHaveLength(1);
      const longest = texts.slice(0, 12).toSorted((a, b) => b.length - a.length)[0];
      expect(kept.toSorted()).toEqual(
        texts
          .slice(0, 24)
          .map((text) => (text === longest ? text : text.split("\n")[0]))
          .toSorted(),
      );
      expect(rejects).toMatchObject([
        { stage: "lines", reason: "repeated-lines", value: short.length, partnerId: null, text: `${short}\n${notice}` },
      ]);
      expect(manifest.stages.map((stage) => stage.stage)).toEqual(["ingest", "dedup", "lines"]);
      expect([manifest.conservation, ...manifest.stages].map(lostDocuments)).toEqual([0, 0, 0, 0]);
      const bytes = (all: readonly string[]): number => all.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
      expect(manifest.figures.editedBytes).toMatchObject({ lines: 11 * (notice.length + 1) });
      const rejected = rejects.map((row) => String(row["text"]));
      expect(bytes(kept) + bytes(rejected) + (manifest.figures.editedBytes["lines"] ?? 0)).toBe(bytes(texts));
      expect(manifest.figures.keptTextBytes).toBe(bytes(kept));
      const tokenizer = await loadTokenizer(join(out, "tokenizer"));
      const decode = (ids: Uint32Array): string => tokenizer.decode(ids);
      const report = await verifyOutput(out, { decode, sample: 1000, reporter: silentReporter });
      expect(report.problems).toEqual([]);
      expect(report.roundTrips).toBe(24);
      await build(config, join(work, "lines-two"), { workers: 2 });
      expect(await snapshot(join(work, "lines-two"))).toEqual(await snapshot(out));
    },
  );
});

describe("the scope of deduplication", () => {
  const same = makeText(80, "same");
  const sources = ["one", "two", "three"].map((name) => ({
    name,
    path: name,
    snapshot: name === "three" ? "late" : "early",
  }));

  it.each([
    ["global", 1],
    ["snapshot", 2],
    ["source", 3],
  ])("%s leaves %i of three equal documents", async (scope, expected) => {
    const root = join(work, "scope-in");
    const files = Object.fromEntries(
      sources.map(({ name }) => [`${name}/x.jsonl`, jsonLines([{ text: same }, { text: makeText(70, name) }])]),
    );
    await writeFiles(root, files);
    const out = join(work, scope);
    await build(plantedConfig(root, { sources, dedup: { scope } }), out);
    const kept = (await rowsOf(out, "documents")).filter((row) => row["text"] === same);
    expect(kept).toHaveLength(expected);
  });
});
