/**
 * Byte-level BPE: merging pre-tokens, and the memory of pre-tokens. Fast twin of `reference/bpe-encode.ts`.
 *
 * A pre-token of up to 32 bytes is looked up first, in two tables of fixed size: 16-byte keys with up to 3 ids in slots
 * of 32 bytes, two to a set, then 32-byte keys with up to 7 ids in slots of 64 bytes. What is not there is merged: by
 * looking for the best rank again and again up to 64 bytes, by a heap beyond.
 *
 * Long pre-tokens are merged window by window, in linear time and fixed memory. A sequence of tokens is the encoding of
 * its bytes if every two neighbours are the encoding of theirs: take the first merge that crosses a border between two
 * tokens; up to then both sides were merged as they are alone, so the pair alone would cross it too. So when a window
 * that begins at a border inside of the last window begins with the same token as that one went on with, both together
 * are right; otherwise the window is doubled and done again.
 */
import { allocate } from "./memory";

const none: u32 = 0xffffffff;
const shortest: i32 = 64;
const window: i32 = 4096;
/** How far from a window's end its tokens are taken to be settled; only speed hangs on it. */
const margin: i32 = 512;

let byteIds: usize = 0;
let bytePairs: usize = 0;
let pairs: usize = 0;
let pairMask: u32 = 0;
let results: usize = 0;
let small: usize = 0;
let smallMask: u32 = 0;
let large: usize = 0;
let largeMask: u32 = 0;

/**
 * @param ids u32[256]
 * @param initial u32[65536]: rank of each pair of bytes (first · 256 + second), or `none`
 * @param table u64[pairSlots], left << 43 | right << 22 | rank, all ones where empty; at most half full
 * @param made u32[merges]: id of each merge
 * @param smallSlots number of 32-byte slots, and `largeSlots` of 64-byte slots; powers of two, like `pairSlots`
 */
export function setBpeModel(
  ids: usize,
  initial: usize,
  table: usize,
  pairSlots: u32,
  made: usize,
  smallTable: usize,
  smallSlots: u32,
  largeTable: usize,
  largeSlots: u32,
): void {
  byteIds = ids;
  bytePairs = initial;
  pairs = table;
  pairMask = pairSlots - 1;
  results = made;
  small = smallTable;
  smallMask = smallSlots - 1;
  large = largeTable;
  largeMask = largeSlots - 1;
  memory.fill(smallTable, 0, (smallSlots as usize) << 5);
  memory.fill(largeTable, 0, (largeSlots as usize) << 6);
  for (let i: usize = 0; i < 16; i++) {
    store<u8>(masks + i, 0xff);
    store<u8>(masks + 16 + i, 0);
  }
}

/** Fills `table` from merges (left, right, result); the last of equal pairs counts. Also fills `initial` and `made`. */
export function loadMerges(merges: usize, count: u32, ids: usize, initial: usize, table: usize, slots: u32, made: usize): void {
  memory.fill(table, 0xff, (slots as usize) << 3);
  pairs = table;
  pairMask = slots - 1;
  for (let rank: u32 = 0; rank < count; rank++) {
    const entry = merges + (rank as usize) * 12;
    const key = ((load<u32>(entry) as u64) << 21) | (load<u32>(entry, 4) as u64);
    let at = hashPair(key) & pairMask;
    while (true) {
      const found = load<u64>(table + ((at as usize) << 3));
      if (found == 0xffffffffffffffff || found >> 22 == key) break;
      at = (at + 1) & pairMask;
    }
    store<u64>(table + ((at as usize) << 3), (key << 22) | (rank as u64));
    store<u32>(made + ((rank as usize) << 2), load<u32>(entry, 8));
  }
  for (let first: usize = 0; first < 256; first++) {
    for (let second: usize = 0; second < 256; second++) {
      const rank = findPair(load<u32>(ids + (first << 2)), load<u32>(ids + (second << 2)));
      store<u32>(initial + (((first << 8) | second) << 2), rank);
    }
  }
}

// @ts-ignore: decorator
@inline
function hashPair(key: u64): u32 {
  const mixed = key * 0x9e3779b97f4a7c15;
  return (mixed >> 32) as u32;
}

