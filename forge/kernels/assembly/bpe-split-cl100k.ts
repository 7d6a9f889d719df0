/**
 * Ends of pre-tokens of GPT-4, Llama-3 and Qwen2, character by character. Fast twin of
 * `reference/bpe-split-cl100k.ts`.
 */
import { characterAt, lettersEnd, runEnd } from "./bpe-characters";

const other: u32 = 0;
const letter: u32 = 1;
const number: u32 = 2;
const space: u32 = 3;

/** Class of the character at p; that of the end is none. */
// @ts-ignore: decorator
@inline
export function classAt(p: usize, end: usize): u32 {
  return p < end ? characterAt(p, end) & 0xff : 4;
}

// @ts-ignore: decorator
@inline
function isLineBreak(p: usize): bool {
  const byte = load<u8>(p);
  return byte == 0x0a || byte == 0x0d;
}

/** End of the pre-token of cl100k's pattern that begins at p; `p < end`. @param most numbers that stand together */
export function cl100kEnd(p: usize, end: usize, most: i32): usize {
  const first = load<u8>(p) as u32;
  if (first == 0x27) {
    const length = contractionLength(p, end);
    if (length > 0) return p + length;
  }
  const character = characterAt(p, end);
  const kind = character & 0xff;
  const second = p + ((character >> 8) as usize);
  if (kind == letter) return lettersEnd(second, end);
  if (kind == number) {
    let stop = second;
    for (let n = 1; n < most && classAt(stop, end) == number; n++) stop += (characterAt(stop, end) >> 8) as usize;
    return stop;
  }
  const next = classAt(second, end);
  if (next == letter && !isLineBreak(p)) return lettersEnd(second, end);
  if (kind == other || (first == 0x20 && next == other)) {
    let stop = runEnd(second, end, other);
    while (stop < end && isLineBreak(stop)) stop++;
    return stop;
  }
  const stop = runEnd(p, end, space);
  let lineEnd = stop;
  while (lineEnd > p && !isLineBreak(lineEnd - 1)) lineEnd--;
  if (lineEnd > p) return lineEnd;
  return stop == end ? stop : withoutLast(p, stop);
}

/** White space gives its last character back to what follows, where it has more than one. */
// @ts-ignore: decorator
@inline
function withoutLast(p: usize, stop: usize): usize {
  let last = stop - 1;
  while (last > p && (load<u8>(last) & 0xc0) == 0x80) last--;
  return last > p ? last : stop;
}

/** Bytes of `'s 't 'm 'd 're 've 'll` in any case at an apostrophe, or 0. The long s is an s in another case. */
function contractionLength(p: usize, end: usize): usize {
  if (p + 1 >= end) return 0;
  const one = load<u8>(p, 1) | 0x20;
  if (one == 0x73 || one == 0x74 || one == 0x6d || one == 0x64) return 2;
  if (p + 2 >= end) return 0;
  if (load<u8>(p, 1) == 0xc5 && load<u8>(p, 2) == 0xbf) return 3;
  const two = load<u8>(p, 2) | 0x20;
  return ((one == 0x72 || one == 0x76) && two == 0x65) || (one == 0x6c && two == 0x6c) ? 3 : 0;
}
