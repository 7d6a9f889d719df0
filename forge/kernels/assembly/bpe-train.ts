/**
 * Learns merges from counted pre-tokens (`bpe-count.ts`). Fast twin of the merging in `reference/bpe-train.ts`.
 *
 * All words lie in one array of places, 8 bytes for each byte of a word (token u32, the word's record u32), with `border`
 * between words. A token of n bytes stands in n places and is written at the first and the last; so both neighbours of a
 * token are found without links, a merge writes two places, and a word's length does not matter: what a merge costs is
 * the number of its occurrences.
 *
 * A pair is a record with its count and a list of the places where it came up. Places are never taken out of lists:
 * tokens only grow, so a place holds a pair once in its life, and two loads tell if it still does.
 *
 * The next pair comes from a heap of (count, pair), where counts may be out of date, but never too low; a pair that
 * surfaces with an old count goes back with its new one. Pairs below `threshold` are not in the heap. When it runs empty
 * the threshold is halved and all pairs are looked at: so the many pairs that never get merged cost no heap work.
 */
import { chunkHeader, firstChunk, recordHeader } from "./bpe-count";
import { allocatePersistent } from "./memory";

/** Between words. */
const border: u32 = 0xffffffff;
/** A place inside a token, where an older token began or ended. */
const inside: u32 = 0xfffffffe;

/** Bytes of each token, times 8. */
let spans: usize = 0;

/**
 * Records of pairs, 32 bytes: right u32, left u32 (as u64 the key: left << 32 | right), count u64, places listed u32,
 * first block u32, where to write u32, end of the block u32. They stand in chunks that begin with a pointer to the next.
 */
const pairBytes: usize = 32;
const pairChunk: usize = 1 << 20;
let firstPairs: usize = 0;
let lastPairs: usize = 0;
let freePair: usize = 0;
let pairs: u32 = 0;

/** Table of (hash << 32 | record), at most half full. */
let table: usize = 0;
let mask: u32 = 0;

/** Blocks of places: end u32, places u32 each, at the end a pointer to the next block. */
const largestBlock: u32 = 1024;
const blockChunk: usize = 1 << 20;
let freeBlock: usize = 0;
let blocksEnd: usize = 0;

/** Entries of 16 bytes: count u64, key u64. */
let heap: usize = 0;
let heapSize: u32 = 0;
let heapRoom: u32 = 0;
let threshold: u64 = 0;
let minimum: u64 = 0;
/** No pair is more frequent. */
let mostFrequent: u64 = 0;

let failed: bool = false;
/** Takes what finds no memory. */
const nowhere: usize = memory.data(32, 16);

/**
 * Lays words out and counts their pairs. False when memory is out.
 *
 * @param byteTokens u32[256], tokens of the bytes
 * @param tokens number of tokens that there may be
 * @param minFrequency pairs below are never given
 */
export function beginMerges(byteTokens: usize, tokens: u32, minFrequency: u32): i32 {
  spans = allocatePersistent((tokens as usize) << 2);
  table = allocatePersistent(1 << 19);
  heapRoom = 1 << 12;
  heap = allocatePersistent((heapRoom as usize) << 4);
  lastPairs = allocatePersistent(pairChunk);
  if (spans == 0 || table == 0 || heap == 0 || lastPairs == 0) return 0;
  for (let byte: usize = 0; byte < 256; byte++) store<u32>(spans + ((load<u32>(byteTokens + (byte << 2)) as usize) << 2), 8);
  memory.fill(table, 0, 1 << 19);
  mask = 0xffff;
  firstPairs = lastPairs;
  freePair = firstPairs + pairBytes;
  minimum = minFrequency as u64;
  const places = layOut(byteTokens);
  if (places == 0) return 0;
  countPairs(places);
  threshold = (u64.MAX_VALUE >> 1) + 1;
  return failed ? 0 : 1;
}

let placesEnd: usize = 0;

