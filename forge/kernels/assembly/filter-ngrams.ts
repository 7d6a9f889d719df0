/**
 * Repeated n-grams of words for the filters' statistics.
 *
 * Most n-grams occur once, and that is known without a table of them: a sieve of small counters, one for many hashes,
 * never counts too few. What the sieve lets through is counted exactly, in tables that stay small.
 *
 * - The most frequent 2- to 4-gram: only n-grams whose counter reaches the best exact count can be it.
 * - Repeated 5- to 10-grams are equal as joined words, wherever these begin and end. So two of at least 16 bytes begin
 *   with the same 16 bytes of the text without white space: one sieve over these serves all six.
 */
import { countCharacters, put } from "./filter-text";

const base: u64 = 0x9e3779b97f4a7c15;
const spread: u64 = 0xd6e8feb86659fd93;
const third: u64 = 0xa0761d6478bd642f;

const fourth: u64 = 0xe7037ed1a0b428db;

/** 48 bytes of ones, then 48 of zeros: what stands n bytes before the zeros keeps n bytes. */
const keep: usize = memory.data<u8>([
  255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
  255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]);

/** Hash of each word; its words joined, and where each begins in them. */
let hashes: usize = 0;
let joined: usize = 0;
let positions: usize = 0;
/** Words that a sieve let through, and a number of each. */
let candidates: usize = 0;
let states: usize = 0;
let survivors: usize = 0;
let twoList: usize = 0;
let threeList: usize = 0;
let fourList: usize = 0;
/** Sieves, and the exact tables. */
let counters: usize = 0;
let table: usize = 0;
let words: usize = 0;
let isAscii: bool = false;

let tableMask: usize = 0;
let tableShift: u64 = 0;

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
  candidates = starts;
  survivors = ends;
  twoList = starts;
  threeList = ends;
  fourList = states;
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
        low = (low ^ (low >> 29)) * third + (i64x2.extract_lane(kept, 0) as u64);
        high = (high ^ (high >> 31)) * base + (i64x2.extract_lane(kept, 1) as u64);
      }
    }
    const mixed = (low + (bytes as u64)) * base + rotl(high * spread, 32);
    store<u64>(hashes + (i << 3), (mixed ^ (mixed >> 32)) * third);
    to += bytes;
    if (bytes <= 4) stops |= stopWord(low as u32);
  }
  store<u32>(positions + (words << 2), (to - joined) as u32);
  // What is read behind the last word is no word.
  store<u64>(to, 0);
  store<u64>(to, 0, 8);
  for (let i: usize = 0; i < 4; i++) store<u64>(hashes + ((words + i) << 3), 0);
  return popcnt(stops);
}

/** One bit for each of the, be, to, of, and, that, have, with; other bytes of the word are 0. */
// @ts-ignore: decorator
@inline
function stopWord(word: u32): u32 {
  return (
    (word == 0x656874 ? 1 : 0) |
    (word == 0x6562 ? 2 : 0) |
    (word == 0x6f74 ? 4 : 0) |
    (word == 0x666f ? 8 : 0) |
    (word == 0x646e61 ? 16 : 0) |
    (word == 0x74616874 ? 32 : 0) |
    (word == 0x65766168 ? 64 : 0) |
    (word == 0x68746977 ? 128 : 0)
  );
}

/** Fills the columns of n-grams of the words joined last. */
export function countNGrams(counterBuffer: usize, tableBuffer: usize): void {
  counters = counterBuffer;
  table = tableBuffer;
  countTop();
  countDuplicates();
}

/** A sieve has two to four slots a word, as long as a cache holds them. */
const maxCounters: usize = 1 << 19;
/** Counters stop here. */
const full: u32 = 255;

