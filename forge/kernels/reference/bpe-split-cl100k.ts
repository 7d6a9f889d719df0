/**
 * The pre-tokenisers of GPT-4 (cl100k), Llama-3 and Qwen2, by hand over UTF-8; see `bpe-split.ts`.
 *
 * `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
 * the third part `\p{N}` for Qwen2.
 */
import { bpeClass, bpeClassTable } from "../bpe-classes.ts";
import { characterLength, codePointAt, type Splitter } from "./bpe-character.ts";

/** @param mostNumbers that stand together */
export function makeCl100kSplitter(mostNumbers: number): Splitter {
  const classes = bpeClassTable();

  /** Class of the character at `at`, or -1 at the end. */
  function classAt(bytes: Uint8Array, at: number, end: number): number {
    if (at >= end) return -1;
    return classes[codePointAt(bytes, at, characterLength(bytes, at, end))] ?? bpeClass.other;
  }

  /** End of the run of at most `most` characters of one class from `at` on. */
  function runEnd(bytes: Uint8Array, at: number, end: number, wanted: number, most = Number.POSITIVE_INFINITY): number {
    for (let n = 0; n < most && classAt(bytes, at, end) === wanted; n++) at += characterLength(bytes, at, end);
    return at;
  }

  return (bytes, start, end) => {
    const first = bytes[start] as number;
    if (first === 0x27) {
      const length = contractionLength(bytes, start, end);
      if (length > 0) return start + length;
    }
    const kind = classAt(bytes, start, end);
    const second = start + characterLength(bytes, start, end);
    if (kind === bpeClass.letter) return runEnd(bytes, second, end, kind);
    if (kind === bpeClass.number) return runEnd(bytes, start, end, kind, mostNumbers);
    const next = classAt(bytes, second, end);
    if (next === bpeClass.letter && !isLineBreak(first)) return runEnd(bytes, second, end, next);
    if (kind === bpeClass.other || (first === 0x20 && next === bpeClass.other)) {
      let at = runEnd(bytes, second, end, bpeClass.other);
      while (at < end && isLineBreak(bytes[at] as number)) at++;
      return at;
    }

    const last = runEnd(bytes, start, end, bpeClass.space);
    let lineEnd = last;
    while (lineEnd > start && !isLineBreak(bytes[lineEnd - 1] as number)) lineEnd--;
    if (lineEnd > start) return lineEnd;
    if (last === end) return last;
    // Give back one character; a run of one keeps it.
    let beforeLast = last - 1;
    while (beforeLast > start && ((bytes[beforeLast] as number) & 0xc0) === 0x80) beforeLast--;
    return beforeLast > start ? beforeLast : last;
  };
}

function isLineBreak(byte: number): boolean {
  return byte === 0x0a || byte === 0x0d;
}

/** Length of `'s 't 'm 'd 're 've 'll` in any case at an apostrophe, or 0. The long s is an s in another case. */
function contractionLength(bytes: Uint8Array, at: number, end: number): number {
  if (at + 1 >= end) return 0;
  const one = (bytes[at + 1] as number) | 0x20;
  if (one === 0x73 || one === 0x74 || one === 0x6d || one === 0x64) return 2;
  if (at + 2 >= end) return 0;
  if (bytes[at + 1] === 0xc5 && bytes[at + 2] === 0xbf) return 3;
  const two = (bytes[at + 2] as number) | 0x20;
  return ((one === 0x72 || one === 0x76) && two === 0x65) || (one === 0x6c && two === 0x6c) ? 3 : 0;
}
