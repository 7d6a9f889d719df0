/** The text kernels through WebAssembly: each call sizes its buffers, copies in, runs, copies out. */
import type { KernelInstance, PlacedColumn } from "./instance.ts";
import { minHashParameters } from "./reference/minhash.ts";
import { bandKeys, jaccard, toShingleSets } from "./similarity.ts";
import type {
  CleanedTexts,
  CleanOptions,
  JsonColumn,
  JsonLineFault,
  JsonLines,
  JsonLinesOptions,
  MinHashOptions,
  MinHashSignatures,
  QuarantinedLine,
  RepairedUtf8,
  ShingleSequences,
  TextColumn,
  TextKernels,
} from "./types.ts";

/** In the order of the codes of `assembly/jsonl.ts`. */
const faults: readonly JsonLineFault[] = ["too-long", "invalid-utf8", "invalid-json", "not-an-object"];

/** No code point's normal form is more than three times as long. */
const maxGrowth = 3;

export function wasmKernels(instance: KernelInstance): TextKernels {
  const { exports } = instance;
  const shingles: TextKernels["shingles"] = (column, shingleWords, { borrow = false } = {}) =>
    shinglesOf(instance, column, shingleWords, borrow);
  return {
    implementation: "wasm",
    findInvalidUtf8(bytes) {
      instance.beginBatch();
      return exports.findInvalidUtf8(instance.place(bytes), bytes.length);
    },
    repairUtf8: (bytes) => repair(instance, bytes),
    countCodePoints(column) {
      instance.beginBatch();
      const { values, offsets, length } = instance.placeColumn(column);
      const counts = instance.allocate(4 * length);
      exports.countCodePoints(values, offsets, length, counts);
      return instance.readUint32(counts, length);
    },
    extractJsonLines: (chunk, options) => extract(instance, chunk, options),
    cleanTexts: (column, options) => clean(instance, column, options),
    findCandidates(column, { email, address, iban, card, phone }) {
      instance.beginBatch();
      const { values, bytes } = instance.placeColumn(column);
      const flags = (email ? 1 : 0) + (address ? 2 : 0) + (iban ? 4 : 0) + (card ? 8 : 0) + (phone ? 16 : 0);
      const count = exports.findCandidates(values, bytes, flags, 0);
      const target = instance.allocate(4 * count);
      exports.findCandidates(values, bytes, flags, target);
      const first = column.offsets[0] ?? 0;
      return new Uint32Array(instance.read(target, 4 * count).buffer).map((at) => at + first);
    },
    normalizeForDedup(column) {
      instance.beginBatch();
      const { values, offsets, length, bytes } = instance.placeColumn(column);
      const target = instance.allocate(maxGrowth * bytes);
      const targetOffsets = instance.allocate(4 * (length + 1));
      exports.normalizeTexts(values, offsets, length, target, targetOffsets);
      const made = instance.readInt32(targetOffsets, length + 1);
      return { values: instance.read(target, made[length] as number), offsets: made, length };
    },
    segmentWords(column, rule = "unicode") {
      instance.beginBatch();
      const { values, offsets, length, bytes } = instance.placeColumn(column);
      const starts = instance.allocate(4 * bytes);
      const ends = instance.allocate(4 * bytes);
      const spanOffsets = instance.allocate(4 * (length + 1));
      exports.segmentWords(values, offsets, length, rule === "unicode" ? 0 : 1, starts, ends, spanOffsets);
      const made = instance.readInt32(spanOffsets, length + 1);
      const count = made[length] as number;
      const first = column.offsets[0] ?? 0;
      return {
        starts: instance.readInt32(starts, count).map((at) => at + first),
        ends: instance.readInt32(ends, count).map((at) => at + first),
        offsets: made,
      };
    },
    hashTexts(column, seed = 0) {
      instance.beginBatch();
      const { values, offsets, length } = instance.placeColumn(column);
      const hashes = instance.allocate(16 * length);
      exports.hashTexts(values, offsets, length, seed, hashes);
      return instance.read(hashes, 16 * length);
    },
    hashLines(column, seed = 0) {
      instance.beginBatch();
      const { values, offsets, length, bytes } = instance.placeColumn(column);
      const hashes = instance.allocate(16 * (exports.countLineFeeds(values, bytes) + length));
      const lineOffsets = instance.allocate(4 * (length + 1));
      exports.hashLines(values, offsets, length, seed, hashes, lineOffsets);
      const made = instance.readInt32(lineOffsets, length + 1);
      return { hashes: instance.read(hashes, 16 * (made[length] as number)), offsets: made };
    },
    signMinHash: (column, options) => sign(instance, column, options),
    bandKeys,
    shingles,
    shingleSets: (column, shingleWords) => toShingleSets(shingles(column, shingleWords)),
    jaccard,
  };
}

