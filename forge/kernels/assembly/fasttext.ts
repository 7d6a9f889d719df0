/**
 * Text vectors of a fastText classifier. Fast twin of `embed` in `reference/fasttext.ts`, with the same order of sums.
 *
 * Words of up to 16 bytes are remembered with their vectors in a table of fixed size; a full slot is overwritten. Of any
 * other word the n-grams are hashed first, all that the model kept are gathered without branches, and their rows are
 * summed last, in registers: most n-grams were pruned, and which ones no processor can guess.
 *
 * Rows of the matrix and vectors are padded with zeros to a multiple of four floats.
 */

let matrix: usize = 0;
let stride: usize = 0;
let wordCount: u32 = 0;
let minCharacters: i32 = 0;
let maxCharacters: i32 = 0;
let buckets: u32 = 0;
let dictionary: usize = 0;
let dictionaryMask: u32 = 0;
let texts: usize = 0;
/** floor(x / (buckets / 2)) = x · halfMultiplier >> halfShift for x below 2³¹; 0 for odd buckets. */
let halfMultiplier: u64 = 0;
let halfShift: u64 = 0;
let keptBits: usize = 0;
let keptBefore: usize = 0;
let slots: usize = 0;
let vectors: usize = 0;
let memoryMask: u32 = 0;
let endOfLineRow: i32 = -1;
let vector: usize = 0;

/** n-grams gathered at a time, and then their rows; 64 more than are asked for, since a place is checked after it. */
const gathered: usize = memory.data(4 * (1024 + 64), 16);
const mostGathered: usize = 1024;

/**
 * @param rows f32[rows][floats]: words, then n-grams by bucket
 * @param words u32[slots][4]: hash, offset into `wordBytes`, length + 1 (0: empty), id (all ones: a label)
 * @param bits u64s, a bit for each bucket that was kept, and as many u32s `before`: how many were kept before those 64; 0
 *   when nothing was pruned
 * @param remembered slots of 32 bytes: a word, its length, how many rows it has
 * @param rememberedVectors f32[slots][floats]
 */
export function setFastText(
  rows: usize,
  floats: u32,
  knownWords: u32,
  least: i32,
  most: i32,
  bucketCount: u32,
  words: usize,
  wordSlots: u32,
  wordBytes: usize,
  bits: usize,
  before: usize,
  remembered: usize,
  rememberedVectors: usize,
  rememberedSlots: u32,
  endOfLine: i32,
  scratch: usize,
): void {
  matrix = rows;
  stride = (floats as usize) << 2;
  wordCount = knownWords;
  minCharacters = least;
  maxCharacters = most;
  buckets = bucketCount;
  halfMultiplier = 0;
  if (bucketCount > 1 && (bucketCount & 1) == 0) {
    // Granlund and Montgomery 1994: exact for 31 bits with 31 + ceil(log2(divisor)) bits of shift.
    const half = (bucketCount >> 1) as u64;
    halfShift = 95 - clz(half - 1 | 1);
    halfMultiplier = (((1 as u64) << halfShift) + half - 1) / half;
  }
  dictionary = words;
  dictionaryMask = wordSlots - 1;
  texts = wordBytes;
  keptBits = bits;
  keptBefore = before;
  slots = remembered;
  vectors = rememberedVectors;
  memoryMask = rememberedSlots - 1;
  endOfLineRow = endOfLine;
  vector = scratch;
  memory.fill(remembered, 0, (rememberedSlots as usize) << 5);
  memory.fill(masks, 0xff, 16);
  memory.fill(masks + 16, 0, 16);
}
const masks: usize = memory.data(32, 16);

// @ts-ignore: decorator
@inline
function step(hash: u32, byte: u32): u32 {
  return (hash ^ (((byte as i8) as i32) as u32)) * 16777619;
}

