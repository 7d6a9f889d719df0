import { mkdtemp, readFile, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DataError, random } from "../../forge/base/index.ts";
import { loadKernels } from "../../forge/kernels/index.ts";
import { decisionsPath, planDedup, readDecisions, runDedupTask } from "../../forge/dedup/index.ts";
import { dedupConfigSchema, type DedupConfig } from "../../schemas/config/dedup.ts";
import { idOf, partitionsOf, plainKernels, runDedup, trueJaccard, type Fate, type TestDocument } from "./support.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-dedup-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const config = (values: Partial<DedupConfig> = {}): DedupConfig => dedupConfigSchema.parse(values);
const words = (from: number, count: number, mark = "w"): string =>
  // Letters only: normal forms make all numbers equal.
  Array.from({ length: count }, (_, i) => mark + spell(from + i)).join(" ");
const spell = (value: number): string =>
  String(value)
    .padStart(8, "0")
    .replaceAll(/\d/g, (digit) => "abcdefghij"[Number(digit)] ?? "");
const document = (name: string, text: string, rest: Partial<TestDocument> = {}): TestDocument => ({
  id: idOf(name),
  text,
  ...rest,
});
const fateOf = (fates: ReadonlyMap<string, Fate>, name: string): Fate => {
  const fate = fates.get(idOf(name));
  if (fate === undefined) throw new Error(`no fate for ${name}`);
  return fate;
};

describe("exact copies", () => {
  test("of equal bytes one stays, which the others name", async () => {
    const text = words(0, 30);
    const { fates } = await runDedup(
      partitionsOf([[document("a", text), document("b", "something else")], [document("c", text)]]),
      config(),
      folder,
    );
    const kept = [idOf("a"), idOf("c")].sort()[0];
    const [lost] = [idOf("a"), idOf("c")].filter((id) => id !== kept);
    expect(fates.get(kept ?? "")).toMatchObject({ reason: undefined, clusterSize: 2 });
    expect(fates.get(lost ?? "")).toMatchObject({
      reason: "exact-duplicate",
      partner: kept,
      jaccard: 1,
      clusterSize: 0,
    });
    expect(fateOf(fates, "b")).toMatchObject({ reason: undefined, clusterSize: 1 });
  });

  test("the source's rank, then quality, then length, then id say which one stays", async () => {
    const texts = ["Same words, here!", "same words here", "SAME  words ... here !!!"];
    const first = await runDedup(
      partitionsOf([
        [document("plain", texts[0] as string, { sourceRank: 1, quality: 0.9 })],
        [document("ranked", texts[1] as string, { sourceRank: 0, quality: 0.1 })],
        [document("long", texts[2] as string, { sourceRank: 1, quality: 0.2 })],
      ]),
      config({ quality: "quality" }),
      join(folder, "rank"),
    );
    expect(fateOf(first.fates, "ranked").reason).toBeUndefined();
    expect(fateOf(first.fates, "plain")).toMatchObject({ reason: "same-normal-form", partner: idOf("ranked") });
    const second = await runDedup(
      partitionsOf([texts.map((text, i) => document(`t${i}`, text, { quality: i === 0 ? -1 : -2 }))]),
      config({ quality: "quality" }),
      join(folder, "quality"),
    );
    expect(fateOf(second.fates, "t0").clusterSize).toBe(3);
    const third = await runDedup(
      partitionsOf([texts.map((text, i) => document(`t${i}`, text))]),
      config(),
      join(folder, "length"),
    );
    expect(fateOf(third.fates, "t2").clusterSize).toBe(3);
  });

  test("equal normal forms are left alone when that is switched off", async () => {
    const { fates } = await runDedup(
      partitionsOf([[document("a", "wasm32 target"), document("b", "wasm64 target")]]),
      config({ normalForm: false }),
      folder,
    );
    expect([...fates.values()].every(({ reason }) => reason === undefined)).toBe(true);
  });

  test("texts of which the normal form leaves nothing are no copies of each other, but of equal bytes", async () => {
    const { fates } = await runDedup(
      partitionsOf([
        [document("a", "!!! ???"), document("b", "— … —")],
        [document("c", "— … —"), document("d", "")],
      ]),
      config({ bands: 64, rows: 2 }),
      folder,
    );
    expect(fateOf(fates, "a")).toMatchObject({ reason: undefined, clusterSize: 1 });
    expect(fateOf(fates, "d")).toMatchObject({ reason: undefined, clusterSize: 1 });
    expect(["b", "c"].map((name) => fateOf(fates, name).reason).sort()).toEqual(["exact-duplicate", undefined]);
  });

  test("two documents with one id are refused", async () => {
    const twice = partitionsOf([[document("a", "one")], [document("a", "two")]]);
    await expect(runDedup(twice, config(), folder)).rejects.toMatchObject({ code: "document-id-repeated" });
  });

  test("an id that is not 32 hex digits is refused with its row", async () => {
    const bad = partitionsOf([[document("a", "one"), { id: "nonsense", text: "two" }]]);
    await expect(runDedup(bad, config(), folder)).rejects.toMatchObject({
      code: "document-id-invalid",
      position: { file: "part-0", row: 1, column: "id" },
    });
  });
});