/** Writes all words of two bytes and more; returns where the places begin, 0 when memory is out. */
function layOut(byteTokens: usize): usize {
  let room: usize = 1;
  for (let chunk = firstChunk; chunk != 0; chunk = load<u32>(chunk) as usize) {
    const end = load<u32>(chunk, 4) as usize;
    for (let word = chunk + chunkHeader; word < end; word = wordAfter(word)) room += 1 + (load<u32>(word, 8) as usize);
  }
  if (room > 1 << 28) return 0;
  const places = allocatePersistent(room << 3);
  if (places == 0) return 0;
  let at = places;
  for (let chunk = firstChunk; chunk != 0; chunk = load<u32>(chunk) as usize) {
    const end = load<u32>(chunk, 4) as usize;
    for (let word = chunk + chunkHeader; word < end; word = wordAfter(word)) {
      const length = load<u32>(word, 8) as usize;
      if (length == 1) continue;
      store<u32>(at, border);
      at += 8;
      for (let i: usize = 0; i < length; i++) {
        store<u32>(at, load<u32>(byteTokens + ((load<u8>(word + recordHeader + i) as usize) << 2)));
        store<u32>(at, word as u32, 4);
        at += 8;
      }
    }
  }
  store<u32>(at, border);
  placesEnd = at;
  return places;
}

// @ts-ignore: decorator
@inline
function wordAfter(word: usize): usize {
  return word + recordHeader + (((load<u32>(word, 8) as usize) + 15) & ~15);
}

function countPairs(places: usize): void {
  for (let at = places; at < placesEnd; at += 8) {
    const left = load<u32>(at);
    const right = load<u32>(at, 8);
    if (left == border || right == border) continue;
    const pair = pairOf(left, right);
    add(pair, load<u64>(load<u32>(at, 4) as usize), at);
    mostFrequent = max(mostFrequent, load<u64>(pair, 8));
  }
}

/** The most frequent pair, of equals the one with the lower left token, then the lower right one; 0 for none. */
export function nextPair(): usize {
  while (true) {
    if (heapSize == 0) {
      if (threshold <= minimum || failed) return 0;
      threshold = max(threshold >> 1, minimum);
      // Skip thresholds that no pair reaches.
      if (threshold > mostFrequent) continue;
      enqueueFrom(firstPairs, firstPairs + pairBytes);
      continue;
    }
    const count = load<u64>(heap);
    const key = load<u64>(heap, 8);
    pop();
    const pair = pairOf((key >> 32) as u32, key as u32);
    const now = load<u64>(pair, 8);
    if (now == count) return pair;
    if (now >= threshold) push(now, key);
  }
}

/** Merges a pair wherever it stands. `bytes` is the length of the result. False when memory is out. */
export function mergePair(pair: usize, result: u32, bytes: u32): i32 {
  const right = load<u32>(pair);
  const left = load<u32>(pair, 4);
  const leftSpan = span(left);
  const wholeSpan = leftSpan + span(right);
  store<u32>(spans + ((result as usize) << 2), bytes << 3);
  let listed = load<u32>(pair, 16);
  let block = load<u32>(pair, 20) as usize;
  store<u64>(pair, 0, 16);
  store<u64>(pair, 0, 24);
  const known = freePair;
  const chunk = lastPairs;
  while (listed > 0) {
    const end = load<u32>(block) as usize;
    for (let entry = block + 4; entry < end && listed > 0; entry += 4, listed--) {
      let at = load<u32>(entry) as usize;
      if (load<u32>(at) != left || load<u32>(at + leftSpan) != right) continue;
      if (left != right) {
        mergeAt(at, pair, left, right, result, leftSpan, wholeSpan, known);
        continue;
      }
      // A run of one token is merged from its beginning, wherever the list enters it.
      while (load<u32>(at - 8) == left) at -= leftSpan;
      while (load<u32>(at) == left && load<u32>(at + leftSpan) == left) {
        mergeAt(at, pair, left, right, result, leftSpan, wholeSpan, known);
        at += wholeSpan;
      }
    }
    block = load<u32>(end) as usize;
  }
  enqueueFrom(chunk, known);
  return failed ? 0 : 1;
}

