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
const rememberedSlots = 2 ** 15;
/** Texts of a piece together have this many bytes, unless one alone has more. */
const pieceBytes = 1 << 20;

/** Makes the fast classifier; undefined where it cannot run, for word n-grams and for very large models. */
export function createWasmFastText(model: FastTextModel): FastTextClassifier | undefined {
  const floats = (model.dimensions + 3) & ~3;
  if (model.wordNgrams > 1 || 4 * floats * model.input.rows > maxMatrixBytes) return undefined;
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
  const { input, dimensions } = model;
  const dense = toDense(input);
  const padded = new Float32Array(floats * input.rows);
  for (let row = 0; row < input.rows; row++) {
    padded.set(dense.subarray(row * dimensions, (row + 1) * dimensions), row * floats);
  }
  const words = dictionaryOf(model);
  const kept = keptOf(model);
  kernels.setFastText(
    instance.placePersistent(padded),
    floats,
    model.words.size,
    model.minCharacters,
    model.maxCharacters,
    model.buckets,
    instance.placePersistent(words.slots),
    words.slots.length / 4,
    instance.placePersistent(words.bytes),
    kept === undefined ? 0 : instance.placePersistent(kept),
    kept === undefined ? 1 : kept.length / 2,
    kept === undefined ? 0 : instance.placePersistent(keptBitsOf(model)),
    instance.allocatePersistent(rememberedSlots * (32 + 4 * floats)),
    rememberedSlots,
    model.words.get(endOfLine) ?? -1,
    instance.allocatePersistent(4 * floats),
  );
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

/** Open addressing, at most half full: (bucket, row + 1). */
function keptOf({ keptBuckets }: FastTextModel): Uint32Array | undefined {
  if (keptBuckets === undefined) return undefined;
  const mask = powerOfTwo(2 * keptBuckets.size + 1) - 1;
  const slots = new Uint32Array(2 * (mask + 1));
  for (const [bucket, row] of keptBuckets) {
    let at = Math.imul(bucket, 0x9e3779b1) & mask;
    while (slots[2 * at + 1] !== 0) at = (at + 1) & mask;
    slots.set([bucket, row + 1], 2 * at);
  }
  return slots;
}

function keptBitsOf({ keptBuckets, buckets }: FastTextModel): Uint8Array {
  const bits = new Uint8Array((buckets >> 3) + 1);
  for (const bucket of keptBuckets?.keys() ?? []) {
    bits[bucket >> 3] = (bits[bucket >> 3] as number) | (1 << (bucket & 7));
  }
  return bits;
}

function powerOfTwo(least: number): number {
  let size = 16;
  while (size < least) size *= 2;
  return size;
}
