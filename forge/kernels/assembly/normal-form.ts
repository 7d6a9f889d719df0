/**
 * The normal form for deduplication. Fast twin of `reference/normal-form.ts`, which explains it.
 *
 * ASCII passes 16 bytes at a time without a branch that depends on what they are: masks say which bytes are letters,
 * digits and white space or punctuation, which of them stay, and a table of shuffles moves those together. Other
 * characters are looked up one by one.
 */
import { sequenceLength } from "./utf8";

const digitFlag: u32 = 1 << 28;
const spaceFlag: u32 = 1 << 29;
const markFlag: u32 = 1 << 30;
const transparentFlag: u32 = 1 << 31;
const caseIgnorable: u32 = 1 << 8;
const cased: u32 = 1 << 7;

/** Low and high nibbles of ASCII bytes that become a space: such a byte has a bit in common, its row's. */
const spaceNibbles: usize = memory.data(16, 16);
const spaceRows: usize = memory.data(16, 16);
/** For each 8 bits, the numbers of those that are set: eight bytes that a shuffle takes. */
const setBits: usize = memory.data(2048, 16);

let normalIndex: usize = 0;
let normalBlocks: usize = 0;
let expansions: usize = 0;
let propertyRows: usize = 0;
let propertyIndex: usize = 0;
let propertyBlocks: usize = 0;

/** Pointers to the generated tables; called once, before any other function here. */
export function setUnicodeTables(a: usize, b: usize, c: usize, d: usize, e: usize, f: usize): void {
  normalIndex = a;
  normalBlocks = b;
  expansions = c;
  propertyRows = d;
  propertyIndex = e;
  propertyBlocks = f;
  for (let byte: usize = 0; byte < 128; byte++) {
    if (!(entryOf(byte as u32) & spaceFlag)) continue;
    const nibble = spaceNibbles + (byte & 15);
    store<u8>(nibble, load<u8>(nibble) | (1 << ((byte >> 4) as u8)));
  }
  for (let row: usize = 0; row < 8; row++) store<u8>(spaceRows + row, 1 << (row as u8));
  for (let mask: usize = 0; mask < 256; mask++) {
    let at = setBits + (mask << 3);
    for (let bit: u8 = 0; bit < 8; bit++) if ((mask >> (bit as usize)) & 1) store<u8>(at++, bit);
  }
}

/** Size and code point of the last `read`. */
let size: usize = 0;
let codePoint: u32 = 0;

// @ts-ignore: decorator
@inline
function entryOf(cp: u32): u32 {
  const block = load<u16>(normalIndex + (((cp >> 7) as usize) << 1)) as usize;
  return load<u32>(normalBlocks + (((block << 7) + ((cp & 127) as usize)) << 2));
}

function propertiesOf(cp: u32): u32 {
  const block = load<u16>(propertyIndex + (((cp >> 7) as usize) << 1)) as usize;
  const row = load<u8>(propertyBlocks + (block << 7) + ((cp & 127) as usize)) as usize;
  return load<u32>(propertyRows + (row << 2));
}

/** Property flags of the code point at `p`, for other kernels; its bytes are then `codePointSize`. */
export function propertiesAt(p: usize, end: usize): u32 {
  const lead = load<u8>(p) as u32;
  if (lead < 0x80) {
    size = 1;
    return propertiesOf(lead);
  }
  decode(p, end);
  return propertiesOf(codePoint);
}

// @ts-ignore: decorator
@inline
export function codePointSize(): usize {
  return size;
}

// @ts-ignore: decorator
@inline
function bits(p: usize): u32 {
  return (load<u8>(p) as u32) & 0x3f;
}

/** A byte that begins no valid sequence counts as U+FFFD. */
// @ts-ignore: decorator
@inline
function decode(p: usize, end: usize): void {
  const lead = load<u8>(p) as u32;
  const length: i32 = lead < 0x80 ? 1 : sequenceLength(p, end);
  if (length == 1) codePoint = lead;
  else if (length == 2) codePoint = ((lead & 0x1f) << 6) | bits(p + 1);
  else if (length == 3) codePoint = ((lead & 0xf) << 12) | (bits(p + 1) << 6) | bits(p + 2);
  else if (length == 4) codePoint = ((lead & 7) << 18) | (bits(p + 1) << 12) | (bits(p + 2) << 6) | bits(p + 3);
  else codePoint = 0xfffd;
  size = (length < 0 ? -length : length) as usize;
}

function read(p: usize, end: usize): u32 {
  decode(p, end);
  return entryOf(codePoint);
}

/** Of two or three bytes; returns the end. */
function writeCodePoint(o: usize, cp: u32): usize {
  if (cp < 0x800) {
    store<u8>(o, (0xc0 | (cp >> 6)) as u8);
    store<u8>(o, (0x80 | (cp & 0x3f)) as u8, 1);
    return o + 2;
  }
  store<u8>(o, (0xe0 | (cp >> 12)) as u8);
  store<u8>(o, (0x80 | ((cp >> 6) & 0x3f)) as u8, 1);
  store<u8>(o, (0x80 | (cp & 0x3f)) as u8, 2);
  return o + 3;
}