function countTop(): void {
  let slots: usize = 64;
  let bits: u64 = 6;
  while (slots < words * 2 && slots < maxCounters) {
    slots <<= 1;
    bits++;
  }
  const shift = 64 - bits;
  const twos = counters;
  const threes = counters + slots;
  const fours = counters + slots * 2;
  memory.fill(counters, 0, slots * 3);
  let mostTwos: u32 = 0;
  let mostThrees: u32 = 0;
  let mostFours: u32 = 0;
  // Words behind the last are 0; n-grams that reach there are counted too, which a sieve may.
  let second = load<u64>(hashes);
  let next = load<u64>(hashes, 8);
  let last = load<u64>(hashes, 16);
  for (let i: usize = 0; i + 1 < words; i++) {
    const first = second;
    second = next;
    next = last;
    last = load<u64>(hashes + (i << 3), 24);
    const two = first * base + second;
    const three = two * base + next;
    const four = three * base + last;
    mostTwos = max(mostTwos, increment(twos + ((two >> shift) as usize)));
    mostThrees = max(mostThrees, increment(threes + ((three >> shift) as usize)));
    mostFours = max(mostFours, increment(fours + ((four >> shift) as usize)));
  }
  const leastTwos = begunLimit(mostTwos);
  const leastThrees = begunLimit(mostThrees);
  const leastFours = begunLimit(mostFours);
  let twosThrough: usize = 0;
  let threesThrough: usize = 0;
  let foursThrough: usize = 0;
  second = load<u64>(hashes);
  next = load<u64>(hashes, 8);
  last = load<u64>(hashes, 16);
  for (let i: usize = 0; i + 1 < words; i++) {
    const first = second;
    second = next;
    next = last;
    last = load<u64>(hashes + (i << 3), 24);
    const two = first * base + second;
    const three = two * base + next;
    const four = three * base + last;
    store<u32>(twoList + (twosThrough << 2), i as u32);
    twosThrough += (load<u8>(twos + ((two >> shift) as usize)) >= leastTwos) as usize;
    store<u32>(threeList + (threesThrough << 2), i as u32);
    threesThrough += (load<u8>(threes + ((three >> shift) as usize)) >= leastThrees) as usize;
    store<u32>(fourList + (foursThrough << 2), i as u32);
    foursThrough += (load<u8>(fours + ((four >> shift) as usize)) >= leastFours) as usize;
  }
  put(22, top(2, twos, shift, leastTwos, twoList, twosThrough));
  put(23, top(3, threes, shift, leastThrees, threeList, threesThrough));
  put(24, top(4, fours, shift, leastFours, fourList, foursThrough));
}

/** A limit for the first look that the best exact count will probably reach, though others raised the largest counter. */
// @ts-ignore: decorator
@inline
function begunLimit(most: u32): u32 {
  return most < 2 ? full + 1 : max(most - max(most >> 2, 1), 2);
}

// @ts-ignore: decorator
@inline
function increment(counter: usize): u32 {
  const before: u32 = load<u8>(counter);
  const count = before + ((before < full) as u32);
  store<u8>(counter, count);
  return count;
}

/**
 * Characters of the most frequent n-gram, the first of equals, times its count. `list` has the words at which the sieve's
 * counter reaches `begun`.
 */
