/**
 * Byte-level BPE: merging a pre-token of up to 64 bytes, the best pair first. Fast twin of the merger in
 * `reference/bpe-encode.ts`; `bpe-merge-long.ts` merges longer ones.
 *
 * Tokens stay where their first byte is: a bit mask says where tokens begin, so the neighbours of one are found by counting
 * zeros and nothing is shifted. What is compared is rank · 64 + place, so that one minimum finds the next merge, of equal
 * ranks the leftmost, without a branch. Up to 16 bytes these stay in registers.
 */
import { absent, bytePairAt, emit, exactRank, idOfByte, isPair, leastLane, noRank, rankOf, resultOf } from "./bpe-pairs";

/** Ids by place, with something absent on either side: counting the zeros of an empty mask gives −1 or 64. */
const ids: usize = memory.data(4 * (4 + 64 + 4), 16) + 16;
/** Rank · 64 + place of the pair that begins at a place. Of place −1 some are written, none is read. */
const pairs: usize = memory.data(4 * (4 + 64), 16) + 16;
/** From here on: no pair merges. */
const none: u32 = noRank << 6;

export function prepareMerging(): void {
  store<u32>(ids - 4, absent);
  store<u32>(ids + 256, absent);
}

/** Merges the pre-token [p, p + n), 1 ≤ n ≤ 64, and writes its ids to `out`; returns their end. */
export function mergeShort(p: usize, n: i32, out: usize): usize {
  let live = mergeInPlace(p, n);
  do {
    out = emit(load<u32>(ids + ((ctz(live) as usize) << 2)), out);
    live &= live - 1;
  } while (live != 0);
  return out;
}

/** Merges up to 64 bytes. Returns the places where tokens begin; `idAt` gives their ids. */
export function mergeInPlace(p: usize, n: i32): u64 {
  for (let i: usize = 0; i < (n as usize); i += 4) {
    store<u32>(ids + (i << 2), idOfByte(p + i));
    store<u32>(ids + (i << 2), idOfByte(p + i + 1), 4);
    store<u32>(ids + (i << 2), idOfByte(p + i + 2), 8);
    store<u32>(ids + (i << 2), idOfByte(p + i + 3), 12);
  }
  if (n <= 9) return mergeInRegisters(p, n, false);
  return n <= 16 ? mergeInRegisters(p, n, true) : mergeInMemory(p, n);
}

// @ts-ignore: decorator
@inline
export function idAt(place: i32): u32 {
  return load<u32>(ids + ((place as usize) << 2));
}

/** Four pairs of bytes from p on, the first of them at `place`, of which `count` in all are of the word. */
// @ts-ignore: decorator
@inline
function initialPairs(p: usize, place: i32, count: i32): v128 {
  let found = v128.load_zero<u32>(bytePairAt(p));
  found = v128.load_lane<u32>(bytePairAt(p + 1), found, 1);
  found = v128.load_lane<u32>(bytePairAt(p + 2), found, 2);
  found = v128.load_lane<u32>(bytePairAt(p + 3), found, 3);
  const places = i32x4.add(i32x4.splat(place), i32x4(0, 1, 2, 3));
  return v128.or(v128.or(found, places), i32x4.ge_s(places, i32x4.splat(count)));
}

