/**
 * What the plain twins of the filters' kernels share: code points and their classes, white space, line separators.
 *
 * A sequence that is not whole, or is none, counts as U+FFFD: as many bytes as stand there.
 */
import { filterClassTable, kindMask, wordKind } from "../filter-classes.ts";

export interface CodePoint {
  readonly value: number;
  readonly bytes: number;
}

/** The code point at a byte of a text that ends at `end`. */
export function codePointAt(bytes: Uint8Array, at: number, end: number): CodePoint {
  const first = bytes[at] as number;
  if (first < 0x80) return { value: first, bytes: 1 };
  const size = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  let value = first & (0xff >> (size + 1));
  for (let i = 1; i < size; i++) {
    if (at + i >= end || !isContinuation(bytes[at + i] as number)) return { value: 0xfffd, bytes: i };
    value = (value << 6) | ((bytes[at + i] as number) & 0x3f);
  }
  if (size === 1) return { value: 0xfffd, bytes: 1 };
  return { value: Math.min(value, 0x10_ffff), bytes: size };
}

/** The code point that ends before `end`. */
export function codePointBefore(bytes: Uint8Array, start: number, end: number): CodePoint {
  let at = end - 1;
  while (at > start && end - at < 4 && isContinuation(bytes[at] as number)) at--;
  const found = codePointAt(bytes, at, end);
  return at + found.bytes === end ? found : { value: 0xfffd, bytes: 1 };
}

export function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** First byte of what is not white space, or `end`. */
export function skipSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const codePoint = codePointAt(bytes, at, end);
    if (!isSpace(codePoint.value)) break;
    at += codePoint.bytes;
  }
  return at;
}

/** End of what is not white space, or `start`. */
export function stripEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start) {
    const codePoint = codePointBefore(bytes, start, at);
    if (!isSpace(codePoint.value)) break;
    at -= codePoint.bytes;
  }
  return at;
}

export function isSpace(codePoint: number): boolean {
  return ((filterClassTable()[codePoint] as number) & kindMask) === wordKind.space;
}

/** Bytes of the line separator at a byte (Python's str.splitlines), or 0. */
export function lineSeparatorLength(bytes: Uint8Array, at: number, end: number): number {
  const byte = bytes[at] as number;
  if (byte < 0x0a) return 0;
  if (byte <= 0x0d) return byte === 0x0d && at + 1 < end && bytes[at + 1] === 0x0a ? 2 : 1;
  if (byte >= 0x1c && byte <= 0x1e) return 1;
  if (byte === 0xc2) return at + 1 < end && bytes[at + 1] === 0x85 ? 2 : 0;
  if (byte !== 0xe2 || at + 2 >= end || bytes[at + 1] !== 0x80) return 0;
  return bytes[at + 2] === 0xa8 || bytes[at + 2] === 0xa9 ? 3 : 0;
}

/** Code points of a piece: bytes that are no continuation. */
export function countCharacters(bytes: Uint8Array, start: number, end: number): number {
  let characters = 0;
  for (let at = start; at < end; at++) if (!isContinuation(bytes[at] as number)) characters++;
  return characters;
}

/** Two polynomial hashes modulo 2³² of bytes, together taken for the bytes themselves. */
export interface Hash {
  readonly a: number;
  readonly b: number;
}

/** Odd multipliers of the two. */
export const baseA = 0x0100_0193;
export const baseB = 0x9e37_79b1 | 0;

export function hashBytes(bytes: Uint8Array, start: number, end: number): Hash {
  let a = 0;
  let b = 0;
  for (let at = start; at < end; at++) {
    // 1 is added, so that leading zero bytes count.
    a = (Math.imul(a, baseA) + (bytes[at] as number) + 1) | 0;
    b = (Math.imul(b, baseB) + (bytes[at] as number) + 1) | 0;
  }
  return { a, b };
}
