/** fastText classifiers through WebAssembly: text vectors and products there, labels from them in the plain scorer. */
import type { FastTextModel } from "./fasttext-model.ts";
import type { FastTextClassifier, FastTextPredictions, PredictOptions } from "./fasttext-types.ts";
import type { KernelExports, KernelInstance } from "./instance.ts";
import { ownKernelInstance } from "./own-instance.ts";
import { toDense } from "./reference/fasttext-matrix.ts";
import { scorerOf, type ScoredLabel } from "./reference/fasttext-score.ts";
import { endOfLine, shortLabels } from "./reference/fasttext.ts";
import type { TextColumn } from "./types.ts";

type Numeric = (...values: readonly number[]) => number;

interface FastTextExports extends KernelExports {
  readonly setFastText: Numeric;
  readonly addFastTextWords: Numeric;
  readonly embedTexts: Numeric;
  readonly multiplyRows: Numeric;
}

/** Models with a larger input matrix, unpacked, stay with the plain classifier. */
const maxMatrixBytes = 2 ** 28;
/** Longer character n-grams stay with it as well: the kernel gathers those of one beginning in a fixed space. */
const mostCharacters = 64;
/** Words that are remembered take no more than this, with their vectors; 65,536 of 16 dimensions. */
const maxRememberedBytes = 2 ** 23;
const mostRemembered = 2 ** 16;
/** Of larger output matrices, rows are multiplied when they are asked for: a tree of labels asks for few. */
const mostProducts = 1024;
/** Longer words are a sixteenth of them; slots behind those, for words of a text that are too long for both. */
const freeSlots = 64;
/** Texts of a piece together have this many bytes, unless one alone has more. */
const pieceBytes = 1 << 20;
/** Bytes that the kernel reads behind a text, and does not use. */
const readAhead = 64;

/** Makes the fast classifier; undefined where it cannot run, for word n-grams and for very large models. */
export function createWasmFastText(model: FastTextModel): FastTextClassifier | undefined {
  const floats = (model.dimensions + 3) & ~3;
  if (model.wordNgrams > 1 || model.maxCharacters > mostCharacters || 4 * floats * model.input.rows > maxMatrixBytes)
    return undefined;
  const instance = ownKernelInstance();
  if (instance === undefined) return undefined;
  const kernels = instance.exports as unknown as FastTextExports;
  placeModel(instance, kernels, model, floats);
  const products = placeOutput(instance, model);
  let multiplied: Float32Array = new Float32Array(0);
  const score = scorerOf(model, products && ((row) => multiplied[row] as number));

  const predictPiece = (
    { values, offsets, length }: TextColumn,
    maxCodePoints: number,
    each: (i: number, hidden: Float32Array) => void,
  ): void => {
    // A code point has at most four bytes: what is behind them is not copied.
    const mostBytes = 4 * maxCodePoints;
    const placed = new Int32Array(length + 1);
    for (let i = 0; i < length; i++) {
      placed[i + 1] = (placed[i] as number) + Math.min((offsets[i + 1] as number) - (offsets[i] as number), mostBytes);
    }
    instance.beginBatch();
    const texts = instance.allocate((placed[length] as number) + readAhead);
    const starts = instance.place(placed);
    const hidden = instance.allocate(4 * floats * length);
    const counts = instance.allocate(4 * length);
    const memory = instance.memory();
    if (products !== undefined) multiplied = new Float32Array(memory.buffer, products.pointer, products.rows);
    for (let i = 0; i < length; i++) {
      const start = offsets[i] as number;
      const to = placed[i] as number;
      memory.set(values.subarray(start, start + (placed[i + 1] as number) - to), texts + to);
    }
    kernels.embedTexts(texts, starts, length, maxCodePoints, hidden, counts);
    const rows = new Uint32Array(memory.buffer, counts, length);
    const vectors = new Float32Array(memory.buffer, hidden, floats * length);
    for (let i = 0; i < length; i++) {
      if (rows[i] === 0) continue;
      if (products !== undefined) {
        const { table, blocks, pointer } = products;
        kernels.multiplyRows(hidden + 4 * floats * i, model.dimensions, table, blocks, pointer);
      }
      each(i, vectors.subarray(i * floats, i * floats + model.dimensions));
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
        predictPiece(piece, Math.min(maxCodePoints, 0x7fffffff), (i, hidden) => {
          const best = score(hidden, k);
          for (let j = 0; j < best.length; j++) {
            const { label, logProbability } = best[j] as ScoredLabel;
            labelIndex[(from + i) * k + j] = label;
            probability[(from + i) * k + j] = Math.exp(logProbability);
          }
        });
        from = to;
      }
      return { labelIndex, probability };
    },
  };
}

