/**
 * Statistics of quality filters. Fast twin of `reference/filter-statistics.ts`; `filter-types.ts` defines every count.
 *
 * Hashes of n-grams come from prefix sums: with the word hashes' polynomial begun at the text's start, the difference of
 * two prefixes, multiplied by the inverse power of what stands before it, is the hash of the words between them. So an
 * n-gram costs one subtraction and one multiplication, whatever n is.
 */

const base: u64 = 0x9e3779b97f4a7c15;
/** base * inverse = 1 modulo 2⁶⁴. */
const inverse: u64 = 0xf1de83e19937733d;
const spread: u64 = 0xd6e8feb86659fd93;

const symbol: u32 = 0;
const space: u32 = 1;
const letter: u32 = 2;
const number: u32 = 3;
const mark: u32 = 4;
const single: u32 = 5;
const kindMask: u32 = 7;
const punctuationBit: u32 = 8;
const terminalBit: u32 = 16;

/** Class of each code point; powers of the base and of its inverse for words of up to 63 bytes. */
let classes: usize = 0;
let powers: usize = 0;

/** Buffers of the batch, sized by the host for its longest text. */
let prefixes: usize = 0;
let spacedPrefixes: usize = 0;
let inverses: usize = 0;
let spacedInverses: usize = 0;
let lengths: usize = 0;
let keys: usize = 0;
let counts: usize = 0;
let firsts: usize = 0;

/** Where the present text's counts go, and how far apart two counts are. */
let output: usize = 0;
let stride: usize = 0;

let width: usize = 1;
let tableMask: u32 = 0;
let tableShift: u64 = 0;
let isNew: bool = false;

let pieceCount: u32 = 0;
let duplicateCount: u32 = 0;
let duplicateLength: u32 = 0;
let pieceLength: u32 = 0;

export function setFilterTables(classTable: usize, powerTable: usize): void {
  classes = classTable;
  powers = powerTable;
  let power: u64 = 1;
  let back: u64 = 1;
  for (let i: usize = 0; i < 64; i++) {
    store<u64>(powers + (i << 4), power);
    store<u64>(powers + (i << 4), back, 8);
    power *= base;
    back *= inverse;
  }
}

/**
 * @param words room for `longest + 1` words: 4 arrays of u64 and one of u32
 * @param table room for `slots` entries: an array of u64 and two of u32
 * @param target 32-bit counts, one array of `length` entries for each name
 */
export function filterStatistics(
  values: usize,
  offsets: usize,
  length: i32,
  longest: i32,
  words: usize,
  table: usize,
  slots: i32,
  target: usize,
): void {
  const room = ((longest as usize) + 1) << 3;
  prefixes = words;
  spacedPrefixes = words + room;
  inverses = words + 2 * room;
  spacedInverses = words + 3 * room;
  lengths = words + 4 * room;
  keys = table;
  counts = table + ((slots as usize) << 3);
  firsts = counts + ((slots as usize) << 2);
  stride = (length as usize) << 2;
  for (let row = 0; row < length; row++) {
    const start = values + (load<u32>(offsets + ((row as usize) << 2)) as usize);
    const end = values + (load<u32>(offsets + ((row as usize) << 2), 4) as usize);
    output = target + ((row as usize) << 2);
    countLines(start, end);
    countPieces(start, end);
    const found = countWords(start, end);
    for (let n = 2; n <= 4; n++) put(20 + n, topNGram(n, found));
    for (let n = 5; n <= 10; n++) put(20 + n, duplicateNGrams(n, found));
  }
}

// @ts-ignore: decorator
@inline
function put(column: i32, value: u32): void {
  store<u32>(output + (column as usize) * stride, value);
}

/** Bits of the bytes of a block that `countLines` must look at: dots, `#`, controls, lead bytes 0xc2 (-62), 0xe2 (-30). */
// @ts-ignore: decorator
@inline
function interesting(block: v128): u32 {
  const marks = v128.or(i8x16.eq(block, i8x16.splat(0x2e)), i8x16.eq(block, i8x16.splat(0x23)));
  const leads = v128.or(i8x16.eq(block, i8x16.splat(-62)), i8x16.eq(block, i8x16.splat(-30)));
  const controls = i8x16.lt_u(block, i8x16.splat(0x20));
  return i8x16.bitmask(v128.or(controls, v128.or(marks, leads))) as u32;
}

