/**
 * The index of what is looked for, as files that all workers read as one shared memory.
 *
 * `grams.col` holds grams, postings, units and examples; `table-<i>.bin` is an `NgramIndex` as it lies in memory.
 * n-grams have a table of their own length. Whole short examples, of many lengths, are found by their last words: an
 * anchor of `minWords` or twice as many, so that two tables serve all lengths; what stands before is compared word by word.
 *
 * An `NgramIndex` tells n-grams apart by part of their hash. So what it answers are candidates (nearly always one), and
 * the hash or the words decide: nothing is missed and nothing mistaken.
 */
import { join } from "node:path";
import { columnsInMemory, writeColumns, writeFileAtomic, type FileDigest } from "../base/index.ts";
import { NgramIndex, type ShingleSequences } from "../kernels/index.ts";
import { collectGrams, type GramOptions, type GramTables } from "./build.ts";
import { exampleParts, type ContaminationKernels, type EvaluationExample, type ExamplePart } from "./types.ts";

const gramsKind = "contamination-grams-1";
const gramsPath = "decontaminate/grams.col";

function tablePath(table: number): string {
  return `decontaminate/table-${table}.bin`;
}

export interface WrittenIndex {
  /** Paths relative to the work folder. */
  readonly files: readonly (FileDigest & { readonly path: string })[];
  /** Distinct n-grams and whole short examples. */
  readonly ngrams: number;
  readonly wholes: number;
  /** By set: examples, and those of which nothing can be matched. */
  readonly sets: readonly { readonly examples: number; readonly tooShort: number }[];
}

/**
 * Builds the index and writes it.
 *
 * @param folder work folder
 * @param sets number of evaluation sets
 */
export async function writeContaminationIndex(
  examples: Iterable<EvaluationExample> | AsyncIterable<EvaluationExample>,
  folder: string,
  { kernels, sets, ...options }: GramOptions & { readonly kernels: ContaminationKernels; readonly sets: number },
): Promise<WrittenIndex> {
  const grams = await collectGrams(examples, kernels, options);
  const files: (FileDigest & { path: string })[] = [];
  const tables = planTables(grams, options.ngram).map((entries) => ({ entries, ...fillTable(entries) }));
  for (const [i, { index }] of tables.entries()) {
    const path = tablePath(i);
    files.push({ path, ...(await writeFileAtomic(join(folder, path), new Uint8Array(index.shared))) });
  }
  const wholes = packStrings(
    grams.wholes.map(({ text }) => text),
    "latin1",
  );
  const ids = packStrings(grams.exampleIds, "utf8");
  const digest = await writeColumns(join(folder, gramsPath), gramsKind, {
    hashes: grams.hashes,
    wholes: wholes.values,
    wholeOffsets: wholes.offsets,
    postingOffsets: grams.postingOffsets,
    postings: grams.postings,
    unitExample: grams.unitExample,
    unitPart: grams.unitPart,
    unitGrams: grams.unitGrams,
    exampleSet: grams.exampleSet,
    exampleWords: grams.exampleWords,
    exampleIds: ids.values,
    exampleIdOffsets: ids.offsets,
    tables: Uint32Array.from(tables, ({ entries }) => entries.words),
    ...Object.fromEntries(
      tables.flatMap(({ offsets, candidates }, i) => [
        [`offsets-${i}`, offsets],
        [`candidates-${i}`, candidates],
      ]),
    ),
  });
  return {
    files: [{ path: gramsPath, ...digest }, ...files],
    ngrams: grams.hashes.length / 2,
    wholes: grams.wholes.length,
    sets: countSets(grams, sets),
  };
}

/** What the workers see. All arrays are views of shared memory. */
export interface ContaminationIndex {
  /** n-grams first; the whole short examples are the grams behind them. */
  readonly ngrams: number;
  readonly grams: number;
  readonly tables: readonly GramTable[];
  hash(gram: number): readonly [low: number, high: number];
  /** Words of a whole short example, separated by single spaces. */
  whole(gram: number): string;
  /** Units that have a gram. */
  units(gram: number): Uint32Array;
  readonly unitCount: number;
  unit(unit: number): { readonly example: number; readonly part: ExamplePart; readonly grams: number };
  readonly exampleCount: number;
  example(example: number): { readonly set: number; readonly id: string; readonly words: number };
}

export interface GramTable {
  readonly words: number;
  readonly index: NgramIndex;
  /** Grams that an item of the index may stand for. */
  candidates(item: number): Uint32Array;
}

/**
 * Opens what `writeContaminationIndex` wrote.
 *
 * @param shared reads a file of the work folder into memory that threads share
 */