describe("near copies", () => {
  test.each([
    ["plain kernels", () => plainKernels, { bands: 14, rows: 8 }],
    ["forge's kernels", () => loadKernels(), { bands: 14, rows: 8 }],
    ["forge's kernels and 26 × 11", () => loadKernels(), { bands: 26, rows: 11 }],
  ])(
    "candidates follow the S-curve, and every removal has a kept partner at or above the threshold, with %s",
    async (_, load, shape) => {
      const kernels = await load();
      const pairs = pairsOf([0.5, 0.6, 0.7, 0.75, 0.79, 0.81, 0.85, 0.9, 0.95, 1], 24);
      const { fates, counts } = await runDedup(
        partitionsOf([pairs.map(({ a }) => a), pairs.map(({ b }) => b)]),
        config(shape),
        folder,
        { kernels },
      );
      let removed = 0;
      for (const { a, b, jaccard } of pairs) {
        const lost = [a, b].filter(({ id }) => fates.get(id)?.reason !== undefined);
        expect(lost.length, "never both").toBeLessThanOrEqual(1);
        if (lost[0] === undefined) continue;
        removed++;
        const partner = lost[0] === a ? b : a;
        const fate = fates.get(lost[0].id);
        expect(fate).toMatchObject({ reason: "near-duplicate", partner: partner.id });
        expect(fates.get(partner.id)).toMatchObject({ reason: undefined, clusterSize: 2 });
        expect(fate?.jaccard).toBeCloseTo(jaccard, 12);
        expect(jaccard).toBeGreaterThanOrEqual(0.8);
      }
      const above = pairs.filter(({ jaccard }) => jaccard >= 0.8);
      expect(Math.abs((counts["candidates.pairs"] ?? 0) - found(pairs, shape).mean)).toBeLessThan(
        5 * found(pairs, shape).deviation,
      );
      expect(Math.abs(removed - found(above, shape).mean)).toBeLessThan(5 * found(above, shape).deviation);
      expect(removed).toBeGreaterThan(60);
    },
  );

  test.each([
    { bands: 14, rows: 8 },
    { bands: 26, rows: 11 },
  ])(
    "candidates follow the S-curve at each similarity, of $bands bands of $rows rows and no other",
    { timeout: 120_000 },
    async (shape) => {
      const levels = [0.5, 0.6, 0.7, 0.75, 0.8, 0.85].map((level) => pairsOf([level], 900));
      let tellsFewerRows = false;
      let tellsMoreRows = false;
      for (const [index, pairs] of levels.entries()) {
        const parts = partitionsOf([pairs.map(({ a }) => a), pairs.map(({ b }) => b)]);
        // At a threshold of 0 every candidate is removed.
        const { counts } = await runDedup(parts, config({ ...shape, threshold: 0 }), join(folder, `${index}`));
        const { mean, deviation } = found(pairs, shape);
        const tolerance = 3.5 * deviation + 1;
        expect(Math.abs((counts["decide.near"] ?? 0) - mean), `at ${pairs[0]?.jaccard}`).toBeLessThan(tolerance);
        // Another shape would be out of bounds with all but a fiftieth of its luck.
        const far = (rows: number): boolean => {
          const other = found(pairs, { ...shape, rows });
          return Math.abs(other.mean - mean) > tolerance + 2 * other.deviation;
        };
        tellsFewerRows ||= far(shape.rows - 1);
        tellsMoreRows ||= far(shape.rows + 1);
      }
      expect([tellsFewerRows, tellsMoreRows], "the test would see another curve").toEqual([true, true]);
    },
  );

  test("a chain loses only what is like a kept document", async () => {
    // a and c share too little; b lies between them. The longest is kept first, so a, then c is no copy of a.
    const a = document("a", words(0, 101));
    const b = document("b", words(9, 100));
    const c = document("c", words(18, 99));
    expect(trueJaccard(a.text, b.text)).toBeGreaterThanOrEqual(0.8);
    expect(trueJaccard(b.text, c.text)).toBeGreaterThanOrEqual(0.8);
    expect(trueJaccard(a.text, c.text)).toBeLessThan(0.8);
    const { fates } = await runDedup(partitionsOf([[c, a, b]]), config({ bands: 64, rows: 2 }), folder);
    expect(fateOf(fates, "a")).toMatchObject({ reason: undefined, clusterSize: 2 });
    expect(fateOf(fates, "b")).toMatchObject({ reason: "near-duplicate", partner: a.id });
    expect(fateOf(fates, "c")).toMatchObject({ reason: undefined, clusterSize: 1 });
  });

  test("a copy of a near copy names the kept document with their true Jaccard", async () => {
    const kept = document("kept", words(0, 100));
    const near = document("near", words(5, 95));
    const copy = document("copy", words(5, 95));
    const { fates } = await runDedup(partitionsOf([[kept, near, copy]]), config({ bands: 64, rows: 2 }), folder);
    for (const name of ["near", "copy"]) {
      expect(fateOf(fates, name)).toMatchObject({ reason: "near-duplicate", partner: kept.id });
      expect(fateOf(fates, name).jaccard).toBeCloseTo(trueJaccard(kept.text, near.text), 12);
    }
    expect(fateOf(fates, "kept").clusterSize).toBe(3);
  });

  test("are left alone when that is switched off", async () => {
    const { fates } = await runDedup(
      partitionsOf([[document("a", words(0, 100)), document("b", words(1, 99)), document("c", words(1, 99))]]),
      config({ near: false }),
      folder,
    );
    expect([...fates.values()].map(({ reason }) => reason).sort()).toEqual(["exact-duplicate", undefined, undefined]);
  });

  test("of nothing there are none", async () => {
    expect((await runDedup([], config(), join(folder, "none"))).fates.size).toBe(0);
    expect((await runDedup(partitionsOf([[], []]), config(), join(folder, "empty"))).fates.size).toBe(0);
  });

  test("documents shorter than the n-gram match exactly only", async () => {
    const { fates } = await runDedup(
      partitionsOf([[document("a", "one two three four"), document("b", "one two three five")]]),
      config(),
      folder,
    );
    expect([...fates.values()].every(({ reason }) => reason === undefined)).toBe(true);
  });

  test("a hub bucket costs leaders times its size, and who was not compared is counted", async () => {
    // One boilerplate in all, then words of their own: every pair shares buckets, none is similar enough.
    const size = 60;
    const hub = Array.from({ length: size }, (_, i) =>
      document(`d${i}`, `${words(0, 60)} ${words(1000 * (i + 1), 60, "z")}`),
    );
    const options = { bands: 1, rows: 1, leaders: 3 };
    const { fates, counts } = await runDedup(partitionsOf([hub]), config(options), folder);
    expect([...fates.values()].every(({ reason }) => reason === undefined)).toBe(true);
    const bucket = counts["match.largestBucket"] ?? 0;
    expect(bucket).toBeGreaterThan(4);
    expect(counts["match.pairs"]).toBeLessThanOrEqual(3 * size);
    expect(counts["choose.unresolved"]).toBeGreaterThanOrEqual(bucket - 4);
  });

  test("an exhausted budget keeps the documents and counts them as unresolved", async () => {
    const copies = Array.from({ length: 10 }, (_, i) => document(`d${i}`, `${words(0, 100)} ${words(500 + i, 1)}`));
    const { fates, counts } = await runDedup(
      partitionsOf([copies]),
      config({ bands: 1, rows: 1, maxPairsPerBand: 4 }),
      folder,
    );
    const removed = [...fates.values()].filter(({ reason }) => reason !== undefined).length;
    expect(counts["match.pairs"]).toBe(4);
    expect(removed).toBeGreaterThan(0);
    expect(removed).toBeLessThanOrEqual(4);
    // Of the one bucket all but its first document and those removed were not compared with all before them.
    expect(counts["choose.unresolved"]).toBe((counts["match.largestBucket"] ?? 0) - 1 - removed);
  });
});

