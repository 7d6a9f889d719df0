/** UTF-8: find what is invalid, replace it, count code points. Plain twin of `assembly/utf8.ts`. */
import type { RepairedUtf8, TextColumn } from "../types.ts";

const replacement = [0xef, 0xbf, 0xbd] as const;

/** Offset of the first invalid sequence in `[start, end)`, or -1. */
export function findInvalidUtf8(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  let at = start;
  while (at < end) {
    if ((bytes[at] as number) < 0x80) {
      at++;
      continue;
    }
    const length = sequenceLength(bytes, at, end);
    if (length <= 0) return at;
    at += length;
  }
  return -1;
}

/** Replaces each maximal subpart of an ill-formed sequence by U+FFFD (Unicode 17, 3.9.6; WHATWG Encoding). */
export function repairUtf8(bytes: Uint8Array): RepairedUtf8 {
  let at = findInvalidUtf8(bytes);
  if (at < 0) return { bytes, replacements: 0 };
  // A replacement is three bytes for at least one.
  const output = new Uint8Array(at + 3 * (bytes.length - at));
  output.set(bytes.subarray(0, at));
  let written = at;
  let replacements = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at, bytes.length);
    if (length > 0) {
      for (let i = 0; i < length; i++) output[written++] = bytes[at++] as number;
    } else {
      for (const byte of replacement) output[written++] = byte;
      replacements++;
      at -= length;
    }
  }
  return { bytes: output.slice(0, written), replacements };
}

/** Code points of each text: bytes that do not continue a sequence. */
export function countCodePoints({ values, offsets, length }: TextColumn): Uint32Array {
  const counts = new Uint32Array(length);
  for (let i = 0; i < length; i++) {
    let count = 0;
    const end = offsets[i + 1] as number;
    for (let at = offsets[i] as number; at < end; at++) if (((values[at] as number) & 0xc0) !== 0x80) count++;
    counts[i] = count;
  }
  return counts;
}

/** Bytes of the valid sequence at `at`, or minus the length of the maximal invalid subpart there. */
export function sequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at] as number;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return -1;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // The second byte alone decides against overlong forms, surrogates and what lies above U+10FFFF.
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  for (let i = 1; i < length; i++) {
    if (at + i >= end) return -i;
    const byte = bytes[at + i] as number;
    if (byte < (i === 1 ? low : 0x80) || byte > (i === 1 ? high : 0xbf)) return -i;
  }
  return length;
}
