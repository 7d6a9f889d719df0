/**
 * Compatibility with datatrove: where only the hash, the permutations or the word splitter are chosen otherwise, both are
 * given the same choice, and then every value has to be equal.
 *
 * - Signatures: our normal form and our words at white space, hashed and permuted as datatrove does.
 * - Statistics: our filter kernels with the table for words at white space.
 */
import {
  fillTextSignals,
  textSignalNames,
  type TextSignalColumns,
  type TextSignalName,
} from "../../../forge/filter/signals.ts";
import type { C4Edit, FilterStatistics } from "../../../forge/kernels/filter-statistics.ts";
import type { TextColumn, TextKernels } from "../../../forge/kernels/index.ts";
import type { WhitespaceSignatures, WhitespaceValues } from "./datatrove.ts";

/** One value that differs. */
export interface Miss {
  readonly document: number;
  readonly what: string;
  readonly ours: string;
  readonly theirs: string;
}

export interface Agreement {
  readonly documents: number;
  readonly values: number;
  readonly equal: number;
  readonly misses: readonly Miss[];
}

const shingleWords = 5;

/** Compares normal forms and signatures; one value a document. */
export function compareSignatures(kernels: TextKernels, column: TextColumn, theirs: WhitespaceSignatures): Agreement {
  const multipliers = halves(theirs.multipliers);
  const increments = halves(theirs.increments);
  const normal = kernels.normalizeForDedup(column);
  const words = kernels.segmentWords(normal, "whitespace");
  const misses: Miss[] = [];
  for (const [document, expected] of theirs.documents.entries()) {
    const ours = textAt(normal, document);
    if (ours !== expected.normal) {
      misses.push({ document, what: "normal form", ...firstDifference(ours, expected.normal) });
      continue;
    }
    const hashes = shingleHashes(kernels, normal, words, document);
    const signature = hashes.length === 0 ? Buffer.alloc(0) : permute(hashes, multipliers, increments);
    if (hashes.length / 2 !== expected.shingles) {
      const counts = { ours: String(hashes.length / 2), theirs: String(expected.shingles) };
      misses.push({ document, what: "number of 5-grams", ...counts });
    } else if (signature.toString("base64") !== expected.signature) {
      misses.push({ document, what: "signature", ours: "another one", theirs: "" });
    }
  }
  const documents = theirs.documents.length;
  return { documents, values: documents, equal: documents - misses.length, misses };
}

/** XXH64 (low, high) of each 5-gram of a document, its words joined by spaces. */
function shingleHashes(
  kernels: TextKernels,
  { values }: TextColumn,
  { starts, ends, offsets }: ReturnType<TextKernels["segmentWords"]>,
  document: number,
): Uint32Array {
  const first = offsets[document] as number;
  const last = offsets[document + 1] as number;
  const length = Math.max(0, last - first - shingleWords + 1);
  const grams: Uint8Array[] = [];
  const space = Buffer.from(" ");
  const gramOffsets = new Int32Array(length + 1);
  for (let i = 0; i < length; i++) {
    let bytes = 0;
    for (let word = first + i; word < first + i + shingleWords; word++) {
      if (word > first + i) grams.push(space);
      grams.push(values.subarray(starts[word], ends[word]));
      bytes += (ends[word] as number) - (starts[word] as number);
    }
    gramOffsets[i + 1] = (gramOffsets[i] as number) + bytes + shingleWords - 1;
  }
  // Of the 128 bits the first half is XXH64 with seed 0.
  const hashes = kernels.hashTexts({ values: Buffer.concat(grams), offsets: gramOffsets, length }, 0);
  const view = new Uint32Array(hashes.buffer, hashes.byteOffset, hashes.length / 4);
  return view.filter((_, i) => i % 4 < 2);
}

