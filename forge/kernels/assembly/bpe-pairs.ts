/**
 * Byte-level BPE: the table of pairs that merge, small enough to stay near the processor and read without a branch.
 *
 * Buckets of four entries of 32 bits; a pair stands in one of two buckets (cuckoo hashing; Pagh and Rodler 2001). An entry
 * is 11 bits of the pair's hash and its rank: looking up means to xor the eight entries with the hash wanted and to take
 * the least. That may be another pair's rank, then a better one than the true one: whoever takes a pair for the next to be
 * merged checks it with `isPair`, and asks `exactRank` where it was another's.
 */

/** Id of a byte that has no token, and of what stands before and after a word: no pair has it. */
export const absent: u32 = 0x1fffff;
/** Rank of a pair that does not merge. */
export const noRank: u32 = 0x1fffff;
const tagBits: u32 = 0xffe00000;
const multiplier1: u64 = 0x9e3779b97f4a7c15;
const multiplier2: u64 = 0xc2b2ae3d27d4eb4f;
const mostKicks: i32 = 500;

let byteIds: usize = 0;
let bytePairs: usize = 0;
let table: usize = 0;
let mask: usize = 0;
let shift: u64 = 0;
let merges: usize = 0;
let firstResult: u32 = 0;
let consecutive: bool = false;

/**
 * Fills the tables from merges; the last of equal pairs counts. False when the pairs crowd: then it wants more buckets.
 *
 * @param list (left, right, result) u32[3 · count]; it must stay where it is
 * @param ids u32[256], of the bytes
 * @param initial u32[65536]: rank of each pair of bytes (first + 256 · second), 64 times
 * @param buckets number of them, 16 bytes each; a power of two, at most 2²⁰
 */
export function loadMerges(list: usize, count: u32, ids: usize, initial: usize, space: usize, buckets: u32): i32 {
  merges = list;
  byteIds = ids;
  bytePairs = initial;
  table = space;
  mask = ((buckets - 1) << 4) as usize;
  shift = (60 - ctz(buckets)) as u64;
  firstResult = count > 0 ? load<u32>(list, 8) : 0;
  consecutive = true;
  memory.fill(table, 0xff, (buckets as usize) << 4);
  for (let rank: u32 = 0; rank < count; rank++) {
    const merge = list + (rank as usize) * 12;
    if (!insert(load<u32>(merge), load<u32>(merge, 4), rank)) return 0;
    if (load<u32>(merge, 8) != firstResult + rank) consecutive = false;
  }
  for (let second: usize = 0; second < 256; second++) {
    for (let first: usize = 0; first < 256; first++) {
      const rank = exactRank(load<u32>(ids + (first << 2)), load<u32>(ids + (second << 2)));
      store<u32>(initial + ((first | (second << 8)) << 2), rank << 6);
    }
  }
  return 1;
}

// @ts-ignore: decorator
@inline
function hashOf(left: u32, right: u32): u64 {
  return (left as u64) * multiplier1 + (right as u64) * multiplier2;
}

// @ts-ignore: decorator
@inline
function firstBucket(hash: u64): usize {
  return table + ((hash >> shift) as usize & mask);
}

// @ts-ignore: decorator
@inline
function secondBucket(hash: u64): usize {
  return table + ((hash >> 28) as usize & mask);
}

// @ts-ignore: decorator
@inline
export function isPair(rank: u32, left: u32, right: u32): bool {
  return load<u64>(merges + (rank as usize) * 12) == ((left as u64) | ((right as u64) << 32));
}

/** Id that a merge makes. */
// @ts-ignore: decorator
@inline
export function resultOf(rank: u32): u32 {
  return consecutive ? firstResult + rank : load<u32>(merges + (rank as usize) * 12, 8);
}

/** Rank of a pair in all four lanes, or a better one of another's; `noRank` when it does not merge. */
// @ts-ignore: decorator
@inline
export function rankOf(left: u32, right: u32): v128 {
  const hash = hashOf(left, right);
  const tag = i32x4.splat((hash as u32) & tagBits);
  const first = v128.xor(v128.load(firstBucket(hash)), tag);
  const second = v128.xor(v128.load(secondBucket(hash)), tag);
  return leastLane(i32x4.min_u(i32x4.min_u(first, second), i32x4.splat(noRank)));
}

/** The least of four lanes, in all four. */
// @ts-ignore: decorator
@inline
export function leastLane(values: v128): v128 {
  values = i32x4.min_u(values, i8x16.shuffle(values, values, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return i32x4.min_u(values, i8x16.shuffle(values, values, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
}

export function exactRank(left: u32, right: u32): u32 {
  const at = entryOf(left, right);
  return at == 0 ? noRank : load<u32>(at) & ~tagBits;
}

/** Where the entry of a pair stands, or 0. */
function entryOf(left: u32, right: u32): usize {
  const hash = hashOf(left, right);
  const first = entryIn(firstBucket(hash), (hash as u32) & tagBits, left, right);
  return first != 0 ? first : entryIn(secondBucket(hash), (hash as u32) & tagBits, left, right);
}

function entryIn(bucket: usize, tag: u32, left: u32, right: u32): usize {
  for (let at = bucket; at < bucket + 16; at += 4) {
    const rank = load<u32>(at) ^ tag;
    if (rank < noRank && isPair(rank, left, right)) return at;
  }
  return 0;
}

/** Puts a pair into one of its buckets. Where both are full, another has to go to its other one, and so on. */
function insert(left: u32, right: u32, rank: u32): bool {
  let hash = hashOf(left, right);
  let entry = ((hash as u32) & tagBits) | rank;
  const same = entryOf(left, right);
  if (same != 0) {
    store<u32>(same, entry);
    return true;
  }
  let bucket = firstBucket(hash);
  for (let kick = 0; kick < mostKicks; kick++) {
    if (insertInto(bucket, entry)) return true;
    const other = firstBucket(hash) + secondBucket(hash) - bucket;
    if (insertInto(other, entry)) return true;
    const victim = other + (((kick * 7 + (kick >> 2)) & 3) << 2);
    const evicted = load<u32>(victim);
    store<u32>(victim, entry);
    entry = evicted;
    const merge = merges + ((entry & ~tagBits) as usize) * 12;
    hash = hashOf(load<u32>(merge), load<u32>(merge, 4));
    bucket = firstBucket(hash) + secondBucket(hash) - other;
  }
  return false;
}

function insertInto(bucket: usize, entry: u32): bool {
  for (let at = bucket; at < bucket + 16; at += 4) {
    if (load<u32>(at) != 0xffffffff) continue;
    store<u32>(at, entry);
    return true;
  }
  return false;
}

/** Where the rank of the pair of bytes at p stands, 64 times. */
// @ts-ignore: decorator
@inline
export function bytePairAt(p: usize): usize {
  return bytePairs + ((load<u16>(p) as usize) << 2);
}

// @ts-ignore: decorator
@inline
export function idOfByte(p: usize): u32 {
  return load<u32>(byteIds + ((load<u8>(p) as usize) << 2));
}

// @ts-ignore: decorator
@inline
export function emit(id: u32, out: usize): usize {
  store<u32>(out, id);
  return out + (id == absent ? 0 : 4);
}