// @ts-ignore: decorator
@inline
function span(token: u32): usize {
  return load<u32>(spans + ((token as usize) << 2)) as usize;
}

// @ts-ignore: decorator
@inline
function mergeAt(at: usize, pair: usize, left: u32, right: u32, result: u32, leftSpan: usize, wholeSpan: usize, known: usize): void {
  const count = load<u64>(load<u32>(at, 4) as usize);
  const before = load<u32>(at - 8);
  const after = load<u32>(at + wholeSpan);
  store<u64>(pair, load<u64>(pair, 8) - count, 8);
  store<u32>(at + leftSpan - 8, inside);
  store<u32>(at + leftSpan, inside);
  store<u32>(at, result);
  store<u32>(at + wholeSpan - 8, result);
  if (before != border) {
    take(pairOf(before, left), count);
    addGrown(pairOf(before, result), count, at - span(before), known);
  }
  if (after != border) {
    take(pairOf(right, after), count);
    addGrown(pairOf(result, after), count, at, known);
  }
}

// @ts-ignore: decorator
@inline
function take(pair: usize, count: u64): void {
  store<u64>(pair, load<u64>(pair, 8) - count, 8);
}

/** Adds to a pair in a merge. New pairs are queued after it; one from before, of a token made twice, at once. */
// @ts-ignore: decorator
@inline
function addGrown(pair: usize, count: u64, at: usize, known: usize): void {
  add(pair, count, at);
  if (pair < known) {
    const now = load<u64>(pair, 8);
    if (now >= threshold) push(now, load<u64>(pair));
  }
}

// @ts-ignore: decorator
@inline
function add(pair: usize, count: u64, at: usize): void {
  store<u64>(pair, load<u64>(pair, 8) + count, 8);
  let entry = load<u32>(pair, 24) as usize;
  if (entry == (load<u32>(pair, 28) as usize)) {
    entry = addBlock(pair);
    if (entry == 0) return;
  }
  store<u32>(entry, at as u32);
  store<u32>(pair, (entry + 4) as u32, 24);
  store<u32>(pair, load<u32>(pair, 16) + 1, 16);
}

/** A block as large as all before together; returns its first place. */
function addBlock(pair: usize): usize {
  const listed = load<u32>(pair, 16);
  const room = (listed == 0 ? 1 : min<u32>(listed, largestBlock)) as usize;
  const size: usize = 8 + (room << 2);
  if (freeBlock + size > blocksEnd) {
    const chunk = allocatePersistent(blockChunk);
    if (chunk == 0) {
      failed = true;
      return 0;
    }
    freeBlock = chunk;
    blocksEnd = chunk + blockChunk;
  }
  const block = freeBlock;
  freeBlock += size;
  const end = block + size - 4;
  store<u32>(block, end as u32);
  store<u32>(end, 0);
  if (listed == 0) store<u32>(pair, block as u32, 20);
  else store<u32>(load<u32>(pair, 28) as usize, block as u32);
  store<u32>(pair, end as u32, 28);
  return block + 4;
}

// @ts-ignore: decorator
@inline
function hashOf(key: u64): u32 {
  const mixed = key * 0x9e3779b97f4a7c15;
  return ((mixed >> 32) ^ (mixed >> 15)) as u32;
}

/** The record of a pair, made if need be. */
// @ts-ignore: decorator
@inline
function pairOf(left: u32, right: u32): usize {
  const key = ((left as u64) << 32) | (right as u64);
  const hash = hashOf(key);
  let at = hash & mask;
  while (true) {
    const slot = load<u64>(table + ((at as usize) << 3));
    if (slot == 0) return addPair(key, hash, at);
    const pair = (slot as u32) as usize;
    if (((slot >> 32) as u32) == hash && load<u64>(pair) == key) return pair;
    at = (at + 1) & mask;
  }
}

