/**
 * Byte-level BPE: the memory of pre-tokens, of fixed size.
 *
 * What costs is instructions and lines of the cache, so most words take the least of both: up to 7 bytes with up to three
 * ids stand in slots of 16 bytes (the word and its length are one number), up to 15 bytes with up to five in slots of 32.
 * Four slots are a set; a word that is met again changes places with the one that stands first for it, so rare words
 * do not push out frequent ones. Others of up to 64 bytes are written one behind the other into a pool, found by their
 * hash; when the pool is full it begins anew.
 */
import { mergeLong } from "./bpe-merge-long";
import { mergeShort } from "./bpe-merge";

const multiplier1: u64 = 0x9e3779b97f4a7c15;
const multiplier2: u64 = 0xc2b2ae3d27d4eb4f;

/**
 * A short slot: the word with zeros behind it, in its last byte its length (3 bits) and from bit 62 on the number of ids;
 * then the ids, 21 bits each.
 */
const shortBytes: usize = 7;
const idMask: u32 = 0x1fffff;
/** In the length of a word: there are more ids than its slot holds, the pool has them. */
const isPooled: u64 = (1 as u64) << 61;
let short: usize = 0;
let shortShift: u64 = 0;
/** For each length a mask of so many bytes, and what stands in the last byte of the key. */
const shortKeys: usize = memory.data(8 * 16, 16);

/** A middle slot: the word with zeros behind it and its length in the last byte; ids of 24 bits, then 4 · their number. */
const middleBytes: usize = 15;
let middle: usize = 0;
let middleShift: u64 = 0;

let pool: usize = 0;
let poolBytes: usize = 0;
/** Where the next entry goes, from the pool's beginning; what the places point to. */
let poolEnd: usize = 0;
let places: usize = 0;
let placeShift: u64 = 0;

/** Sixteen bytes for each length from 0 to 16, which keep so many. */
const masks: usize = memory.data(17 * 16, 16);

