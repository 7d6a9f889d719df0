/**
 * What the filters' kernels share: classes of code points, white space, line separators, and where counts go.
 *
 * Classes are those of `filter-classes.ts`. A sequence that is not whole counts as U+FFFD, so nothing is read
 * outside of the text.
 */

export const symbol: u32 = 0;
export const space: u32 = 1;
export const letter: u32 = 2;
export const number: u32 = 3;
export const mark: u32 = 4;
export const single: u32 = 5;
export const connector: u32 = 6;
export const kindMask: u32 = 7;
export const punctuationBit: u32 = 8;
export const terminalBit: u32 = 16;

/** One byte a code point. */
let classes: usize = 0;
/** Whether the table has words end at white space alone, so that nothing in ASCII is a symbol. */
let onlySpaceEnds: bool = false;

export function setFilterTables(classTable: usize): void {
  classes = classTable;
  onlySpaceEnds = (load<u8>(classTable + 0x21) & kindMask) == connector;
}

// @ts-ignore: decorator
@inline
export function wordsEndAtSpace(): bool {
  return onlySpaceEnds;
}

/** Where the present text's counts go, and how far apart two counts are. */
let output: usize = 0;
let stride: usize = 0;

/** Names of a text's counts stand in columns of so many rows. */
export function beginCounts(target: usize, rows: usize): void {
  output = target;
  stride = rows << 2;
}

// @ts-ignore: decorator
@inline
export function put(column: i32, value: u32): void {
  store<u32>(output + (column as usize) * stride, value);
}

// @ts-ignore: decorator
@inline
export function putBefore(column: i32): u32 {
  return load<u32>(output + (column as usize) * stride);
}

/** Class of the code point at a byte of a text, and its bytes: `class | size << 8`. */
// @ts-ignore: decorator
@inline
export function classAt(at: usize, end: usize): u32 {
  const first: u32 = load<u8>(at);
  return first < 0x80 ? (load<u8>(classes + first) as u32) | 0x100 : wideClassAt(at, end);
}

// @ts-ignore: decorator
@inline
export function asciiClass(byte: u32): u32 {
  return load<u8>(classes + byte);
}

/** The same for a byte that is not ASCII. */
export function wideClassAt(at: usize, end: usize): u32 {
  const found = wideCodePointAt(at, end);
  return (load<u8>(classes + ((found & 0xffffff) as usize)) as u32) | ((found >> 24) << 8);
}

/** Code point at a byte that is not ASCII, and its bytes: `codePoint | size << 24`. */
export function wideCodePointAt(at: usize, end: usize): u32 {
  const first: u32 = load<u8>(at);
  const second = continuation(at + 1, end);
  if (first < 0xc0 || second > 0x3f) return 0x100fffd;
  if (first < 0xe0) return 0x2000000 | ((first & 0x1f) << 6) | second;
  const third = continuation(at + 2, end);
  if (third > 0x3f) return 0x200fffd;
  if (first < 0xf0) return 0x3000000 | ((first & 0x0f) << 12) | (second << 6) | third;
  const fourth = continuation(at + 3, end);
  if (fourth > 0x3f) return 0x300fffd;
  return 0x4000000 | min<u32>(((first & 7) << 18) | (second << 12) | (third << 6) | fourth, 0x10ffff);
}

/** Six bits of a continuation byte; more than that where there is none. */
// @ts-ignore: decorator
@inline
function continuation(at: usize, end: usize): u32 {
  return at < end ? (load<u8>(at) as u32) ^ 0x80 : 0x40;
}

/** Class of the code point that ends before `end`, as `classAt` gives it. */
// @ts-ignore: decorator
@inline
export function classBefore(start: usize, end: usize): u32 {
  const last: u32 = load<u8>(end - 1);
  return last < 0x80 ? (load<u8>(classes + last) as u32) | 0x100 : wideClassBefore(start, end);
}

/** The last lead byte of the text begins it, if it reaches to the end; a byte more than that is U+FFFD alone. */
function wideClassBefore(start: usize, end: usize): u32 {
  let at = end - 1;
  while (at > start && end - at < 4 && (load<u8>(at) & 0xc0) == 0x80) at--;
  const found = load<u8>(at) < 0x80 ? 0 : wideClassAt(at, end);
  return at + ((found >> 8) as usize) == end ? found : symbol | 0x100;
}

export function skipSpace(start: usize, end: usize): usize {
  let at = start;
  while (at < end) {
    const found = classAt(at, end);
    if ((found & kindMask) != space) break;
    at += (found >> 8) as usize;
  }
  return at;
}

export function stripEnd(start: usize, end: usize): usize {
  let at = end;
  while (at > start) {
    const found = classBefore(start, at);
    if ((found & kindMask) != space) break;
    at -= (found >> 8) as usize;
  }
  return at;
}

/** Bytes of the line separator at a byte (Python's str.splitlines), or 0. */
export function separatorLength(at: usize, end: usize): usize {
  const byte: u32 = load<u8>(at);
  if (byte < 0x0a) return 0;
  if (byte <= 0x0d) return byte == 0x0d && at + 1 < end && load<u8>(at, 1) == 0x0a ? 2 : 1;
  if (byte >= 0x1c && byte <= 0x1e) return 1;
  if (byte == 0xc2) return at + 1 < end && load<u8>(at, 1) == 0x85 ? 2 : 0;
  if (byte != 0xe2 || at + 2 >= end || load<u8>(at, 1) != 0x80) return 0;
  return load<u8>(at, 2) == 0xa8 || load<u8>(at, 2) == 0xa9 ? 3 : 0;
}

/** Bits of 16 bytes where a line separator may begin: controls, and those beyond ASCII. */
// @ts-ignore: decorator
@inline
export function separatorBits(bytes: v128, next: v128): u32 {
  return (i8x16.bitmask(i8x16.lt_u(bytes, i8x16.splat(0x20))) as u32) | wideSeparatorBits(bytes, next);
}

/**
 * Bits of 16 bytes where a line separator beyond ASCII may begin: the lead bytes of U+0085 and of U+2028 and U+2029
 * with the byte that follows. U+2026, which ends in other bytes, is among them.
 */
// @ts-ignore: decorator
@inline
export function wideSeparatorBits(bytes: v128, next: v128): u32 {
  const nextLines = v128.and(i8x16.eq(bytes, i8x16.splat(-62)), i8x16.eq(next, i8x16.splat(-123)));
  const wide = v128.and(i8x16.eq(bytes, i8x16.splat(-30)), i8x16.eq(next, i8x16.splat(-128)));
  return i8x16.bitmask(v128.or(nextLines, wide)) as u32;
}

/** Code points of a well-formed piece: bytes that are no continuation. */
export function countCharacters(start: usize, end: usize): u32 {
  let continuations: u32 = 0;
  let at = start;
  for (; at + 16 <= end; at += 16) {
    continuations += popcnt(i8x16.bitmask(i8x16.lt_s(v128.load(at), i8x16.splat(-64))) as u32);
  }
  if (at < end) {
    const inside = ((1 as u32) << ((end - at) as u32)) - 1;
    continuations += popcnt((i8x16.bitmask(i8x16.lt_s(v128.load(at), i8x16.splat(-64))) as u32) & inside);
  }
  return ((end - start) as u32) - continuations;
}
