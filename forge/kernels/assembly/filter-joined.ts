/**
 * Words of a text for n-grams: joined, hashed, and where each begins; with the buffers in which n-grams are counted.
 *
 * Buffers are used again: once words are joined, where they began gives way to a list of candidates.
 */
import { base, keep, spread, third } from "./filter-hash";
import { countCharacters } from "./filter-text";

/** Hash of each word; the words joined, and where each begins in them. */
export let hashes: usize = 0;
export let joined: usize = 0;
export let positions: usize = 0;
export let words: usize = 0;
export let isAscii: bool = false;

/** Room for a u32 of each word, and for a u64 of each. */
export let list: usize = 0;
export let states: usize = 0;

/** Counters of a sieve, and behind them a byte for each word; the exact table. */
export let counters: usize = 0;
export let table: usize = 0;

/**
 * Joins and hashes the words of a text; returns the stop words that occur.
 *
 * @param wordBuffer room for 20 bytes a word, and 64 more
 * @param textBuffer room for the text, and 32 bytes more
 */
export function joinWords(
  start: usize,
  count: i32,
  starts: usize,
  ends: usize,
  wordBuffer: usize,
  textBuffer: usize,
  ascii: bool,
): u32 {
  words = count as usize;
  isAscii = ascii;
  hashes = wordBuffer;
  states = hashes + (words << 3) + 32;
  positions = states + (words << 3);
  joined = textBuffer;
  list = starts;
  let to = joined;
  let stops: u32 = 0;
  for (let i: usize = 0; i < words; i++) {
    const from = load<u32>(starts + (i << 2)) as usize;
    const bytes = (load<u32>(ends + (i << 2)) as usize) - from;
    store<u32>(positions + (i << 2), (to - joined) as u32);
    const first = v128.load(start + from);
    v128.store(to, first);
    let low: u64;
    let high: u64;
    if (bytes <= 16) {
      const kept = v128.and(first, v128.load(keep + 48 - bytes));
      low = i64x2.extract_lane(kept, 0);
      high = i64x2.extract_lane(kept, 1);
    } else {
      low = i64x2.extract_lane(first, 0);
      high = i64x2.extract_lane(first, 1);
      for (let at: usize = 16; at < bytes; at += 16) {
        const next = v128.load(start + from + at);
        v128.store(to + at, next);
        const kept = bytes - at < 16 ? v128.and(next, v128.load(keep + 48 - (bytes - at))) : next;
        low = rotl(low * base, 31) * third + (i64x2.extract_lane(kept, 0) as u64);
        high = rotl(high * spread, 31) * base + (i64x2.extract_lane(kept, 1) as u64);
      }
    }
    const mixed = (low + (bytes as u64)) * base + rotl(high * spread, 24);
    store<u64>(hashes + (i << 3), (mixed ^ (mixed >> 32)) * third);
    to += bytes;
    stops |= stopWord(low, bytes);
  }
  store<u32>(positions + (words << 2), (to - joined) as u32);
  // What is read behind the last word is no word.
  store<u64>(to, 0);
  store<u64>(to, 0, 8);
  for (let i: usize = 0; i < 4; i++) store<u64>(hashes + ((words + i) << 3), 0);
  return popcnt(stops);
}

/**
 * the, be, to, of, and, that, have, with: each where its product with `stopFactor` puts it, its length in the highest
 * byte.
 */
const stopTable: usize = memory.data<u64>([
  0x0300000000656874, 0x0400000065766168, 0x0200000000006562, 0x020000000000666f,
  0x0200000000006f74, 0x0300000000646e61, 0x0400000068746977, 0x0400000074616874,
]);
const stopFactor: u32 = 0x373d1;

/** A bit for a stop word, by its first eight bytes and its length. Without a branch, since every third word is as short. */
// @ts-ignore: decorator
@inline
function stopWord(word: u64, bytes: usize): u32 {
  const place = ((word as u32) * stopFactor) >> 29;
  return ((load<u64>(stopTable + ((place as usize) << 3)) == (word | ((bytes as u64) << 56))) as u32) << place;
}

/**
 * Sets the buffers in which the words joined last are counted.
 *
 * @param counterBuffer room for a sieve, at most `maxCounters` or 16 bytes a word, and a byte for each word and 128 more
 * @param tableBuffer room for 16 bytes a slot of a table, which is at most half full of words
 */
export function beginNGrams(counterBuffer: usize, tableBuffer: usize): void {
  counters = counterBuffer;
  table = tableBuffer;
}

/** A sieve has eight slots a word or more, as long as a cache holds them. */
export const maxCounters: usize = 1 << 19;

/** Where a word begins in the joined words. */
// @ts-ignore: decorator
@inline
export function positionOf(word: usize): u32 {
  return load<u32>(positions + (word << 2));
}

export function charactersOf(from: usize, to: usize): u32 {
  const start = positionOf(from);
  const end = positionOf(to);
  return isAscii ? end - start : countCharacters(joined + (start as usize), joined + (end as usize));
}