function repair(instance: KernelInstance, bytes: Uint8Array): RepairedUtf8 {
  const { exports } = instance;
  instance.beginBatch();
  const source = instance.place(bytes);
  if (exports.findInvalidUtf8(source, bytes.length) < 0) return { bytes, replacements: 0 };
  const target = instance.allocate(3 * bytes.length);
  const written = exports.repairUtf8(source, bytes.length, target);
  return { bytes: instance.read(target, written), replacements: exports.replacementCount() };
}

function clean(
  instance: KernelInstance,
  column: TextColumn,
  { controls, whitespace, borrow = false }: CleanOptions,
): CleanedTexts {
  instance.beginBatch();
  const { values, offsets, length } = instance.placeColumn(column);
  const targetOffsets = instance.allocate(4 * (length + 1));
  const notes = instance.allocate(length);
  const removed = instance.allocate(4 * length);
  const flags = (controls ? 1 : 0) + (whitespace ? 2 : 0);
  const isChanged = instance.exports.cleanTexts(values, offsets, length, flags, targetOffsets, notes, removed) === 1;
  const found = { length, notes: instance.read(notes, length), controls: instance.readUint32(removed, length) };
  if (!isChanged) return { values: column.values, offsets: column.offsets, ...found };
  const made = instance.readInt32(targetOffsets, length + 1);
  const bytes = made[length] as number;
  const cleaned = borrow ? instance.memory().subarray(values, values + bytes) : instance.read(values, bytes);
  return { values: cleaned, offsets: made, ...found };
}

function extract(instance: KernelInstance, chunk: Uint8Array, options: JsonLinesOptions): JsonLines {
  const { maxRecordBytes, final, borrow = false } = options;
  const fields = [...new Set(options.fields)];
  const { exports } = instance;
  instance.beginBatch();
  const source = instance.place(chunk);
  // Ends every scan; it lies in the block's padding.
  instance.memory()[source + chunk.length] = 10;
  const lines = exports.jsonLineBound(source, chunk.length);
  const names = fields.map((field) => Buffer.from(field));
  const table = instance.place(Uint32Array.from(names.flatMap((name) => [instance.place(name), name.length])));
  const cells = instance.allocate(12 * lines * fields.length);
  const recordOffsets = instance.allocate(4 * lines);
  const faultTable = instance.allocate(12 * lines);
  const depths = instance.allocate(chunk.length);
  const spare = instance.allocate(chunk.length);
  exports.scanJsonLines(
    source,
    chunk.length,
    final ? 1 : 0,
    Math.min(maxRecordBytes, 0xffff_ffff),
    table,
    fields.length,
    cells,
    recordOffsets,
    faultTable,
    depths,
    spare,
  );
  const length = exports.jsonRecordCount();
  const values = instance.allocate(chunk.length);
  const offsets = instance.allocate(4 * (length + 1));
  const states = instance.allocate(length);
  const columns = new Map<string, JsonColumn>();
  // Cells come from distinct bytes of the chunk, so that all columns fit behind one another.
  let end = values;
  for (const [i, field] of fields.entries()) {
    const start = end;
    end += exports.gatherColumn(cells, i, start, offsets, states);
    columns.set(field, {
      values: borrow ? instance.memory().subarray(start, end) : instance.read(start, end - start),
      offsets: instance.readInt32(offsets, length + 1),
      length,
      states: instance.read(states, length),
    });
  }
  return {
    length,
    columns,
    replacements: exports.jsonSurrogateCount() === 0 ? null : surrogates(instance, cells, length),
    recordOffsets: instance.readInt32(recordOffsets, length),
    quarantined: readFaults(instance, faultTable),
    consumed: exports.jsonConsumed(),
  };
}

