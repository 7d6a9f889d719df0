/** XXH64 of texts and lines. Fast twin of `reference/hash.ts`, which names the source. */

const p1: u64 = 11400714785074694791;
const p2: u64 = 14029467366897019727;
const p3: u64 = 1609587929392839161;
const p4: u64 = 9650029242287828579;
const p5: u64 = 2870177450012600261;
const secondSeedMask: u32 = 0x9e3779b9;

// @ts-ignore: decorator
@inline
function round(lane: u64, input: u64): u64 {
  return rotl(lane + input * p2, 31) * p1;
}

// @ts-ignore: decorator
@inline
function merge(hash: u64, lane: u64): u64 {
  return (hash ^ round(0, lane)) * p1 + p4;
}

export function xxh64(source: usize, end: usize, seed: u64): u64 {
  let p = source;
  let h: u64;
  if (end - source >= 32) {
    let a: u64 = seed + p1 + p2;
    let b: u64 = seed + p2;
    let c: u64 = seed;
    let d: u64 = seed - p1;
    const limit = end - 32;
    do {
      a = round(a, load<u64>(p));
      b = round(b, load<u64>(p, 8));
      c = round(c, load<u64>(p, 16));
      d = round(d, load<u64>(p, 24));
      p += 32;
    } while (p <= limit);
    h = rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18);
    h = merge(merge(merge(merge(h, a), b), c), d);
  } else h = seed + p5;
  h += (end - source) as u64;
  for (; p + 8 <= end; p += 8) h = rotl(h ^ round(0, load<u64>(p)), 27) * p1 + p4;
  if (p + 4 <= end) {
    h = rotl(h ^ ((load<u32>(p) as u64) * p1), 23) * p2 + p3;
    p += 4;
  }
  for (; p < end; p++) h = rotl(h ^ ((load<u8>(p) as u64) * p5), 11) * p1;
  h = (h ^ (h >> 33)) * p2;
  h = (h ^ (h >> 29)) * p3;
  return h ^ (h >> 32);
}

// @ts-ignore: decorator
@inline
function hashInto(target: usize, start: usize, end: usize, seed: u32): void {
  store<u64>(target, xxh64(start, end, seed as u64));
  store<u64>(target, xxh64(start, end, (seed ^ secondSeedMask) as u64), 8);
}

/** 16 bytes a text. */
export function hashTexts(values: usize, offsets: usize, length: i32, seed: u32, hashes: usize): void {
  for (let i: usize = 0; i < (length as usize); i++) {
    const at = offsets + (i << 2);
    hashInto(hashes + (i << 4), values + load<u32>(at), values + load<u32>(at, 4), seed);
  }
}

/** Loaded, it stays in a register; what is written as a constant is made anew for each block. */
const lineFeeds: usize = memory.data(16);
v128.store(lineFeeds, i8x16.splat(10));

/** End of the line that begins at `p`: its line feed, or `end`. */
export function lineEnd(p: usize, end: usize): usize {
  const feed = v128.load(lineFeeds);
  while (p < end) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(p), feed)) as u32;
    if (mask != 0) {
      const at = p + (ctz(mask) as usize);
      return at < end ? at : end;
    }
    p += 16;
  }
  return end;
}

/** Line feeds of `[p, end)`. */
export function countLineFeeds(p: usize, length: usize): i32 {
  const end = p + length;
  const feed = v128.load(lineFeeds);
  let count = 0;
  for (; p + 64 <= end; p += 64) {
    const first = v128.or(i8x16.eq(v128.load(p), feed), i8x16.eq(v128.load(p, 16), feed));
    const second = v128.or(i8x16.eq(v128.load(p, 32), feed), i8x16.eq(v128.load(p, 48), feed));
    if (!v128.any_true(v128.or(first, second))) continue;
    for (let at: usize = 0; at < 64; at += 16) count += popcnt(i8x16.bitmask(i8x16.eq(v128.load(p + at), feed)));
  }
  for (; p < end; p++) if (load<u8>(p) == 10) count++;
  return count;
}

/** 16 bytes a line, and where each text's lines begin; `hashes` holds a line for each line feed and each text. */
export function hashLines(
  values: usize,
  offsets: usize,
  length: i32,
  seed: u32,
  hashes: usize,
  lineOffsets: usize,
): void {
  let line: usize = 0;
  store<u32>(lineOffsets, 0);
  for (let i: usize = 0; i < (length as usize); i++) {
    const at = offsets + (i << 2);
    let p = values + load<u32>(at);
    const end = values + load<u32>(at, 4);
    while (p < end) {
      const stop = lineEnd(p, end);
      const trimmed = stop > p && load<u8>(stop - 1) == 13 ? stop - 1 : stop;
      hashInto(hashes + (line << 4), p, trimmed, seed);
      line++;
      p = stop + 1;
    }
    store<u32>(lineOffsets + (i << 2), line as u32, 4);
  }
}
