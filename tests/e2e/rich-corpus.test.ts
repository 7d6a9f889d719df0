/**
 * One configuration in which every part has something to do gives the same bytes for any number of workers, any order of
 * the input's listing, and after 50 kills. Long: run in CI, not by `npm test`.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { random } from "../../forge/base/index.ts";
import { locateToken } from "../../forge/pipeline/index.ts";
import { openTokenShards, verifyOutput } from "../../forge/shard/index.ts";
import { loadTokenizer } from "../../forge/tokenize/index.ts";
import type { CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import { splitNames } from "../../schemas/record/tokens.ts";
import { lostDocuments } from "../../schemas/run/manifest.ts";
import { build, rowsOf, snapshot } from "../pipeline/corpora.ts";
import { buildAndKill } from "../pipeline/kill.ts";
import { earlierFolder, inFolder, richConfig, writeRichInputs } from "./rich-corpus.ts";

let cwd: string;
let whole: string;
let manifest: CorpusManifest;
let expected: Record<string, string>;
let events = 0;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "forge-rich-"));
  await writeRichInputs(cwd, "as named");
  whole = join(cwd, "whole");
  manifest = await build(richConfig(), whole, { cwd, workers: 1, reporter: () => void events++ });
  expected = await snapshot(whole);
});
afterAll(async () => {
  await rm(cwd, { recursive: true, force: true });
});

describe("a corpus in which every part has something to do", () => {
  it("does all of it", () => {
    const { conservation, figures } = manifest;
    for (const reason of [
      "too_few_words",
      "same-url",
      "exact-duplicate",
      "same-normal-form",
      "near-duplicate",
      "repeated-lines",
      "contaminated-no-piece-left",
    ]) {
      expect(conservation.rejected[reason], reason).toBeGreaterThan(0);
    }
    expect(conservation.quarantined).toBe(2);
    expect(figures.texts.extract.pages).toBe(4);
    expect(figures.editedBytes["lines"]).toBeGreaterThan(0);
    expect(figures.editedBytes["decontaminate"]).toBeGreaterThan(0);
    expect(figures.contamination?.sets.map((set) => set.contaminated)).toEqual([1, 1]);
    expect(figures.contamination?.cutDocuments).toBeGreaterThan(3);
    expect(figures.beyondBudget.documents).toBeGreaterThan(0);
    expect(figures.tokens["train"]?.shards).toBeGreaterThan(2);
    expect(figures.tokens["validation"]?.documents).toBeGreaterThan(0);
    const paths = manifest.files.map(({ path }) => path);
    expect(paths.filter((path) => path.startsWith("index/")).length).toBeGreaterThan(3);
    const tasks = Object.keys(expected).filter((path) => path.startsWith(join(".work", "done", "split")));
    expect(tasks.length, "a file was cut into pieces").toBeGreaterThan(0);
  });

  it("accounts for every document, every byte taken out and every token, and proves each removal", async () => {
    expect([manifest.conservation, ...manifest.stages].map(lostDocuments)).toEqual([0, 0, 0, 0, 0]);
    const documents = await rowsOf(whole, "documents");
    const rejects = await rowsOf(whole, "rejects");
    expect(documents.length + rejects.length + manifest.conservation.quarantined).toBe(
      manifest.conservation.documentsIn,
    );
    const bytes = (rows: readonly Record<string, unknown>[]): number =>
      rows.reduce((sum, row) => sum + Buffer.byteLength(String(row["text"])), 0);
    const { texts, editedBytes, keptTextBytes } = manifest.figures;
    const taken = (editedBytes["lines"] ?? 0) + (editedBytes["decontaminate"] ?? 0);
    expect(bytes(documents)).toBe(keptTextBytes);
    expect(bytes(documents) + bytes(rejects) + taken + (editedBytes["ingest"] ?? 0)).toBe(texts.repair.bytesOut);
    const report = await verifyOutput(whole, {
      decode: (
        (tokenizer) => (ids: Uint32Array) =>
          tokenizer.decode(ids)
      )(await loadTokenizer(join(whole, "tokenizer"))),
      sample: 1000,
    });
    expect(report.problems).toEqual([]);
    expect(report.roundTrips).toBe(documents.length - manifest.figures.beyondBudget.documents);
    // A partner is kept here or in the earlier corpus, or was turned away by a stage behind, which names it.
    const behind = new Set(["lines", "decontaminate"]);
    const partners = new Set(
      [...documents, ...rejects.filter((row) => behind.has(String(row["stage"])))].map((row) => row["id"]),
    );
    const before = new Set((await rowsOf(join(cwd, earlierFolder), "documents")).map((row) => row["id"]));
    const removed = rejects.filter((row) => row["stage"] === "dedup");
    expect(removed.some((row) => row["partnerCorpus"] === "rich")).toBe(true);
    for (const row of removed) {
      expect((row["partnerCorpus"] === null ? partners : before).has(row["partnerId"])).toBe(true);
      if (row["reason"] !== "same-url") expect(row["jaccard"]).toBeGreaterThanOrEqual(0.8);
    }
  });

  it("tells of the first and the last token of every document where its text comes from", async () => {
    const texts = new Map((await rowsOf(whole, "documents")).map((row) => [row["id"], row]));
    const units = new Set<string>();
    let documents = 0;
    for (const split of splitNames) {
      for (const { path, offsets, metadata, id } of (await openTokenShards(whole, split)).shards) {
        for (let document = 0; document < metadata.documents; document++, documents++) {
          const row = texts.get(id(document));
          const [start, end] = [offsets[document] as number, offsets[document + 1] as number];
          const first = await locateToken(whole, path, start);
          const last = await locateToken(whole, path, end - 1);
          expect([first.id, first.document, first.tokenInDocument]).toEqual([id(document), document, 0]);
          expect([last.id, last.document, last.tokenInDocument]).toEqual([id(document), document, end - 1 - start]);
          // Of the text as it stands after lines and cuts.
          const text = String(row?.["text"]);
          expect(text.startsWith(`${first.before}${first.token}${first.after}`)).toBe(true);
          expect(text.endsWith(`${last.before}${last.token}${last.after}`)).toBe(true);
          expect(first.record).toEqual(last.record);
          units.add(first.record?.unit ?? "none");
          const content = await readFile(join(cwd, inFolder, first.source));
          const place = Number(first.record?.place);
          if (first.source.endsWith(".parquet")) {
            expect(row?.["url"]).toBe(`http://c.test/${place}`);
          } else if (first.record?.unit === "line") {
            const lines = first.source.endsWith(".gz") ? gunzipSync(content) : content;
            const line = lines.subarray(place).toString("utf8").split("\n")[0] ?? "";
            expect(JSON.parse(line)).toMatchObject({ url: row?.["url"] });
          }
        }
      }
    }
    expect(documents).toBe(texts.size - manifest.figures.beyondBudget.documents);
    expect([...units].sort()).toEqual(["file", "line", "row"]);
  });

  it.each([2, 5])("is the same bytes with %i worker threads", async (workers) => {
    await build(richConfig(), join(cwd, `with-${workers}`), { cwd, workers });
    expect(await snapshot(join(cwd, `with-${workers}`))).toEqual(expected);
  });

  it("is the same bytes elsewhere, from files that were made and are listed in another order", async () => {
    const elsewhere = join(cwd, "elsewhere");
    await writeRichInputs(elsewhere, "backwards");
    await rm(join(elsewhere, earlierFolder), { recursive: true });
    await cp(join(cwd, earlierFolder), join(elsewhere, earlierFolder), { recursive: true });
    const config = richConfig();
    await build(config, join(elsewhere, "out"), { cwd: elsewhere, workers: 2 });
    expect(await snapshot(join(elsewhere, "out"))).toEqual(expected);
    // Patterns are config and so in manifest, card and records; everything else must be equal.
    const sources = config.sources.map((source) => ({ ...source, path: [source.path ?? []].flat().toReversed() }));
    await build({ ...config, sources }, join(elsewhere, "reversed"), { cwd: elsewhere });
    const content = (all: Record<string, string>): [string, string][] =>
      Object.entries(all).filter(([path]) => !/^(manifest\.json|README\.md)$|^\.work.done/.test(path));
    expect(content(await snapshot(join(elsewhere, "reversed")))).toEqual(content(expected));
  });

  it("is the same bytes whichever 50 events builds of it are killed at", { timeout: 1_200_000 }, async () => {
    const configPath = join(cwd, "config.json");
    await writeFile(configPath, JSON.stringify(richConfig()));
    const stream = random("kills");
    let kills = 0;
    for (let round = 0; kills < 50; round++) {
      const out = join(cwd, `killed-${round}`);
      // Killed several times on the way, in the end nearly always.
      for (let times = 1 + stream.below(8); times > 0 && kills < 50; times--, kills++) {
        await buildAndKill(configPath, out, 1 + stream.below(events), { cwd });
      }
      await build(richConfig(), out, { cwd });
      expect(await snapshot(out)).toEqual(expected);
      await rm(out, { recursive: true });
    }
  });
});
