/**
 * Text vectors of a fastText classifier. Fast twin of `embed` in `reference/fasttext.ts`, with the same order of sums.
 *
 * A text is cut into words 64 bytes at a time. Words of up to 16 bytes are remembered with their vectors in a table of
 * fixed size; the vectors of others are made by `fasttext-grams.ts`, most of them when all words of the text are known.
 * Last the vectors of the words are added up. What is remembered depends on earlier texts; the sums do not.
 *
 * Rows of the matrix and vectors are padded with zeros to a multiple of four floats.
 */
import { awaitWord, finishWords, hasRoom, setGrams, sumRows, sumWord } from "./fasttext-grams";

const multiplier1: u64 = 0x9e3779b97f4a7c15;
const multiplier2: u64 = 0xc2b2ae3d27d4eb4f;

let stride: usize = 0;
let dictionary: usize = 0;
let dictionaryMask: u32 = 0;
let texts: usize = 0;
/** Two slots of 32 bytes are a set: a word with zeros behind it, u32 how many rows it has, u32 when it was last met. */
let slots: usize = 0;
let vectors: usize = 0;
let setShift: u64 = 0;
/** Behind these, slots of words of up to 48 bytes, whose bytes from the 17th on stand in 32 bytes of their own. */
let longSlots: usize = 0;
let longTails: usize = 0;
let longShift: u64 = 0;
/** And behind those, slots for words of a text that are longer. */
let freeSlots: usize = 0;
let freeCount: usize = 0;
const mostFree: usize = 64;
/** Counted up when the words met so far have been added: slots of older words may be taken. */
let now: u32 = 1;
let endOfLineRow: usize = 0;

/** Sixteen bytes that keep as many as they are behind the first 16. */
const masks: usize = memory.data(32, 16);

/** Slots of words that are still to be added, then their vectors. */
const addends: usize = memory.data(4 * (256 + 32), 16);

/** Where words begin and end, in turn. */
const borders: usize = memory.data(4 * (512 + 64), 16);
const mostBorders: usize = 512;

/**
 * @param rows f32[rows][floats]: words, then n-grams by bucket
 * @param bits u64s, a bit for each bucket that was kept, and as many u32s `before`: how many were kept before those 64
 * @param words u32[slots][4]: hash, offset into `wordBytes`, length + 1 (0: empty), id (all ones: a label); to be filled
 * @param remembered slots of 32 bytes, `rememberedVectors` f32[slots][floats]: so many, so many as `tails`, and 64
 * @param tails slots of 32 bytes
 * @param endOfLine id of the word at the end of a text, or -1
 */
export function setFastText(
  rows: usize,
  floats: u32,
  knownWords: u32,
  least: i32,
  most: i32,
  bucketCount: u32,
  bits: usize,
  before: usize,
  words: usize,
  wordSlots: u32,
  wordBytes: usize,
  remembered: usize,
  rememberedVectors: usize,
  rememberedSlots: u32,
  tails: usize,
  tailSlots: u32,
  endOfLine: i32,
  zeros: usize,
): void {
  stride = (floats as usize) << 2;
  setGrams(rows, stride, knownWords, least, most, bucketCount, bits, before, zeros);
  dictionary = words;
  dictionaryMask = wordSlots - 1;
  texts = wordBytes;
  memory.fill(words, 0, (wordSlots as usize) << 4);
  slots = remembered;
  vectors = rememberedVectors;
  setShift = (65 - ctz(rememberedSlots)) as u64;
  longSlots = remembered + ((rememberedSlots as usize) << 5);
  longTails = tails;
  longShift = (64 - ctz(tailSlots)) as u64;
  freeSlots = longSlots + ((tailSlots as usize) << 5);
  memory.fill(remembered, 0, (freeSlots - remembered) + (mostFree << 5));
  endOfLineRow = endOfLine < 0 ? 0 : rows + (endOfLine as usize) * stride;
  now = 1;
  memory.fill(masks, 0xff, 16);
  memory.fill(masks + 16, 0, 16);
}

/** Enters words or labels into the dictionary: text `i` of the column as `firstId + i`, or, with -1, all as labels. */
export function addFastTextWords(offsets: usize, length: i32, firstId: i32): void {
  for (let i: usize = 0; i < (length as usize); i++) {
    const offset = load<u32>(offsets + (i << 2));
    const size = load<u32>(offsets + (i << 2), 4) - offset;
    const hash = (hashOf(texts + (offset as usize), size as usize) >> 32) as u32;
    let at = hash & dictionaryMask;
    while (load<u32>(dictionary + ((at as usize) << 4), 8) != 0) at = (at + 1) & dictionaryMask;
    const slot = dictionary + ((at as usize) << 4);
    store<u32>(slot, hash);
    store<u32>(slot, offset, 4);
    store<u32>(slot, size + 1, 8);
    store<i32>(slot, firstId < 0 ? -1 : firstId + (i as i32), 12);
  }
}

