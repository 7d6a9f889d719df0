/**
 * Repeated 5- to 10-grams of words, which are equal as joined words, wherever these begin and end.
 *
 * Two such n-grams of at least 16 bytes begin with the same 16 bytes of the text without white space. So sieves over 8,
 * 16, 24 and 32 bytes at each word, which serve all n, tell where a repeated n-gram cannot begin; a sieve is a row of
 * small counters, one for many hashes, which never counts too few. What is left is counted exactly: a hash only says
 * which n-gram to compare with, byte by byte.
 */
import { base, fifth, fourth, hashBytes, keep, sixth, spread, third } from "./filter-hash";
import {
  charactersOf,
  counters,
  isAscii,
  joined,
  list,
  maxCounters,
  positionOf,
  positions,
  states,
  table,
  words,
} from "./filter-joined";
import { exceeds } from "./filter-limits";
import { put } from "./filter-text";

/**
 * Of each word its level: how many times 8 bytes from there on stand elsewhere too, up to so many. A repeated n-gram of
 * at least 8 bytes begins with 8 such bytes, one of 16 with 16, and so on.
 */
let levels: usize = 0;
const maxLevel: u32 = 4;

/** A bit for each word at which a repeated n-gram may begin. */
let candidates: usize = 0;

let tableMask: usize = 0;
let tableShift: u64 = 0;
/** An entry of the table is a word and 1, and above them bits of its n-gram's hash. A text of a megabyte fits. */
const entryMask: u32 = (1 << 21) - 1;

/**
 * Fills the columns of the words joined last, up to the n whose limit they exceed; returns how many.
 *
 * @param characters of the text
 */
export function countDuplicates(characters: u32): u32 {
  if (words >= 5) sieveBeginnings();
  for (let n: usize = 5; n <= 10; n++) {
    const found = words < n ? 0 : duplicates(n);
    put(20 + (n as i32), found);
    if (exceeds(n + 2, found, characters)) return (n as u32) - 4;
  }
  return 6;
}

/** Code points in n-grams that occurred before; the words of a found one are passed over. */
function duplicates(n: usize): u32 {
  const listed = listCandidates(n);
  if (listed == 0) return 0;
  beginTable(listed);
  const end = words + 1 - n;
  let characters: u32 = 0;
  let next: usize = 0;
  for (let block: usize = 0; block < end; block += 64) {
    let bits = load<u64>(candidates + (block >> 3));
    if (next > block) bits = startingAt(bits, next - block);
    while (bits != 0) {
      const word = block + (ctz(bits) as usize);
      if (enter(n, word)) {
        bits &= bits - 1;
        continue;
      }
      next = word + n;
      characters += isAscii ? positionOf(next) - positionOf(word) : charactersOf(word, next);
      bits = startingAt(bits, next - block);
    }
  }
  return characters;
}

/** The bits of a set from one on. */
// @ts-ignore: decorator
@inline
function startingAt(bits: u64, first: usize): u64 {
  return first < 64 ? bits & (~(0 as u64) << (first as u64)) : 0;
}

/** Finds the candidates for an n, and says how many there are. */
function listCandidates(n: usize): usize {
  const end = words + 1 - n;
  const most = i8x16.splat(maxLevel as i8);
  let listed: usize = 0;
  for (let block: usize = 0; block < end; block += 64) {
    let bits: u64 = 0;
    for (let i: usize = 0; i < 64; i += 16) {
      const at = positions + ((block + i) << 2);
      const ahead = at + (n << 2);
      const least = i8x16.min_u(
        i8x16.narrow_i16x8_u(
          i16x8.narrow_i32x4_s(eights(at, ahead), eights(at + 16, ahead + 16)),
          i16x8.narrow_i32x4_s(eights(at + 32, ahead + 32), eights(at + 48, ahead + 48)),
        ),
        most,
      );
      bits |= (i8x16.bitmask(i8x16.le_u(least, v128.load(levels + block + i))) as u64) << (i as u64);
    }
    if (end - block < 64) bits &= ((1 as u64) << ((end - block) as u64)) - 1;
    store<u64>(candidates + (block >> 3), bits);
    listed += popcnt(bits) as usize;
  }
  return listed;
}

/** How many times 8 bytes there are from the positions at `at` to those at `ahead`. */
// @ts-ignore: decorator
@inline
function eights(at: usize, ahead: usize): v128 {
  return i32x4.shr_u(i32x4.sub(v128.load(ahead), v128.load(at)), 3);
}

/** Makes room for so many n-grams, at most half full. */
function beginTable(entries: usize): void {
  let size: usize = 8;
  tableShift = 64 - 3;
  for (; size < entries * 2; size <<= 1) tableShift--;
  tableMask = size - 1;
  memory.fill(table, 0, size << 2);
}

/** Enters the n-gram at a word; false when it was entered before. */
// @ts-ignore: decorator
@inline
function enter(n: usize, word: usize): bool {
  const start = positionOf(word) as usize;
  const hash = hashEnds(joined + start, (positionOf(word + n) as usize) - start);
  const tag = ((hash >> 16) as u32) & ~entryMask;
  let slot = (hash >> tableShift) as usize;
  while (true) {
    const entry = load<u32>(table + (slot << 2));
    if (entry == 0) break;
    if ((entry & ~entryMask) == tag && isSame(n, word, ((entry & entryMask) as usize) - 1)) return false;
    slot = (slot + 1) & tableMask;
  }
  store<u32>(table + (slot << 2), tag | ((word as u32) + 1));
  return true;
}

