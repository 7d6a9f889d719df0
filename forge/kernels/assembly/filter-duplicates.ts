/**
 * Repeated 5- to 10-grams of words, which are equal as joined words, wherever these begin and end.
 *
 * Two such n-grams of at least 16 bytes begin with the same 16 bytes of the text without white space. So sieves over 8,
 * 16, 24 and 32 bytes at each word, which serve all n, tell where a repeated n-gram cannot begin; a sieve is a row of
 * small counters, one for many hashes, which never counts too few. What is left is counted exactly.
 */
import { base, hashBytes, spread, third } from "./filter-hash";
import {
  beginTable,
  charactersOf,
  counters,
  firstList as candidates,
  isAscii,
  joined,
  maxCounters,
  positionOf,
  secondList as survivors,
  slotOf,
  states,
  table,
  words,
} from "./filter-joined";
import { exceeds } from "./filter-limits";
import { put } from "./filter-text";

/** How many words are listed. */
let listed: usize = 0;

/**
 * A repeated n-gram of at least 8 bytes begins with 8 bytes that stand elsewhere too, one of 16 with 16 such bytes, and
 * so on: up to so many times 8.
 */
const maxLevel: u32 = 4;
const levelMask: u32 = 7;
const levelBits: u32 = 3;

/**
 * Fills the columns of the words joined last, up to the n whose limit they exceed; returns how many.
 *
 * @param characters of the text
 */
export function countDuplicates(characters: u32): u32 {
  listed = words < 5 ? 0 : sieveBeginnings();
  for (let n: usize = 5; n <= 10; n++) {
    const found = duplicates(n);
    put(20 + (n as i32), found);
    if (exceeds(n + 2, found, characters)) return (n as u32) - 4;
  }
  return 6;
}

/** Code points in n-grams that occurred before; the words of a found one are passed over. Called for n = 5, 6, … */
function duplicates(n: usize): u32 {
  if (listed == 0) return 0;
  beginTable(listed);
  let characters: u32 = 0;
  let next: usize = 0;
  let kept: usize = 0;
  for (let i: usize = 0; i < listed; i++) {
    const candidate = load<u32>(candidates + (i << 2));
    const word = (candidate >> levelBits) as usize;
    store<u32>(candidates + (kept << 2), candidate);
    if (word < next) {
      kept++;
      continue;
    }
    // What reaches behind the last word does so with more words, and has the higher level then, too.
    if (word + n > words) break;
    const from = positionOf(word);
    const bytes = positionOf(word + n) - from;
    if (min(bytes >> 3, maxLevel) > (candidate & levelMask)) continue;
    kept++;
    const hash = hashBytes(joined + (from as usize), bytes as usize);
    const slot = table + (slotOf(hash) << 3);
    if (load<u64>(slot) == 0) {
      store<u64>(slot, hash == 0 ? spread : hash);
      continue;
    }
    characters += isAscii ? bytes : charactersOf(word, word + n);
    next = word + n;
  }
  listed = kept;
  return characters;
}

/**
 * Lists the words at which a repeated n-gram may begin, each with its level: how many times 8 bytes from there on stand
 * elsewhere too. Where five words have fewer than 8 bytes, a word is listed whatever its level.
 */
function sieveBeginnings(): usize {
  let shift = beginSieve(words);
  for (let i: usize = 0; i < words; i++) {
    saturate(counters + (((load<u64>(joined + (positionOf(i) as usize)) * base) >> shift) as usize));
  }
  let through: usize = 0;
  let rest: usize = 0;
  const limit = words - 4;
  for (let i: usize = 0; i < words; i++) {
    const position = positionOf(i);
    const hash = load<u64>(joined + (position as usize)) * base;
    const repeats = load<u8>(counters + ((hash >> shift) as usize)) > 1;
    store<u32>(candidates + (through << 2), ((i as u32) << levelBits) | (repeats as u32));
    store<u64>(states + (through << 3), hash);
    store<u32>(survivors + (rest << 2), through as u32);
    rest += repeats as usize;
    // Without a branch, which nothing predicts. What is read behind the last word is left out below.
    through += ((repeats as usize) | ((positionOf(i + 5) - position < 8) as usize)) as usize;
  }
  for (let level: u32 = 2; level <= maxLevel && rest > 0; level++) {
    const at = (level - 1) << 3;
    shift = beginSieve(rest);
    for (let i: usize = 0; i < rest; i++) {
      const index = load<u32>(survivors + (i << 2)) as usize;
      const word = (load<u32>(candidates + (index << 2)) >> levelBits) as usize;
      const before = load<u64>(states + (index << 3));
      const hash = (before ^ (before >> 32) ^ load<u64>(joined + (positionOf(word) as usize) + at)) * third;
      store<u64>(states + (index << 3), hash);
      saturate(counters + ((hash >> shift) as usize));
    }
    let left: usize = 0;
    for (let i: usize = 0; i < rest; i++) {
      const index = load<u32>(survivors + (i << 2)) as usize;
      const repeats = load<u8>(counters + ((load<u64>(states + (index << 3)) >> shift) as usize)) > 1;
      store<u32>(candidates + (index << 2), load<u32>(candidates + (index << 2)) + (repeats as u32));
      store<u32>(survivors + (left << 2), index as u32);
      left += repeats as usize;
    }
    rest = left;
  }
  // What is short of a level at five words is so at more.
  let kept: usize = 0;
  for (let i: usize = 0; i < through; i++) {
    const candidate = load<u32>(candidates + (i << 2));
    const word = (candidate >> levelBits) as usize;
    store<u32>(candidates + (kept << 2), candidate);
    if (word >= limit) break;
    const least = min((positionOf(word + 5) - positionOf(word)) >> 3, maxLevel);
    kept += (least <= (candidate & levelMask)) as usize;
  }
  return kept;
}

/** Empties a sieve for so many hashes, eight slots or more for each; returns what hashes are shifted by. */
function beginSieve(entries: usize): u64 {
  let slots: usize = 256;
  let bits: u64 = 8;
  while (slots < entries * 8 && slots < maxCounters) {
    slots <<= 1;
    bits++;
  }
  memory.fill(counters, 0, slots);
  return 64 - bits;
}

/** Counts 0, 1, 2, 2, … */
// @ts-ignore: decorator
@inline
function saturate(counter: usize): void {
  const count: u32 = load<u8>(counter);
  store<u8>(counter, count + 1 - (count >> 1));
}