export async function openContaminationIndex(
  shared: (path: string) => Promise<SharedArrayBuffer>,
): Promise<ContaminationIndex> {
  const columns = columnsInMemory(await shared(gramsPath), gramsPath, gramsKind);
  const hashes = columns.u32("hashes");
  const ngrams = hashes.length / 2;
  const wholes = stringsOf(columns.u8("wholes"), columns.u32("wholeOffsets"), "latin1");
  const ids = stringsOf(columns.u8("exampleIds"), columns.u32("exampleIdOffsets"), "utf8");
  const postingOffsets = columns.u32("postingOffsets");
  const postings = columns.u32("postings");
  const unitExample = columns.u32("unitExample");
  const unitPart = columns.u8("unitPart");
  const unitGrams = columns.u32("unitGrams");
  const exampleSet = columns.u32("exampleSet");
  const exampleWords = columns.u32("exampleWords");
  const tables: GramTable[] = [];
  for (const [i, words] of columns.u32("tables").entries()) {
    const offsets = columns.u32(`offsets-${i}`);
    const candidates = columns.u32(`candidates-${i}`);
    tables.push({
      words,
      index: NgramIndex.open(await shared(tablePath(i))),
      candidates: (item) => candidates.subarray(offsets[item], offsets[item + 1]),
    });
  }
  return {
    ngrams,
    grams: postingOffsets.length - 1,
    tables,
    hash: (gram) => [hashes[2 * gram] as number, hashes[2 * gram + 1] as number],
    whole: (gram) => wholes(gram - ngrams),
    units: (gram) => postings.subarray(postingOffsets[gram], postingOffsets[gram + 1]),
    unitCount: unitPart.length,
    unit: (unit) => ({
      example: unitExample[unit] as number,
      part: exampleParts[unitPart[unit] as number] as ExamplePart,
      grams: unitGrams[unit] as number,
    }),
    exampleCount: exampleSet.length,
    example: (example) => ({
      set: exampleSet[example] as number,
      id: ids(example),
      words: exampleWords[example] as number,
    }),
  };
}

/** What one table holds: the hash of each entry and the gram that it stands for. */
interface TableEntries {
  readonly words: number;
  readonly hashes: Uint32Array;
  readonly grams: Uint32Array;
}

/** Tables that are not empty: that of the n-grams, then those of the anchors. */
function planTables({ hashes: ngrams, wholes }: GramTables, ngram: number): readonly TableEntries[] {
  const count = ngrams.length / 2;
  const tables: TableEntries[] = [];
  if (count > 0) {
    tables.push({ words: ngram, hashes: ngrams, grams: Uint32Array.from({ length: count }, (_, gram) => gram) });
  }
  const byAnchor = Map.groupBy(wholes.keys(), (i) => wholes[i]?.anchorWords ?? 0);
  for (const [words, members] of [...byAnchor].sort(([a], [b]) => b - a)) {
    const hashes = Uint32Array.from(members.flatMap((i) => [wholes[i]?.low ?? 0, wholes[i]?.high ?? 0]));
    tables.push({ words, hashes, grams: Uint32Array.from(members, (i) => count + i) });
  }
  return tables;
}

/** An `NgramIndex` of the entries, and the grams that each of its items may stand for. */
function fillTable({ hashes, grams }: TableEntries): {
  readonly index: NgramIndex;
  readonly offsets: Uint32Array;
  readonly candidates: Uint32Array;
} {
  const count = grams.length;
  const index = NgramIndex.create(count);
  const each = Int32Array.from({ length: count + 1 }, (_, i) => i);
  index.add({ hashes, offsets: each }, each);
  const items = new Uint32Array(count);
  const offsets = new Uint32Array(count + 1);
  eachBlock(count, (from, to) => {
    const found = index.lookup({ hashes, offsets: each.subarray(from, to + 1) } satisfies ShingleSequences);
    for (const [i, text] of found.texts.entries()) items[from + text] = found.items[i] as number;
  });
  for (const item of items) offsets[item + 1] = (offsets[item + 1] as number) + 1;
  for (let i = 0; i < count; i++) offsets[i + 1] = (offsets[i + 1] as number) + (offsets[i] as number);
  const next = offsets.slice(0, count);
  const candidates = new Uint32Array(count);
  for (const [i, item] of items.entries()) {
    const at = next[item] as number;
    candidates[at] = grams[i] as number;
    next[item] = at + 1;
  }
  return { index, offsets, candidates };
}

function eachBlock(count: number, visit: (from: number, to: number) => void): void {
  const block = 1 << 16;
  for (let from = 0; from < count; from += block) visit(from, Math.min(count, from + block));
}

function countSets(grams: GramTables, sets: number): { examples: number; tooShort: number }[] {
  const matchable = new Uint8Array(grams.exampleSet.length);
  for (const [unit, count] of grams.unitGrams.entries())
    if (count > 0) matchable[grams.unitExample[unit] as number] = 1;
  const counts = Array.from({ length: sets }, () => ({ examples: 0, tooShort: 0 }));
  for (const [example, set] of grams.exampleSet.entries()) {
    const own = counts[set] as { examples: number; tooShort: number };
    own.examples++;
    if (matchable[example] === 0) own.tooShort++;
  }
  return counts;
}

function packStrings(
  texts: readonly string[],
  encoding: "latin1" | "utf8",
): { readonly values: Uint8Array; readonly offsets: Uint32Array } {
  const parts = texts.map((text) => Buffer.from(text, encoding));
  const offsets = new Uint32Array(texts.length + 1);
  for (const [i, part] of parts.entries()) offsets[i + 1] = (offsets[i] as number) + part.length;
  return { values: new Uint8Array(Buffer.concat(parts)), offsets };
}

function stringsOf(values: Uint8Array, offsets: Uint32Array, encoding: "latin1" | "utf8"): (index: number) => string {
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return (index) => bytes.toString(encoding, offsets[index], offsets[index + 1]);
}