// @ts-ignore: decorator
@inline
function findPair(left: u32, right: u32): u32 {
  // Bytes without a token merge with nothing.
  if ((left | right) > 0x1fffff) return none;
  const key = ((left as u64) << 21) | (right as u64);
  let at = hashPair(key) & pairMask;
  while (true) {
    const found = load<u64>(pairs + ((at as usize) << 3));
    if (found >> 22 == key) return (found & 0x3fffff) as u32;
    if (found == 0xffffffffffffffff) return none;
    at = (at + 1) & pairMask;
  }
}

// @ts-ignore: decorator
@inline
function rankOfBytes(p: usize): u32 {
  return load<u32>(bytePairs + ((((load<u8>(p) as usize) << 8) | (load<u8>(p, 1) as usize)) << 2));
}

// @ts-ignore: decorator
@inline
function idOfByte(p: usize): u32 {
  return load<u32>(byteIds + ((load<u8>(p) as usize) << 2));
}

/** 16 bytes of ones, then 16 of zeros: a load `n` bytes before the zeros keeps the first n bytes. */
const masks: usize = memory.data(32, 16);

/** Encodes the pre-token [p, p + length) to `out`, which has room for an id a byte and 64 bytes more; returns its end. */
// @ts-ignore: decorator
@inline
export function encodePreToken(p: usize, length: usize, out: usize): usize {
  if (length <= 16) {
    if (length == 1) return emit(idOfByte(p), out);
    const key = v128.and(v128.load(p), v128.load(masks + 16 - length));
    let hash = (i64x2.extract_lane(key, 0) ^ (length as u64)) * 0x9e3779b97f4a7c15;
    hash = (rotl(hash, 32) ^ i64x2.extract_lane(key, 1)) * 0xc2b2ae3d27d4eb4f;
    hash ^= hash >> 32;
    const slot = small + ((((hash as u32) & smallMask) as usize) << 5);
    if (load<u8>(slot, 16) == (length as u8) && v128.all_true<u8>(i8x16.eq(v128.load(slot), key))) {
      v128.store(out, v128.load(slot, 20));
      return out + ((load<u8>(slot, 17) as usize) << 2);
    }
    return encodeSmall(p, length, out, key, slot);
  }
  if (length <= 32) return encodeLarge(p, length, out);
  return merge(p, length as i32, out);
}

// @ts-ignore: decorator
@inline
function emit(id: u32, out: usize): usize {
  store<u32>(out, id);
  return out + (id == none ? 0 : 4);
}

/** The other slot of the set, then merging. The slot used last comes first. */
function encodeSmall(p: usize, length: usize, out: usize, key: v128, slot: usize): usize {
  const other = slot ^ 32;
  if (load<u8>(other, 16) == (length as u8) && v128.all_true<u8>(i8x16.eq(v128.load(other), key))) {
    const ids = v128.load(other, 16);
    v128.store(out, v128.load(other, 20));
    v128.store(other, v128.load(slot));
    v128.store(other, v128.load(slot, 16), 16);
    v128.store(slot, key);
    v128.store(slot, ids, 16);
    return out + ((load<u8>(slot, 17) as usize) << 2);
  }
  const end = encodeLarge(p, length, out);
  const count = (end - out) >> 2;
  if (count <= 3) {
    const ids = v128.load(out);
    v128.store(other, v128.load(slot));
    v128.store(other, v128.load(slot, 16), 16);
    v128.store(slot, key);
    store<u8>(slot, length as u8, 16);
    store<u8>(slot, count as u8, 17);
    store<u64>(slot, i64x2.extract_lane(ids, 0), 20);
    store<u32>(slot, i32x4.extract_lane(ids, 2), 28);
  }
  return end;
}