function countLines(start: usize, end: usize): void {
  let characters = (end - start) as u32;
  let newlines: u32 = 0;
  let hashes: u32 = 0;
  let ellipses: u32 = 0;
  let dots: u32 = 0;
  let dotsEnd: usize = 0;
  let lines: u32 = 0;
  let bullets: u32 = 0;
  let trailing: u32 = 0;
  let lineStart = start;
  for (let block = start; block < end; block += 16) {
    const bytes = v128.load(block);
    // Bytes behind the text do not count.
    const inside: u32 = end - block >= 16 ? 0xffff : ((1 as u32) << ((end - block) as u32)) - 1;
    const continuations = i8x16.lt_s(bytes, i8x16.splat(-64));
    characters -= popcnt((i8x16.bitmask(continuations) as u32) & inside);
    for (let bits = interesting(bytes) & inside; bits != 0; bits &= bits - 1) {
      const at = block + (ctz(bits) as usize);
      const byte: u32 = load<u8>(at);
      if (byte == 0x2e) {
        dots = at == dotsEnd ? dots + 1 : 1;
        dotsEnd = at + 1;
        if (dots == 3) {
          ellipses++;
          dots = 0;
        }
        continue;
      }
      if (byte == 0x23) {
        hashes++;
        continue;
      }
      if (byte == 0xe2 && load<u8>(at, 1) == 0x80 && load<u8>(at, 2) == 0xa6) {
        ellipses++;
        continue;
      }
      // The line feed of a CR LF was done with its CR.
      if (at < lineStart) continue;
      const separator = separatorLength(at, end);
      if (separator == 0) continue;
      if (byte == 0x0a || (byte == 0x0d && separator == 2)) newlines++;
      lines++;
      if (isBullet(lineStart, at)) bullets++;
      if (endsInEllipsis(lineStart, at)) trailing++;
      lineStart = at + separator;
    }
  }
  if (lineStart < end) {
    lines++;
    if (isBullet(lineStart, end)) bullets++;
    if (endsInEllipsis(lineStart, end)) trailing++;
  }
  put(0, characters);
  put(1, newlines);
  put(7, hashes);
  put(8, ellipses);
  put(9, lines);
  put(10, bullets);
  put(11, trailing);
}

/** The next line feed, or `end`. */
function nextLineFeed(start: usize, end: usize): usize {
  for (let at = start; at < end; at += 16) {
    const bits = i8x16.bitmask(i8x16.eq(v128.load(at), i8x16.splat(0x0a))) as u32;
    if (bits != 0) return min(at + (ctz(bits) as usize), end);
  }
  return end;
}

function countPieces(start: usize, end: usize): void {
  let lineFeeds: i32 = 1;
  for (let at = nextLineFeed(start, end); at < end; at = nextLineFeed(at + 1, end)) lineFeeds++;

  let from = skipSpace(start, end);
  const stripped = stripEnd(from, end);
  beginPieces(lineFeeds);
  for (let at = from; ; ) {
    at = nextLineFeed(at, stripped);
    if (at < stripped && load<u8>(at, 1) != 0x0a) {
      at++;
      continue;
    }
    look(from, at);
    if (at == stripped) break;
    while (load<u8>(at) == 0x0a) at++;
    from = at;
  }
  putPieces(12);

  beginPieces(lineFeeds);
  from = start;
  while (true) {
    let at = nextLineFeed(from, end);
    look(from, at);
    if (at == end) break;
    while (at < end && load<u8>(at) == 0x0a) at++;
    from = at;
  }
  putPieces(15);

  let terminated: u32 = 0;
  let short: u32 = 0;
  beginPieces(lineFeeds);
  from = start;
  while (true) {
    const at = nextLineFeed(from, end);
    if (skipSpace(from, at) < at) {
      look(from, at);
      if (pieceLength <= 30) short++;
      if ((classBefore(from, at) & terminalBit) != 0) terminated++;
    }
    if (at == end) break;
    from = at + 1;
  }
  put(18, pieceCount);
  put(19, terminated);
  put(20, short);
  put(21, duplicateLength);
}