describe("independence", () => {
  // Every file is flushed to disk, and each run writes some fifty of them.
  const patient = { timeout: 240_000 };

  test(
    "any partitioning, order of rows and order of tasks gives the same fates, conserving documents",
    patient,
    async () => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({
              family: fc.nat(4),
              start: fc.nat(12),
              length: fc.integer({ min: 0, max: 60 }),
              date: fc.constantFrom(undefined, "2024", "2024-01-01T00:00:00Z", "2024-01-01 01:00+01:00", "soon"),
            }),
            { minLength: 1, maxLength: 30 },
          ),
          fc.integer({ min: 1, max: 9 }),
          fc.nat(1000),
          fc.record({ keep: fc.constantFrom("first", "newest"), maxPairsPerBand: fc.constantFrom(3, 50_000_000) }),
          async (specs, parts, seed, { keep, maxPairsPerBand }) => {
            const documents = specs.map(({ family, start, length, date }, i) =>
              document(`p${i}`, words(family * 1000 + start, length), { ...(date !== undefined && { date }) }),
            );
            const settings = config({ bands: 8, rows: 3, leaders: 2, verifyGroups: 3, keep, maxPairsPerBand });
            const whole = await runDedup(partitionsOf([documents]), settings, join(folder, `${run++}`));
            const shuffled = random(seed).shuffle([...documents]);
            const spread = Array.from({ length: parts }, (_, part) => shuffled.filter((_, i) => i % parts === part));
            const other = await runDedup(partitionsOf(spread, { batchRows: 3 }), settings, join(folder, `${run++}`), {
              shuffle: seed,
            });
            expect(new Map([...other.fates].sort())).toEqual(new Map([...whole.fates].sort()));
            checkInvariants(documents, whole.fates, settings.threshold);
            const { counts } = whole;
            expect((counts["decide.kept"] ?? 0) + removedIn(counts)).toBe(documents.length);
          },
        ),
        { numRuns: 15 },
      );
    },
  );

  test("running a task again gives the same bytes", async () => {
    const settings = config({ verifyGroups: 2 });
    const partitions = partitionsOf([[document("a", words(0, 80)), document("b", words(2, 80))]]);
    await runDedup(partitions, settings, folder);
    for (const task of planDedup(1, settings).flatMap((stage) => stage.tasks)) {
      const before = await Promise.all(task.outputs.map((path) => readFile(join(folder, path))));
      await runDedupTask(task, { folder, config: settings, kernels: await loadKernels(), partitions });
      const after = await Promise.all(task.outputs.map((path) => readFile(join(folder, path))));
      expect(after).toEqual(before);
    }
  });
});

