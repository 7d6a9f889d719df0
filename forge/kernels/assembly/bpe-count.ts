/**
 * Counts distinct pre-tokens of texts, for training. Fast twin of the counting in `reference/bpe-train.ts`.
 *
 * Each distinct pre-token is a record: occurrences u64, bytes u32, hash u32, then the bytes with zeros up to a multiple
 * of 16. Records stand one after another in chunks, so merging may walk them in order; an open-addressed table of
 * (hash << 32 | record) finds them. It grows with the number of distinct pre-tokens, so unlike other kernels this one
 * takes memory on the way: an instance that trains has nothing in its arena.
 */
import { allocatePersistent } from "./memory";
import { gpt2PreTokenEnd } from "./bpe-split";

export const recordHeader: usize = 16;
/** A chunk begins with a pointer to the next one and the end of its records. */
export const chunkHeader: usize = 16;
const chunkBytes: usize = 1 << 20;

let table: usize = 0;
let mask: u32 = 0;
let count: u32 = 0;

export let firstChunk: usize = 0;
let chunk: usize = 0;
let free: usize = 0;
let freeEnd: usize = 0;

/** 16 bytes of ones, then 16 of zeros: a load `n` bytes before the zeros keeps the first n bytes. */
const masks: usize = memory.data(32, 16);

/** Once an instance, before texts. False when memory is out. */
export function beginCounting(): i32 {
  memory.fill(masks, 0xff, 16);
  const slots: usize = 1 << 16;
  table = allocatePersistent(slots << 3);
  if (table == 0) return 0;
  memory.fill(table, 0, slots << 3);
  mask = (slots - 1) as u32;
  return 1;
}

/** Counts the pre-tokens of a text, which stands in persistent memory. False when memory is out. */
export function countPreTokens(text: usize, length: usize): i32 {
  const end = text + length;
  let p = text;
  while (p < end) {
    const stop = gpt2PreTokenEnd(p, end);
    const record = stop - p <= 16 ? findShort(p, stop - p) : findLong(p, stop - p);
    if (record == 0) return 0;
    store<u64>(record, load<u64>(record) + 1);
    p = stop;
  }
  if (chunk != 0) store<u32>(chunk, free as u32, 4);
  return 1;
}

// @ts-ignore: decorator
@inline
function firstBytes(p: usize, length: usize): v128 {
  return v128.and(v128.load(p), v128.load(masks + 16 - length));
}

// @ts-ignore: decorator
@inline
function mix(hash: u64, block: v128): u64 {
  hash = (hash ^ i64x2.extract_lane(block, 0)) * 0x9e3779b97f4a7c15;
  return (rotl(hash, 32) ^ i64x2.extract_lane(block, 1)) * 0xc2b2ae3d27d4eb4f;
}

// @ts-ignore: decorator
@inline
function fold(hash: u64): u32 {
  return (hash ^ (hash >> 32)) as u32;
}

/** The record of a pre-token of up to 16 bytes, made if need be. */
// @ts-ignore: decorator
@inline
function findShort(p: usize, length: usize): usize {
  const key = firstBytes(p, length);
  const hash = fold(mix(length as u64, key));
  let at = hash & mask;
  while (true) {
    const slot = load<u64>(table + ((at as usize) << 3));
    if (slot == 0) return insert(p, length, hash, at);
    const record = (slot as u32) as usize;
    if (
      ((slot >> 32) as u32) == hash &&
      load<u32>(record, 8) == (length as u32) &&
      v128.all_true<u8>(i8x16.eq(v128.load(record, recordHeader), key))
    ) {
      return record;
    }
    at = (at + 1) & mask;
  }
}

function findLong(p: usize, length: usize): usize {
  const tail = length & 15;
  const whole = p + (length - tail);
  let mixed: u64 = length as u64;
  for (let q = p; q < whole; q += 16) mixed = mix(mixed, v128.load(q));
  const hash = fold(mix(mixed, firstBytes(whole, tail)));
  let at = hash & mask;
  while (true) {
    const slot = load<u64>(table + ((at as usize) << 3));
    if (slot == 0) return insert(p, length, hash, at);
    const record = (slot as u32) as usize;
    if (((slot >> 32) as u32) == hash && load<u32>(record, 8) == (length as u32) && holds(record, p, length)) return record;
    at = (at + 1) & mask;
  }
}

function holds(record: usize, p: usize, length: usize): bool {
  const bytes = record + recordHeader;
  for (let i: usize = 0; i < length; i += 16) {
    const left = length - i;
    const key = left < 16 ? firstBytes(p + i, left) : v128.load(p + i);
    if (!v128.all_true<u8>(i8x16.eq(v128.load(bytes + i), key))) return false;
  }
  return true;
}

function insert(p: usize, length: usize, hash: u32, at: u32): usize {
  const size = recordHeader + ((length + 15) & ~15);
  if (free + size > freeEnd && !addChunk(size)) return 0;
  const record = free;
  free += size;
  store<u64>(record, 0);
  store<u32>(record, length as u32, 8);
  store<u32>(record, hash, 12);
  for (let i: usize = 0; i < length; i += 16) {
    const left = length - i;
    v128.store(record + recordHeader + i, left < 16 ? firstBytes(p + i, left) : v128.load(p + i));
  }
  store<u64>(table + ((at as usize) << 3), ((hash as u64) << 32) | (record as u64));
  if (++count > mask >> 1 && !growTable()) return 0;
  return record;
}

function addChunk(size: usize): bool {
  const bytes = chunkHeader + size > chunkBytes ? chunkHeader + size : chunkBytes;
  const added = allocatePersistent(bytes);
  if (added == 0) return false;
  if (chunk == 0) firstChunk = added;
  else {
    store<u32>(chunk, added as u32);
    store<u32>(chunk, free as u32, 4);
  }
  store<u32>(added, 0);
  chunk = added;
  free = added + chunkHeader;
  freeEnd = added + bytes;
  return true;
}

function growTable(): bool {
  const slots = (mask as usize) + 1;
  const bigger = allocatePersistent(slots << 4);
  if (bigger == 0) return false;
  memory.fill(bigger, 0, slots << 4);
  const biggerMask = (((slots << 1) - 1) as u32);
  for (let i: usize = 0; i < slots; i++) {
    const slot = load<u64>(table + (i << 3));
    if (slot == 0) continue;
    let at = ((slot >> 32) as u32) & biggerMask;
    while (load<u64>(bigger + ((at as usize) << 3)) != 0) at = (at + 1) & biggerMask;
    store<u64>(bigger + ((at as usize) << 3), slot);
  }
  table = bigger;
  mask = biggerMask;
  return true;
}