function beginPieces(bound: i32): void {
  emptyTable(bound);
  pieceCount = 0;
  duplicateCount = 0;
  duplicateLength = 0;
}

function putPieces(column: i32): void {
  put(column, pieceCount);
  put(column + 1, duplicateCount);
  put(column + 2, duplicateLength);
}

function look(start: usize, end: usize): void {
  let hash: u64 = ((end - start) as u64) * spread;
  let continuations: u32 = 0;
  let p = start;
  for (; p + 8 <= end; p += 8) {
    const word = load<u64>(p);
    continuations += popcnt((word & 0x8080808080808080) & ((~word << 1) & 0x8080808080808080)) as u32;
    hash = rotl((hash ^ word) * base, 29);
  }
  if (p < end) {
    const word = load<u64>(p) & (((1 as u64) << (((end - p) as u64) << 3)) - 1);
    continuations += popcnt((word & 0x8080808080808080) & ((~word << 1) & 0x8080808080808080)) as u32;
    hash = rotl((hash ^ word) * base, 29);
  }
  hash = (hash ^ (hash >> 32)) * spread;
  pieceLength = ((end - start) as u32) - continuations;
  pieceCount++;
  add(hash);
  if (isNew) return;
  duplicateCount++;
  duplicateLength += pieceLength;
}

/** Cuts words, fills the prefix arrays; returns how many there are. */
function countWords(start: usize, end: usize): i32 {
  let words: usize = 0;
  let plainWords: u32 = 0;
  let plainCharacters: u32 = 0;
  let alphabetic: u32 = 0;
  let stops: u32 = 0;
  let sum: u64 = 0;
  let spacedSum: u64 = 0;
  let power: u64 = 1;
  let spacedPower: u64 = 1;
  let back: u64 = 1;
  let spacedBack: u64 = 1;
  let total: u32 = 0;
  store<u64>(prefixes, 0);
  store<u64>(spacedPrefixes, 0);
  store<u64>(inverses, 1);
  store<u64>(spacedInverses, 1);
  store<u32>(lengths, 0);
  let at = start;
  while (at < end) {
    let kind = classAt(at, end);
    const first = kind & kindMask;
    if (first == space) {
      at += width;
      continue;
    }
    const from = at;
    let plain = (kind & punctuationBit) == 0;
    let letters = first == letter || first == single;
    let last = first;
    at += width;
    const runs = first != symbol && first != single;
    while (at < end) {
      // Most of a word are ASCII letters.
      if (runs && isAsciiLetter(at)) {
        letters = true;
        plain = true;
        last = letter;
        at++;
        while (at < end && isAsciiLetter(at)) at++;
        continue;
      }
      kind = classAt(at, end);
      const step = width;
      const next = kind & kindMask;
      if (next != mark) {
        if (!runs || next == space || next == single) break;
        if (next == symbol) {
          if (!joins(at, last)) break;
          const after = at + step < end ? classAt(at + step, end) & kindMask : space;
          if (after != last) break;
        } else {
          if (next == letter) letters = true;
          last = next;
        }
      }
      if ((kind & punctuationBit) == 0) plain = true;
      at += step;
    }

    let hash: u64 = 0;
    let characters: u32 = 0;
    const bytes = at - from;
    if (bytes < 63) {
      for (let i: usize = 0; i < bytes; i++) {
        const byte: u32 = load<u8>(from + i);
        hash += ((byte + 1) as u64) * load<u64>(powers + (i << 4));
        characters += ((byte & 0xc0) != 0x80) as u32;
      }
    } else {
      let own: u64 = 1;
      for (let i: usize = 0; i < bytes; i++) {
        const byte: u32 = load<u8>(from + i);
        hash += ((byte + 1) as u64) * own;
        own *= base;
        characters += ((byte & 0xc0) != 0x80) as u32;
      }
    }
    let wordPower: u64;
    let wordBack: u64;
    if (bytes < 63) {
      wordPower = load<u64>(powers + (bytes << 4));
      wordBack = load<u64>(powers + (bytes << 4), 8);
    } else {
      wordPower = raise(base, bytes);
      wordBack = raise(inverse, bytes);
    }
    sum += hash * power;
    spacedSum += (hash + 33 * wordPower) * spacedPower;
    power *= wordPower;
    spacedPower *= wordPower * base;
    back *= wordBack;
    spacedBack *= wordBack * inverse;
    total += characters;
    words++;
    store<u64>(prefixes + (words << 3), sum);
    store<u64>(spacedPrefixes + (words << 3), spacedSum);
    store<u64>(inverses + (words << 3), back);
    store<u64>(spacedInverses + (words << 3), spacedBack);
    store<u32>(lengths + (words << 2), total);

    if (plain) {
      plainWords++;
      plainCharacters += characters;
    }
    alphabetic += letters as u32;
    if (bytes <= 4) stops |= stopWord(from, bytes);
  }
  put(2, words as u32);
  put(3, plainWords);
  put(4, plainCharacters);
  put(5, alphabetic);
  put(6, popcnt(stops));
  return words as i32;
}