/**
 * A hash of at least one byte. It need not tell all apart, as `hashBytes` has to: up to 48 bytes are read from both ends,
 * where they overlap, so that nothing depends on how many there are.
 */
// @ts-ignore: decorator
@inline
function hashEnds(start: usize, bytes: usize): u64 {
  if (bytes > 48) return hashBytes(start, bytes);
  const first = load<u64>(start);
  if (bytes < 8) return (first & load<u64>(keep + 48 - bytes)) * base;
  const last = start + bytes - 8;
  const early = first * base + load<u64>(min(start + 8, last)) * third;
  const inner = load<u64>(min(start + 16, last)) * fifth + load<u64>(max(start + 16, last) - 16) * sixth;
  const late = load<u64>(max(start + 8, last) - 8) * fourth + load<u64>(last) * spread;
  return early + inner + late;
}

/** Whether the n-grams at two words are the same bytes. */
function isSame(n: usize, word: usize, other: usize): bool {
  const start = positionOf(word) as usize;
  const begin = positionOf(other) as usize;
  let rest = (positionOf(word + n) as usize) - start;
  if ((positionOf(other + n) as usize) - begin != rest) return false;
  let a = joined + start;
  let b = joined + begin;
  for (; rest > 48; rest -= 16) {
    if (v128.any_true(v128.xor(v128.load(a), v128.load(b)))) return false;
    a += 16;
    b += 16;
  }
  const mask = keep + 48 - rest;
  const first = v128.and(v128.xor(v128.load(a), v128.load(b)), v128.load(mask));
  const second = v128.and(v128.xor(v128.load(a, 16), v128.load(b, 16)), v128.load(mask, 16));
  const last = v128.and(v128.xor(v128.load(a, 32), v128.load(b, 32)), v128.load(mask, 32));
  return !v128.any_true(v128.or(v128.or(first, second), last));
}

/** Finds the level of each word. */
function sieveBeginnings(): void {
  levels = counters + beginSieve(words);
  candidates = list;
  const sieve = counters;
  const text = joined;
  const at = positions;
  let by = shift;
  for (let i: usize = 0; i < words; i++) {
    saturate(sieve + (((load<u64>(text + (load<u32>(at + (i << 2)) as usize)) * base) >> by) as usize));
  }
  for (let i: usize = 0; i < words; i++) {
    const hash = load<u64>(text + (load<u32>(at + (i << 2)) as usize)) * base;
    store<u8>(levels + i, (load<u8>(sieve + ((hash >> by) as usize)) > 1) as u8);
  }
  v128.store(levels + words, i64x2.splat(0));
  // What repeats 8 bytes is hashed over 16, and so on: its hash so far, and its word below.
  beginSieve(words);
  by = shift;
  let to = states;
  const none = i64x2.splat(0);
  for (let block: usize = 0; block < words; block += 16) {
    for (let bits = i8x16.bitmask(i8x16.ne(v128.load(levels + block), none)) as u32; bits != 0; bits &= bits - 1) {
      const word = block + (ctz(bits) as usize);
      const bytes = text + (load<u32>(at + (word << 2)) as usize);
      const before = load<u64>(bytes) * base;
      const hash = (before ^ (before >> 32) ^ load<u64>(bytes, 8)) * third;
      store<u64>(to, (hash & ~wordMask) | (word as u64));
      to += 8;
      saturate(sieve + ((hash >> by) as usize));
    }
  }
  for (let level: usize = 2; ; level++) {
    let kept = states;
    for (let from = states; from < to; from += 8) {
      const entry = load<u64>(from);
      const repeats = load<u8>(sieve + ((entry >> by) as usize)) > 1;
      store<u8>(levels + ((entry & wordMask) as usize), (level as u32) - 1 + (repeats as u32));
      store<u64>(kept, entry);
      kept += (repeats as usize) << 3;
    }
    to = kept;
    if (level == maxLevel || to == states) break;
    beginSieve((to - states) >> 3);
    by = shift;
    for (let from = states; from < to; from += 8) {
      const entry = load<u64>(from);
      const word = entry & wordMask;
      const bytes = text + (load<u32>(at + ((word as usize) << 2)) as usize) + (level << 3);
      const hash = ((entry ^ word) ^ (entry >> 32) ^ load<u64>(bytes)) * third;
      store<u64>(from, (hash & ~wordMask) | word);
      saturate(sieve + ((hash >> by) as usize));
    }
  }
}

/** A text of a megabyte has no more words. */
const wordMask: u64 = (1 << 24) - 1;

/** What hashes are shifted by for their counters. */
let shift: u64 = 0;

/** Empties a sieve for so many hashes, eight slots or more for each; returns the slots. */
function beginSieve(entries: usize): usize {
  let slots: usize = 256;
  let bits: u64 = 8;
  while (slots < entries * 8 && slots < maxCounters) {
    slots <<= 1;
    bits++;
  }
  memory.fill(counters, 0, slots);
  shift = 64 - bits;
  return slots;
}

/** Counts 0, 1, 2, 2, … */
// @ts-ignore: decorator
@inline
function saturate(counter: usize): void {
  const count: u32 = load<u8>(counter);
  store<u8>(counter, count + 1 - (count >> 1));
}
