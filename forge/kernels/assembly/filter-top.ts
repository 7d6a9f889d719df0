/**
 * The most frequent 2- to 4-grams of words.
 *
 * Most n-grams occur once, and that is known without a table of them: a sieve of small counters, one for many hashes,
 * never counts too few. Only n-grams whose counter reaches the best exact count can be the most frequent, and these are
 * counted exactly.
 */
import { base, spread } from "./filter-hash";
import {
  beginTable,
  charactersOf,
  counters,
  firstList,
  hashes,
  maxCounters,
  secondList,
  slotOf,
  states,
  table,
  words,
} from "./filter-joined";
import { put } from "./filter-text";

/** Counters stop here. */
const full: u32 = 255;

/** Fills the columns of the words joined last. */
export function countTop(): void {
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
    increment(twos + ((two >> shift) as usize));
    increment(threes + ((three >> shift) as usize));
    increment(fours + ((four >> shift) as usize));
  }
  const leastTwos = begunLimit(mostOf(twos, slots));
  const leastThrees = begunLimit(mostOf(threes, slots));
  const leastFours = begunLimit(mostOf(fours, slots));
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
    store<u32>(firstList + (twosThrough << 2), i as u32);
    twosThrough += (load<u8>(twos + ((two >> shift) as usize)) >= leastTwos) as usize;
    store<u32>(secondList + (threesThrough << 2), i as u32);
    threesThrough += (load<u8>(threes + ((three >> shift) as usize)) >= leastThrees) as usize;
    store<u32>(states + (foursThrough << 2), i as u32);
    foursThrough += (load<u8>(fours + ((four >> shift) as usize)) >= leastFours) as usize;
  }
  put(22, top(2, twos, shift, leastTwos, firstList, twosThrough));
  put(23, top(3, threes, shift, leastThrees, secondList, threesThrough));
  put(24, top(4, fours, shift, leastFours, states, foursThrough));
}

/** A limit for the first look, which the best exact count will probably reach. */
// @ts-ignore: decorator
@inline
function begunLimit(most: u32): u32 {
  return most < 2 ? full + 1 : max(most - (most >> 2), 2);
}

// @ts-ignore: decorator
@inline
function increment(counter: usize): void {
  const before: u32 = load<u8>(counter);
  store<u8>(counter, before + ((before < full) as u32));
}

/** The highest of the counters, of which there are 64 or a power of two more. */
function mostOf(sieve: usize, slots: usize): u32 {
  let most = v128.load(sieve);
  for (let at: usize = 16; at < slots; at += 16) most = i8x16.max_u(most, v128.load(sieve + at));
  most = i8x16.max_u(most, i8x16.shuffle(most, most, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  let bytes = i64x2.extract_lane(most, 0) as u64;
  let highest: u32 = 0;
  for (; bytes != 0; bytes >>= 8) highest = max(highest, (bytes as u32) & 255);
  return highest;
}

/**
 * Characters of the most frequent n-gram, the first of equals, times its count. `list` has the words at which the
 * sieve's counter reaches `begun`.
 */
function top(n: usize, sieve: usize, shift: u64, begun: u32, list: usize, length: usize): u32 {
  if (words < n) return 0;
  // All differ, unless some are found to be equal.
  let best: u32 = 1;
  let bestAt: usize = 0;
  let through = length;
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
function countListed(n: usize, list: usize, length: usize): u64 {
  const size = beginTable(length);
  const counts = table + (size << 3);
  const firsts = counts + (size << 2);
  let best: u32 = 0;
  let bestAt: u32 = 0;
  for (let i: usize = 0; i < length; i++) {
    const word = load<u32>(list + (i << 2));
    // What reaches behind the last word is none.
    if ((word as usize) + n > words) break;
    const hash = hashNGram(n, word as usize);
    const slot = slotOf(hash);
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