// @ts-ignore: decorator
@inline
function isSpace(byte: u32): bool {
  return byte == 0x20 || byte - 9 < 5 || byte == 0;
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

/** End of the word at p: the next space, tab, line feed, vertical tab, form feed, carriage return or zero. */
// @ts-ignore: decorator
@inline
function wordEnd(p: usize, end: usize): usize {
  while (p < end) {
    const bytes = v128.load(p);
    const spaces = v128.or(
      v128.or(i8x16.eq(bytes, i8x16.splat(0x20)), i8x16.eq(bytes, i8x16.splat(0))),
      i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(9)), i8x16.splat(5)),
    );
    const found = i8x16.bitmask(spaces);
    if (found != 0) {
      p += ctz(found) as usize;
      break;
    }
    p += 16;
  }
  return p < end ? p : end;
}

function embed(start: usize, end: usize, hidden: usize): u32 {
  memory.fill(hidden, 0, stride);
  let rows: u32 = 0;
  let p = start;
  while (true) {
    while (p < end && isSpace(load<u8>(p) as u32)) p++;
    if (p >= end) break;
    const word = p;
    p = wordEnd(p, end);
    const size = p - word;
    if (size == 4 && load<u32>(word) == 0x3e732f3c) break; // </s>
    rows += addWord(word, size, hidden);
  }
  if (endOfLineRow >= 0) {
    add(matrix + (endOfLineRow as usize) * stride, hidden);
    rows++;
  }
  const scale = f32x4.splat((1 / (rows as f64)) as f32);
  for (let i: usize = 0; i < stride; i += 16) v128.store(hidden + i, f32x4.mul(v128.load(hidden + i), scale));
  return rows;
}

// @ts-ignore: decorator
@inline
function add(source: usize, target: usize): void {
  for (let i: usize = 0; i < stride; i += 16) {
    v128.store(target + i, f32x4.add(v128.load(target + i), v128.load(source + i)));
  }
}

/** Adds the vector of a word; returns how many rows it has. */
function addWord(word: usize, size: usize, hidden: usize): u32 {
  if (size > 16) {
    memory.fill(vector, 0, stride);
    const rows = sumWord(word, size, vector);
    add(vector, hidden);
    return rows;
  }
  const key = v128.and(v128.load(word), v128.load(masks + 16 - size));
  let hash = (i64x2.extract_lane(key, 0) ^ (size as u64)) * 0x9e3779b97f4a7c15;
  hash = (rotl(hash, 32) ^ i64x2.extract_lane(key, 1)) * 0xc2b2ae3d27d4eb4f;
  const at = (((hash >> 40) as u32) & memoryMask) as usize;
  const slot = slots + (at << 5);
  const remembered = vectors + at * stride;
  if (load<u32>(slot, 16) != (size as u32) || !v128.all_true<u8>(i8x16.eq(v128.load(slot), key))) {
    memory.fill(remembered, 0, stride);
    const rows = sumWord(word, size, remembered);
    v128.store(slot, key);
    store<u32>(slot, size as u32, 16);
    store<u32>(slot, rows, 20);
  }
  add(remembered, hidden);
  return load<u32>(slot, 20);
}

/** Adds the rows of a word to `target` and returns their number; labels have none. */
function sumWord(word: usize, size: usize, target: usize): u32 {
  let hash: u32 = 2166136261;
  for (let i: usize = 0; i < size; i++) hash = step(hash, load<u8>(word + i) as u32);
  let rows: u32 = 0;
  const id = findWord(hash, word, size);
  if (id == -2) return 0;
  if (id >= 0) {
    add(matrix + (id as usize) * stride, target);
    rows++;
  } else if (beginsLikeLabel(word, size)) return 0;
  if (maxCharacters <= 0) return rows;
  // n-grams of <word>, in code points. The text is a copy of our own with room on both sides: marks go into it for now.
  const first = word - 1;
  const last = word + size;
  const before = load<u8>(first);
  const after = load<u8>(last);
  store<u8>(first, 0x3c);
  store<u8>(last, 0x3e);
  if (isAscii(word, size)) rows += addAsciiGrams(first, last, target);
  else rows += addGrams(first, last, target);
  store<u8>(first, before);
  store<u8>(last, after);
  return rows;
}

function isAscii(p: usize, size: usize): bool {
  const end = p + size;
  for (; p + 16 <= end; p += 16) if (i8x16.bitmask(v128.load(p)) != 0) return false;
  return (i8x16.bitmask(v128.load(p)) & ((1 << ((end - p) as i32)) - 1)) == 0;
}

