/** UTF-8: find what is invalid, repair it, count code points. Fast twin of `reference/utf8.ts`. */

/** Bytes of the valid sequence at `p`, or minus the length of the maximal invalid subpart there. Reads below `end`. */
export function sequenceLength(p: usize, end: usize): i32 {
  const lead = load<u8>(p) as u32;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return -1;
  const length: i32 = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  const low: u32 = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const high: u32 = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (p + 1 >= end) return -1;
  const second = load<u8>(p, 1) as u32;
  if (second < low || second > high) return -1;
  if (length == 2) return 2;
  if (p + 2 >= end || (load<u8>(p, 2) & 0xc0) != 0x80) return -2;
  if (length == 3) return 3;
  if (p + 3 >= end || (load<u8>(p, 3) & 0xc0) != 0x80) return -3;
  return 4;
}

/** First invalid sequence of `[p, end)`, or `end`: whole blocks at once, then one by one from where they stopped. */
export function findInvalid(p: usize, end: usize): usize {
  let at = skipValidBlocks(p, end);
  // All before is valid but for a sequence that may be unfinished: back to its lead.
  for (let back: usize = 1; back <= 3 && at - back >= p; back++) {
    const byte = load<u8>(at - back);
    if ((byte & 0xc0) == 0x80) continue;
    if (byte >= 0xc0) at -= back;
    break;
  }
  while (at < end) {
    const length = sequenceLength(at, end);
    if (length < 0) return at;
    at += length as usize;
  }
  return end;
}

/**
 * The first block of sixteen bytes that ends an invalid sequence or is not whole (John Keiser and Daniel Lemire,
 * "Validating UTF-8 in less than one instruction per byte", 2021; the tables are theirs).
 */
function skipValidBlocks(p: usize, end: usize): usize {
  const byte1High = i8x16(2, 2, 2, 2, 2, 2, 2, 2, -128, -128, -128, -128, 33, 1, 21, 73);
  const byte1Low = i8x16(-25, -93, -125, -125, -117, -53, -53, -53, -53, -53, -53, -53, -53, -37, -53, -53);
  const byte2High = i8x16(1, 1, 1, 1, 1, 1, 1, 1, -26, -82, -70, -70, 1, 1, 1, 1);
  const low = i8x16.splat(15);
  let previous = i8x16.splat(0);
  while (p + 16 <= end) {
    // Behind ASCII, ASCII passes 64 bytes at a time.
    if (p + 64 <= end && (i8x16.bitmask(previous) as u32) == 0) {
      const half = v128.or(v128.load(p), v128.load(p, 16));
      if (i8x16.bitmask(v128.or(half, v128.or(v128.load(p, 32), v128.load(p, 48)))) == 0) {
        p += 64;
        continue;
      }
    }
    const input = v128.load(p);
    if (v128.any_true(v128.and(v128.or(input, previous), i8x16.splat(-128)))) {
      const before1 = i8x16.shuffle(previous, input, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
      const before2 = i8x16.shuffle(previous, input, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29);
      const before3 = i8x16.shuffle(previous, input, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28);
      const special = v128.and(
        v128.and(i8x16.swizzle(byte1High, i8x16.shr_u(before1, 4)), i8x16.swizzle(byte1Low, v128.and(before1, low))),
        i8x16.swizzle(byte2High, i8x16.shr_u(input, 4)),
      );
      const mustContinue = v128.and(
        v128.or(i8x16.sub_sat_u(before2, i8x16.splat(0x60)), i8x16.sub_sat_u(before3, i8x16.splat(0x70))),
        i8x16.splat(-128),
      );
      if (v128.any_true(v128.xor(mustContinue, special))) return p;
    }
    previous = input;
    p += 16;
  }
  return p;
}

/** Offset of the first invalid sequence, or -1. */
export function findInvalidUtf8(source: usize, length: usize): i32 {
  const at = findInvalid(source, source + length);
  return at >= source + length ? -1 : (at - source) as i32;
}

let replacements: i32 = 0;
export function replacementCount(): i32 {
  return replacements;
}

/** Repairs into `target`, which holds three times `length`; returns the bytes written. */
export function repairUtf8(source: usize, length: usize, target: usize): usize {
  const end = source + length;
  let p = source;
  let o = target;
  replacements = 0;
  while (p < end) {
    const stop = findInvalid(p, end);
    if (stop > p) {
      const valid = (stop < end ? stop : end) - p;
      memory.copy(o, p, valid);
      o += valid;
      p += valid;
    }
    if (p < end) {
      store<u8>(o, 0xef);
      store<u8>(o, 0xbf, 1);
      store<u8>(o, 0xbd, 2);
      o += 3;
      replacements++;
      p += (-sequenceLength(p, end)) as usize;
    }
  }
  return o - target;
}

/** Writes the code points of each text. */
export function countCodePoints(values: usize, offsets: usize, length: i32, counts: usize): void {
  for (let i = 0; i < length; i++) {
    const at = (i as usize) << 2;
    let p = values + load<u32>(offsets + at);
    const end = values + load<u32>(offsets + at, 4);
    let count = 0;
    while (p + 16 <= end) {
      // As signed bytes, continuations are those below -64.
      count += 16 - popcnt(i8x16.bitmask(i8x16.lt_s(v128.load(p), i8x16.splat(-64))));
      p += 16;
    }
    for (; p < end; p++) if ((load<u8>(p) & 0xc0) != 0x80) count++;
    store<i32>(counts + at, count);
  }
}