/** Writes what the code point last read becomes. */
function copyEntry(entry: u32, p: usize, o: usize): usize {
  const length = ((entry >> 24) & 15) as usize;
  if (codePoint - 0xac00 < 11172) {
    const index = codePoint - 0xac00;
    o = writeCodePoint(o, 0x1100 + index / 588);
    o = writeCodePoint(o, 0x1161 + (index % 588) / 28);
    return index % 28 != 0 ? writeCodePoint(o, 0x11a7 + (index % 28)) : o;
  }
  if (codePoint == 0xfffd) return writeCodePoint(o, codePoint);
  if (length == 15) {
    // Padding makes four bytes safe to read and to write.
    store<u32>(o, load<u32>(p));
    return o + size;
  }
  v128.store(o, v128.load(expansions + ((entry & 0xffffff) as usize)));
  return o + length;
}

/** Where the input of the last `copyPlain` ends. */
let plainEnd: usize = 0;

/**
 * Copies what characters of two and three bytes become, as long as their table entries say all about it. Returns where
 * the output ends.
 */
function copyPlain(p: usize, end: usize, o: usize): usize {
  // While three bytes are left, no follower is read beyond the text.
  while (p + 3 <= end) {
    const lead = load<u8>(p) as u32;
    const second = load<u8>(p, 1) as u32;
    if ((second & 0xc0) != 0x80) break;
    let cp: u32 = 0;
    let width: usize = 0;
    if (lead - 0xc2 < 0x1e) {
      cp = ((lead & 0x1f) << 6) | (second & 0x3f);
      width = 2;
    } else if (lead - 0xe0 < 10 && (lead != 0xe0 || second >= 0xa0) && (load<u8>(p, 2) & 0xc0) == 0x80) {
      // Up to U+9FFF: Hangul, surrogates and U+FFFD are further on.
      cp = ((lead & 0xf) << 12) | ((second & 0x3f) << 6) | bits(p + 2);
      width = 3;
    } else break;
    const entry = entryOf(cp);
    if (entry & (spaceFlag | digitFlag | markFlag) || cp == 0x3a3) break;
    const length = ((entry >> 24) & 15) as usize;
    if (length == 15) {
      store<u32>(o, load<u32>(p));
      o += width;
    } else {
      v128.store(o, v128.load(expansions + ((entry & 0xffffff) as usize)));
      o += length;
    }
    p += width;
  }
  plainEnd = p;
  return o;
}

function skipDigits(p: usize, end: usize): usize {
  while (p < end) {
    const byte = load<u8>(p) as u32;
    if (byte - 0x30 < 10) p++;
    else if (byte < 0x80) break;
    else if (read(p, end) & digitFlag) p += size;
    else break;
  }
  return p;
}

function skipNumber(p: usize, end: usize): usize {
  p = skipDigits(p, end);
  if (p >= end) return p;
  const lead = load<u8>(p);
  if (lead != 0x2e && lead != 0x2c && lead < 0x80) return p;
  read(p, end);
  const cp = codePoint;
  if (cp == 0x2e || cp == 0x2c || cp == 0x60c || cp == 0x66b || (cp >= 0x2396 && cp <= 0x2398)) {
    const fraction = p + size;
    const after = skipDigits(fraction, end);
    if (after > fraction) return after;
  }
  return p;
}

function rankOf(entry: u32): u32 {
  return load<u8>(expansions + ((entry & 0xffffff) as usize) - 1) as u32;
}

/** Where the output of the last `copyMarks` ends. */
let marksEnd: usize = 0;

function copyMarks(start: usize, end: usize, o: usize): usize {
  let present: u64 = 0;
  let stop = start;
  while (stop < end) {
    const entry = read(stop, end);
    if (entry & markFlag) present |= (1 as u64) << (rankOf(entry) as u64);
    else if (!(entry & transparentFlag)) break;
    stop += size;
  }
  while (present != 0) {
    const rank = ctz(present) as u32;
    present &= present - 1;
    for (let p = start; p < stop; p += size) {
      const entry = read(p, end);
      if (entry & markFlag && rankOf(entry) == rank) o = copyEntry(entry, p, o);
    }
  }
  marksEnd = o;
  return stop;
}

function isFinalSigma(at: usize, start: usize, end: usize): bool {
  let before = at;
  let isCased = false;
  while (before > start) {
    do before--;
    while (before > start && (load<u8>(before) & 0xc0) == 0x80);
    read(before, end);
    const properties = propertiesOf(codePoint);
    if (properties & caseIgnorable) continue;
    isCased = (properties & cased) != 0;
    break;
  }
  if (!isCased) return false;
  let after = at + 2;
  while (after < end) {
    read(after, end);
    const properties = propertiesOf(codePoint);
    after += size;
    if (properties & caseIgnorable) continue;
    return (properties & cased) == 0;
  }
  return true;
}

