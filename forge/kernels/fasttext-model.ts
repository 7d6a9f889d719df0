/**
 * Reads a supervised fastText model, `.bin` or quantised `.ftz`, into tables that the classifiers run on.
 *
 * It does not classify (`reference/fasttext.ts`), and refuses models of word vectors. Format: fastText 0.9.2,
 * `fasttext.cc`, `dictionary.cc`, `densematrix.cc`, `quantmatrix.cc`, `productquantizer.cc`
 * (https://github.com/facebookresearch/fastText, MIT); versions 11 and 12, little endian.
 */
import { DataError } from "../base/index.ts";

/** How scores become probabilities. */
export type FastTextLoss = "hierarchical-softmax" | "softmax" | "one-versus-all";

/** Rows of `columns` floats, plain or quantised. */
export type FastTextMatrix = {
  readonly rows: number;
  readonly columns: number;
} & (
  | { readonly kind: "dense"; readonly values: Float32Array }
  | {
      readonly kind: "quantised";
      /** One byte for each part of each row. */
      readonly codes: Uint8Array;
      readonly quantizer: FastTextQuantizer;
      /** Length of each row's vector, itself quantised; absent when rows carry their own. */
      readonly norms: { readonly codes: Uint8Array; readonly quantizer: FastTextQuantizer } | undefined;
    }
);

/** Product quantiser: a vector's parts, each one of 256 centroids (Jégou et al. 2011). */
export interface FastTextQuantizer {
  readonly parts: number;
  /** Columns of a part; the last may have fewer. */
  readonly partColumns: number;
  readonly lastPartColumns: number;
  readonly centroids: Float32Array;
}

export interface FastTextModel {
  readonly dimensions: number;
  readonly loss: FastTextLoss;
  readonly wordNgrams: number;
  readonly buckets: number;
  /** Lengths of character n-grams, in code points; `maxCharacters` 0 means none. */
  readonly minCharacters: number;
  readonly maxCharacters: number;
  /** Ids of words, their bytes as Latin-1; they are rows of `input`, which n-grams follow. */
  readonly words: ReadonlyMap<string, number>;
  /** Labels as the file spells them (`__label__en`), and how often each was seen in training, most frequent first. */
  readonly labels: readonly string[];
  readonly labelCounts: readonly number[];
  /** Rows of n-grams that were kept, by bucket, both without the words'; undefined when nothing was pruned. */
  readonly keptBuckets: ReadonlyMap<number, number> | undefined;
  readonly input: FastTextMatrix;
  readonly output: FastTextMatrix;
}

const magic = 793712314;
const losses = [undefined, "hierarchical-softmax", undefined, "softmax", "one-versus-all"] as const;

/**
 * Reads a model file.
 *
 * @param file how to name it in errors
 * @throws DataError `fasttext-invalid` when the file is cut, malformed, or no supervised model
 */
export function parseFastText(bytes: Uint8Array, file = "fastText model"): FastTextModel {
  const read = new Reader(bytes, file);
  if (read.int32() !== magic) throw read.failure("is not a fastText model");
  const version = read.int32();
  if (version !== 11 && version !== 12) throw read.failure(`has the format version ${version}; 11 and 12 are read`);
  const dimensions = read.int32();
  read.skip(4 * 4); // window, epochs, least count, negatives
  const wordNgrams = read.int32();
  const loss = losses[read.int32()];
  const task = read.int32();
  const buckets = read.int32();
  const minCharacters = read.int32();
  let maxCharacters = read.int32();
  read.skip(4 + 8); // learning rate updates, sampling threshold
  if (task !== 3) throw read.failure("holds word vectors, not a classifier");
  if (loss === undefined) throw read.failure("was trained with a loss that gives no probabilities");
  if (dimensions <= 0 || buckets < 0) throw read.failure("has impossible sizes");
  if (buckets === 0 && (maxCharacters > 0 || wordNgrams > 1)) throw read.failure("has n-grams but no buckets for them");
  // Old classifiers were trained without character n-grams, whatever they say.
  if (version === 11) maxCharacters = 0;

  const dictionary = readDictionary(read);
  const quantised = read.uint8() !== 0;
  const input = readMatrix(read, quantised);
  const outputQuantised = read.uint8() !== 0;
  const output = readMatrix(read, quantised && outputQuantised);
  const subwords = dictionary.keptBuckets?.size ?? buckets;
  const outputRows = loss === "hierarchical-softmax" ? dictionary.labels.length - 1 : dictionary.labels.length;
  if (
    input.columns !== dimensions ||
    output.columns !== dimensions ||
    input.rows < dictionary.words.size + (maxCharacters > 0 || wordNgrams > 1 ? subwords : 0) ||
    output.rows < outputRows
  ) {
    throw read.failure("has matrices that do not fit its dictionary");
  }
  return { dimensions, loss, wordNgrams, buckets, minCharacters, maxCharacters, ...dictionary, input, output };
}