// @ts-ignore: decorator
@inline
function isAsciiLetter(at: usize): bool {
  return (((load<u8>(at) as u32) | 0x20) - 0x61) < 26;
}

function raise(value: u64, exponent: usize): u64 {
  let result: u64 = 1;
  let square = value;
  for (let rest = exponent; rest != 0; rest >>= 1) {
    if ((rest & 1) != 0) result *= square;
    square *= square;
  }
  return result;
}

function topNGram(n: i32, words: i32): u32 {
  if (words < n) return 0;
  emptyTable(words - n + 1);
  let best: u32 = 0;
  let bestAt: u32 = 0;
  for (let i = 0; i + n <= words; i++) {
    const from = (i as usize) << 3;
    const to = ((i + n) as usize) << 3;
    const hash = (load<u64>(spacedPrefixes + to) - load<u64>(spacedPrefixes + from)) * load<u64>(spacedInverses + from);
    const slot = (add(hash) as usize) << 2;
    let count: u32 = 1;
    let first: u32 = i;
    if (isNew) store<u32>(firsts + slot, first);
    else {
      count = load<u32>(counts + slot) + 1;
      first = load<u32>(firsts + slot);
    }
    store<u32>(counts + slot, count);
    if (count > best || (count == best && first < bestAt)) {
      best = count;
      bestAt = first;
    }
  }
  const at = (bestAt as usize) << 2;
  const characters = load<u32>(lengths + at + ((n as usize) << 2)) - load<u32>(lengths + at);
  return (characters + ((n - 1) as u32)) * best;
}

function duplicateNGrams(n: i32, words: i32): u32 {
  if (words < n) return 0;
  emptyTable(words - n + 1);
  let characters: u32 = 0;
  for (let i = 0; i + n <= words; ) {
    const from = (i as usize) << 3;
    const to = ((i + n) as usize) << 3;
    add((load<u64>(prefixes + to) - load<u64>(prefixes + from)) * load<u64>(inverses + from));
    if (isNew) i++;
    else {
      characters += load<u32>(lengths + (to >> 1)) - load<u32>(lengths + (from >> 1));
      i += n;
    }
  }
  return characters;
}

/** Makes room for so many entries, at most half full. An empty slot has the key 0. */
function emptyTable(entries: i32): void {
  let size: u32 = 64;
  let bits: u64 = 6;
  while (size < (entries as u32) * 2) {
    size <<= 1;
    bits++;
  }
  tableMask = size - 1;
  tableShift = 64 - bits;
  memory.fill(keys, 0, (size as usize) << 3);
}

/** Slot of a hash; `isNew` tells whether it was put there just now. */
// @ts-ignore: decorator
@inline
function add(hash: u64): u32 {
  const key = hash == 0 ? spread : hash;
  let slot = ((key * spread) >> tableShift) as u32;
  while (true) {
    const there = load<u64>(keys + ((slot as usize) << 3));
    if (there == key) {
      isNew = false;
      return slot;
    }
    if (there == 0) {
      store<u64>(keys + ((slot as usize) << 3), key);
      isNew = true;
      return slot;
    }
    slot = (slot + 1) & tableMask;
  }
}