test("a truncated intermediate file is a data error that names it", async () => {
  await runDedup(partitionsOf([[document("a", words(0, 40))]]), config(), folder);
  const path = join(folder, decisionsPath(0));
  const { byteLength } = await readFile(path);
  for (const size of [0, 5, 20, byteLength - 1]) {
    await truncate(path, size);
    const error: unknown = await readDecisions(path).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(DataError);
    expect(error).toMatchObject({ code: "column-file-invalid", position: { file: path } });
    if (size !== byteLength - 1) await runDedup(partitionsOf([[document("a", words(0, 40))]]), config(), folder);
  }
});

interface Pair {
  readonly a: TestDocument;
  readonly b: TestDocument;
  readonly jaccard: number;
}

/** So many pairs of each similarity: they share a prefix of s n-grams and go on differently, so it is s / (2n - s). */
function pairsOf(similarities: readonly number[], copies: number): readonly Pair[] {
  const shingleCount = 60;
  const pairs: Pair[] = [];
  for (const target of similarities) {
    for (let copy = 0; copy < copies; copy++) {
      const shared = Math.round((2 * shingleCount * target) / (1 + target));
      const base = 100_000 * pairs.length;
      const common = words(base, shared + 4);
      const tail = shingleCount - shared;
      const a = document(`a${pairs.length}`, `${common} ${target === 1 ? common : words(base + 10_000, tail, "x")}`);
      // Said thrice instead of twice: other bytes, the same n-grams.
      const b =
        target === 1
          ? document(`b${pairs.length}`, `${a.text} ${common}`)
          : document(`b${pairs.length}`, `${common} ${words(base + 20_000, tail, "y")}`);
      pairs.push({ a, b, jaccard: trueJaccard(a.text, b.text) });
    }
  }
  return pairs;
}

