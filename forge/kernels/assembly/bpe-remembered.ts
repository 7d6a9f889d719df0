/**
 * Byte-level BPE: the memory of pre-tokens, of fixed size.
 *
 * Up to 15 bytes with up to 5 ids: slots of 32 bytes, four to a set, the one used last first. The key is the pre-token with
 * zeros behind it and its length in the last byte, so two words compare it; ids of 24 bits follow, then 4 · their number.
 * Most hits take one line of the cache and no branch but the comparison. Others of up to 64 bytes are written one behind
 * the other into a pool, found by their hash; when the pool is full it begins anew.
 */
import { mergeLong } from "./bpe-merge-long";
import { mergeShort } from "./bpe-merge";

const multiplier1: u64 = 0x9e3779b97f4a7c15;
const multiplier2: u64 = 0xc2b2ae3d27d4eb4f;

let small: usize = 0;
let smallShift: u64 = 0;
let pool: usize = 0;
let poolBytes: usize = 0;
/** Where the next entry goes, from the pool's beginning; what the places point to. */
let poolEnd: usize = 0;
let places: usize = 0;
let placeShift: u64 = 0;

/** Sixteen bytes for each length from 0 to 16, which keep so many. */
const masks: usize = memory.data(17 * 16, 16);

/**
 * @param smallSlots number of 32-byte slots, and `placeCount` of 4-byte places in the pool; powers of two
 */
export function setRemembered(
  smallTable: usize,
  smallSlots: u32,
  placeTable: usize,
  placeCount: u32,
  poolSpace: usize,
  poolSize: usize,
): void {
  small = smallTable;
  smallShift = (59 - ctz(smallSlots)) as u64;
  places = placeTable;
  placeShift = (62 - ctz(placeCount)) as u64;
  pool = poolSpace;
  poolBytes = poolSize;
  memory.fill(smallTable, 0, (smallSlots as usize) << 5);
  emptyPool();
  for (let length: usize = 0; length <= 16; length++) {
    memory.fill(masks + (length << 4), 0, 16);
    memory.fill(masks + (length << 4), 0xff, length);
  }
}

function emptyPool(): void {
  memory.fill(places, 0, (4 as usize) << ((62 - placeShift) as usize));
  // Place 0 means that there is none; its length of 0 is no pre-token's.
  memory.fill(pool, 0, 16);
  poolEnd = 16;
}

/** Encodes the pre-token [p, p + length) to `out`, which has room for an id a byte and 64 bytes more; returns its end. */
// @ts-ignore: decorator
@inline
export function encodePreToken(p: usize, length: usize, out: usize): usize {
  if (length > 15) return length > 64 ? mergeLong(p, length as i32, out) : encodePooled(p, length, out);
  const mask = masks + (length << 4);
  const low = load<u64>(p) & load<u64>(mask);
  const high = (load<u64>(p, 8) & load<u64>(mask, 8)) | ((length as u64) << 56);
  const hash = (low + rotr(high * multiplier2, 32)) * multiplier1;
  const slot = small + ((hash >> smallShift) as usize & ~31);
  if (((load<u64>(slot) ^ low) | (load<u64>(slot, 8) ^ high)) != 0) return encodeSmall(p, length, out, low, high, slot);
  return emitSlot(slot, out);
}

// @ts-ignore: decorator
@inline
function emitSlot(slot: usize, out: usize): usize {
  const packed = v128.load(slot, 16);
  v128.store(out, i8x16.swizzle(packed, i8x16(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1)));
  store<u32>(out, load<u32>(slot, 28) & 0xffffff, 16);
  return out + (load<u8>(slot, 31) as usize);
}

