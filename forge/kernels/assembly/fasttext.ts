/**
 * Text vectors of a fastText classifier. Fast twin of `embed` in `reference/fasttext.ts`, with the same order of sums.
 *
 * Words of up to 16 bytes are remembered with their vectors in a table of fixed size; a full slot is overwritten.
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
let kept: usize = 0;
let keptMask: u32 = 0;
let keptBits: usize = 0;
let slots: usize = 0;
let memoryMask: u32 = 0;
let endOfLineRow: i32 = -1;
let vector: usize = 0;

/**
 * @param rows f32[rows][floats]
 * @param words u32[slots][4]: hash, offset into `wordBytes`, length + 1 (0: empty), id (all ones: a label)
 * @param pruned u32[slots][2]: bucket, row + 1 (0: empty); 0 when nothing was pruned
 * @param prunedBits a bit for each bucket that was kept: most were not, and this fits the cache
 * @param remembered slots of 32 bytes and a vector each
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
  pruned: usize,
  prunedSlots: u32,
  prunedBits: usize,
  remembered: usize,
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
  dictionary = words;
  dictionaryMask = wordSlots - 1;
  texts = wordBytes;
  kept = pruned;
  keptMask = prunedSlots - 1;
  keptBits = prunedBits;
  slots = remembered;
  memoryMask = rememberedSlots - 1;
  endOfLineRow = endOfLine;
  vector = scratch;
  memory.fill(remembered, 0, (rememberedSlots as usize) * (32 + stride));
  for (let i: usize = 0; i < 16; i++) {
    store<u8>(masks + i, 0xff);
    store<u8>(masks + 16 + i, 0);
  }
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
  let seen: u32 = 0;
  for (let p = start; p < end; p++) {
    if ((load<u8>(p) & 0xc0) != 0x80 && seen++ == codePoints) return p;
  }
  return end;
}

function embed(start: usize, end: usize, hidden: usize): u32 {
  memory.fill(hidden, 0, stride);
  let rows: u32 = 0;
  let p = start;
  while (true) {
    while (p < end && isSpace(load<u8>(p) as u32)) p++;
    const word = p;
    while (p < end && !isSpace(load<u8>(p) as u32)) p++;
    const size = p - word;
    if (size == 0) break;
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
    const rows = sumWord(word, size);
    add(vector, hidden);
    return rows;
  }
  const key = v128.and(v128.load(word), v128.load(masks + 16 - size));
  let hash = (i64x2.extract_lane(key, 0) ^ (size as u64)) * 0x9e3779b97f4a7c15;
  hash = (rotl(hash, 32) ^ i64x2.extract_lane(key, 1)) * 0xc2b2ae3d27d4eb4f;
  const slot = slots + ((((hash >> 40) as u32) & memoryMask) as usize) * (32 + stride);
  if (load<u32>(slot, 16) != (size as u32) || !v128.all_true<u8>(i8x16.eq(v128.load(slot), key))) {
    const rows = sumWord(word, size);
    v128.store(slot, key);
    store<u32>(slot, size as u32, 16);
    store<u32>(slot, rows, 20);
    for (let i: usize = 0; i < stride; i += 16) v128.store(slot + i, v128.load(vector + i), 32);
  }
  add(slot + 32, hidden);
  return load<u32>(slot, 20);
}

/** Sums the rows of a word in `vector`; labels have none. */
function sumWord(word: usize, size: usize): u32 {
  memory.fill(vector, 0, stride);
  let hash: u32 = 2166136261;
  for (let i: usize = 0; i < size; i++) hash = step(hash, load<u8>(word + i) as u32);
  let rows: u32 = 0;
  const id = findWord(hash, word, size);
  if (id == -2) return 0;
  if (id >= 0) {
    add(matrix + (id as usize) * stride, vector);
    rows++;
  } else if (beginsLikeLabel(word, size)) return 0;
  if (maxCharacters <= 0) return rows;
  // n-grams of <word>, in code points.
  const last = size + 1;
  for (let start: usize = 0; start <= last; start++) {
    if ((byteOf(word, size, start) & 0xc0) == 0x80) continue;
    let gram: u32 = 2166136261;
    let at = start;
    for (let n = 1; at <= last && n <= maxCharacters; n++) {
      do {
        gram = step(gram, byteOf(word, size, at));
        at++;
      } while (at <= last && (byteOf(word, size, at) & 0xc0) == 0x80);
      const isMark = n == 1 && (start == 0 || at > last);
      if (n < minCharacters || isMark) continue;
      const row = rowOfBucket(gram % buckets);
      if (row < 0) continue;
      add(matrix + ((wordCount + (row as u32)) as usize) * stride, vector);
      rows++;
    }
  }
  return rows;
}

// @ts-ignore: decorator
@inline
function byteOf(word: usize, size: usize, at: usize): u32 {
  return at == 0 ? 0x3c : at > size ? 0x3e : (load<u8>(word + at - 1) as u32);
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

function rowOfBucket(bucket: u32): i32 {
  if (kept == 0) return bucket as i32;
  if (((load<u8>(keptBits + ((bucket >> 3) as usize)) >> ((bucket & 7) as u8)) & 1) == 0) return -1;
  let at = (bucket * 0x9e3779b1) & keptMask;
  while (true) {
    const slot = kept + ((at as usize) << 3);
    const row = load<u32>(slot, 4);
    if (row == 0) return -1;
    if (load<u32>(slot) == bucket) return (row - 1) as i32;
    at = (at + 1) & keptMask;
  }
}