function addPair(key: u64, hash: u32, at: u32): usize {
  if (freePair == lastPairs + pairChunk) {
    const chunk = allocatePersistent(pairChunk);
    if (chunk == 0) {
      failed = true;
      memory.fill(nowhere, 0, pairBytes);
      return nowhere;
    }
    store<u32>(lastPairs, chunk as u32);
    lastPairs = chunk;
    freePair = chunk + pairBytes;
  }
  const pair = freePair;
  freePair += pairBytes;
  store<u64>(pair, key);
  memory.fill(pair + 8, 0, pairBytes - 8);
  store<u64>(table + ((at as usize) << 3), ((hash as u64) << 32) | (pair as u64));
  if (++pairs > mask >> 1) growTable();
  return pair;
}

function growTable(): void {
  const slots = (mask as usize) + 1;
  const bigger = allocatePersistent(slots << 4);
  if (bigger == 0) {
    // The table stays right while it has an empty slot.
    failed = true;
    return;
  }
  memory.fill(bigger, 0, slots << 4);
  const biggerMask = ((slots << 1) - 1) as u32;
  for (let i: usize = 0; i < slots; i++) {
    const slot = load<u64>(table + (i << 3));
    if (slot == 0) continue;
    let at = ((slot >> 32) as u32) & biggerMask;
    while (load<u64>(bigger + ((at as usize) << 3)) != 0) at = (at + 1) & biggerMask;
    store<u64>(bigger + ((at as usize) << 3), slot);
  }
  table = bigger;
  mask = biggerMask;
}

/** Queues the pairs from a record on, which stands in `chunk` or at its end. */
function enqueueFrom(chunk: usize, pair: usize): void {
  while (true) {
    const end = chunk == lastPairs ? freePair : chunk + pairChunk;
    for (; pair < end; pair += pairBytes) {
      const count = load<u64>(pair, 8);
      if (count >= threshold) push(count, load<u64>(pair));
    }
    if (chunk == lastPairs) return;
    chunk = load<u32>(chunk) as usize;
    pair = chunk + pairBytes;
  }
}

// @ts-ignore: decorator
@inline
function comesBefore(count: u64, key: u64, entry: usize): bool {
  const other = load<u64>(entry);
  return count > other || (count == other && key < load<u64>(entry, 8));
}

function push(count: u64, key: u64): void {
  if (heapSize == heapRoom) {
    const bigger = allocatePersistent((heapRoom as usize) << 5);
    if (bigger == 0) {
      failed = true;
      return;
    }
    memory.copy(bigger, heap, (heapRoom as usize) << 4);
    heap = bigger;
    heapRoom <<= 1;
  }
  let at = heapSize++ as usize;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!comesBefore(count, key, heap + (parent << 4))) break;
    v128.store(heap + (at << 4), v128.load(heap + (parent << 4)));
    at = parent;
  }
  store<u64>(heap + (at << 4), count);
  store<u64>(heap + (at << 4), key, 8);
}

/** Takes the first entry off. */
function pop(): void {
  const last = --heapSize as usize;
  const count = load<u64>(heap + (last << 4));
  const key = load<u64>(heap + (last << 4), 8);
  let at: usize = 0;
  for (let child: usize = 1; child < last; child = 2 * at + 1) {
    let entry = heap + (child << 4);
    if (child + 1 < last && comesBefore(load<u64>(entry, 16), load<u64>(entry, 24), entry)) {
      child++;
      entry += 16;
    }
    if (comesBefore(count, key, entry)) break;
    v128.store(heap + (at << 4), v128.load(entry));
    at = child;
  }
  store<u64>(heap + (at << 4), count);
  store<u64>(heap + (at << 4), key, 8);
}
