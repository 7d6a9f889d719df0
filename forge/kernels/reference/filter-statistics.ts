/**
 * The plain twin of the statistics kernel: definitions in ../filter-types.ts, the oracle on strings in its test.
 *
 * Three passes over the bytes of a text: lines, words, then n-grams over the words' hashes. Two texts are taken to be
 * equal when 64 bits of polynomial hash are; concatenations are hashed from the hashes of their words.
 */
import { filterClassTable, kindMask, punctuationBit, terminalBit, wordKind } from "../filter-classes.ts";
import {
  filterStatisticNames,
  shortLineCharacters,
  type FilterStatisticName,
  type FilterStatistics,
} from "../filter-types.ts";
import type { TextColumn } from "../types.ts";
import { GenerationTable } from "./hash-table.ts";

/** Odd multipliers of the two polynomial hashes modulo 2³². */
const baseA = 0x0100_0193;
const baseB = 0x9e37_79b1 | 0;

/** @param classes what each code point is. @default filterClassTable() */
export function filterStatistics(column: TextColumn, classes = filterClassTable()): FilterStatistics {
  const columns = Object.fromEntries(
    filterStatisticNames.map((name) => [name, new Uint32Array(column.length)]),
  ) as Record<FilterStatisticName, Uint32Array>;
  const work = new Work(column.values, classes);
  for (let row = 0; row < column.length; row++) {
    const start = column.offsets[row] as number;
    const end = column.offsets[row + 1] as number;
    const set = (name: FilterStatisticName, value: number): void => {
      columns[name][row] = value;
    };
    work.countLines(start, end, set);
    work.countPieces(start, end, set);
    work.countWords(start, end, set);
    work.countNGrams(set);
  }
  return columns;
}

type Setter = (name: FilterStatisticName, value: number) => void;

/** Buffers that live as long as a batch. */
class Work {
  readonly #bytes: Uint8Array;
  readonly #classes: Uint8Array;
  readonly #table = new GenerationTable();
  /** Of each word: two hashes, their multipliers for what stands before it, and its code points. */
  #hashA = new Int32Array(4096);
  #hashB = new Int32Array(4096);
  #powerA = new Int32Array(4096);
  #powerB = new Int32Array(4096);
  #lengths = new Int32Array(4096);
  #words = 0;
  /** Code point read last, and how many bytes it has. */
  #width = 1;

  constructor(bytes: Uint8Array, classes: Uint8Array) {
    this.#bytes = bytes;
    this.#classes = classes;
  }