/** Up to 32 bytes. Shorter words stand here too when they have more than 3 ids. */
function encodeLarge(p: usize, length: usize, out: usize): usize {
  const low = length < 16 ? length : 16;
  const first = v128.and(v128.load(p), v128.load(masks + 16 - low));
  const second = v128.and(v128.load(p, 16), v128.load(masks + 16 - (length - low)));
  let hash = (i64x2.extract_lane(first, 0) ^ (length as u64)) * 0x9e3779b97f4a7c15;
  hash = (rotl(hash, 32) ^ i64x2.extract_lane(first, 1)) * 0xc2b2ae3d27d4eb4f;
  hash = (rotl(hash, 32) ^ i64x2.extract_lane(second, 0)) * 0x9e3779b97f4a7c15;
  hash = (rotl(hash, 32) ^ i64x2.extract_lane(second, 1)) * 0xc2b2ae3d27d4eb4f;
  hash ^= hash >> 32;
  const slot = large + ((((hash as u32) & largeMask) as usize) << 6);
  if (
    load<u8>(slot, 32) == (length as u8) &&
    v128.all_true<u8>(v128.and(i8x16.eq(v128.load(slot), first), i8x16.eq(v128.load(slot, 16), second)))
  ) {
    v128.store(out, v128.load(slot, 36));
    v128.store(out, v128.load(slot, 48), 12);
    return out + ((load<u8>(slot, 33) as usize) << 2);
  }
  const end = mergeShort(p, length as i32, out);
  const count = (end - out) >> 2;
  if (count <= 7 && (length > 16 || count > 3)) {
    v128.store(slot, first);
    v128.store(slot, second, 16);
    store<u8>(slot, length as u8, 32);
    store<u8>(slot, count as u8, 33);
    for (let i: usize = 0; i < count; i++) store<u32>(slot + (i << 2), load<u32>(out + (i << 2)), 36);
  }
  return end;
}

function merge(p: usize, length: i32, out: usize): usize {
  return length <= shortest ? mergeShort(p, length, out) : mergeLong(p, length, out);
}

const ids: usize = memory.data(4 * (64 + 16), 16);
const ranks: usize = memory.data(4 * (64 + 16), 16);

/** Up to 64 bytes: the best pair again and again, closing the gap after it. */
function mergeShort(p: usize, length: i32, out: usize): usize {
  let n = length;
  for (let i: usize = 0; i < (n as usize); i++) store<u32>(ids + (i << 2), idOfByte(p + i));
  for (let i: usize = 0; i < ((n - 1) as usize); i++) store<u32>(ranks + (i << 2), rankOfBytes(p + i));
  while (n > 1) {
    let best = none;
    let at: usize = 0;
    const last = ((n - 1) as usize) << 2;
    for (let i: usize = 0; i < last; i += 4) {
      const rank = load<u32>(ranks + i);
      if (rank < best) {
        best = rank;
        at = i;
      }
    }
    if (best == none) break;
    const id = load<u32>(results + ((best as usize) << 2));
    store<u32>(ids + at, id);
    for (let i = at + 4; i < last; i += 16) {
      v128.store(ids + i, v128.load(ids + i, 4));
      v128.store(ranks + i, v128.load(ranks + i, 4));
    }
    n--;
    if (at < last - 4) store<u32>(ranks + at, findPair(id, load<u32>(ids + at, 4)));
    if (at > 0) store<u32>(ranks + at - 4, findPair(load<u32>(ids + at - 4), id));
  }
  for (let i: usize = 0; i < (n as usize); i++) out = emit(load<u32>(ids + (i << 2)), out);
  return out;
}

/** True when memory ran out in the last `encodeTexts`; its result is then void. */
let failed: bool = false;
const standing: usize = memory.data(4096 * 40, 16);
let scratch: usize = standing;
let scratchLength: i32 = window;

export function beginMerging(): void {
  failed = false;
  scratch = standing;
  scratchLength = window;
}

export function mergingFailed(): bool {
  return failed;
}

function mergeLong(p: usize, length: i32, out: usize): usize {
  let at = 0;
  let wanted = window;
  let count = mergeWindow(p, min(wanted, length));
  while (true) {
    const size = min(wanted, length - at);
    if (at + size == length) return emitWindow(count, out);
    let border = count - 1;
    while (border > 0 && startOf(border) > size - margin) border--;
    if (border > 0) {
      const following = load<u32>(scratch + ((border as usize) << 2));
      const start = at + startOf(border);
      const end = emitWindow(border, out);
      const next = mergeWindow(p + start, min(window, length - start));
      if (load<u32>(scratch) == following) {
        out = end;
        at = start;
        count = next;
        wanted = window;
        continue;
      }
    }
    wanted = min(wanted << 1, length - at);
    if (!reserve(wanted)) return out;
    count = mergeWindow(p + at, wanted);
  }
}

