/**
 * Rows of a fastText matrix that stand for words: their own, and those of their character n-grams.
 *
 * Words wait until those of a text are known (`awaitWord`) and are then hashed together, four beginnings of n-grams at a
 * time, whatever word they belong to. Buckets that the model kept are gathered without branches, since most were pruned
 * and which ones no processor can guess; then their rows are found, and last they are summed, word by word, in
 * registers. What cannot wait is hashed one n-gram after the other (`sumWord`): very long words, invalid UTF-8, models
 * with n-grams of one character or with few buckets. Both add rows in the same order.
 */

let matrix: usize = 0;
let stride: usize = 0;
/** Row of the first n-gram. */
let gramRows: usize = 0;
let minCharacters: i32 = 0;
let maxCharacters: i32 = 0;
let buckets: u32 = 0;
/** floor(x / buckets) is (x >> 16) · multiplier >> shift, or one more; 0 for few buckets. */
let multiplier: i32 = 0;
let shift: i32 = 0;
let keptBits: usize = 0;
let keptBefore: usize = 0;
/** A row of zeros, for words that have none of their own. */
let noRow: usize = 0;

/** Buckets that were kept, then their rows; more than are asked for, since a place is checked after it. */
const gathered: usize = memory.data(4 * (5 * 1024 + 64), 16);
const mostGathered: usize = 1024;

/** Characters of the words that wait, each word between its marks: a u32 with the UTF-8 of each. */
const waiting: usize = memory.data(4 * (1024 + 16), 16);
const waitingEnd: usize = waiting + 4 * 1024;
let nextWaiting: usize = waiting;
/** Whether any is not ASCII. */
let isWide: bool = false;
/** Of each word its end in `waiting`, then in `gathered`; where its vector goes, where the number of its rows, its own row. */
const entries: usize = memory.data(20 * 344, 16);
let nextEntry: usize = entries;
/** Buckets of the n-grams that begin at each character: one plane of u32s for each length, of at most five. */
const planes: usize = memory.data(5 * 4 * (1024 + 16), 16);
const planeBytes: usize = 4 * (1024 + 16);

/**
 * @param bits u64s, a bit for each bucket that was kept, and as many u32s `before`: how many were kept before those 64
 * @param zeros f32[floats]
 */
export function setGrams(
  rows: usize,
  rowBytes: usize,
  knownWords: u32,
  least: i32,
  most: i32,
  bucketCount: u32,
  bits: usize,
  before: usize,
  zeros: usize,
): void {
  matrix = rows;
  stride = rowBytes;
  gramRows = rows + (knownWords as usize) * rowBytes;
  minCharacters = least;
  maxCharacters = most;
  buckets = bucketCount;
  keptBits = bits;
  keptBefore = before;
  noRow = zeros;
  memory.fill(zeros, 0, rowBytes);
  multiplier = 0;
  // n-grams of one character are not those of a mark, which is seen only one by one.
  if (least > 1 && most >= least && most - least < 5 && most <= 8 && bucketCount >> 18 != 0) {
    // The quotient loses less than 2¹⁶ / buckets to the low bits of x and 2¹⁶⁻ˢʰⁱᶠᵗ to the multiplier, in all below 3/4.
    shift = 31 - (clz(bucketCount) as i32);
    multiplier = (((1 as u64) << (16 + shift)) / (bucketCount as u64)) as i32;
    if (multiplier == 65536) multiplier = 65535;
  }
  nextWaiting = waiting;
  nextEntry = entries;
}

// @ts-ignore: decorator
@inline
function step(hash: u32, byte: u32): u32 {
  return (hash ^ (((byte as i8) as i32) as u32)) * 16777619;
}

/** Row of a word of the dictionary, or one of zeros. */
// @ts-ignore: decorator
@inline
function ownRow(id: i32): usize {
  return id < 0 ? noRow : matrix + (id as usize) * stride;
}

/** Whether a word of so many bytes has room among those that wait, which it may have once they are finished. */
// @ts-ignore: decorator
@inline
export function hasRoom(size: usize): bool {
  return nextWaiting + ((size + 2) << 2) <= waitingEnd;
}

/**
 * Has the vector of a word made by `finishWords`, if there is room and the word is valid UTF-8; says whether. Its bytes
 * are copied.
 *
 * @param id its row, or -1
 * @param target where the vector goes
 * @param rows where the number of its rows goes
 */
export function awaitWord(word: usize, size: usize, id: i32, target: usize, rows: usize): bool {
  if (multiplier == 0 || !hasRoom(size)) return false;
  store<u32>(nextWaiting, 0x3c);
  const end = copyCharacters(word, size, nextWaiting + 4);
  if (end == 0) return false;
  store<u32>(end, 0x3e);
  nextWaiting = end + 4;
  store<u32>(nextEntry, nextWaiting as u32);
  store<u32>(nextEntry, target as u32, 8);
  store<u32>(nextEntry, rows as u32, 12);
  store<u32>(nextEntry, ownRow(id) as u32, 16);
  nextEntry += 20;
  return true;
}