/** Up to 9 bytes in two vectors of pairs, or `wide`: up to 16 in four. */
// @ts-ignore: decorator
@inline
function mergeInRegisters(p: usize, n: i32, wide: bool): u64 {
  const count = n - 1;
  let v0 = initialPairs(p, 0, count);
  let v1 = initialPairs(p + 4, 4, count);
  let v2 = i32x4.splat(-1);
  let v3 = v2;
  if (wide) {
    v2 = initialPairs(p + 8, 8, count);
    v3 = initialPairs(p + 12, 12, count);
  }
  let live: u64 = ((1 as u64) << (n as u64)) - 1;
  while (true) {
    const least = wide ? i32x4.min_u(i32x4.min_u(v0, v1), i32x4.min_u(v2, v3)) : i32x4.min_u(v0, v1);
    const best = i32x4.extract_lane(leastLane(least), 0) as u32;
    if (best >= none) return live;
    const at = (best & 63) as i32;
    const after = live & ((-2 as u64) << (at as u64));
    const right = ctz(after) as i32;
    const atLane = i32x4.splat(at);
    const left = idAt(at);
    if (!isPair(best >> 6, left, idAt(right))) {
      const exact = i32x4.splat((exactRank(left, idAt(right)) << 6) | at);
      v0 = v128.bitselect(exact, v0, i32x4.eq(i32x4(0, 1, 2, 3), atLane));
      v1 = v128.bitselect(exact, v1, i32x4.eq(i32x4(4, 5, 6, 7), atLane));
      v2 = v128.bitselect(exact, v2, i32x4.eq(i32x4(8, 9, 10, 11), atLane));
      v3 = v128.bitselect(exact, v3, i32x4.eq(i32x4(12, 13, 14, 15), atLane));
      continue;
    }
    const id = resultOf(best >> 6);
    live ^= (1 as u64) << (right as u64);
    const before = 63 - (clz(live & (((1 as u64) << (at as u64)) - 1)) as i32);
    store<u32>(ids + ((at as usize) << 2), id);
    const here = placed(rankOf(id, idAt(ctz(after & (after - 1)) as i32)), at);
    const there = placed(rankOf(idAt(before), id), before);
    const rightLane = i32x4.splat(right);
    const beforeLane = i32x4.splat(before);
    v0 = replaced(v0, i32x4(0, 1, 2, 3), here, there, atLane, rightLane, beforeLane);
    v1 = replaced(v1, i32x4(4, 5, 6, 7), here, there, atLane, rightLane, beforeLane);
    if (wide) {
      v2 = replaced(v2, i32x4(8, 9, 10, 11), here, there, atLane, rightLane, beforeLane);
      v3 = replaced(v3, i32x4(12, 13, 14, 15), here, there, atLane, rightLane, beforeLane);
    }
  }
}

// @ts-ignore: decorator
@inline
function placed(rank: v128, place: i32): v128 {
  return v128.or(i32x4.shl(rank, 6), i32x4.splat(place & 63));
}

/** Pairs with those of the places at, right and before put in: here, none and there. */
// @ts-ignore: decorator
@inline
function replaced(values: v128, places: v128, here: v128, there: v128, at: v128, right: v128, before: v128): v128 {
  values = v128.bitselect(here, values, i32x4.eq(places, at));
  values = v128.bitselect(there, values, i32x4.eq(places, before));
  return v128.or(values, i32x4.eq(places, right));
}

/** Up to 64 bytes. Whole vectors are loaded and stored, as a load waits long for parts of it that were just stored. */
function mergeInMemory(p: usize, n: i32): u64 {
  const count = n - 1;
  const end = (((count + 3) & ~3) << 2) as usize;
  for (let place = 0; place < count; place += 4) {
    v128.store(pairs + ((place as usize) << 2), initialPairs(p + place, place, count));
  }
  let live: u64 = (-1 as u64) >> ((64 - n) as u64);
  while (true) {
    let least = v128.load(pairs);
    for (let i: usize = 16; i < end; i += 16) least = i32x4.min_u(least, v128.load(pairs + i));
    const best = i32x4.extract_lane(leastLane(least), 0) as u32;
    if (best >= none) return live;
    const at = (best & 63) as i32;
    const after = live & ((-2 as u64) << (at as u64));
    const right = ctz(after) as i32;
    const left = idAt(at);
    if (!isPair(best >> 6, left, idAt(right))) {
      put(at, i32x4.splat((exactRank(left, idAt(right)) << 6) | at));
      continue;
    }
    const id = resultOf(best >> 6);
    live ^= (1 as u64) << (right as u64);
    const before = 63 - (clz(live & (((1 as u64) << (at as u64)) - 1)) as i32);
    store<u32>(ids + ((at as usize) << 2), id);
    put(at, placed(rankOf(id, idAt(ctz(after & (after - 1)) as i32)), at));
    put(right, i32x4.splat(-1));
    put(before, placed(rankOf(idAt(before), id), before));
  }
}

// @ts-ignore: decorator
@inline
function put(place: i32, value: v128): void {
  const block = pairs + (((place & ~3) as usize) << 2);
  v128.store(block, v128.bitselect(value, v128.load(block), i32x4.eq(i32x4.splat(place & 3), i32x4(0, 1, 2, 3))));
}
