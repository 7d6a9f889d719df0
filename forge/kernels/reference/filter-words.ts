/** Plain twin of assembly/filter-words.ts: cuts words, character by character. */
import { kindMask, punctuationBit, wordKind } from "../filter-classes.ts";
import type { Counts } from "./filter-lines.ts";
import { baseA, baseB, codePointAt, countCharacters, hashBytes } from "./filter-text.ts";

/** Words of a text, for n-grams: two hashes of each, their multipliers for what stands before it, its code points. */
export class Words {
  hashA = new Int32Array(4096);
  hashB = new Int32Array(4096);
  powerA = new Int32Array(4096);
  powerB = new Int32Array(4096);
  lengths = new Int32Array(4096);
  count = 0;

  /** Adds the bytes of a word and returns its code points. */
  add(bytes: Uint8Array, start: number, end: number): number {
    if (this.count === this.lengths.length) this.#grow();
    const word = this.count++;
    const { a, b } = hashBytes(bytes, start, end);
    this.hashA[word] = a;
    this.hashB[word] = b;
    let powerA = 1;
    let powerB = 1;
    for (let at = start; at < end; at++) {
      powerA = Math.imul(powerA, baseA);
      powerB = Math.imul(powerB, baseB);
    }
    this.powerA[word] = powerA;
    this.powerB[word] = powerB;
    return (this.lengths[word] = countCharacters(bytes, start, end));
  }

  #grow(): void {
    const grown = (array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
      const larger = new Int32Array(array.length * 2);
      larger.set(array);
      return larger;
    };
    this.hashA = grown(this.hashA);
    this.hashB = grown(this.hashB);
    this.powerA = grown(this.powerA);
    this.powerB = grown(this.powerB);
    this.lengths = grown(this.lengths);
  }
}

/** Cuts a text into words, which replace those that were there, and counts them. */
export function cutWords(bytes: Uint8Array, start: number, end: number, words: Words, classes: Uint8Array): Counts {
  const classAt = (at: number): number => classes[codePointAt(bytes, at, end).value] as number;
  words.count = 0;
  let plainWords = 0;
  let plainWordCharacters = 0;
  let alphabeticWords = 0;
  let stopWords = 0;
  let at = start;
  while (at < end) {
    let codePoint = codePointAt(bytes, at, end);
    let kind = classes[codePoint.value] as number;
    if ((kind & kindMask) === wordKind.space) {
      at += codePoint.bytes;
      continue;
    }
    const from = at;
    const first = kind & kindMask;
    const runs = first !== wordKind.symbol && first !== wordKind.single;
    let plain = (kind & punctuationBit) === 0;
    let alphabetic = first === wordKind.letter || first === wordKind.single;
    let last = first;
    for (at += codePoint.bytes; at < end; at += codePoint.bytes) {
      codePoint = codePointAt(bytes, at, end);
      kind = classes[codePoint.value] as number;
      const next = kind & kindMask;
      if (next !== wordKind.mark) {
        if (!runs || next === wordKind.space || next === wordKind.single) break;
        if (next === wordKind.symbol) {
          const behind = at + codePoint.bytes;
          const after = behind < end ? classAt(behind) & kindMask : wordKind.space;
          if (!joins(codePoint.value, last) || after !== last) break;
        } else {
          if (next === wordKind.letter) alphabetic = true;
          last = next;
        }
      }
      if ((kind & punctuationBit) === 0) plain = true;
    }
    const characters = words.add(bytes, from, at);
    if (plain) {
      plainWords++;
      plainWordCharacters += characters;
    }
    if (alphabetic) alphabeticWords++;
    if (at - from <= 4) stopWords |= stopWordBits.get(packAscii(bytes, from, at)) ?? 0;
  }
  return { words: words.count, plainWords, plainWordCharacters, alphabeticWords, stopWords: bitCount(stopWords) };
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