/** How many of the pairs a shape of bands finds: a sum of independent draws, each at its place on the S-curve. */
function found(
  pairs: readonly Pair[],
  { bands, rows }: { readonly bands: number; readonly rows: number },
): { readonly mean: number; readonly deviation: number } {
  let mean = 0;
  let variance = 0;
  for (const { jaccard } of pairs) {
    const probability = 1 - (1 - jaccard ** rows) ** bands;
    mean += probability;
    variance += probability * (1 - probability);
  }
  return { mean, deviation: Math.sqrt(variance) };
}

function removedIn(counts: Readonly<Record<string, number>>): number {
  return (counts["decide.exact"] ?? 0) + (counts["decide.normalForm"] ?? 0) + (counts["decide.near"] ?? 0);
}

function checkInvariants(
  documents: readonly TestDocument[],
  fates: ReadonlyMap<string, Fate>,
  threshold: number,
): void {
  const texts = new Map(documents.map(({ id, text }) => [id, text]));
  let stoodFor = 0;
  for (const { id, text } of documents) {
    const fate = fates.get(id) as Fate;
    stoodFor += fate.clusterSize;
    if (fate.reason === undefined) continue;
    const partner = fate.partner as string;
    expect(fates.get(partner)?.reason, "the partner is kept").toBeUndefined();
    if (fate.reason === "exact-duplicate") expect(texts.get(partner)).toBe(text);
    if (fate.reason !== "near-duplicate") continue;
    expect(fate.jaccard).toBeGreaterThanOrEqual(threshold);
    expect(fate.jaccard).toBeCloseTo(trueJaccard(text, texts.get(partner) as string), 12);
  }
  expect(stoodFor, "cluster sizes cover every document").toBe(documents.length);
}