/** Where the characters of a word end that were written to `to`, or 0 if it is not UTF-8. */
// @ts-ignore: decorator
@inline
function copyCharacters(word: usize, size: usize, to: usize): usize {
  const end = word + size;
  let p = word;
  for (; p < end; p += 16) {
    const bytes = v128.load(p);
    if (i8x16.bitmask(bytes) != 0) break;
    const low = i16x8.extend_low_i8x16_u(bytes);
    const high = i16x8.extend_high_i8x16_u(bytes);
    v128.store(to, i32x4.extend_low_i16x8_u(low));
    v128.store(to, i32x4.extend_high_i16x8_u(low), 16);
    v128.store(to, i32x4.extend_low_i16x8_u(high), 32);
    v128.store(to, i32x4.extend_high_i16x8_u(high), 48);
    to += 64;
  }
  // Bytes behind the word went along.
  if (p >= end) return to - ((p - end) << 2);
  isWide = true;
  while (p < end) {
    const bytes = load<u32>(p);
    if ((bytes & 0xc0) == 0x80) return 0;
    // Up to three continuation bytes are those before the first that is none.
    const others = ((bytes ^ 0x80808080) >> 8) & 0xc0c0c0;
    let length: u32 = 1 + (ctz(others | 0x1000000) >> 3);
    if (p + (length as usize) > end) length = (end - p) as u32;
    store<u32>(to, bytes & ((-1 as u32) >> (32 - (length << 3))));
    to += 4;
    p += length as usize;
  }
  return to;
}

/** Makes the vectors of all words that wait. */
export function finishWords(): void {
  if (nextEntry == entries) return;
  if (isWide) hashWaiting(true);
  else hashWaiting(false);
  gatherWaiting();
  let from = gathered;
  for (let entry = entries; entry < nextEntry; entry += 20) {
    const end = load<u32>(entry, 4) as usize;
    const own = load<u32>(entry, 16) as usize;
    sumRows(own, from, end, load<u32>(entry, 8) as usize);
    store<u32>(load<u32>(entry, 12) as usize, (((end - from) >> 2) as u32) + (own != noRow ? 1 : 0));
    from = end;
  }
  nextWaiting = waiting;
  nextEntry = entries;
  isWide = false;
}

/** Buckets of all n-grams that begin at characters that wait, those over the end of a word among them. */
// @ts-ignore: decorator
@inline
function hashWaiting(wide: bool): void {
  const divisor = i32x4.splat(buckets as i32);
  const factor = i32x4.splat(multiplier);
  const right = shift;
  const prime = i32x4.splat(16777619);
  const most = (maxCharacters as usize) << 2;
  const least = ((minCharacters as usize) << 2) - 4;
  const end = nextWaiting;
  let to = planes;
  for (let at = waiting; at < end; at += 16) {
    let hash = i32x4.splat(-2128831035);
    let plane = to;
    const isAscii = !wide || isAsciiAt(at, most);
    for (let n: usize = 0; n < most; n += 4) {
      const character = v128.load(at + n);
      if (isAscii) hash = i32x4.mul(v128.xor(hash, character), prime);
      else hash = hashCharacters(hash, character);
      if (n < least) continue;
      // The remainder, or so much more; a division would take longer than all else.
      const quotient = i32x4.shr_u(i32x4.mul(i32x4.shr_u(hash, 16), factor), right);
      const rest = i32x4.sub(hash, i32x4.mul(quotient, divisor));
      v128.store(plane, i32x4.min_u(rest, i32x4.sub(rest, divisor)));
      plane += planeBytes;
    }
    to += 16;
  }
}

// @ts-ignore: decorator
@inline
function isAsciiAt(at: usize, most: usize): bool {
  let all = v128.load(at);
  for (let n: usize = 4; n < most; n += 4) all = v128.or(all, v128.load(at + n));
  return !v128.any_true(i32x4.shr_u(all, 7));
}

/** Four steps with a character's bytes each, sign-extended. */
// @ts-ignore: decorator
@inline
function hashCharacters(before: v128, character: v128): v128 {
  const prime = i32x4.splat(16777619);
  let hash = i32x4.mul(v128.xor(before, i32x4.shr_s(i32x4.shl(character, 24), 24)), prime);
  // No byte of a word is zero.
  for (let left = 16; left >= 0; left -= 8) {
    const byte = i32x4.shr_s(i32x4.shl(character, left), 24);
    if (!v128.any_true(byte)) break;
    const next = i32x4.mul(v128.xor(hash, byte), prime);
    hash = v128.bitselect(hash, next, i32x4.eq(byte, i32x4.splat(0)));
  }
  return hash;
}

