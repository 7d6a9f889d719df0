/**
 * XXH64 (Yann Collet, xxHash specification 0.2.0) of texts and lines. Plain twin of `assembly/hash.ts`.
 *
 * Keys are 128 bits: two XXH64 of different seeds, since WebAssembly lacks the 64 × 64 → 128 product that XXH3 lives on.
 * Not for cryptography.
 */
import type { TextColumn } from "../types.ts";
import { Uint64 } from "./uint64.ts";

/** What the second half's seed is mixed with. */
export const secondSeedMask = 0x9e37_79b9;

/** Primes of xxHash as (low, high). */
const p1 = [0x85eb_ca87, 0x9e37_79b1] as const;
const p2 = [0x27d4_eb4f, 0xc2b2_ae3d] as const;
const p3 = [0x9e37_79f9, 0x1656_67b1] as const;
const p4 = [0xc2b2_ae63, 0x85eb_ca77] as const;
const p5 = [0x1656_67c5, 0x27d4_eb2f] as const;

/** XXH64 of `[start, end)` into `out`; `seed` is a 32-bit number. */
export function xxh64(bytes: Uint8Array, start: number, end: number, seed: number, out: Uint64): Uint64 {
  const hash = out;
  let at = start;
  if (end - start >= 32) {
    const lanes = [
      new Uint64()
        .set(seed, 0)
        .add(...p1)
        .add(...p2),
      new Uint64().set(seed, 0).add(...p2),
      new Uint64().set(seed, 0),
      new Uint64().set(~p1[0], ~p1[1]).add(1, 0).add(seed, 0),
    ] as const;
    for (; at + 32 <= end; at += 32) for (let i = 0; i < 4; i++) round(lanes[i] as Uint64, bytes, at + 8 * i);
    hash.set(0, 0);
    for (const [i, bits] of [1, 7, 12, 18].entries()) {
      const lane = lanes[i] as Uint64;
      const { low, high } = lane;
      lane.rotate(bits);
      hash.add(lane.low, lane.high);
      lane.set(low, high);
    }
    for (const lane of lanes) {
      lane
        .multiply(...p2)
        .rotate(31)
        .multiply(...p1);
      hash
        .xor(lane.low, lane.high)
        .multiply(...p1)
        .add(...p4);
    }
  } else hash.set(seed, 0).add(...p5);
  hash.add(end - start, 0);
  const lane = new Uint64();
  for (; at + 8 <= end; at += 8) {
    round(lane.set(0, 0), bytes, at);
    hash
      .xor(lane.low, lane.high)
      .rotate(27)
      .multiply(...p1)
      .add(...p4);
  }
  if (at + 4 <= end) {
    lane.set(word(bytes, at), 0).multiply(...p1);
    hash
      .xor(lane.low, lane.high)
      .rotate(23)
      .multiply(...p2)
      .add(...p3);
    at += 4;
  }
  for (; at < end; at++) {
    lane.set(bytes[at] as number, 0).multiply(...p5);
    hash
      .xor(lane.low, lane.high)
      .rotate(11)
      .multiply(...p1);
  }
  return hash
    .foldRight(33)
    .multiply(...p2)
    .foldRight(29)
    .multiply(...p3)
    .foldRight(32);
}

/** Two XXH64 a text, little-endian. */
export function hashTexts({ values, offsets, length }: TextColumn, seed = 0): Uint8Array {
  const words = new Int32Array(4 * length);
  for (let i = 0; i < length; i++) hashInto(words, i, values, offsets[i] as number, offsets[i + 1] as number, seed);
  return new Uint8Array(words.buffer);
}

/** Two XXH64 a line; a text's last line counts even when empty only if the text is not. */
export function hashLines(
  { values, offsets, length }: TextColumn,
  seed = 0,
): { readonly hashes: Uint8Array; readonly offsets: Int32Array } {
  const lineOffsets = new Int32Array(length + 1);
  for (let i = 0; i < length; i++) {
    let lines = 0;
    const end = offsets[i + 1] as number;
    for (let at = offsets[i] as number; at < end; at++) if (values[at] === 10 || at === end - 1) lines++;
    lineOffsets[i + 1] = (lineOffsets[i] as number) + lines;
  }
  const words = new Int32Array(4 * (lineOffsets[length] as number));
  let line = 0;
  for (let i = 0; i < length; i++) {
    let start = offsets[i] as number;
    const end = offsets[i + 1] as number;
    while (start < end) {
      let stop = values.indexOf(10, start);
      if (stop < 0 || stop >= end) stop = end;
      const trimmed = stop > start && values[stop - 1] === 13 ? stop - 1 : stop;
      hashInto(words, line++, values, start, trimmed, seed);
      start = stop + 1;
    }
  }
  return { hashes: new Uint8Array(words.buffer), offsets: lineOffsets };
}

function hashInto(words: Int32Array, i: number, values: Uint8Array, start: number, end: number, seed: number): void {
  const hash = new Uint64();
  xxh64(values, start, end, seed >>> 0, hash);
  words[4 * i] = hash.low;
  words[4 * i + 1] = hash.high;
  xxh64(values, start, end, (seed ^ secondSeedMask) >>> 0, hash);
  words[4 * i + 2] = hash.low;
  words[4 * i + 3] = hash.high;
}

function round(lane: Uint64, bytes: Uint8Array, at: number): void {
  const input = new Uint64().set(word(bytes, at), word(bytes, at + 4)).multiply(...p2);
  lane
    .add(input.low, input.high)
    .rotate(31)
    .multiply(...p1);
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}