interface Products {
  /** The output matrix in blocks of 16 rows, and memory for its products with a vector. */
  readonly table: number;
  readonly blocks: number;
  readonly pointer: number;
  readonly rows: number;
}

/** Undefined for matrices of very many rows. */
function placeOutput(instance: KernelInstance, { output, dimensions }: FastTextModel): Products | undefined {
  const { rows } = output;
  if (rows > mostProducts) return undefined;
  const dense = toDense(output);
  const blocks = Math.ceil(rows / 16);
  const table = new Float32Array(16 * blocks * dimensions);
  for (let row = 0; row < rows; row++) {
    const first = (row >> 4) * dimensions * 16 + (row & 15);
    for (let i = 0; i < dimensions; i++) table[first + 16 * i] = dense[row * dimensions + i] as number;
  }
  return {
    table: instance.placePersistent(table),
    blocks,
    pointer: instance.allocatePersistent(4 * 16 * blocks),
    rows,
  };
}

function placeModel(instance: KernelInstance, kernels: FastTextExports, model: FastTextModel, floats: number): void {
  const { rows, bits, before } = rowsOf(model, floats);
  const words = wordColumn([...model.words.keys()]);
  const labels = wordColumn(model.labels.map((label) => Buffer.from(label).toString("latin1")));
  const wordSlots = powerOfTwo(2 * (words.length + labels.length) + 1);
  let remembered = mostRemembered;
  const bytesOf = (slots: number): number => (32 + 4 * floats) * (slots + slots / 16 + freeSlots) + 2 * slots;
  while (bytesOf(remembered) > maxRememberedBytes) remembered /= 2;
  const slots = remembered + remembered / 16 + freeSlots;
  kernels.setFastText(
    instance.placePersistent(rows),
    floats,
    model.words.size,
    model.minCharacters,
    model.maxCharacters,
    model.buckets,
    instance.placePersistent(bits),
    instance.placePersistent(before),
    instance.allocatePersistent(16 * wordSlots),
    wordSlots,
    instance.placePersistent(Buffer.concat([words.values, labels.values])),
    instance.allocatePersistent(32 * slots),
    instance.allocatePersistent(4 * floats * slots),
    remembered,
    instance.allocatePersistent(2 * remembered),
    remembered / 16,
    model.words.get(endOfLine) ?? -1,
    instance.allocatePersistent(4 * floats),
  );
  kernels.addFastTextWords(instance.place(words.offsets), words.length, 0);
  kernels.addFastTextWords(instance.place(labels.offsets.map((at) => at + words.values.length)), labels.length, -1);
}

/** Words, whose bytes come as Latin-1; those of the dictionary in the order of their ids. */
function wordColumn(words: readonly string[]): TextColumn {
  const offsets = new Int32Array(words.length + 1);
  for (const [i, word] of words.entries()) offsets[i + 1] = (offsets[i] as number) + word.length;
  return { values: Buffer.from(words.join(""), "latin1"), offsets, length: words.length };
}

interface Rows {
  readonly rows: Float32Array;
  /** A bit for each bucket that was kept. */
  readonly bits: Uint32Array;
  /** For each 64 buckets, how many were kept before them. */
  readonly before: Uint32Array;
}

/**
 * The input matrix with padded rows: words, then n-grams. Kept n-grams stand in order of their buckets, so that counting
 * bits finds the row of one.
 */
function rowsOf({ input, dimensions, words, buckets, keptBuckets }: FastTextModel, floats: number): Rows {
  const dense = toDense(input);
  const groups = Math.ceil(buckets / 64);
  if (keptBuckets === undefined) {
    return {
      rows: paddedRows(dense, dimensions, floats, input.rows),
      bits: new Uint32Array(2 * groups).fill(0xffffffff),
      before: Uint32Array.from({ length: groups }, (_, group) => 64 * group),
    };
  }
  const kept = Uint32Array.from(keptBuckets.keys()).sort();
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

function powerOfTwo(least: number): number {
  let size = 16;
  while (size < least) size *= 2;
  return size;
}
