/**
 * Classifies text by a supervised fastText model, written plainly: the twin of any faster classifier.
 *
 * A text is the mean of the vectors of its words, of their character n-grams and of word n-grams, times the output
 * matrix (Joulin et al. 2016, "Bag of tricks for efficient text classification"). Arithmetic is in 32-bit floats as in
 * fastText 0.9.2; the vectors of one word are summed first, so that a word can be remembered.
 */
import type { FastTextModel } from "../fasttext-model.ts";
import type { FastTextClassifier, FastTextPredictions, PredictOptions } from "../fasttext-types.ts";
import type { TextColumn } from "../types.ts";
import { addRow } from "./fasttext-matrix.ts";
import { scorerOf } from "./fasttext-score.ts";

/** The memory of words is emptied when it holds this many. */
const mostRemembered = 2 ** 15;
/** fastText's token for the end of a line. */
export const endOfLine = "</s>";
const labelPrefix = "__label__";

/** What one word adds to a text. */
interface WordVector {
  readonly sum: Float32Array;
  readonly rows: number;
  /** fastText's hash, signed, for word n-grams. */
  readonly hash: number;
}

export function createReferenceFastText(model: FastTextModel): FastTextClassifier {
  const { dimensions } = model;
  const score = scorerOf(model);
  const labels = shortLabels(model);
  const labelTokens = new Set(model.labels.map((label) => Buffer.from(label).toString("latin1")));
  const known = new Map<string, WordVector>();
  const hidden = new Float32Array(dimensions);

  function vectorOf(word: string): WordVector {
    let vector = known.get(word);
    if (vector === undefined) {
      const sum = new Float32Array(dimensions);
      const rows = rowsOfWord(model, word);
      for (const row of rows) addRow(model.input, row, sum);
      vector = { sum, rows: rows.length, hash: fastTextHash(word) | 0 };
      if (known.size === mostRemembered) known.clear();
      known.set(word, vector);
    }
    return vector;
  }

  /** Fills `hidden`; false when nothing in the text is known to the model. */
  function embed(bytes: Buffer): boolean {
    hidden.fill(0);
    let rows = 0;
    const hashes: number[] = [];
    for (const word of wordsOf(bytes)) {
      if (labelTokens.has(word) || (word.startsWith(labelPrefix) && !model.words.has(word))) continue;
      const vector = vectorOf(word);
      for (let i = 0; i < dimensions; i++) hidden[i] = (hidden[i] as number) + (vector.sum[i] as number);
      rows += vector.rows;
      hashes.push(vector.hash);
    }
    for (const row of rowsOfWordNgrams(model, hashes)) {
      addRow(model.input, row, hidden);
      rows++;
    }
    const scale = Math.fround(1 / rows);
    for (let i = 0; i < dimensions; i++) hidden[i] = (hidden[i] as number) * scale;
    return rows > 0;
  }

  return {
    labels,
    predict({ values, offsets, length }: TextColumn, options: PredictOptions = {}): FastTextPredictions {
      const { k = 1, maxCodePoints = Number.POSITIVE_INFINITY } = options;
      const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
      const labelIndex = new Int32Array(length * k).fill(-1);
      const probability = new Float32Array(length * k);
      for (let i = 0; i < length; i++) {
        const text = bytes.subarray(offsets[i], offsets[i + 1]);
        if (!embed(text.subarray(0, prefixLength(text, maxCodePoints)))) continue;
        score(hidden, k).forEach((best, j) => {
          labelIndex[i * k + j] = best.label;
          probability[i * k + j] = Math.exp(best.logProbability);
        });
      }
      return { labelIndex, probability };
    },
  };
}

/** Labels without their prefix. */
export function shortLabels(model: FastTextModel): string[] {
  return model.labels.map((label) => (label.startsWith(labelPrefix) ? label.slice(labelPrefix.length) : label));
}

/** Bytes of the first code points of a text; of invalid UTF-8 no more than four for each. */
export function prefixLength(bytes: Uint8Array, codePoints: number): number {
  if (bytes.length <= codePoints) return bytes.length;
  const most = Math.min(bytes.length, 4 * codePoints);
  let seen = 0;
  for (let at = 0; at < most; at++) {
    if (((bytes[at] as number) & 0xc0) !== 0x80 && seen++ === codePoints) return at;
  }
  return most;
}

/** Words as Latin-1 strings, and the end of the line, which a word of that spelling brings early. */
function* wordsOf(bytes: Buffer): Generator<string> {
  for (let at = 0; at < bytes.length;) {
    while (at < bytes.length && isSpace(bytes[at] as number)) at++;
    const start = at;
    while (at < bytes.length && !isSpace(bytes[at] as number)) at++;
    if (at === start) break;
    const word = bytes.toString("latin1", start, at);
    if (word === endOfLine) break;
    yield word;
  }
  yield endOfLine;
}

/** Space, tab, line feed, vertical tab, form feed, carriage return and zero, as fastText's `readWord`. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d) || byte === 0;
}

/** FNV-1a, with bytes sign-extended as fastText does. Unsigned. */
export function fastTextHash(text: string, start = 0, end = text.length): number {
  let hash = 2166136261;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ ((text.charCodeAt(i) << 24) >> 24), 16777619);
  return hash >>> 0;
}

function rowsOfWord(model: FastTextModel, word: string): number[] {
  const id = model.words.get(word);
  const rows = id === undefined ? [] : [id];
  if (word === endOfLine || model.maxCharacters <= 0) return rows;
  const text = `<${word}>`;
  const isContinuation = (at: number): boolean => (text.charCodeAt(at) & 0xc0) === 0x80;
  for (let start = 0; start < text.length; start++) {
    if (isContinuation(start)) continue;
    let end = start;
    for (let n = 1; end < text.length && n <= model.maxCharacters; n++) {
      do end++;
      while (end < text.length && isContinuation(end));
      const isMark = n === 1 && (start === 0 || end === text.length);
      if (n >= model.minCharacters && !isMark) pushBucket(model, fastTextHash(text, start, end) % model.buckets, rows);
    }
  }
  return rows;
}

function rowsOfWordNgrams(model: FastTextModel, hashes: readonly number[]): number[] {
  const rows: number[] = [];
  for (let i = 0; model.wordNgrams > 1 && i < hashes.length; i++) {
    let hash = BigInt.asUintN(64, BigInt(hashes[i] as number));
    for (let j = i + 1; j < hashes.length && j < i + model.wordNgrams; j++) {
      hash = BigInt.asUintN(64, hash * 116049371n + BigInt(hashes[j] as number));
      pushBucket(model, Number(hash % BigInt(model.buckets)), rows);
    }
  }
  return rows;
}

function pushBucket(model: FastTextModel, bucket: number, rows: number[]): void {
  const row = model.keptBuckets === undefined ? bucket : model.keptBuckets.get(bucket);
  if (row !== undefined) rows.push(model.words.size + row);
}