/** Minima of `(a · x + b modulo 2⁶⁴) modulo 2⁶¹ − 1`, little-endian. */
function permute(hashes: Uint32Array, multipliers: Uint32Array, increments: Uint32Array): Buffer {
  const signature = new Uint32Array(multipliers.length);
  for (let k = 0; k < multipliers.length; k += 2) {
    const [aLow, aHigh] = [multipliers[k] as number, multipliers[k + 1] as number];
    const [bLow, bHigh] = [increments[k] as number, increments[k + 1] as number];
    let bestLow = 0xffff_ffff;
    let bestHigh = 0xffff_ffff;
    for (let i = 0; i < hashes.length; i += 2) {
      const [xLow, xHigh] = [hashes[i] as number, hashes[i + 1] as number];
      const low = (Math.imul(xLow, aLow) >>> 0) + bLow;
      const carry = low > 0xffff_ffff ? 1 : 0;
      const high = (multiplyHigh(xLow, aLow) + Math.imul(xLow, aHigh) + Math.imul(xHigh, aLow) + bHigh + carry) >>> 0;
      // 2⁶¹ is 1 modulo the prime, so that the top three bits are added at the bottom.
      let restLow = (low >>> 0) + (high >>> 29);
      let restHigh = (high & 0x1fff_ffff) + (restLow > 0xffff_ffff ? 1 : 0);
      restLow = restLow >>> 0;
      if (restHigh > 0x1fff_ffff) {
        restHigh -= 0x2000_0000;
        restLow++;
      } else if (restHigh === 0x1fff_ffff && restLow === 0xffff_ffff) restHigh = restLow = 0;
      if (restHigh < bestHigh || (restHigh === bestHigh && restLow < bestLow)) {
        bestHigh = restHigh;
        bestLow = restLow;
      }
    }
    signature[k] = bestLow;
    signature[k + 1] = bestHigh;
  }
  return Buffer.from(signature.buffer);
}

/** Upper half of a product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const [a0, a1, b0, b1] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = (Math.imul(a1, b0) >>> 0) + (Math.imul(a0, b0) >>> 16);
  const other = (Math.imul(a0, b1) >>> 0) + (middle & 0xffff);
  return Math.imul(a1, b1) + (middle >>> 16) + (other >>> 16);
}

/** Decimal 64-bit numbers as (low, high). */
function halves(numbers: readonly string[]): Uint32Array {
  const values = BigUint64Array.from(numbers, BigInt);
  return new Uint32Array(values.buffer);
}

/** Compares every value that datatrove's filters compare with a limit, and what C4 leaves of a text. */
export function compareStatistics(
  statistics: FilterStatistics,
  edit: C4Edit,
  theirs: readonly WhitespaceValues[],
): Agreement & { readonly sentences: { readonly values: number; readonly equal: number } } {
  const columns = signalsOf(statistics, theirs.length);
  const misses: Miss[] = [];
  const sentences = { values: 0, equal: 0 };
  let values = 0;
  for (const [document, { signals, c4 }] of theirs.entries()) {
    for (const [what, expected] of Object.entries(signals)) {
      values++;
      const found = columns[what as TextSignalName][document] as number;
      if (found !== Math.fround(expected)) {
        misses.push({ document, what, ours: String(found), theirs: String(Math.fround(expected)) });
      }
    }
    const reason =
      edit.loremIpsum[document] === 1 ? "lorem_ipsum" : edit.curlyBracket[document] === 1 ? "curly_bracket" : null;
    values += 2;
    if (reason !== c4.reason)
      misses.push({ document, what: "c4 reason", ours: String(reason), theirs: String(c4.reason) });
    if (edit.keptLines[document] !== c4.kept) {
      misses.push({ document, what: "c4 lines", ours: String(edit.keptLines[document]), theirs: String(c4.kept) });
    }
    if (c4.text === null) continue;
    values++;
    const text = textAt(edit.text, document);
    if (text !== c4.text) misses.push({ document, what: "c4 text", ...firstDifference(text, c4.text) });
    sentences.values++;
    if (edit.sentences[document] === c4.sentences) sentences.equal++;
  }
  return { documents: theirs.length, values, equal: values - misses.length, misses, sentences };
}

/** Signals of every row. */
export function signalsOf(statistics: FilterStatistics, length: number): TextSignalColumns {
  const columns = Object.fromEntries(
    textSignalNames.map((name) => [name, new Float32Array(length)]),
  ) as unknown as TextSignalColumns;
  fillTextSignals(
    columns,
    statistics,
    Array.from({ length }, (_, row) => row),
    textSignalNames,
  );
  return columns;
}

/** Where two texts begin to differ, with a few characters of both. */
function firstDifference(ours: string, theirs: string): { readonly ours: string; readonly theirs: string } {
  const [a, b] = [[...ours], [...theirs]];
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  const cut = (characters: readonly string[]): string =>
    `${at}: ${JSON.stringify(characters.slice(Math.max(0, at - 8), at + 8).join(""))}`;
  return { ours: cut(a), theirs: cut(b) };
}

function textAt({ values, offsets }: TextColumn, row: number): string {
  return Buffer.from(values.subarray(offsets[row], offsets[row + 1])).toString();
}
