/**
 * Pre-tokenisers of byte-level BPE, by hand over UTF-8: no regular expressions, no strings, linear in the text.
 *
 * Each gives the end of the pre-token that begins at a place. They leave no byte out.
 */
import { bpeClass, bpeClassTable } from "../bpe-classes.ts";
import type { BpePreTokenizer } from "../bpe-pre-tokenizer.ts";
import { characterLength, codePointAt, type Splitter } from "./bpe-character.ts";
import { makeCl100kSplitter } from "./bpe-split-cl100k.ts";

export function splitterOf(preTokenizer: BpePreTokenizer): Splitter {
  switch (preTokenizer) {
    case "gpt2":
      return makeGpt2Splitter(false);
    case "gpt2-digits":
      return makeGpt2Splitter(true);
    case "cl100k":
      return makeCl100kSplitter(3);
    case "qwen2":
      return makeCl100kSplitter(1);
    case "bloom":
      return makeBloomSplitter();
    default:
      return preTokenizer satisfies never;
  }
}

/**
 * GPT-2's: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
 *
 * A run of white space gives its last character back to the word that follows, where that is more than one. With
 * `digitsAlone` each number stands alone, and what is before it is split as if the text ended there.
 */
function makeGpt2Splitter(digitsAlone: boolean): Splitter {
  const classes = bpeClassTable();

  /** End of the run of characters of one class from `at` on. */
  function runEnd(bytes: Uint8Array, at: number, end: number, wanted: number): number {
    while (at < end) {
      const length = characterLength(bytes, at, end);
      if ((classes[codePointAt(bytes, at, length)] ?? bpeClass.other) !== wanted) break;
      at += length;
    }
    return at;
  }

  return (bytes, start, end) => {
    const first = bytes[start] as number;
    if (first === 0x27) {
      const length = contractionLength(bytes, start, end);
      if (length > 0) return start + length;
    }
    let at = start;
    let length = characterLength(bytes, at, end);
    let kind = classes[codePointAt(bytes, at, length)] ?? bpeClass.other;
    if (first === 0x20 && start + 1 < end) {
      const nextLength = characterLength(bytes, start + 1, end);
      const nextKind = classes[codePointAt(bytes, start + 1, nextLength)] ?? bpeClass.other;
      if (nextKind !== bpeClass.space && !(digitsAlone && nextKind === bpeClass.number)) {
        at = start + 1;
        length = nextLength;
        kind = nextKind;
      }
    }
    if (digitsAlone && kind === bpeClass.number) return at + length;
    if (kind !== bpeClass.space) return runEnd(bytes, at + length, end, kind);

    const last = runEnd(bytes, start, end, bpeClass.space);
    if (last === end) return last;
    if (digitsAlone && runEnd(bytes, last, end, bpeClass.number) > last) return last;
    // Give back one character; a run of one keeps it.
    let beforeLast = last - 1;
    while (beforeLast > start && ((bytes[beforeLast] as number) & 0xc0) === 0x80) beforeLast--;
    return beforeLast > start ? beforeLast : last;
  };
}

/** Length of `'s 't 'm 'd 're 've 'll` at an apostrophe, or 0. */
function contractionLength(bytes: Uint8Array, at: number, end: number): number {
  if (at + 1 >= end) return 0;
  const one = bytes[at + 1] as number;
  if (one === 0x73 || one === 0x74 || one === 0x6d || one === 0x64) return 2;
  if (at + 2 >= end) return 0;
  const two = bytes[at + 2] as number;
  return ((one === 0x72 || one === 0x76) && two === 0x65) || (one === 0x6c && two === 0x6c) ? 3 : 0;
}

/** Characters besides white space that BLOOM's pattern keeps out of words. Brackets and bar stand in its class as typed. */
export const bloomSeparators = "(|.,!?…。，、।۔،)";

/** BLOOM's: ` ?[^(\s|[.,!?…。，、।۔،])]+`, with what lies between two matches as one pre-token. */
function makeBloomSplitter(): Splitter {
  const separators = bpeClassTable().map((kind) => (kind === bpeClass.space ? 1 : 0));
  for (const character of bloomSeparators) separators[character.codePointAt(0) as number] = 1;

  /** Length of the character at `at` when it may stand in a word, otherwise 0. */
  function wordCharacter(bytes: Uint8Array, at: number, end: number): number {
    if (at >= end) return 0;
    const length = characterLength(bytes, at, end);
    return separators[codePointAt(bytes, at, length)] === 1 ? 0 : length;
  }

  /** Length of what begins a word at `at`: one character, or a space and one; 0 where no word begins. */
  function wordStart(bytes: Uint8Array, at: number, end: number): number {
    const length = wordCharacter(bytes, at, end);
    if (length > 0 || bytes[at] !== 0x20) return length;
    const after = wordCharacter(bytes, at + 1, end);
    return after > 0 ? after + 1 : 0;
  }

  return (bytes, start, end) => {
    let at = start;
    let step = wordStart(bytes, at, end);
    if (step > 0) {
      while (step > 0) {
        at += step;
        step = wordCharacter(bytes, at, end);
      }
      return at;
    }
    do at += characterLength(bytes, at, end);
    while (at < end && wordStart(bytes, at, end) === 0);
    return at;
  };
}