// @ts-ignore: decorator
@inline
function classAt(at: usize, end: usize): u32 {
  const first: u32 = load<u8>(at);
  if (first < 0x80) {
    width = 1;
    return load<u8>(classes + first);
  }
  return wideClassAt(at, end, first);
}

function wideClassAt(at: usize, end: usize, first: u32): u32 {
  const size: usize = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  width = min(size, end - at);
  return load<u8>(classes + codePointAt(at));
}

function codePointAt(at: usize): u32 {
  const first: u32 = load<u8>(at);
  if (first < 0x80) return first;
  const second: u32 = (load<u8>(at, 1) as u32) & 0x3f;
  if (first < 0xe0) return ((first & 0x1f) << 6) | second;
  const third: u32 = (load<u8>(at, 2) as u32) & 0x3f;
  if (first < 0xf0) return ((first & 0x0f) << 12) | (second << 6) | third;
  return min<u32>(((first & 7) << 18) | (second << 12) | (third << 6) | ((load<u8>(at, 3) as u32) & 0x3f), 0x10ffff);
}

function classBefore(start: usize, end: usize): u32 {
  let at = end - 1;
  while (at > start && (load<u8>(at) & 0xc0) == 0x80) at--;
  return classAt(at, end);
}

function skipSpace(start: usize, end: usize): usize {
  let at = start;
  while (at < end && (classAt(at, end) & kindMask) == space) at += width;
  return at;
}

function stripEnd(start: usize, end: usize): usize {
  let at = end;
  while (at > start && (classBefore(start, at) & kindMask) == space) at -= width;
  return at;
}

function separatorLength(at: usize, end: usize): usize {
  const byte: u32 = load<u8>(at);
  if (byte < 0x0a) return 0;
  if (byte <= 0x0d) return byte == 0x0d && at + 1 < end && load<u8>(at, 1) == 0x0a ? 2 : 1;
  if (byte >= 0x1c && byte <= 0x1e) return 1;
  if (byte == 0xc2) return load<u8>(at, 1) == 0x85 ? 2 : 0;
  if (byte != 0xe2 || load<u8>(at, 1) != 0x80) return 0;
  return load<u8>(at, 2) == 0xa8 || load<u8>(at, 2) == 0xa9 ? 3 : 0;
}

function isBullet(start: usize, end: usize): bool {
  const at = skipSpace(start, end);
  if (at == end) return false;
  return load<u8>(at) == 0x2d || (load<u8>(at) == 0xe2 && load<u8>(at, 1) == 0x80 && load<u8>(at, 2) == 0xa2);
}

function endsInEllipsis(start: usize, end: usize): bool {
  const at = stripEnd(start, end);
  if (at - start < 3) return false;
  if (load<u8>(at - 1) == 0x2e) return load<u8>(at - 2) == 0x2e && load<u8>(at - 3) == 0x2e;
  return load<u8>(at - 1) == 0xa6 && load<u8>(at - 2) == 0x80 && load<u8>(at - 3) == 0xe2;
}

function joins(at: usize, kind: u32): bool {
  const codePoint = codePointAt(at);
  if (codePoint == 0x27 || codePoint == 0x2019 || codePoint == 0x2e) return kind == letter || kind == number;
  return kind == number && (codePoint == 0x2c || codePoint == 0x3b);
}

/** One bit for each of the, be, to, of, and, that, have, with. */
function stopWord(at: usize, bytes: usize): u32 {
  const word = load<u32>(at);
  if (bytes == 4) return word == 0x74616874 ? 32 : word == 0x65766168 ? 64 : word == 0x68746977 ? 128 : 0;
  if (bytes == 3) return (word & 0xffffff) == 0x656874 ? 1 : (word & 0xffffff) == 0x646e61 ? 16 : 0;
  if (bytes != 2) return 0;
  const two = word & 0xffff;
  return two == 0x6562 ? 2 : two == 0x6f74 ? 4 : two == 0x666f ? 8 : 0;
}