/** @param shortSlots number of 16-byte slots, of 32-byte slots, of 4-byte places in the pool: powers of two */
export function setRemembered(
  shortTable: usize,
  shortSlots: u32,
  middleTable: usize,
  middleSlots: u32,
  placeTable: usize,
  placeCount: u32,
  poolSpace: usize,
  poolSize: usize,
): void {
  short = shortTable;
  shortShift = (60 - ctz(shortSlots)) as u64;
  memory.fill(short, 0, (shortSlots as usize) << 4);
  for (let length: usize = 0; length <= shortBytes; length++) {
    store<u64>(shortKeys + (length << 4), ((1 as u64) << ((length << 3) as u64)) - 1);
    store<u64>(shortKeys + (length << 4), (length as u64) << 56, 8);
  }
  middle = middleTable;
  middleShift = (59 - ctz(middleSlots)) as u64;
  places = placeTable;
  placeShift = (62 - ctz(placeCount)) as u64;
  pool = poolSpace;
  poolBytes = poolSize;
  memory.fill(middleTable, 0, (middleSlots as usize) << 5);
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

/** How many pre-tokens are listed before they are looked up. */
export const listRoom: usize = 256;
/** Ends of the pre-tokens listed, with room for those of a window and for what is written behind them. */
export const listed: usize = memory.data(4 * (256 + 64 + 8), 16);

/**
 * Encodes pre-tokens that follow each other from p on to `out`, which has room for an id a byte and 64 bytes more; returns
 * their end.
 *
 * @param count how many `listed` holds
 */
export function encodeListed(p: usize, count: usize, out: usize): usize {
  const last = listed + (count << 2);
  for (let at = listed; at < last; at += 4) {
    const end = load<u32>(at) as usize;
    const length = end - p;
    if (length <= shortBytes) {
      const mask = shortKeys + (length << 4);
      const key = (load<u64>(p) & load<u64>(mask)) | load<u64>(mask, 8);
      const slot = short + ((key * multiplier1) >> shortShift) as usize & ~15;
      const found = load<u64>(slot);
      out = (found ^ key) << 2 == 0 ? emitShort(slot, found, out) : encodeShortAside(p, length, out, key, slot);
    } else if (length <= middleBytes) out = encodeMiddle(p, length, out);
    else out = length > 64 ? mergeLong(p, length as i32, out) : encodePooled(p, length, out);
    p = end;
  }
  return out;
}

// @ts-ignore: decorator
@inline
function emitShort(slot: usize, found: u64, out: usize): usize {
  const ids = load<u64>(slot, 8);
  store<u32>(out, (ids as u32) & idMask);
  store<u32>(out, ((ids >> 21) as u32) & idMask, 4);
  store<u32>(out, (ids >> 42) as u32, 8);
  return out + ((found >> 60) as usize);
}

/** The other slots of the set, then merging. */
function encodeShortAside(p: usize, length: usize, out: usize, key: u64, slot: usize): usize {
  let free = slot ^ 48;
  for (let way: usize = 0; way < 64; way += 16) {
    const other = slot ^ way;
    const found = load<u64>(other);
    if ((found ^ key) << 2 == 0) {
      const both = v128.load(other);
      v128.store(other, v128.load(slot));
      v128.store(slot, both);
      return emitShort(slot, found, out);
    }
    if (found == (key | isPooled)) return encodePooled(p, length, out);
    if (found == 0) {
      free = other;
      break;
    }
  }
  const end = mergeShort(p, length as i32, out);
  const bytes = end - out;
  if (bytes > 12) {
    store<u64>(free, key | isPooled);
    remember(placeOf(p, length), p, length, out, bytes);
  } else {
    const second = (load<u32>(out, 4) as u64) << 21;
    store<u64>(free, key | ((bytes as u64) << 60));
    store<u64>(free, (load<u32>(out) as u64) | second | ((load<u32>(out, 8) as u64) << 42), 8);
  }
  return end;
}

// @ts-ignore: decorator
@inline
function encodeMiddle(p: usize, length: usize, out: usize): usize {
  const mask = masks + (length << 4);
  const low = load<u64>(p) & load<u64>(mask);
  const high = (load<u64>(p, 8) & load<u64>(mask, 8)) | ((length as u64) << 56);
  const hash = (low + rotr(high * multiplier2, 32)) * multiplier1;
  const slot = middle + ((hash >> middleShift) as usize & ~31);
  if (((load<u64>(slot) ^ low) | (load<u64>(slot, 8) ^ high)) != 0) return encodeMiddleAside(p, length, out, low, high, slot);
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
function encodeMiddleAside(p: usize, length: usize, out: usize, low: u64, high: u64, slot: usize): usize {
  let free = slot ^ 96;
  for (let way: usize = 0; way < 128; way += 32) {
    const other = slot ^ way;
    const found = load<u64>(other, 8);
    if (found == 0) {
      free = other;
      break;
    }
    if (load<u64>(other) != low || (found & ~isPooled) != high) continue;
    if (found != high) return encodePooled(p, length, out);
    const packed = v128.load(other, 16);
    v128.store(other, v128.load(slot));
    v128.store(other, v128.load(slot, 16), 16);
    store<u64>(slot, low);
    store<u64>(slot, high, 8);
    v128.store(slot, packed, 16);
    return emitSlot(slot, out);
  }
  const end = mergeShort(p, length as i32, out);
  const bytes = end - out;
  store<u64>(free, low);
  if (bytes > 20) {
    store<u64>(free, high | isPooled, 8);
    remember(placeOf(p, length), p, length, out, bytes);
  } else {
    store<u64>(free, high, 8);
    // Each id's highest byte, which is 0, is written over by the next.
    for (let i: usize = 0; i < 5; i++) store<u32>(free + 3 * i, load<u32>(out + (i << 2)), 16);
    store<u8>(free, bytes as u8, 31);
  }
  return end;
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