/** Means of the rows of each text's first code points to `hidden`, and how many rows there were to `counts`. */
export function embedTexts(
  values: usize,
  offsets: usize,
  length: i32,
  maxCodePoints: u32,
  hidden: usize,
  counts: usize,
): void {
  for (let i: usize = 0; i < (length as usize); i++) {
    const start = values + (load<u32>(offsets + (i << 2)) as usize);
    const end = values + (load<u32>(offsets + (i << 2), 4) as usize);
    store<u32>(counts + (i << 2), embed(start, prefixEnd(start, end, maxCodePoints), hidden + i * stride));
  }
}

function prefixEnd(start: usize, end: usize, codePoints: u32): usize {
  if (((end - start) as u32) <= codePoints) return end;
  let left = codePoints;
  let p = start;
  while (p + 16 <= end) {
    // Continuation bytes are the 64 lowest signed ones.
    const starts = i8x16.bitmask(i8x16.ge_s(v128.load(p), i8x16.splat(-64)));
    const count = popcnt(starts) as u32;
    if (count > left) break;
    left -= count;
    p += 16;
  }
  for (; p < end; p++) {
    if ((load<u8>(p) & 0xc0) != 0x80 && left-- == 0) return p;
  }
  return end;
}

function embed(start: usize, end: usize, hidden: usize): u32 {
  memory.fill(hidden, 0, stride);
  let rows: u32 = 0;
  let count: usize = 0;
  // Before a text is as after a space.
  let spaceBefore: u64 = 1;
  for (let p = start; p < end; p += 64) {
    let spaces = spacesAt(p) | (spacesAt(p + 16) << 16) | (spacesAt(p + 32) << 32) | (spacesAt(p + 48) << 48);
    if (end - p < 64) spaces |= (-1 as u64) << ((end - p) as u64);
    let changes = spaces ^ ((spaces << 1) | spaceBefore);
    spaceBefore = spaces >> 63;
    for (; changes != 0; changes &= changes - 1) {
      store<u32>(borders + (count << 2), (p + (ctz(changes) as usize)) as u32);
      count++;
    }
    if (count >= mostBorders) {
      const known = countWords(count & ~1, hidden);
      if (known < 0) return finish(hidden, rows + (~known as u32));
      rows += known as u32;
      store<u32>(borders, load<u32>(borders + ((count - 1) << 2)));
      count &= 1;
    }
  }
  if (count & 1) {
    store<u32>(borders + (count << 2), end as u32);
    count++;
  }
  const known = countWords(count, hidden);
  return finish(hidden, rows + ((known < 0 ? ~known : known) as u32));
}

/** A bit for each of 16 bytes that is a space, tab, line feed, vertical tab, form feed, carriage return or zero. */
// @ts-ignore: decorator
@inline
function spacesAt(p: usize): u64 {
  const bytes = v128.load(p);
  const controls = i8x16.swizzle(i8x16(-1, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, 0, 0), bytes);
  return (i8x16.bitmask(v128.or(controls, i8x16.eq(bytes, i8x16.splat(0x20)))) as u32) as u64;
}

/** Adds the words between borders; says how many rows were added, or one's complement of it if the text ends with them. */
function countWords(count: usize, hidden: usize): i32 {
  let rows: u32 = 0;
  let to = addends;
  let met = now;
  for (let i = borders, last = borders + (count << 2); i < last; i += 8) {
    const word = load<u32>(i) as usize;
    const size = (load<u32>(i, 4) as usize) - word;
    if (load<u32>(word) == 0x3e732f3c && size == 4) return ~((rows + addWords(to, hidden)) as i32); // </s>
    let slot: usize;
    if (size <= 16) {
      // No byte of a word is zero, so the zeros say how long it is.
      const key = keyOf(word, size);
      const hash = hashOfKey(key);
      const set = slots + (((hash >> setShift) as usize) << 6);
      const isSecond = !v128.any_true(v128.xor(v128.load(set, 32), key));
      slot = set + ((isSecond as usize) << 5);
      if (v128.any_true(v128.xor(v128.load(set), key)) & !isSecond) {
        slot = set + ((load<u32>(set, 20) > load<u32>(set, 52) ? 1 : 0) << 5);
        if (load<u32>(slot, 20) == met || !hasRoom(size)) {
          rows += addWords(to, hidden);
          to = addends;
          met = now;
        }
        v128.store(slot, key);
        makeVector(word, size, hash, slot);
      }
    } else {
      const hash = hashOf(word, size);
      slot = longSlotOf(word, size, hash);
      if (slot == 0) {
        slot = size > 48 ? freeSlots + (freeCount << 5) : longSlots + (((hash >> longShift) as usize) << 5);
        if (load<u32>(slot, 20) == met || !hasRoom(size)) {
          rows += addWords(to, hidden);
          to = addends;
          met = now;
        }
        if (size > 48) freeCount = (freeCount + 1) & (mostFree - 1);
        else writeLong(slot, word, size);
        makeVector(word, size, hash, slot);
      }
    }
    store<u32>(slot, met, 20);
    store<u32>(to, slot as u32);
    to += 4;
  }
  return (rows + addWords(to, hidden)) as i32;
}