/** The other slots of the set, then merging. */
function encodeSmall(p: usize, length: usize, out: usize, low: u64, high: u64, slot: usize): usize {
  for (let way: usize = 32; way < 128; way += 32) {
    const other = slot ^ way;
    if (load<u64>(other) != low || load<u64>(other, 8) != high) continue;
    const packed = v128.load(other, 16);
    moveDown(slot, way);
    store<u64>(slot, low);
    store<u64>(slot, high, 8);
    v128.store(slot, packed, 16);
    return emitSlot(slot, out);
  }
  let place: usize = 0;
  // Six ids take six bytes.
  if (length > 5) {
    place = placeOf(p, length);
    const end = findPooled(place, p, length, out);
    if (end != 0) return end;
  }
  const end = mergeShort(p, length as i32, out);
  const bytes = end - out;
  if (bytes > 20) remember(place, p, length, out, bytes);
  else {
    moveDown(slot, freeWay(slot));
    store<u64>(slot, low);
    store<u64>(slot, high, 8);
    // Each id's highest byte, which is 0, is written over by the next.
    for (let i: usize = 0; i < 5; i++) store<u32>(slot + 3 * i, load<u32>(out + (i << 2)), 16);
    store<u8>(slot, bytes as u8, 31);
  }
  return end;
}

/** The first slot of a set that is empty, seen from `slot`, or the last. */
function freeWay(slot: usize): usize {
  for (let way: usize = 0; way < 96; way += 32) if (load<u8>(slot ^ way, 15) == 0) return way;
  return 96;
}

/** Overwrites the slot `way` of a set with the one before it, that with the one before, and so on. */
function moveDown(slot: usize, way: usize): void {
  for (; way > 0; way -= 32) {
    const before = slot ^ (way - 32);
    v128.store(slot ^ way, v128.load(before));
    v128.store(slot ^ way, v128.load(before, 16), 16);
  }
}

function encodePooled(p: usize, length: usize, out: usize): usize {
  const place = placeOf(p, length);
  let end = findPooled(place, p, length, out);
  if (end != 0) return end;
  end = mergeShort(p, length as i32, out);
  remember(place, p, length, out, end - out);
  return end;
}

/** Bytes of a pre-token from `at` on, zeros behind its end. */
// @ts-ignore: decorator
@inline
function blockOf(p: usize, length: usize, at: usize): v128 {
  const left = length - at;
  return v128.and(v128.load(p + at), v128.load(masks + ((left < 16 ? left : 16) << 4)));
}

function placeOf(p: usize, length: usize): usize {
  let hash = length as u64;
  for (let at: usize = 0; at < length; at += 16) {
    const block = blockOf(p, length, at);
    hash = (rotl(hash, 32) ^ i64x2.extract_lane(block, 0)) * multiplier1;
    hash = (rotl(hash, 32) ^ i64x2.extract_lane(block, 1)) * multiplier2;
  }
  return places + ((hash >> placeShift) as usize & ~3);
}

/** Writes the ids of the pre-token that a place points to, if it is this one: returns their end, otherwise 0. */
function findPooled(place: usize, p: usize, length: usize, out: usize): usize {
  const entry = pool + (load<u32>(place) as usize);
  if (load<u32>(entry) != (length as u32)) return 0;
  let at: usize = 0;
  for (; at < length; at += 16) {
    if (v128.any_true(v128.xor(v128.load(entry + at, 16), blockOf(p, length, at)))) return 0;
  }
  const bytes = load<u32>(entry, 4) as usize;
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, v128.load(entry + at + i, 16));
  return out + bytes;
}

/** An entry: length, bytes of its ids, both u32 and padded to 16; the pre-token and its ids, both padded to 16. */
function remember(place: usize, p: usize, length: usize, ids: usize, bytes: usize): void {
  const size: usize = 16 + ((length + 15) & ~(15 as usize)) + ((bytes + 15) & ~(15 as usize));
  if (poolEnd + size > poolBytes) emptyPool();
  const entry = pool + poolEnd;
  store<u32>(place, poolEnd as u32);
  poolEnd += size;
  store<u32>(entry, length as u32);
  store<u32>(entry, bytes as u32, 4);
  let at: usize = 0;
  for (; at < length; at += 16) v128.store(entry + at, blockOf(p, length, at), 16);
  for (let i: usize = 0; i < bytes; i += 16) v128.store(entry + at + i, v128.load(ids + i), 16);
}