  /** Code points, line feeds, marks, and lines as str.splitlines sees them. */
  countLines(start: number, end: number, set: Setter): void {
    const bytes = this.#bytes;
    let characters = 0;
    let newlines = 0;
    let hashes = 0;
    let ellipses = 0;
    let dots = 0;
    let lines = 0;
    let bulletLines = 0;
    let ellipsisLines = 0;
    let lineStart = start;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      if ((byte & 0xc0) !== 0x80) characters++;
      if (byte === 0x2e) {
        if (++dots === 3) {
          ellipses++;
          dots = 0;
        }
        continue;
      }
      dots = 0;
      if (byte === 0x23) hashes++;
      else if (byte === 0xe2 && bytes[at + 1] === 0x80 && bytes[at + 2] === 0xa6) ellipses++;
      else {
        const separator = lineSeparatorLength(bytes, at, end);
        if (separator === 0) continue;
        if (byte === 0x0a) newlines++;
        else if (separator === 2 && byte === 0x0d) newlines++;
        lines++;
        if (this.#isBullet(lineStart, at)) bulletLines++;
        if (this.#endsInEllipsis(lineStart, at)) ellipsisLines++;
        for (let i = at + 1; i < at + separator; i++) if (((bytes[i] as number) & 0xc0) !== 0x80) characters++;
        at += separator - 1;
        lineStart = at + 1;
      }
    }
    if (lineStart < end) {
      lines++;
      if (this.#isBullet(lineStart, end)) bulletLines++;
      if (this.#endsInEllipsis(lineStart, end)) ellipsisLines++;
    }
    set("characters", characters);
    set("newlines", newlines);
    set("hashes", hashes);
    set("ellipses", ellipses);
    set("lines", lines);
    set("bulletLines", bulletLines);
    set("ellipsisLines", ellipsisLines);
  }

  /** Everything that is cut at line feeds: Gopher's paragraphs and pieces, FineWeb's lines. */
  countPieces(start: number, end: number, set: Setter): void {
    const bytes = this.#bytes;
    let newlines = 1;
    for (let at = start; at < end; at++) if (bytes[at] === 0x0a) newlines++;

    let from = this.#skipSpace(start, end);
    const stripped = this.#stripEnd(from, end);
    let count = 0;
    let duplicates = 0;
    let duplicateCharacters = 0;
    const look = (pieceStart: number, pieceEnd: number): void => {
      count++;
      const characters = this.#hash(pieceStart, pieceEnd);
      const slot = this.#table.add(this.#a, this.#b, 0);
      if (this.#table.counts[slot] === 1) return;
      duplicates++;
      duplicateCharacters += characters;
    };

    this.#table.reset(newlines);
    for (let at = from; at <= stripped; at++) {
      if (at < stripped && !(bytes[at] === 0x0a && bytes[at + 1] === 0x0a && at + 1 < stripped)) continue;
      look(from, at);
      while (at < stripped && bytes[at] === 0x0a) at++;
      from = at;
      // The character at the start of a paragraph is no line feed, so the loop may step over it.
      if (at === stripped) break;
    }
    set("paragraphs", count);
    set("duplicateParagraphs", duplicates);
    set("duplicateParagraphCharacters", duplicateCharacters);

    count = duplicates = duplicateCharacters = 0;
    this.#table.reset(newlines);
    from = start;
    for (let at = start; at <= end; at++) {
      if (at < end && bytes[at] !== 0x0a) continue;
      look(from, at);
      while (at + 1 < end && bytes[at + 1] === 0x0a) at++;
      from = at + 1;
    }
    set("pieces", count);
    set("duplicatePieces", duplicates);
    set("duplicatePieceCharacters", duplicateCharacters);

    count = duplicates = duplicateCharacters = 0;
    let terminated = 0;
    let short = 0;
    this.#table.reset(newlines);
    from = start;
    for (let at = start; at <= end; at++) {
      if (at < end && bytes[at] !== 0x0a) continue;
      if (this.#skipSpace(from, at) < at) {
        look(from, at);
        if (this.#characters <= shortLineCharacters) short++;
        if ((this.#classBefore(from, at) & terminalBit) !== 0) terminated++;
      }
      from = at + 1;
    }
    set("fullLines", count);
    set("terminatedLines", terminated);
    set("shortLines", short);
    set("duplicateLineCharacters", duplicateCharacters);
  }

  /** Cuts the text into words; keeps their hashes for the n-grams. */
  countWords(start: number, end: number, set: Setter): void {
    this.#words = 0;
    let plainWords = 0;
    let plainCharacters = 0;
    let alphabetic = 0;
    let stopWords = 0;
    let at = start;
    while (at < end) {
      let kind = this.#classAt(at, end);
      if ((kind & kindMask) === wordKind.space) {
        at += this.#width;
        continue;
      }
      const from = at;
      let plain = (kind & punctuationBit) === 0;
      let letters = false;
      const first = kind & kindMask;
      let last = first;
      if (first === wordKind.letter || first === wordKind.single) letters = true;
      at += this.#width;
      const runs = first !== wordKind.symbol && first !== wordKind.single;
      while (at < end) {
        kind = this.#classAt(at, end);
        const width = this.#width;
        const next = kind & kindMask;
        if (next !== wordKind.mark) {
          if (!runs) break;
          if (next === wordKind.symbol) {
            const after = at + width < end ? this.#classAt(at + width, end) & kindMask : wordKind.space;
            if (!joins(this.#codePoint(at), last) || after !== last) break;
            // The joining mark and what follows belong to the word; the following character is looked at next.
            at += width;
            if ((kind & punctuationBit) === 0) plain = true;
            continue;
          }
          if (next === wordKind.space || next === wordKind.single) break;
          if (next === wordKind.letter) letters = true;
          last = next;
        }
        if ((kind & punctuationBit) === 0) plain = true;
        at += width;
      }
      this.#keepWord(from, at);
      if (plain) {
        plainWords++;
        plainCharacters += this.#characters;
      }
      if (letters) alphabetic++;
      if (at - from <= 4) stopWords |= stopWordBit(this.#bytes, from, at);
    }
    set("words", this.#words);
    set("plainWords", plainWords);
    set("plainWordCharacters", plainCharacters);
    set("alphabeticWords", alphabetic);
    set("stopWords", bitCount(stopWords));
  }

  /** Most frequent 2- to 4-grams, repeated 5- to 10-grams. */
  countNGrams(set: Setter): void {
    const words = this.#words;
    for (let n = 2; n <= 4; n++) set(`top${n as 2 | 3 | 4}GramCharacters`, this.#topNGram(n, words));
    for (let n = 5; n <= 10; n++) {
      set(`duplicate${n as 5 | 6 | 7 | 8 | 9 | 10}GramCharacters`, this.#duplicateNGrams(n, words));
    }
  }

  #topNGram(n: number, words: number): number {
    let best = 0;
    let bestAt = 0;
    this.#table.reset(Math.max(0, words - n + 1));
    for (let i = 0; i + n <= words; i++) {
      let a = this.#hashA[i] as number;
      let b = this.#hashB[i] as number;
      for (let k = i + 1; k < i + n; k++) {
        // One more multiplication stands for the space between two words.
        a = (Math.imul(Math.imul(a, baseA) + 32, this.#powerA[k] as number) + (this.#hashA[k] as number)) | 0;
        b = (Math.imul(Math.imul(b, baseB) + 32, this.#powerB[k] as number) + (this.#hashB[k] as number)) | 0;
      }
      const slot = this.#table.add(a, b, i);
      const count = this.#table.counts[slot] as number;
      const first = this.#table.first[slot] as number;
      if (count > best || (count === best && first < bestAt)) {
        best = count;
        bestAt = first;
      }
    }
    if (best === 0) return 0;
    let length = n - 1;
    for (let k = bestAt; k < bestAt + n; k++) length += this.#lengths[k] as number;
    return length * best;
  }

  #duplicateNGrams(n: number, words: number): number {
    let characters = 0;
    this.#table.reset(Math.max(0, words - n + 1));
    for (let i = 0; i + n <= words;) {
      let a = this.#hashA[i] as number;
      let b = this.#hashB[i] as number;
      let length = this.#lengths[i] as number;
      for (let k = i + 1; k < i + n; k++) {
        a = (Math.imul(a, this.#powerA[k] as number) + (this.#hashA[k] as number)) | 0;
        b = (Math.imul(b, this.#powerB[k] as number) + (this.#hashB[k] as number)) | 0;
        length += this.#lengths[k] as number;
      }
      if (this.#table.counts[this.#table.add(a, b, i)] === 1) i++;
      else {
        characters += length;
        i += n;
      }
    }
    return characters;
  }

  #a = 0;
  #b = 0;
  #characters = 0;

  /** Hashes bytes into `#a` and `#b`, counts code points into `#characters`. */
  #hash(start: number, end: number): number {
    const bytes = this.#bytes;
    let a = 0;
    let b = 0;
    let characters = 0;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      // 1 is added, so that leading zero bytes count.
      a = (Math.imul(a, baseA) + byte + 1) | 0;
      b = (Math.imul(b, baseB) + byte + 1) | 0;
      if ((byte & 0xc0) !== 0x80) characters++;
    }
    this.#a = a;
    this.#b = b;
    this.#characters = characters;
    return characters;
  }

  #keepWord(start: number, end: number): void {
    if (this.#words === this.#hashA.length) this.#grow();
    const word = this.#words++;
    this.#lengths[word] = this.#hash(start, end);
    this.#hashA[word] = this.#a;
    this.#hashB[word] = this.#b;
    let a = 1;
    let b = 1;
    for (let at = start; at < end; at++) {
      a = Math.imul(a, baseA);
      b = Math.imul(b, baseB);
    }
    this.#powerA[word] = a;
    this.#powerB[word] = b;
  }

  #grow(): void {
    const grown = (array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
      const larger = new Int32Array(array.length * 2);
      larger.set(array);
      return larger;
    };
    this.#hashA = grown(this.#hashA);
    this.#hashB = grown(this.#hashB);
    this.#powerA = grown(this.#powerA);
    this.#powerB = grown(this.#powerB);
    this.#lengths = grown(this.#lengths);
  }

  /** Class of the code point at a byte; its length goes to `#width`. */
  #classAt(at: number, end: number): number {
    const first = this.#bytes[at] as number;
    this.#width = first < 0x80 ? 1 : Math.min(first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4, end - at);
    return this.#classes[this.#codePoint(at)] as number;
  }

  #codePoint(at: number): number {
    return codePointAt(this.#bytes, at);
  }

  /** Class of the code point that ends before `end`. */
  #classBefore(start: number, end: number): number {
    let at = end - 1;
    while (at > start && ((this.#bytes[at] as number) & 0xc0) === 0x80) at--;
    return this.#classAt(at, end);
  }

  /** First byte of what is not white space, or `end`. */
  #skipSpace(start: number, end: number): number {
    let at = start;
    while (at < end && (this.#classAt(at, end) & kindMask) === wordKind.space) at += this.#width;
    return at;
  }

  #stripEnd(start: number, end: number): number {
    let at = end;
    while (at > start && (this.#classBefore(start, at) & kindMask) === wordKind.space) at -= this.#width;
    return at;
  }

  #isBullet(start: number, end: number): boolean {
    const at = this.#skipSpace(start, end);
    if (at === end) return false;
    const bytes = this.#bytes;
    return bytes[at] === 0x2d || (bytes[at] === 0xe2 && bytes[at + 1] === 0x80 && bytes[at + 2] === 0xa2);
  }

  #endsInEllipsis(start: number, end: number): boolean {
    const at = this.#stripEnd(start, end);
    if (at - start < 3) return false;
    const bytes = this.#bytes;
    const last = bytes[at - 1];
    if (last === 0x2e) return bytes[at - 2] === 0x2e && bytes[at - 3] === 0x2e;
    return last === 0xa6 && bytes[at - 2] === 0x80 && bytes[at - 3] === 0xe2;
  }
}

/** Code point of well-formed UTF-8 at a byte. */
export function codePointAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  if (first < 0x80) return first;
  const second = (bytes[at + 1] as number) & 0x3f;
  if (first < 0xe0) return ((first & 0x1f) << 6) | second;
  const third = (bytes[at + 2] as number) & 0x3f;
  if (first < 0xf0) return ((first & 0x0f) << 12) | (second << 6) | third;
  return Math.min(
    ((first & 0x07) << 18) | (second << 12) | (third << 6) | ((bytes[at + 3] as number) & 0x3f),
    0x10_ffff,
  );
}

/** Bytes of the line separator at a byte (Python's str.splitlines), or 0. */
export function lineSeparatorLength(bytes: Uint8Array, at: number, end: number): number {
  const byte = bytes[at] as number;
  if (byte < 0x0a) return 0;
  if (byte <= 0x0d) return byte === 0x0d && at + 1 < end && bytes[at + 1] === 0x0a ? 2 : 1;
  if (byte >= 0x1c && byte <= 0x1e) return 1;
  if (byte === 0xc2) return bytes[at + 1] === 0x85 ? 2 : 0;
  if (byte !== 0xe2 || bytes[at + 1] !== 0x80) return 0;
  return bytes[at + 2] === 0xa8 || bytes[at + 2] === 0xa9 ? 3 : 0;
}

/** Whether a character joins two of the same kind into one word. */
function joins(codePoint: number, kind: number): boolean {
  if (codePoint === 0x27 || codePoint === 0x2019 || codePoint === 0x2e) {
    return kind === wordKind.letter || kind === wordKind.number;
  }
  return kind === wordKind.number && (codePoint === 0x2c || codePoint === 0x3b);
}

const stopWordBits: ReadonlyMap<number, number> = new Map(
  ["the", "be", "to", "of", "and", "that", "have", "with"].map((word, i) => [
    packAscii(Buffer.from(word), 0, word.length),
    1 << i,
  ]),
);

function stopWordBit(bytes: Uint8Array, start: number, end: number): number {
  return stopWordBits.get(packAscii(bytes, start, end)) ?? 0;
}

function packAscii(bytes: Uint8Array, start: number, end: number): number {
  let packed = 0;
  for (let at = start; at < end; at++) packed = (packed << 8) | (bytes[at] as number);
  return packed;
}

function bitCount(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}