/** n-grams from the mark at `first` to the mark at `last`, both included. */
function addGrams(first: usize, last: usize, target: usize): u32 {
  let rows: u32 = 0;
  let count: usize = 0;
  for (let start = first; start <= last; start++) {
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
      count = gather(gram, count, buckets, halfMultiplier, halfShift, keptBits);
    }
    if (count >= mostGathered) {
      rows += addGathered(count, target);
      count = 0;
    }
  }
  return rows + addGathered(count, target);
}

/** The same where each character is a byte. */
function addAsciiGrams(first: usize, last: usize, target: usize): u32 {
  // Globals would be read anew after each store.
  const least = minCharacters as usize;
  const most = maxCharacters as usize;
  const divisor = buckets;
  const multiplier = halfMultiplier;
  const shift = halfShift;
  const bits = keptBits;
  let rows: u32 = 0;
  let count: usize = 0;
  for (let start = first; start <= last; start++) {
    let stop = start + most;
    if (stop > last + 1) stop = last + 1;
    const from = start + least - 1;
    let gram = step(2166136261, load<u8>(start) as u32);
    if (least <= 1 && start != first && start != last) count = gather(gram, count, divisor, multiplier, shift, bits);
    let at = start + 1;
    for (; at < from && at < stop; at++) gram = step(gram, load<u8>(at) as u32);
    for (; at < stop; at++) {
      gram = step(gram, load<u8>(at) as u32);
      count = gather(gram, count, divisor, multiplier, shift, bits);
    }
    if (count >= mostGathered) {
      rows += addGathered(count, target);
      count = 0;
    }
  }
  return rows + addGathered(count, target);
}

/** Puts the bucket of an n-gram after those gathered, and says how many there are now: one more if the model kept it. */
// @ts-ignore: decorator
@inline
function gather(gram: u32, count: usize, divisor: u32, multiplier: u64, shift: u64, bits: usize): usize {
  let bucket: u32;
  // A division would take longer than all else.
  if (multiplier != 0) bucket = gram - (((((gram >> 1) as u64) * multiplier) >> shift) as u32) * divisor;
  else bucket = gram % divisor;
  store<u32>(gathered + (count << 2), bucket);
  if (bits == 0) return count + 1;
  return count + ((load<u8>(bits + ((bucket >> 3) as usize)) >> ((bucket & 7) as u8)) & 1);
}

/** Adds the rows of gathered buckets, in order. */
function addGathered(count: usize, target: usize): u32 {
  for (let i: usize = 0; i < count; i++) {
    const bucket = load<u32>(gathered + (i << 2));
    let row = bucket;
    if (keptBits != 0) {
      const group = (bucket >> 6) as usize;
      const lower = load<u64>(keptBits + (group << 3)) & (((1 as u64) << ((bucket & 63) as u64)) - 1);
      row = load<u32>(keptBefore + (group << 2)) + (popcnt(lower) as u32);
    }
    store<u32>(gathered + (i << 2), (matrix + ((wordCount + row) as usize) * stride) as u32);
  }
  const end = gathered + (count << 2);
  let column: usize = 0;
  for (; column + 64 <= stride; column += 64) {
    const sums = target + column;
    let a = v128.load(sums);
    let b = v128.load(sums, 16);
    let c = v128.load(sums, 32);
    let d = v128.load(sums, 48);
    for (let i = gathered; i < end; i += 4) {
      const row = (load<u32>(i) as usize) + column;
      a = f32x4.add(a, v128.load(row));
      b = f32x4.add(b, v128.load(row, 16));
      c = f32x4.add(c, v128.load(row, 32));
      d = f32x4.add(d, v128.load(row, 48));
    }
    v128.store(sums, a);
    v128.store(sums, b, 16);
    v128.store(sums, c, 32);
    v128.store(sums, d, 48);
  }
  for (; column < stride; column += 16) {
    let sum = v128.load(target + column);
    for (let i = gathered; i < end; i += 4) sum = f32x4.add(sum, v128.load((load<u32>(i) as usize) + column));
    v128.store(target + column, sum);
  }
  return count as u32;
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