function top(n: usize, sieve: usize, shift: u64, begun: u32, list: usize, listed: usize): u32 {
  if (words < n) return 0;
  // All differ, unless some are found to be equal.
  let best: u32 = 1;
  let bestAt: usize = 0;
  let through = listed;
  for (let least = begun; least <= full; ) {
    const found = countListed(n, list, through);
    best = (found >> 32) as u32;
    bestAt = (found & 0xffffffff) as usize;
    // An n-gram that the sieve held back occurs less often than `least`.
    if (best >= least) break;
    if (least == 2) {
      best = 1;
      bestAt = 0;
      break;
    }
    least = max(best, 2);
    through = listThrough(n, sieve, shift, least, list);
  }
  return (charactersOf(bestAt, bestAt + n) + (n as u32) - 1) * best;
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

/** Lists the n-grams whose counter reaches `least`. */
function listThrough(n: usize, sieve: usize, shift: u64, least: u32, list: usize): usize {
  let through: usize = 0;
  for (let i: usize = 0; i + n <= words; i++) {
    store<u32>(list + (through << 2), i as u32);
    through += (load<u8>(sieve + ((hashNGram(n, i) >> shift) as usize)) >= least) as usize;
  }
  return through;
}

/** Counts the listed n-grams: the highest count, and where its first n-gram begins. */
function countListed(n: usize, list: usize, listed: usize): u64 {
  const size = beginTable(listed, 1);
  const counts = table + (size << 3);
  const firsts = counts + (size << 2);
  let best: u32 = 0;
  let bestAt: u32 = 0;
  for (let i: usize = 0; i < listed; i++) {
    const word = load<u32>(list + (i << 2));
    // What reaches behind the last word is none.
    if ((word as usize) + n > words) break;
    const hash = hashNGram(n, word as usize);
    const slot = slotOf(table, hash);
    if (load<u64>(table + (slot << 3)) == 0) {
      store<u64>(table + (slot << 3), hash == 0 ? spread : hash);
      store<u32>(counts + (slot << 2), 0);
      store<u32>(firsts + (slot << 2), word);
    }
    const count = load<u32>(counts + (slot << 2)) + 1;
    store<u32>(counts + (slot << 2), count);
    const first = load<u32>(firsts + (slot << 2));
    if (count > best || (count == best && first < bestAt)) {
      best = count;
      bestAt = first;
    }
  }
  return ((best as u64) << 32) | (bestAt as u64);
}

/** Where a word begins in the joined words. */
// @ts-ignore: decorator
@inline
function positionOf(word: usize): u32 {
  return load<u32>(positions + (word << 2));
}

/**
 * A repeated n-gram of at least 8 bytes begins with 8 bytes that stand elsewhere too, one of 16 with 16 such bytes, and
 * so on: up to so many times 8.
 */
const maxLevel: u32 = 4;
const levelMask: u32 = 7;
const levelBits: u32 = 3;

/** Characters in repeated n-grams of 5 to 10 words, and the word behind the last one found. */
const found: usize = memory.data(6 * 4);
const behind: usize = memory.data(6 * 4);

/** Counts code points in n-grams that occurred before; the words of a found one are passed over. */
function countDuplicates(): void {
  memory.fill(found, 0, 24);
  memory.fill(behind, 0, 24);
  const through = words < 5 ? (0 as usize) : sieveBeginnings();
  if (through > 0) {
    const bytesOfTable = beginTable(through, 6) << 3;
    for (let i: usize = 0; i < through; i++) {
      const candidate = load<u32>(candidates + (i << 2));
      const word = (candidate >> levelBits) as usize;
      const level = candidate & levelMask;
      // A repeated n-gram of more bytes than this would have a higher level.
      const most: u32 = level == maxLevel ? 0xffffffff : (level << 3) + 7;
      const from = positionOf(word);
      const text = joined + (from as usize);
      const longest = min<usize>(10, words - word);
      let keys = table;
      for (let n: usize = 5; n <= longest; n++, keys += bytesOfTable) {
        const bytes = positionOf(word + n) - from;
        if (bytes > most) break;
        const entry = (n - 5) << 2;
        if (word < (load<u32>(behind + entry) as usize)) continue;
        const hash = hashOf(text, bytes as usize);
        const slot = keys + (slotOf(keys, hash) << 3);
        if (load<u64>(slot) == 0) {
          store<u64>(slot, hash == 0 ? spread : hash);
          continue;
        }
        const characters = isAscii ? bytes : countCharacters(text, text + bytes);
        store<u32>(found + entry, load<u32>(found + entry) + characters);
        store<u32>(behind + entry, (word + n) as u32);
      }
    }
  }
  for (let i: usize = 0; i < 6; i++) put(25 + (i as i32), load<u32>(found + (i << 2)));
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
    through += (repeats || (i < limit && positionOf(i + 5) - position < 8)) as usize;
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
    kept += (word < limit && min((positionOf(word + 5) - positionOf(word)) >> 3, maxLevel) <= (candidate & levelMask)) as usize;
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

/** The first 48 bytes are hashed without a branch: their products do not wait for each other. */
function hashOf(start: usize, bytes: usize): u64 {
  let one: u64 = (bytes as u64) * third;
  let two: u64 = base;
  let at = start;
  let rest = bytes;
  for (; rest > 48; rest -= 16) {
    one = rotl((one ^ load<u64>(at)) * base, 29);
    two = rotl((two ^ load<u64>(at, 8)) * spread, 31);
    at += 16;
  }
  const mask = keep + 48 - rest;
  const first = v128.and(v128.load(at), v128.load(mask));
  const second = v128.and(v128.load(at, 16), v128.load(mask, 16));
  const last = v128.and(v128.load(at, 32), v128.load(mask, 32));
  one = (one ^ (i64x2.extract_lane(first, 0) as u64)) * base;
  two = (two ^ (i64x2.extract_lane(first, 1) as u64)) * spread;
  const three = ((i64x2.extract_lane(second, 0) as u64) + third) * third;
  const four = ((i64x2.extract_lane(second, 1) as u64) + spread) * base;
  const five = ((i64x2.extract_lane(last, 0) as u64) + base) * spread;
  const six = ((i64x2.extract_lane(last, 1) as u64) + base) * third;
  const hash = (one ^ rotl(two, 32)) + (three ^ rotl(four, 32)) * fourth + rotl(five ^ rotl(six, 32), 17) * spread;
  return (hash ^ (hash >> 29)) * third;
}

function charactersOf(from: usize, to: usize): u32 {
  const start = positionOf(from);
  const end = positionOf(to);
  return isAscii ? end - start : countCharacters(joined + (start as usize), joined + (end as usize));
}

/** Makes so many tables of so many hashes, at most half full. An empty slot is 0. Returns the slots of each. */
function beginTable(entries: usize, tables: usize): usize {
  let size: usize = 8;
  let bits: u64 = 3;
  while (size < entries * 2) {
    size <<= 1;
    bits++;
  }
  tableMask = size - 1;
  tableShift = 64 - bits;
  memory.fill(table, 0, (size << 3) * tables);
  return size;
}

/** Slot of a table where a hash is or would be put. */
// @ts-ignore: decorator
@inline
function slotOf(keys: usize, hash: u64): usize {
  const key = hash == 0 ? spread : hash;
  let slot = ((key * spread) >> tableShift) as usize;
  while (true) {
    const there = load<u64>(keys + (slot << 3));
    if (there == 0 || there == key) return slot;
    slot = (slot + 1) & tableMask;
  }
}
