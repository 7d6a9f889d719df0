/** fastText classifiers through WebAssembly: text vectors there, labels from them in the plain scorer. */
import type { FastTextModel } from "./fasttext-model.ts";
import type { FastTextClassifier, FastTextPredictions, PredictOptions } from "./fasttext-types.ts";
import type { KernelExports, KernelInstance } from "./instance.ts";
import { ownKernelInstance } from "./own-instance.ts";
import { toDense } from "./reference/fasttext-matrix.ts";
import { scorerOf } from "./reference/fasttext-score.ts";
import { endOfLine, fastTextHash, shortLabels } from "./reference/fasttext.ts";
import type { TextColumn } from "./types.ts";

type Numeric = (...values: readonly number[]) => number;

interface FastTextExports extends KernelExports {
  readonly setFastText: Numeric;
  readonly embedTexts: Numeric;
}

/** Models with a larger input matrix, unpacked, stay with the plain classifier. */
const maxMatrixBytes = 2 ** 28;
/** Longer character n-grams stay with it as well: the kernel gathers those of one beginning in a fixed space. */
const mostCharacters = 64;
const rememberedSlots = 2 ** 15;
/** Texts of a piece together have this many bytes, unless one alone has more. */
const pieceBytes = 1 << 20;

/** Makes the fast classifier; undefined where it cannot run, for word n-grams and for very large models. */
export function createWasmFastText(model: FastTextModel): FastTextClassifier | undefined {
  const floats = (model.dimensions + 3) & ~3;
  if (model.wordNgrams > 1 || model.maxCharacters > mostCharacters || 4 * floats * model.input.rows > maxMatrixBytes)
    return undefined;
  const instance = ownKernelInstance();
  if (instance === undefined) return undefined;
  const kernels = instance.exports as unknown as FastTextExports;
  placeModel(instance, kernels, model, floats);
  const score = scorerOf(model);

  const predictPiece = (
    piece: TextColumn,
    maxCodePoints: number,
    each: (i: number, hidden: Float32Array) => void,
  ): void => {
    instance.beginBatch();
    const { values, offsets, length } = instance.placeColumn(piece);
    const hidden = instance.allocate(4 * floats * length);
    const counts = instance.allocate(4 * length);
    kernels.embedTexts(values, offsets, length, maxCodePoints, hidden, counts);
    const { buffer } = instance.memory();
    const rows = new Uint32Array(buffer, counts, length);
    const vectors = new Float32Array(buffer, hidden, floats * length);
    for (let i = 0; i < length; i++) {
      if (rows[i] !== 0) each(i, vectors.subarray(i * floats, i * floats + model.dimensions));
    }
  };

  return {
    labels: shortLabels(model),
    predict(column: TextColumn, options: PredictOptions = {}): FastTextPredictions {
      const { k = 1, maxCodePoints = Number.POSITIVE_INFINITY } = options;
      const { offsets, length } = column;
      const labelIndex = new Int32Array(length * k).fill(-1);
      const probability = new Float32Array(length * k);
      for (let from = 0; from < length;) {
        let to = from + 1;
        while (to < length && (offsets[to + 1] as number) - (offsets[from] as number) <= pieceBytes) to++;
        const piece = { values: column.values, offsets: offsets.subarray(from, to + 1), length: to - from };
        predictPiece(piece, Math.min(maxCodePoints, 0x7fffffff), (i, hidden) =>
          score(hidden, k).forEach((best, j) => {
            labelIndex[(from + i) * k + j] = best.label;
            probability[(from + i) * k + j] = Math.exp(best.logProbability);
          }),
        );
        from = to;
      }
      return { labelIndex, probability };
    },
  };
}

function placeModel(instance: KernelInstance, kernels: FastTextExports, model: FastTextModel, floats: number): void {
  const words = dictionaryOf(model);
  const { rows, bits, before } = rowsOf(model, floats);
  kernels.setFastText(
    instance.placePersistent(rows),
    floats,
    model.words.size,
    model.minCharacters,
    model.maxCharacters,
    model.buckets,
    instance.placePersistent(words.slots),
    words.slots.length / 4,
    instance.placePersistent(words.bytes),
    bits === undefined ? 0 : instance.placePersistent(bits),
    instance.placePersistent(before),
    instance.allocatePersistent(32 * rememberedSlots),
    instance.allocatePersistent(4 * floats * rememberedSlots),
    rememberedSlots,
    model.words.get(endOfLine) ?? -1,
    instance.allocatePersistent(4 * floats),
  );
}

interface Rows {
  readonly rows: Float32Array;
  /** A bit for each bucket that was kept; undefined when nothing was pruned. */
  readonly bits: Uint32Array | undefined;
  /** For each 64 buckets, how many were kept before them. */
  readonly before: Uint32Array;
}

/**
 * The input matrix with padded rows: words, then n-grams. Kept n-grams stand in order of their buckets, so that counting
 * bits finds the row of one.
 */
function rowsOf({ input, dimensions, words, buckets, keptBuckets }: FastTextModel, floats: number): Rows {
  const dense = toDense(input);
  if (keptBuckets === undefined) {
    return { rows: paddedRows(dense, dimensions, floats, input.rows), bits: undefined, before: new Uint32Array(1) };
  }
  const kept = Uint32Array.from(keptBuckets.keys()).sort();
  const groups = Math.ceil(buckets / 64);
  const bits = new Uint32Array(2 * groups);
  const before = new Uint32Array(groups + 1);
  const order = new Uint32Array(kept.length);
  let count = 0;
  for (const bucket of kept) {
    // A hash leads to no other bucket.
    if (bucket >= buckets) break;
    order[count++] = words.size + (keptBuckets.get(bucket) as number);
    bits[bucket >> 5] = (bits[bucket >> 5] as number) | (1 << (bucket & 31));
    before[(bucket >> 6) + 1] = count;
  }
  for (let group = 1; group <= groups; group++) {
    before[group] = Math.max(before[group] as number, before[group - 1] as number);
  }
  return { rows: paddedRows(dense, dimensions, floats, words.size, order.subarray(0, count)), bits, before };
}

/** The first rows as they are, then others in a given order; zeros at the end of each. */
function paddedRows(
  dense: Float32Array,
  dimensions: number,
  floats: number,
  first: number,
  order = new Uint32Array(0),
): Float32Array {
  const rows = new Float32Array(floats * (first + order.length));
  for (let to = 0; to < first + order.length; to++) {
    const from = to < first ? to : (order[to - first] as number);
    for (let i = 0; i < dimensions; i++) rows[to * floats + i] = dense[from * dimensions + i] as number;
  }
  return rows;
}

/** Open addressing, at most half full: (hash, offset, length + 1, id); labels have the id of all ones. */
function dictionaryOf(model: FastTextModel): { readonly slots: Uint32Array; readonly bytes: Buffer } {
  const labels = model.labels.map((label) => [Buffer.from(label).toString("latin1"), 0xffffffff] as const);
  const entries = [...model.words, ...labels];
  const mask = powerOfTwo(2 * entries.length + 1) - 1;
  const slots = new Uint32Array(4 * (mask + 1));
  let offset = 0;
  for (const [word, id] of entries) {
    const hash = fastTextHash(word);
    let at = hash & mask;
    while (slots[4 * at + 2] !== 0) at = (at + 1) & mask;
    slots.set([hash, offset, word.length + 1, id], 4 * at);
    offset += word.length;
  }
  return { slots, bytes: Buffer.from(entries.map(([word]) => word).join(""), "latin1") };
}

function powerOfTwo(least: number): number {
  let size = 16;
  while (size < least) size *= 2;
  return size;
}