function reserve(length: i32): bool {
  if (length <= scratchLength) return true;
  const block = allocate((length as usize) * 40);
  if (block == 0) {
    failed = true;
    return false;
  }
  scratch = block;
  scratchLength = length;
  return true;
}

// @ts-ignore: decorator
@inline
function startOf(token: i32): i32 {
  return load<i32>(scratch + (((scratchLength + token) as usize) << 2));
}

function emitWindow(count: i32, out: usize): usize {
  for (let i: usize = 0; i < (count as usize); i++) out = emit(load<u32>(scratch + (i << 2)), out);
  return out;
}

let heap: usize = 0;
let heapLength: i32 = 0;

/**
 * Merges n bytes; `scratch` then begins with their ids, and with where each begins at `scratchLength` words on.
 *
 * Scratch: ids, next, previous, rank of the pair that begins here (4 bytes each), heap (at most 3 n entries of 8).
 */
function mergeWindow(p: usize, n: i32): i32 {
  const stride = (scratchLength as usize) << 2;
  const id = scratch;
  const next = id + stride;
  const previous = next + stride;
  const rank = previous + stride;
  heap = rank + stride;
  heapLength = 0;
  for (let i = 0; i < n; i++) {
    const at = (i as usize) << 2;
    store<u32>(id + at, idOfByte(p + i));
    store<i32>(next + at, i + 1);
    store<i32>(previous + at, i - 1);
    const r = i + 1 < n ? rankOfBytes(p + i) : none;
    store<u32>(rank + at, r);
    if (r != none) push(((r as u64) << 32) | (i as u64));
  }
  while (heapLength > 0) {
    const top = pop();
    const r = (top >> 32) as u32;
    const at = ((top as u32) as usize) << 2;
    if (load<u32>(rank + at) != r) continue;
    const right = load<i32>(next + at);
    const after = load<i32>(next + ((right as usize) << 2));
    const made = load<u32>(results + ((r as usize) << 2));
    store<u32>(id + at, made);
    store<i32>(next + at, after);
    store<u32>(rank + ((right as usize) << 2), none);
    let r1 = none;
    if (after < n) {
      store<i32>(previous + ((after as usize) << 2), top as i32);
      r1 = findPair(made, load<u32>(id + ((after as usize) << 2)));
    }
    store<u32>(rank + at, r1);
    if (r1 != none) push(((r1 as u64) << 32) | (top & 0xffffffff));
    const before = load<i32>(previous + at);
    if (before >= 0) {
      const r2 = findPair(load<u32>(id + ((before as usize) << 2)), made);
      store<u32>(rank + ((before as usize) << 2), r2);
      if (r2 != none) push(((r2 as u64) << 32) | (before as u64));
    }
  }
  let count = 0;
  for (let i = 0; i < n; ) {
    const following = load<i32>(next + ((i as usize) << 2));
    store<u32>(id + ((count as usize) << 2), load<u32>(id + ((i as usize) << 2)));
    store<i32>(next + ((count as usize) << 2), i);
    count++;
    i = following;
  }
  return count;
}

function push(value: u64): void {
  let at = heapLength++;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = load<u64>(heap + ((parent as usize) << 3));
    if (above <= value) break;
    store<u64>(heap + ((at as usize) << 3), above);
    at = parent;
  }
  store<u64>(heap + ((at as usize) << 3), value);
}

function pop(): u64 {
  const top = load<u64>(heap);
  const value = load<u64>(heap + ((--heapLength as usize) << 3));
  let at = 0;
  while (true) {
    let child = 2 * at + 1;
    if (child >= heapLength) break;
    let least = load<u64>(heap + ((child as usize) << 3));
    if (child + 1 < heapLength) {
      const other = load<u64>(heap + ((child as usize) << 3), 8);
      if (other < least) {
        least = other;
        child++;
      }
    }
    if (least >= value) break;
    store<u64>(heap + ((at as usize) << 3), least);
    at = child;
  }
  store<u64>(heap + ((at as usize) << 3), value);
  return top;
}
