/**
 * The most frequent 2- to 4-grams of words.
 *
 * Most n-grams occur once, and that is known without a table of them: a sieve of small counters, one for many hashes,
 * never counts too few. A 3-gram can occur twice only where the 2-grams that it is made of do, and a 4-gram where its
 * 3-grams do; so each sieve is given what the one before let through. An n-gram whose counter is the highest and exact
 * is the most frequent: mostly the first of them is, which one comparison with the others tells.
 */
import { base, spread } from "./filter-hash";
import {
  charactersOf,
  counters,
  hashes,
  maxCounters,
  states,
  table,
  words,
} from "./filter-joined";
import { put } from "./filter-text";

/** Counters stop here. */
const full: u32 = 255;

/** The sieve's counters, eight or more for each word, and what hashes are shifted by for theirs. */
let slots: usize = 0;
let shift: u64 = 0;
/** For each word the counter of the n-gram that begins there, 0 where it is known to occur once. */
let counts: usize = 0;

let tableMask: usize = 0;
let tableShift: u64 = 0;

/** Fills the columns of the words joined last. */
export function countTop(): void {
  slots = 64;
  shift = 64 - 6;
  for (; slots < words * 8 && slots < maxCounters; slots <<= 1) shift--;
  counts = counters + slots;
  increaseTwos();
  lookTwos();
  put(22, top(2));
  increaseAndLook(3);
  put(23, top(3));
  increaseAndLook(4);
  put(24, top(4));
}

function increaseTwos(): void {
  memory.fill(counters, 0, slots);
  const sieve = counters;
  const by = shift;
  const end = hashes + (words << 3);
  let second = load<u64>(hashes);
  for (let at = hashes + 8; at < end; at += 8) {
    const first = second;
    second = load<u64>(at);
    increment(sieve + (((first * base + second) >> by) as usize));
  }
}

function lookTwos(): void {
  const sieve = counters;
  const by = shift;
  const end = hashes + (words << 3);
  let to = counts;
  let second = load<u64>(hashes);
  for (let at = hashes + 8; at < end; at += 8) {
    const first = second;
    second = load<u64>(at);
    store<u8>(to++, load<u8>(sieve + (((first * base + second) >> by) as usize)));
  }
  emptyBehind(to);
}

/** The last word begins no n-gram, nor does what stands behind. */
// @ts-ignore: decorator
@inline
function emptyBehind(at: usize): void {
  v128.store(at, i64x2.splat(0));
  v128.store(at, i64x2.splat(0), 16);
}

/** Counters of n-grams that may occur twice, by those of the n-grams of one word less. */
// @ts-ignore: decorator
@inline
function increaseAndLook(n: usize): void {
  const twice = i8x16.splat(2);
  const sieve = counters;
  const by = shift;
  memory.fill(sieve, 0, slots);
  let to = states;
  for (let block: usize = 0; block < words; block += 16) {
    for (let bits = reaching(block, twice) & reaching(block + 1, twice); bits != 0; bits &= bits - 1) {
      const word = block + (ctz(bits) as usize);
      const counter = (hashNGram(n, word) >> by) as usize;
      increment(sieve + counter);
      store<u32>(to, counter);
      store<u32>(to, counts + word, 4);
      to += 8;
    }
  }
  memory.fill(counts, 0, words + 32);
  for (let at = states; at < to; at += 8) {
    store<u8>(load<u32>(at, 4), load<u8>(sieve + (load<u32>(at) as usize)));
  }
}

// @ts-ignore: decorator
@inline
function increment(counter: usize): void {
  const before: u32 = load<u8>(counter);
  store<u8>(counter, before + ((before < full) as u32));
}

// @ts-ignore: decorator
@inline
function hashNGram(n: usize, word: usize): u64 {
  const at = hashes + (word << 3);
  let hash = load<u64>(at) * base + load<u64>(at, 8);
  if (n > 2) hash = hash * base + load<u64>(at, 16);
  if (n > 3) hash = hash * base + load<u64>(at, 24);
  return hash;
}

/** Characters of the most frequent n-gram, the first of equals, times its count. */
function top(n: usize): u32 {
  if (words < n) return 0;
  // All differ, unless some are found to be equal.
  let best: u32 = 1;
  let bestAt: usize = 0;
  const most = mostOf();
  for (let least = most; least > 1; ) {
    const found = least == most && most < full ? countFirst(n, most) : countReaching(n, least);
    const count = (found >> 32) as u32;
    // An n-gram that the limit held back occurs less often than `least`.
    if (count >= least) {
      best = count;
      bestAt = (found & 0xffffffff) as usize;
      break;
    }
    least = least == 2 ? 1 : max(count, 2);
  }
  return (charactersOf(bestAt, bestAt + n) + (n as u32) - 1) * best;
}