/** Normalises `[start, end)` into `target`, which holds three times as much; returns where the output ends. */
export function normalize(start: usize, end: usize, target: usize): usize {
  const nibbles = v128.load(spaceNibbles);
  const rows = v128.load(spaceRows);
  let p = start;
  let o = target;
  /** Is the last byte of the output a space that stands for all white space so far? */
  let spaced: u32 = 0;
  while (p < end) {
    const bytes = v128.load(p);
    let length = ctz((i8x16.bitmask(bytes) as u32) | 0x10000);
    if (((end - p) as u32) < length) length = (end - p) as u32;
    if (length == 0) {
      o = copyPlain(p, end, o);
      if (plainEnd > p) {
        spaced = 0;
        p = plainEnd;
        continue;
      }
      const entry = read(p, end);
      if (entry & spaceFlag) {
        store<u8>(o, 0x20);
        o += (spaced == 0 && o > target ? 1 : 0) as usize;
        spaced = 1;
        p += size;
        continue;
      }
      spaced = 0;
      if (entry & digitFlag) {
        store<u8>(o++, 0x30);
        p = skipNumber(p, end);
      } else if (entry & markFlag) {
        p = copyMarks(p, end, o);
        o = marksEnd;
      } else if (codePoint == 0x3a3) {
        o = writeCodePoint(o, isFinalSigma(p, start, end) ? 0x3c2 : 0x3c3);
        p += 2;
      } else {
        o = copyEntry(entry, p, o);
        p += size;
      }
      continue;
    }
    const digitLanes = i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(0x30)), i8x16.splat(10));
    const spaceLanes = i8x16.ne(
      v128.and(i8x16.swizzle(nibbles, v128.and(bytes, i8x16.splat(15))), i8x16.swizzle(rows, i8x16.shr_u(bytes, 4))),
      i8x16.splat(0),
    );
    let valid: u32 = (1 << length) - 1;
    let digits = (i8x16.bitmask(digitLanes) as u32) & valid;
    let spaces = (i8x16.bitmask(spaceLanes) as u32) & valid;
    /** Points and commas inside of numbers. */
    let joined: u32 = 0;
    if (digits != 0) {
      let points =
        (i8x16.bitmask(v128.or(i8x16.eq(bytes, i8x16.splat(0x2e)), i8x16.eq(bytes, i8x16.splat(0x2c)))) as u32) & valid;
      const open = digits | (points & (digits << 1));
      if (p + (length as usize) < end && (open >> (length - 1)) != 0) {
        // A number at the end may go on: leave it to the next round, or, where it is all there is, to the plain loop.
        const others = ~open & valid;
        if (others == 0) {
          store<u8>(o++, 0x30);
          spaced = 0;
          p = skipNumber(p, end);
          continue;
        }
        length = 32 - (clz(others) as u32);
        valid = (1 << length) - 1;
        digits &= valid;
        spaces &= valid;
        points &= valid;
      }
      // A number takes one point or comma between digits; the next number may take the next but one.
      let inner = (digits << 1) & points & (digits >> 1);
      while (inner != 0) {
        const at = ctz(inner) as u32;
        joined |= 1 << at;
        const after = at + 1 + (ctz(~(digits >> (at + 1))) as u32);
        inner &= (inner - 1) & ~((1 as u32) << after);
      }
      spaces &= ~joined;
    }
    const omitted: u32 = o == target ? 1 : spaced;
    const kept =
      (valid & ~(digits | spaces | joined)) |
      (digits & ~((digits | joined) << 1)) |
      (spaces & ~((spaces << 1) | omitted));
    const upper = i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(0x41)), i8x16.splat(26));
    let mapped = v128.or(bytes, v128.and(upper, i8x16.splat(0x20)));
    mapped = v128.bitselect(i8x16.splat(0x30), mapped, digitLanes);
    mapped = v128.bitselect(i8x16.splat(0x20), mapped, spaceLanes);
    const low = kept & 0xff;
    const high = kept >> 8;
    v128.store(o, i8x16.swizzle(mapped, v128.load64_zero(setBits + ((low as usize) << 3))));
    o += popcnt(low) as usize;
    const second = i8x16.add(v128.load64_zero(setBits + ((high as usize) << 3)), i8x16.splat(8));
    v128.store(o, i8x16.swizzle(mapped, second));
    o += popcnt(high) as usize;
    spaced = (spaces >> (length - 1)) & 1;
    p += length as usize;
  }
  while (o > target && load<u8>(o - 1) == 0x20) o--;
  return o;
}

/** Normalises a column; `target` holds three times its bytes. */
export function normalizeTexts(
  values: usize,
  offsets: usize,
  length: i32,
  target: usize,
  targetOffsets: usize,
): void {
  let o = target;
  store<u32>(targetOffsets, 0);
  for (let i: usize = 0; i < (length as usize); i++) {
    const at = offsets + (i << 2);
    o = normalize(values + load<u32>(at), values + load<u32>(at, 4), o);
    store<u32>(targetOffsets + (i << 2), (o - target) as u32, 4);
  }
}
