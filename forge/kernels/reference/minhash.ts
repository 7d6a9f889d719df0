/**
 * Word n-grams and MinHash signatures (Broder 1997) of normal forms. Plain twin of `assembly/minhash.ts`.
 *
 * An n-gram's hash is a polynomial of its words' 64-bit hashes modulo 2⁶⁴, rolled from word to word and then mixed. A
 * signature holds the minima of `a · x + b` modulo 2³² over the n-grams' low halves, `a` odd: bijections of a
 * well-mixed value, whose estimates of Jaccard are unbiased as far as tests can see (`tests/kernels/minhash.test.ts`).
 */
import { random } from "../../base/random.ts";
import type { MinHashOptions, MinHashSignatures, ShingleSequences, TextColumn } from "../types.ts";
import { normalizeForDedup } from "./normal-form.ts";
import { Uint64 } from "./uint64.ts";

/** Odd multipliers as (low, high). The same stand in `assembly/minhash.ts`. */
const k1 = [0x7f4a_7c15, 0x9e37_79b9] as const;
const k2 = [0x27d4_eb4f, 0xc2b2_ae3d] as const;
/** Base of the polynomial. */
const base = [0x4c95_7f2d, 0x5851_f42d] as const;

/** Multipliers (odd) and increments of the permutations; a pure function of the seed. */
export function minHashParameters(seed: number, count: number): { readonly a: Uint32Array; readonly b: Uint32Array } {
  const stream = random("minhash", seed);
  const a = new Uint32Array(count);
  const b = new Uint32Array(count);
  for (let k = 0; k < count; k++) {
    a[k] = stream.uint32() | 1;
    b[k] = stream.uint32();
  }
  return { a, b };
}

export function signMinHash(column: TextColumn, options: MinHashOptions = {}): MinHashSignatures {
  const { shingleWords = 5, bands = 14, rows = 8, seed = 1 } = options;
  const count = bands * rows;
  const { a, b } = minHashParameters(seed, count);
  const { hashes, offsets } = shingles(column, shingleWords);
  const signatures = new Uint32Array(column.length * count).fill(0xffff_ffff);
  const shingleCounts = new Uint32Array(column.length);
  for (let i = 0; i < column.length; i++) {
    const start = offsets[i] as number;
    const end = offsets[i + 1] as number;
    shingleCounts[i] = end - start;
    for (let k = 0; k < count; k++) {
      let minimum = 0xffff_ffff;
      for (let at = start; at < end; at++) {
        const value = (Math.imul(hashes[2 * at] as number, a[k] as number) + (b[k] as number)) >>> 0;
        if (value < minimum) minimum = value;
      }
      signatures[i * count + k] = minimum;
    }
  }
  return { signatures, shingleCounts };
}

/** Hashes of each text's word n-grams in order, as (low, high). */
export function shingles(column: TextColumn, shingleWords: number): ShingleSequences {
  const { values, offsets, length } = normalizeForDedup(column);
  const hashes = new Int32Array(values.length + 2);
  const target = new Int32Array(length + 1);
  const window = new Int32Array(2 * shingleWords);
  const power = powerOfBase(shingleWords - 1);
  const hash = new Uint64();
  const oldest = new Uint64();
  const sum = new Uint64();
  const mixed = new Uint64();
  for (let i = 0; i < length; i++) {
    let written = target[i] as number;
    let words = 0;
    sum.set(0, 0);
    const end = offsets[i + 1] as number;
    for (let at = offsets[i] as number; at < end; at++) {
      if (values[at] === 0x20) continue;
      const start = at;
      while (at < end && values[at] !== 0x20) at++;
      hashWord(values, start, at, hash);
      const slot = 2 * (words % shingleWords);
      if (words >= shingleWords) {
        oldest.set(window[slot] as number, window[slot + 1] as number).multiply(power.low, power.high);
        sum.subtract(oldest.low, oldest.high);
      }
      window[slot] = hash.low;
      window[slot + 1] = hash.high;
      sum.multiply(base[0], base[1]).add(hash.low, hash.high);
      if (++words < shingleWords) continue;
      mixed
        .set(sum.low, sum.high)
        .foldRight(32)
        .multiply(k1[0], k1[1])
        .foldRight(29)
        .multiply(k2[0], k2[1])
        .foldRight(32);
      hashes[2 * written] = mixed.low;
      hashes[2 * written + 1] = mixed.high;
      written++;
    }
    target[i + 1] = written;
  }
  return { hashes: new Uint32Array(hashes.buffer, 0, 2 * (target[length] as number)).slice(), offsets: target };
}

/**
 * 64-bit hash of a word's bytes, eight at a time (sixteen at the least), zeros behind the last; the length goes in, too.
 *
 * Nothing else tells words apart. A product carries what it is given upwards only: the last of eight bytes changes its
 * highest eight bits and no more, and one other byte could cancel that. So what is high comes low and a second factor
 * spreads the change over 41 bits or more, before the next eight bytes are added.
 */
function hashWord(bytes: Uint8Array, start: number, end: number, hash: Uint64): void {
  const stop = Math.max(end, start + 9);
  hash
    .set(word(bytes, start, end), word(bytes, start + 4, end))
    .multiply(k1[0], k1[1])
    .add(end - start, 0);
  for (let at = start + 8; at < stop; at += 8) {
    hash
      .rotate(31)
      .multiply(k2[0], k2[1])
      .add(word(bytes, at, end), word(bytes, at + 4, end))
      .multiply(k1[0], k1[1]);
  }
  hash.foldRight(32);
}

/** Four bytes, zeros from `end` on. */
function word(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let i = Math.min(end - at, 4) - 1; i >= 0; i--) value = (value << 8) | (bytes[at + i] as number);
  return value;
}

/** `base ** exponent` modulo 2⁶⁴. */
function powerOfBase(exponent: number): Uint64 {
  const power = new Uint64().set(1, 0);
  for (let i = 0; i < exponent; i++) power.multiply(base[0], base[1]);
  return power;
}
