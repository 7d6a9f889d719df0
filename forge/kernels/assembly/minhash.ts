/** Word n-grams and MinHash signatures. Fast twin of `reference/minhash.ts`, which explains them. */
import { normalize } from "./normal-form";

const k1: u64 = 0x9e3779b97f4a7c15;
const k2: u64 = 0xc2b2ae3d27d4eb4f;
const base: u64 = 0x5851f42d4c957f2d;

/** 16 bytes of ones, then 16 of zeros: a load `n` bytes before the zeros keeps the first n bytes. */
const masks: usize = memory.data(32, 16);

/** Words of up to 16 bytes take both steps, so that no branch depends on which they need. */
// @ts-ignore: decorator
@inline
function hashWord(p: usize, length: usize): u64 {
  if (length > 16) return hashLongWord(p, length);
  const bytes = v128.and(v128.load(p), v128.load(masks + 16 - length));
  const first = i64x2.extract_lane(bytes, 0) * k1 + (length as u64);
  const hash = next(first, i64x2.extract_lane(bytes, 1));
  return hash ^ (hash >> 32);
}

function hashLongWord(p: usize, length: usize): u64 {
  let hash = load<u64>(p) * k1 + (length as u64);
  for (length -= 8; length >= 8; length -= 8) {
    p += 8;
    hash = next(hash, load<u64>(p));
  }
  if (length != 0) {
    const mask: u64 = ((1 as u64) << ((length as u64) << 3)) - 1;
    hash = next(hash, load<u64>(p, 8) & mask);
  }
  return hash ^ (hash >> 32);
}

/** Takes eight more bytes into a hash. */
// @ts-ignore: decorator
@inline
function next(hash: u64, bytes: u64): u64 {
  return (rotl(hash, 31) * k2 + bytes) * k1;
}

// @ts-ignore: decorator
@inline
function mix(x: u64): u64 {
  x = (x ^ (x >> 32)) * k1;
  x = (x ^ (x >> 29)) * k2;
  return x ^ (x >> 32);
}

/** A bit for each space among 64 bytes. */
// @ts-ignore: decorator
@inline
function spacesAt(p: usize): u64 {
  const space = i8x16.splat(0x20);
  const a = i8x16.bitmask(i8x16.eq(v128.load(p), space)) as u64;
  const b = i8x16.bitmask(i8x16.eq(v128.load(p, 16), space)) as u64;
  const c = i8x16.bitmask(i8x16.eq(v128.load(p, 32), space)) as u64;
  const d = i8x16.bitmask(i8x16.eq(v128.load(p, 48), space)) as u64;
  return a | (b << 16) | (c << 32) | (d << 48);
}

/**
 * n-gram hashes of a normal form that ends at `end` (64 bits each, in order); returns where they end.
 *
 * `window` holds `words` hashes; `power` is `base ** (words - 1)`. Sixteen bytes after `end` are overwritten.
 */
function shinglesOf(p: usize, end: usize, words: i32, window: usize, power: u64, target: usize): usize {
  v128.store(masks, i8x16.splat(-1));
  // A sentinel ends the last word, so that the scan needs no bound.
  v128.store(end, i8x16.splat(0x20));
  const windowEnd = window + ((words as usize) << 3);
  let slot = window;
  let missing = words;
  let sum: u64 = 0;
  // Spaces come 64 bytes at a time, so that finding a word need not wait for the one before.
  let block = p;
  let spaces = spacesAt(block);
  while (p < end) {
    while (spaces == 0) {
      block += 64;
      spaces = spacesAt(block);
    }
    const start = p;
    const stop = block + (ctz(spaces) as usize);
    spaces &= spaces - 1;
    p = stop + 1;
    if (stop == start) continue;
    const word = hashWord(start, stop - start);
    if (missing == 0) sum -= load<u64>(slot) * power;
    else missing--;
    store<u64>(slot, word);
    slot += 8;
    if (slot == windowEnd) slot = window;
    sum = sum * base + word;
    if (missing == 0) {
      store<u64>(target, mix(sum));
      target += 8;
    }
  }
  return target;
}

function powerOfBase(exponent: i32): u64 {
  let power: u64 = 1;
  for (let i = 0; i < exponent; i++) power *= base;
  return power;
}

/** n-gram hashes of each text. `scratch` holds three times the longest text; `target` eight bytes for each word. */
export function shingleTexts(
  values: usize,
  offsets: usize,
  length: i32,
  words: i32,
  window: usize,
  scratch: usize,
  target: usize,
  targetOffsets: usize,
): void {
  const power = powerOfBase(words - 1);
  let o = target;
  store<u32>(targetOffsets, 0);
  for (let i: usize = 0; i < (length as usize); i++) {
    const at = offsets + (i << 2);
    const end = normalize(values + load<u32>(at), values + load<u32>(at, 4), scratch);
    o = shinglesOf(scratch, end, words, window, power, o);
    store<u32>(targetOffsets + (i << 2), ((o - target) >> 3) as u32, 4);
  }
}

/**
 * Signatures of each text. `hashes` (a multiple of 16, parameters padded to it) may exceed `kept`, which is written.
 * `shingles` holds eight bytes for each word of the longest text, `minima` four bytes for each hash.
 */
export function signTexts(
  values: usize,
  offsets: usize,
  length: i32,
  words: i32,
  window: usize,
  scratch: usize,
  shingles: usize,
  a: usize,
  b: usize,
  hashes: i32,
  kept: i32,
  minima: usize,
  signatures: usize,
  counts: usize,
): void {
  const power = powerOfBase(words - 1);
  const bytes = (kept as usize) << 2;
  for (let i: usize = 0; i < (length as usize); i++) {
    const at = offsets + (i << 2);
    const end = normalize(values + load<u32>(at), values + load<u32>(at, 4), scratch);
    const shinglesEnd = shinglesOf(scratch, end, words, window, power, shingles);
    minimaOf(shingles, shinglesEnd, a, b, (hashes as usize) << 2, minima);
    memory.copy(signatures + i * bytes, minima, bytes);
    store<u32>(counts + (i << 2), ((shinglesEnd - shingles) >> 3) as u32);
  }
}

/** Minima of `a · x + b` modulo 2³², sixteen permutations at a time: four vectors stay in registers. */
function minimaOf(start: usize, end: usize, a: usize, b: usize, bytes: usize, minima: usize): void {
  for (let k: usize = 0; k < bytes; k += 64) {
    const a0 = v128.load(a + k);
    const a1 = v128.load(a + k, 16);
    const a2 = v128.load(a + k, 32);
    const a3 = v128.load(a + k, 48);
    const b0 = v128.load(b + k);
    const b1 = v128.load(b + k, 16);
    const b2 = v128.load(b + k, 32);
    const b3 = v128.load(b + k, 48);
    let m0 = i32x4.splat(-1);
    let m1 = m0;
    let m2 = m0;
    let m3 = m0;
    for (let p = start; p < end; p += 8) {
      const x = v128.load_splat<u32>(p);
      m0 = i32x4.min_u(m0, i32x4.add(i32x4.mul(x, a0), b0));
      m1 = i32x4.min_u(m1, i32x4.add(i32x4.mul(x, a1), b1));
      m2 = i32x4.min_u(m2, i32x4.add(i32x4.mul(x, a2), b2));
      m3 = i32x4.min_u(m3, i32x4.add(i32x4.mul(x, a3), b3));
    }
    v128.store(minima + k, m0);
    v128.store(minima + k, m1, 16);
    v128.store(minima + k, m2, 32);
    v128.store(minima + k, m3, 48);
  }
}
