/**
 * The index of what is looked for, as files that all workers read as one shared memory.
 *
 * `grams.col` holds grams, postings, units and examples; `table-<i>.bin` is an `NgramIndex` as it lies in memory.
 * One table has the n-grams, the other the last `minWords` words of the short examples that are matched whole.
 *
 * An `NgramIndex` tells n-grams apart by part of their hash. So what it answers are candidates (nearly always one), and
 * the whole hash decides: nothing is missed, and nothing mistaken while 64 bits tell n-grams apart.
 */
import { join } from "node:path";
import {
  columnsInMemory,
  growingUint32,
  lowerBound,
  sortRows,
  writeColumns,
  writeFileAtomic,
  type FileDigest,
} from "../base/index.ts";
import type { ShingleSequences } from "../kernels/index.ts";
import { NgramIndex } from "../kernels/ngram-index.ts";
import { collectGrams, type GramOptions, type GramTables } from "./build.ts";
import type { GramHash } from "./cover.ts";
import { exampleParts, type ContaminationKernels, type EvaluationExample, type ExamplePart } from "./types.ts";

const gramsKind = "contamination-grams-2";
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
  const tables = [grams.hashes.subarray(0, 2 * grams.ngrams), grams.wholeEnds].map(fillTable);
  for (const [i, { index }] of tables.entries()) {
    const path = tablePath(i);
    files.push({ path, ...(await writeFileAtomic(join(folder, path), new Uint8Array(index.shared))) });
  }
  const ids = packStrings(grams.exampleIds);
  const digest = await writeColumns(join(folder, gramsPath), gramsKind, {
    hashes: grams.hashes,
    wholeWords: grams.wholeWords,
    postingOffsets: grams.postingOffsets,
    postings: grams.postings,
    unitExample: grams.unitExample,
    unitPart: grams.unitPart,
    unitGrams: grams.unitGrams,
    exampleSet: grams.exampleSet,
    exampleWords: grams.exampleWords,
    exampleIds: ids.values,
    exampleIdOffsets: ids.offsets,
    lengths: Uint32Array.of(options.ngram, options.minWords),
    ...Object.fromEntries(
      tables.flatMap(({ items, entries }, i) => [
        [`items-${i}`, items],
        [`entries-${i}`, entries],
      ]),
    ),
  });
  return {
    files: [{ path: gramsPath, ...digest }, ...files],
    ngrams: grams.ngrams,
    wholes: grams.wholeWords.length,
    sets: countSets(grams, sets),
  };
}

/** What the workers see. All arrays are views of shared memory. */
export interface ContaminationIndex {
  /** n-grams first; the whole short examples are the grams behind them. */
  readonly ngrams: number;
  readonly grams: number;
  /** Words of the n-grams that texts are hashed by. */
  readonly short: number;
  /** Words of a gram. */
  words(gram: number): number;
  /** True when the hash is that of the gram. */
  equals(gram: number, hash: GramHash): boolean;
  /** The n-grams, and the last `short` words of whole short examples. */
  readonly ngramTable: GramTable;
  readonly endTable: GramTable;
  /** Units that have a gram. */
  units(gram: number): Uint32Array;
  readonly unitCount: number;
  unit(unit: number): { readonly example: number; readonly part: ExamplePart; readonly grams: number };
  readonly exampleCount: number;
  example(example: number): { readonly set: number; readonly id: string; readonly words: number };
}

export interface GramTable {
  /** Undefined when it has no entry. */
  readonly index: NgramIndex | undefined;
  /** Visits each gram that an item of the index may stand for. */
  candidates(item: number, visit: (gram: number) => void): void;
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
  const wholeWords = columns.u32("wholeWords");
  const [ngram = 0, short = 0] = columns.u32("lengths");
  const ids = stringsOf(columns.u8("exampleIds"), columns.u32("exampleIdOffsets"));
  const postingOffsets = columns.u32("postingOffsets");
  const postings = columns.u32("postings");
  const unitExample = columns.u32("unitExample");
  const unitPart = columns.u8("unitPart");
  const unitGrams = columns.u32("unitGrams");
  const exampleSet = columns.u32("exampleSet");
  const exampleWords = columns.u32("exampleWords");
  const grams = postingOffsets.length - 1;
  const ngrams = grams - wholeWords.length;
  const table = async (i: number, firstGram: number, length: number): Promise<GramTable> => {
    const items = columns.u32(`items-${i}`);
    const entries = columns.u32(`entries-${i}`);
    return {
      index: length === 0 ? undefined : NgramIndex.open(await shared(tablePath(i))),
      candidates(item, visit) {
        visit(firstGram + item);
        for (let at = lowerBound(items, item); items[at] === item; at++) visit(firstGram + (entries[at] as number));
      },
    };
  };
  return {
    ngrams,
    grams,
    short,
    words: (gram) => (gram < ngrams ? ngram : (wholeWords[gram - ngrams] as number)),
    equals: (gram, { low, high }) => hashes[2 * gram] === low && hashes[2 * gram + 1] === high,
    ngramTable: await table(0, 0, ngrams),
    endTable: await table(1, ngrams, wholeWords.length),
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

/**
 * An `NgramIndex` whose item `i` is entry `i`, and the entries that it mistakes for an earlier one or that are equal to
 * it: `entries[k]` answers as `items[k]`, ascending.
 */
function fillTable(hashes: Uint32Array): {
  readonly index: NgramIndex;
  readonly items: Uint32Array;
  readonly entries: Uint32Array;
} {
  const count = hashes.length / 2;
  const index = NgramIndex.create(Math.max(1, count));
  const each = Int32Array.from({ length: count + 1 }, (_, i) => i);
  index.add({ hashes, offsets: each }, each);
  const items = growingUint32();
  const entries = growingUint32();
  eachBlock(count, (from, to) => {
    const found = index.lookup({ hashes, offsets: each.subarray(from, to + 1) } satisfies ShingleSequences);
    for (const [i, text] of found.texts.entries()) {
      if (found.items[i] === from + text) continue;
      items.push(found.items[i] as number);
      entries.push(from + text);
    }
  });
  const [own, others] = [items.finish(), entries.finish()];
  const order = sortRows([own, others]);
  return {
    index,
    items: own.map((_, i) => own[order[i] as number] as number),
    entries: others.map((_, i) => others[order[i] as number] as number),
  };
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

function packStrings(texts: readonly string[]): { readonly values: Uint8Array; readonly offsets: Uint32Array } {
  const parts = texts.map((text) => Buffer.from(text, "utf8"));
  const offsets = new Uint32Array(texts.length + 1);
  for (const [i, part] of parts.entries()) offsets[i + 1] = (offsets[i] as number) + part.length;
  return { values: new Uint8Array(Buffer.concat(parts)), offsets };
}

function stringsOf(values: Uint8Array, offsets: Uint32Array): (index: number) => string {
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return (index) => bytes.toString("utf8", offsets[index], offsets[index + 1]);
}