/** Adds the end of the line and divides by the number of rows. */
function finish(hidden: usize, known: u32): u32 {
  let rows = known;
  if (endOfLineRow != 0) {
    rows++;
    for (let i: usize = 0; i < stride; i += 16) {
      v128.store(hidden + i, f32x4.add(v128.load(hidden + i), v128.load(endOfLineRow + i)));
    }
  }
  const scale = f32x4.splat((1 / (rows as f64)) as f32);
  for (let i: usize = 0; i < stride; i += 16) v128.store(hidden + i, f32x4.mul(v128.load(hidden + i), scale));
  return rows;
}

/** Adds the vectors of the words that were met, in order, to `hidden`; says how many rows they have. */
function addWords(end: usize, hidden: usize): u32 {
  finishWords();
  let rows: u32 = 0;
  for (let i = addends; i < end; i += 4) {
    const slot = load<u32>(i) as usize;
    rows += load<u32>(slot, 16);
    store<u32>(i, (vectors + ((slot - slots) >> 5) * stride) as u32);
  }
  sumRows(hidden, addends, end, hidden);
  now++;
  return rows;
}

// @ts-ignore: decorator
@inline
function keyOf(word: usize, size: usize): v128 {
  return v128.and(v128.load(word), v128.load(masks + 16 - size));
}

// @ts-ignore: decorator
@inline
function hashOfKey(key: v128): u64 {
  return (i64x2.extract_lane(key, 0) * multiplier1) ^ (rotl(i64x2.extract_lane(key, 1), 23) * multiplier2);
}

/** Slot of a word of more than 16 bytes if it is remembered, or 0. */
function longSlotOf(word: usize, size: usize, hash: u64): usize {
  if (size > 48) return 0;
  const at = ((hash >> longShift) as usize) << 5;
  const first = v128.xor(v128.load(longSlots + at), v128.load(word));
  const second = v128.xor(v128.load(longTails + at), tailOf(word, size, 16));
  const third = v128.xor(v128.load(longTails + at, 16), tailOf(word, size, 32));
  return v128.any_true(v128.or(first, v128.or(second, third))) ? 0 : longSlots + at;
}

/** Sixteen bytes of a word from a place on, zeros behind it. */
// @ts-ignore: decorator
@inline
function tailOf(word: usize, size: usize, from: usize): v128 {
  return size <= from ? i64x2.splat(0) : keyOf(word + from, min(size - from, 16));
}

function writeLong(slot: usize, word: usize, size: usize): void {
  v128.store(slot, v128.load(word));
  const tail = longTails + (slot - longSlots);
  v128.store(tail, tailOf(word, size, 16));
  v128.store(tail, tailOf(word, size, 32), 16);
}

/** Makes a word's vector and number of rows for its slot, now or when words are added. Labels have no rows. */
function makeVector(word: usize, size: usize, hash: u64, slot: usize): void {
  const vector = vectors + ((slot - slots) >> 5) * stride;
  const id = findWord((hash >> 32) as u32, word, size);
  if (id == -2 || (id < 0 && beginsLikeLabel(word, size))) {
    memory.fill(vector, 0, stride);
    store<u32>(slot, 0, 16);
  } else if (!awaitWord(word, size, id, vector, slot + 16)) store<u32>(slot, sumWord(word, size, id, vector), 16);
}

/** Of a long word the first and the last 16 bytes and the length. */
// @ts-ignore: decorator
@inline
function hashOf(word: usize, size: usize): u64 {
  if (size <= 16) return hashOfKey(keyOf(word, size));
  return (hashOfKey(v128.load(word)) ^ rotl(hashOfKey(v128.load(word + size - 16)), 31) ^ (size as u64)) * multiplier1;
}

/** Id of a word, -2 for a label, -1 for neither. */
function findWord(hash: u32, word: usize, size: usize): i32 {
  let at = hash & dictionaryMask;
  while (true) {
    const slot = dictionary + ((at as usize) << 4);
    const known = load<u32>(slot, 8) as usize;
    if (known == 0) return -1;
    if (load<u32>(slot) == hash && known == size + 1 && equal(texts + (load<u32>(slot, 4) as usize), word, size)) {
      const id = load<i32>(slot, 12);
      return id < 0 ? -2 : id;
    }
    at = (at + 1) & dictionaryMask;
  }
}

function equal(a: usize, b: usize, size: usize): bool {
  for (let i: usize = 0; i < size; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false;
  return true;
}

/** `__label__` and anything after it. */
function beginsLikeLabel(word: usize, size: usize): bool {
  return size >= 9 && load<u64>(word) == 0x5f6c6562616c5f5f && load<u8>(word, 8) == 0x5f;
}