/** Rows of the n-grams of all words that wait, in order. */
function gatherWaiting(): void {
  const least = minCharacters as usize;
  const most = maxCharacters as usize;
  const bits = keptBits;
  const allPlanes = (most + 1 - least) * planeBytes;
  let to = gathered;
  let start = planes;
  for (let entry = entries; entry < nextEntry; entry += 20) {
    const end = planes + ((load<u32>(entry) as usize) - waiting);
    if (allPlanes == 3 * planeBytes) {
      for (; start + (most << 2) <= end; start += 4) {
        to = gather(load<u32>(start), to, bits);
        to = gather(load<u32>(start, planeBytes), to, bits);
        to = gather(load<u32>(start, 2 * planeBytes), to, bits);
      }
    }
    for (; start + (most << 2) <= end; start += 4) {
      for (let plane = start; plane < start + allPlanes; plane += planeBytes) to = gather(load<u32>(plane), to, bits);
    }
    // n-grams that would end behind the word are none.
    for (; start + (least << 2) <= end; start += 4) {
      const lengths = ((end - start) >> 2) + 1 - least;
      for (let i: usize = 0; i < lengths; i++) to = gather(load<u32>(start + i * planeBytes), to, bits);
    }
    start = end;
    store<u32>(entry, to as u32, 4);
  }
  placeRows(gathered, to);
}

/** Writes a bucket, and goes past it if the model kept it. */
// @ts-ignore: decorator
@inline
function gather(bucket: u32, to: usize, bits: usize): usize {
  store<u32>(to, bucket);
  return to + (((load<u32>(bits + (((bucket >> 5) << 2) as usize)) >> bucket) & 1) << 2);
}

/** In place of kept buckets, their rows: how many were kept before them. */
function placeRows(from: usize, end: usize): void {
  const rows = gramRows;
  const bytes = stride;
  const bits = keptBits;
  const before = keptBefore;
  for (; from < end; from += 4) {
    const bucket = load<u32>(from);
    const group = (bucket >> 6) as usize;
    const lower = load<u64>(bits + (group << 3)) & (((1 as u64) << (bucket as u64)) - 1);
    const row = load<u32>(before + (group << 2)) + (popcnt(lower) as u32);
    store<u32>(from, (rows + (row as usize) * bytes) as u32);
  }
}

/** A first row and those listed, in order, to `target`. */
// @ts-ignore: decorator
@inline
export function sumRows(first: usize, from: usize, end: usize, target: usize): void {
  let column: usize = 0;
  for (; column + 64 <= stride; column += 64) {
    let a = v128.load(first + column);
    let b = v128.load(first + column, 16);
    let c = v128.load(first + column, 32);
    let d = v128.load(first + column, 48);
    for (let i = from; i < end; i += 4) {
      const row = (load<u32>(i) as usize) + column;
      a = f32x4.add(a, v128.load(row));
      b = f32x4.add(b, v128.load(row, 16));
      c = f32x4.add(c, v128.load(row, 32));
      d = f32x4.add(d, v128.load(row, 48));
    }
    v128.store(target + column, a);
    v128.store(target + column, b, 16);
    v128.store(target + column, c, 32);
    v128.store(target + column, d, 48);
  }
  for (; column < stride; column += 16) {
    let sum = v128.load(first + column);
    for (let i = from; i < end; i += 4) sum = f32x4.add(sum, v128.load((load<u32>(i) as usize) + column));
    v128.store(target + column, sum);
  }
}

/** The vector of any word to `target`; says how many rows it has. A byte on each side of the word changes for the time. */
export function sumWord(word: usize, size: usize, id: i32, target: usize): u32 {
  const first = word - 1;
  const last = word + size;
  const before = load<u8>(first);
  const after = load<u8>(last);
  store<u8>(first, 0x3c);
  store<u8>(last, 0x3e);
  let rows: u32 = id < 0 ? 0 : 1;
  let sum = ownRow(id);
  let to = gathered;
  for (let start = first; start <= last && maxCharacters > 0; start++) {
    if ((load<u8>(start) & 0xc0) == 0x80) continue;
    let gram: u32 = 2166136261;
    let at = start;
    for (let n = 1; at <= last && n <= maxCharacters; n++) {
      gram = step(gram, load<u8>(at) as u32);
      for (at++; at <= last; at++) {
        const byte = load<u8>(at) as u32;
        if ((byte & 0xc0) != 0x80) break;
        gram = step(gram, byte);
      }
      if (n < minCharacters || (n == 1 && (start == first || at > last))) continue;
      to = gather(gram % buckets, to, keptBits);
    }
    if (to >= gathered + (mostGathered << 2)) {
      rows += addGathered(sum, to, target);
      sum = target;
      to = gathered;
    }
  }
  store<u8>(first, before);
  store<u8>(last, after);
  return rows + addGathered(sum, to, target);
}

function addGathered(first: usize, end: usize, target: usize): u32 {
  placeRows(gathered, end);
  sumRows(first, gathered, end, target);
  return ((end - gathered) >> 2) as u32;
}