function readDictionary(read: Reader): Pick<FastTextModel, "words" | "labels" | "labelCounts" | "keptBuckets"> {
  const size = read.int32();
  const wordCount = read.int32();
  const labelCount = read.int32();
  read.skip(8); // tokens seen in training
  const pruned = read.int64();
  if (size < 0 || wordCount < 0 || labelCount < 1 || wordCount + labelCount !== size) {
    throw read.failure("has a dictionary whose counts do not add up");
  }
  const words = new Map<string, number>();
  const labels: string[] = [];
  const labelCounts: number[] = [];
  for (let id = 0; id < size; id++) {
    const text = read.text();
    const count = read.int64();
    if (read.uint8() === 0) words.set(text.toString("latin1"), id);
    else {
      labels.push(text.toString("utf8"));
      labelCounts.push(count);
    }
  }
  // Words come first, so that their ids are rows of the matrix.
  if ([...words.values()].some((id) => id >= wordCount)) throw read.failure("has labels among its words");
  if (words.size !== wordCount || labels.length !== labelCount) throw read.failure("has a malformed dictionary");
  let keptBuckets: Map<number, number> | undefined;
  if (pruned >= 0) {
    keptBuckets = new Map();
    for (let i = 0; i < pruned; i++) {
      const bucket = read.int32();
      const row = read.int32();
      if (row < 0 || row >= pruned) throw read.failure("has a pruned n-gram outside its matrix");
      keptBuckets.set(bucket, row);
    }
  }
  return { words, labels, labelCounts, keptBuckets };
}

function readMatrix(read: Reader, quantised: boolean): FastTextMatrix {
  if (!quantised) {
    const rows = read.int64();
    const columns = read.int64();
    return { kind: "dense", rows, columns, values: read.floats(rows * columns) };
  }
  const hasNorms = read.uint8() !== 0;
  const rows = read.int64();
  const columns = read.int64();
  const codes = read.bytes(read.int32());
  const quantizer = readQuantizer(read);
  const { parts, partColumns, lastPartColumns } = quantizer;
  if (codes.length < rows * parts || (parts - 1) * partColumns + lastPartColumns !== columns) {
    throw read.failure("has a quantised matrix whose sizes do not agree");
  }
  const norms = hasNorms ? { codes: read.bytes(rows), quantizer: readQuantizer(read) } : undefined;
  return { kind: "quantised", rows, columns, codes, quantizer, norms };
}

function readQuantizer(read: Reader): FastTextQuantizer {
  const columns = read.int32();
  const parts = read.int32();
  const partColumns = read.int32();
  const lastPartColumns = read.int32();
  if (parts < 1 || partColumns < 1 || lastPartColumns < 1 || lastPartColumns > partColumns) {
    throw read.failure("has an impossible quantiser");
  }
  return { parts, partColumns, lastPartColumns, centroids: read.floats(columns * 256) };
}

/** Reads on through the file and never past its end. */
class Reader {
  readonly #bytes: Buffer;
  readonly #file: string;
  #at = 0;

  constructor(bytes: Uint8Array, file: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#file = file;
  }

  failure(what: string): DataError {
    return new DataError(
      "fasttext-invalid",
      `${this.#file} ${what}`,
      { file: this.#file, byteOffset: this.#at },
      { hint: "A supervised fastText model is wanted, .bin or .ftz, as fastText 0.9 writes it." },
    );
  }

  skip(length: number): number {
    const at = this.#at;
    if (!(length >= 0 && length <= this.#bytes.length - at)) throw this.failure("ends too early");
    this.#at = at + length;
    return at;
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.skip(1));
  }

  int32(): number {
    return this.#bytes.readInt32LE(this.skip(4));
  }

  int64(): number {
    return Number(this.#bytes.readBigInt64LE(this.skip(8)));
  }

  bytes(length: number): Uint8Array {
    const at = this.skip(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** A copy: floats in the file need not be aligned. */
  floats(count: number): Float32Array {
    const at = this.skip(count * 4);
    const copy = this.#bytes.buffer.slice(this.#bytes.byteOffset + at, this.#bytes.byteOffset + at + count * 4);
    return new Float32Array(copy);
  }

  /** Bytes up to a zero byte, which is passed over. */
  text(): Buffer {
    const start = this.#at;
    const end = this.#bytes.indexOf(0, start);
    if (end < 0) throw this.failure("ends too early");
    this.#at = end + 1;
    return this.#bytes.subarray(start, end);
  }
}