/** The highest counter. */
function mostOf(): u32 {
  let most = v128.load(counts);
  for (let at: usize = 16; at < words; at += 16) most = i8x16.max_u(most, v128.load(counts + at));
  most = i8x16.max_u(most, i8x16.shuffle(most, most, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  let bytes = i64x2.extract_lane(most, 0) as u64;
  let highest: u32 = 0;
  for (; bytes != 0; bytes >>= 8) highest = max(highest, (bytes as u32) & 255);
  return highest;
}

/** Of 16 words, a bit for each whose counter reaches `least`. */
// @ts-ignore: decorator
@inline
function reaching(at: usize, least: v128): u32 {
  return i8x16.bitmask(i8x16.ge_u(v128.load(counts + at), least)) as u32;
}

/** The first n-gram with the highest counter, as `countReaching` gives it, unless another may occur more often. */
function countFirst(n: usize, most: u32): u64 {
  const least = i8x16.splat(most as i8);
  let at: usize = 0;
  let bits = reaching(0, least);
  while (bits == 0) bits = reaching((at += 16), least);
  const word = at + (ctz(bits) as usize);
  const first = hashNGram(n, word);
  let count: u32 = 0;
  while (true) {
    for (; bits != 0; bits &= bits - 1) count += (hashNGram(n, at + (ctz(bits) as usize)) == first) as u32;
    at += 16;
    if (at >= words) break;
    bits = reaching(at, least);
  }
  return count == most ? ((most as u64) << 32) | (word as u64) : countReaching(n, most);
}

/**
 * Counts the n-grams whose counter reaches `least`: the highest count in the upper half, and where its first n-gram
 * begins in the lower.
 */
function countReaching(n: usize, least: u32): u64 {
  const limit = i8x16.splat(least as i8);
  let entries: usize = 0;
  for (let at: usize = 0; at < words; at += 16) entries += popcnt(reaching(at, limit)) as usize;
  // Few of them differ, so a table that a cache holds has room for these; if not, it is made anew.
  const found = countInTable(n, limit, min(entries, ((entries / (least as usize)) << 3) + 8));
  return found != noRoom ? found : countInTable(n, limit, entries);
}

const noRoom: u64 = 0;

/** The same in a table with room for so many n-grams that differ. */
function countInTable(n: usize, limit: v128, room: usize): u64 {
  const size = beginTable(room);
  const tallies = table + (size << 3);
  const firsts = tallies + (size << 2);
  let free = room;
  let best: u32 = 0;
  let bestAt: u32 = 0;
  for (let at: usize = 0; at < words; at += 16) {
    for (let bits = reaching(at, limit); bits != 0; bits &= bits - 1) {
      const word = (at as u32) + ctz(bits);
      const hash = hashNGram(n, word);
      const slot = slotOf(hash);
      if (load<u64>(table + (slot << 3)) == 0) {
        if (free-- == 0) return noRoom;
        store<u64>(table + (slot << 3), hash == 0 ? spread : hash);
        store<u32>(tallies + (slot << 2), 0);
        store<u32>(firsts + (slot << 2), word);
      }
      const count = load<u32>(tallies + (slot << 2)) + 1;
      store<u32>(tallies + (slot << 2), count);
      const first = load<u32>(firsts + (slot << 2));
      if (count > best || (count == best && first < bestAt)) {
        best = count;
        bestAt = first;
      }
    }
  }
  return ((best as u64) << 32) | (bestAt as u64);
}

/** Makes room for so many hashes, at most half full. An empty slot is 0. Returns the slots. */
function beginTable(entries: usize): usize {
  let size: usize = 8;
  let bits: u64 = 3;
  while (size < entries * 2) {
    size <<= 1;
    bits++;
  }
  tableMask = size - 1;
  tableShift = 64 - bits;
  memory.fill(table, 0, size << 3);
  return size;
}

/** Slot where a hash is or would be put. */
// @ts-ignore: decorator
@inline
function slotOf(hash: u64): usize {
  const key = hash == 0 ? spread : hash;
  let slot = ((key * spread) >> tableShift) as usize;
  while (true) {
    const there = load<u64>(table + (slot << 3));
    if (there == 0 || there == key) return slot;
    slot = (slot + 1) & tableMask;
  }
}