function surrogates(instance: KernelInstance, cells: number, length: number): Uint32Array {
  const counts = instance.allocate(4 * length);
  instance.exports.countRecordSurrogates(cells, counts);
  return instance.readUint32(counts, length);
}

function readFaults(instance: KernelInstance, table: number): QuarantinedLine[] {
  const rows = instance.readUint32(table, 3 * instance.exports.jsonQuarantinedCount());
  const lines: QuarantinedLine[] = [];
  for (let i = 0; i < rows.length; i += 3) {
    const reason = faults[rows[i + 2] as number] as JsonLineFault;
    lines.push({ byteOffset: rows[i] as number, byteLength: rows[i + 1] as number, reason });
  }
  return lines;
}

/** Words of a text: each but the last needs a byte and a space. */
function wordBound(bytes: number, texts: number): number {
  return Math.ceil(bytes / 2) + texts;
}

function shinglesOf(
  instance: KernelInstance,
  column: TextColumn,
  shingleWords: number,
  borrow: boolean,
): ShingleSequences {
  const { exports } = instance;
  instance.beginBatch();
  const placed = instance.placeColumn(column);
  const { values, offsets, length, bytes } = placed;
  const { window, scratch } = workspace(instance, placed, shingleWords);
  const target = instance.allocate(8 * wordBound(bytes, length));
  const targetOffsets = instance.allocate(4 * (length + 1));
  exports.shingleTexts(values, offsets, length, shingleWords, window, scratch, target, targetOffsets);
  const made = instance.readInt32(targetOffsets, length + 1);
  const count = 2 * (made[length] as number);
  const hashes = borrow
    ? new Uint32Array(instance.memory().buffer as ArrayBuffer, target, count)
    : instance.readUint32(target, count);
  return { hashes, offsets: made };
}

function sign(instance: KernelInstance, column: TextColumn, options: MinHashOptions = {}): MinHashSignatures {
  const { shingleWords = 5, bands = 14, rows = 8, seed = 1 } = options;
  const { exports } = instance;
  const count = bands * rows;
  const padded = Math.ceil(count / 16) * 16;
  const parameters = minHashParameters(seed, count);
  instance.beginBatch();
  const placed = instance.placeColumn(column);
  const { window, scratch } = workspace(instance, placed, shingleWords);
  const shingles = instance.allocate(8 * wordBound(placed.longest, 1));
  const a = instance.place(padTo(parameters.a, padded));
  const b = instance.place(padTo(parameters.b, padded));
  const minima = instance.allocate(4 * padded);
  const signatures = instance.allocate(4 * count * placed.length);
  const counts = instance.allocate(4 * placed.length);
  exports.signTexts(
    placed.values,
    placed.offsets,
    placed.length,
    shingleWords,
    window,
    scratch,
    shingles,
    a,
    b,
    padded,
    count,
    minima,
    signatures,
    counts,
  );
  return {
    signatures: instance.readUint32(signatures, count * placed.length),
    shingleCounts: instance.readUint32(counts, placed.length),
  };
}

function workspace(
  instance: KernelInstance,
  { longest }: PlacedColumn,
  shingleWords: number,
): { readonly window: number; readonly scratch: number } {
  return { window: instance.allocate(8 * shingleWords), scratch: instance.allocate(maxGrowth * longest) };
}

function padTo(array: Uint32Array, length: number): Uint32Array {
  const padded = new Uint32Array(length);
  padded.set(array);
  return padded;
}
