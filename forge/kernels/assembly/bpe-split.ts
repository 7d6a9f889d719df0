/**
 * Texts to ids: added tokens, pre-tokenisers, and a look at what must be normalised first. Fast twin of
 * `reference/bpe-split.ts` and of the loop in `reference/bpe-encode.ts`.
 *
 * Classes of characters come from the host: for `gpt2` letter 1, number 2, space 3, other 0; for `bloom` 1 for what may
 * stand in a word. Bit 4 marks what normalisation might change.
 */
import { beginMerging, encodePreToken, mergingFailed } from "./bpe";

let ascii: usize = 0;
let index: usize = 0;
let blocks: usize = 0;
let bloom: bool = false;

/**
 * @param asciiClasses u8[128]
 * @param classIndex u16[4352]: block of each 256 code points
 * @param classBlocks u8[256] each
 */
export function setBpeClasses(asciiClasses: usize, classIndex: usize, classBlocks: usize, isBloom: i32): void {
  ascii = asciiClasses;
  index = classIndex;
  blocks = classBlocks;
  bloom = isBloom != 0;
  // Nibbles of BLOOM's ASCII separators: a byte is one if its entries have a bit in common. Row 2 is bit 1, and so on.
  for (let i: usize = 0; i < 16; i++) {
    let low: u8 = 0x80;
    for (let row: usize = 0; row < 8; row++) {
      const byte = (row << 4) | i;
      if (load<u8>(asciiClasses + byte) == 0) low |= row == 0 || row == 1 ? 1 : row == 2 ? 2 : row == 3 ? 4 : 8;
    }
    store<u8>(lowNibbles + i, low);
    store<u8>(highNibbles + i, i >= 8 ? 0x80 : i == 0 ? 1 : i == 2 ? 2 : i == 3 ? 4 : i == 7 ? 8 : 0);
  }
}
const lowNibbles: usize = memory.data(16, 16);
const highNibbles: usize = memory.data(16, 16);

let addedStarts: usize = 0;
let addedEntries: usize = 0;
let addedBits: usize = 0;
let addedCount: u32 = 0;
let addedPrefix: i32 = -1;

/**
 * @param count 0 for none
 * @param starts u32[257]: entries by first byte
 * @param entries (pointer, length, id; all ones for a special one, 0): u32[4], the longest first
 * @param bits u8[8192]: first two bytes (little-endian) that a token may begin with
 * @param prefix the only such two bytes, or -1
 */
export function setBpeAddedTokens(count: u32, starts: usize, entries: usize, bits: usize, prefix: i32): void {
  addedCount = count;
  addedStarts = starts;
  addedEntries = entries;
  addedBits = bits;
  addedPrefix = prefix;
}

/** Bytes of the character at p in the high bits (from bit 8), its class in the low ones. */
// @ts-ignore: decorator
@inline
function characterAt(p: usize, end: usize): u32 {
  const lead = load<u8>(p) as u32;
  if (lead < 0x80) return (load<u8>(ascii + lead) as u32) | 0x100;
  return wideCharacterAt(p, end, lead);
}

function wideCharacterAt(p: usize, end: usize, lead: u32): u32 {
  let code: u32 = 0xfffd;
  let length: u32 = 1;
  if (lead >= 0xc0 && lead < 0xf8) {
    const wanted: u32 = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (p + (wanted as usize) <= end) {
      const b1 = load<u8>(p, 1) as u32;
      const b2 = load<u8>(p, 2) as u32;
      const b3 = load<u8>(p, 3) as u32;
      if (wanted == 2) {
        if ((b1 & 0xc0) == 0x80) {
          code = ((lead & 0x1f) << 6) | (b1 & 0x3f);
          length = 2;
        }
      } else if (wanted == 3) {
        if ((b1 & 0xc0) == 0x80 && (b2 & 0xc0) == 0x80) {
          code = ((lead & 0xf) << 12) | ((b1 & 0x3f) << 6) | (b2 & 0x3f);
          length = 3;
        }
      } else if ((b1 & 0xc0) == 0x80 && (b2 & 0xc0) == 0x80 && (b3 & 0xc0) == 0x80) {
        code = ((lead & 7) << 18) | ((b1 & 0x3f) << 12) | ((b2 & 0x3f) << 6) | (b3 & 0x3f);
        length = 4;
      }
    }
  }
  // Beyond Unicode: as U+FFFD is, a character of no class.
  if (code >= 0x110000) code = 0xfffd;
  const block = load<u16>(index + (((code >> 8) as usize) << 1)) as usize;
  return (load<u8>(blocks + (block << 8) + ((code & 255) as usize)) as u32 & 3) | (length << 8);
}

/** Does normalising leave the text as it is? Sure when 1; 0 means that it must be tried. */
export function isSurelyNormal(p: usize, length: usize): i32 {
  const end = p + length;
  while (p < end) {
    if (!v128.any_true(v128.and(v128.load(p), i8x16.splat(0x80 as i8)))) {
      p += 16;
      continue;
    }
    const stop = p + 16 < end ? p + 16 : end;
    while (p < stop) {
      const lead = load<u8>(p) as u32;
      if (lead < 0x80) {
        p++;
        continue;
      }
      const size = (wideCharacterAt(p, end, lead) >> 8) as usize;
      if (size == 1) return 0;
      let code: u32;
      if (size == 2) code = ((lead & 0x1f) << 6) | (load<u8>(p, 1) & 0x3f);
      else if (size == 3) code = ((lead & 0xf) << 12) | (((load<u8>(p, 1) & 0x3f) as u32) << 6) | (load<u8>(p, 2) & 0x3f);
      else
        code =
          ((lead & 7) << 18) |
          (((load<u8>(p, 1) & 0x3f) as u32) << 12) |
          (((load<u8>(p, 2) & 0x3f) as u32) << 6) |
          (load<u8>(p, 3) & 0x3f);
      if (code >= 0x110000) return 0;
      const block = load<u16>(index + (((code >> 8) as usize) << 1)) as usize;
      if (load<u8>(blocks + (block << 8) + ((code & 255) as usize)) & 16) return 0;
      p += size;
    }
  }
  return 1;
}

/** Ids of texts to `out` (an id a byte, 64 bytes more), where each ends to `outOffsets`. False when memory ran out. */
export function encodeTexts(values: usize, offsets: usize, length: i32, out: usize, outOffsets: usize): i32 {
  beginMerging();
  let at = out;
  store<u32>(outOffsets, 0);
  for (let i: usize = 0; i < (length as usize); i++) {
    const start = values + (load<u32>(offsets + (i << 2)) as usize);
    const end = values + (load<u32>(offsets + (i << 2), 4) as usize);
    at = addedCount == 0 ? encodePlain(start, end, at) : encodeAround(start, end, at);
    store<u32>(outOffsets + (i << 2), ((at - out) >> 2) as u32, 4);
  }
  return mergingFailed() ? 0 : 1;
}

// @ts-ignore: decorator
@inline
function encodePlain(start: usize, end: usize, out: usize): usize {
  return bloom ? encodeBloom(start, end, out) : encodeGpt2(start, end, out);
}

/** Cuts the text at added tokens. */
function encodeAround(start: usize, end: usize, out: usize): usize {
  let p = start;
  while (true) {
    p = nextCandidate(p, end);
    if (p >= end) break;
    const first = load<u8>(p) as usize;
    const last = load<u32>(addedStarts + (first << 2), 4);
    let found: usize = 0;
    for (let i = load<u32>(addedStarts + (first << 2)); i < last; i++) {
      const entry = addedEntries + ((i as usize) << 4);
      const size = load<u32>(entry, 4) as usize;
      if (p + size <= end && equal(p, load<u32>(entry) as usize, size)) {
        found = entry;
        break;
      }
    }
    if (found == 0) {
      p++;
      continue;
    }
    const id = load<u32>(found, 8);
    if (id != 0xffffffff) {
      if (p > start) out = encodePlain(start, p, out);
      store<u32>(out, id);
      out += 4;
      start = p + (load<u32>(found, 4) as usize);
    }
    p += load<u32>(found, 4) as usize;
  }
  return start < end ? encodePlain(start, end, out) : out;
}

/** The next place where an added token may begin, or `end`. */
function nextCandidate(p: usize, end: usize): usize {
  if (addedPrefix >= 0) {
    const first = i8x16.splat(addedPrefix as i8);
    const second = i8x16.splat((addedPrefix >> 8) as i8);
    for (; p < end; p += 16) {
      const hits = i8x16.bitmask(v128.and(i8x16.eq(v128.load(p), first), i8x16.eq(v128.load(p, 1), second)));
      if (hits != 0) {
        p += ctz(hits) as usize;
        return p < end ? p : end;
      }
    }
    return end;
  }
  for (; p < end; p++) {
    const two = load<u16>(p) as usize;
    if (((load<u8>(addedBits + (two >> 3)) as u32) >> ((two & 7) as u32)) & 1) return p;
  }
  return end;
}

function equal(a: usize, b: usize, size: usize): bool {
  for (let i: usize = 0; i < size; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false;
  return true;
}

/** End of a run of letters, 16 ASCII bytes at a time. */
// @ts-ignore: decorator
@inline
function lettersEnd(p: usize, end: usize): usize {
  while (true) {
    const lower = i8x16.sub(v128.or(v128.load(p), i8x16.splat(0x20)), i8x16.splat(0x61));
    const n = ctz(~i8x16.bitmask(i8x16.lt_u(lower, i8x16.splat(26)))) as usize;
    p += n;
    if (p >= end) return end;
    if (n < 16) {
      const lead = load<u8>(p) as u32;
      if (lead < 0x80) return p;
      const character = wideCharacterAt(p, end, lead);
      if ((character & 0xff) != 1) return p;
      p += character >> 8;
      if (p >= end) return end;
    }
  }
}

// @ts-ignore: decorator
@inline
function runEnd(p: usize, end: usize, kind: u32): usize {
  while (p < end) {
    const character = characterAt(p, end);
    if ((character & 0xff) != kind) break;
    p += character >> 8;
  }
  return p;
}

function encodeGpt2(start: usize, end: usize, out: usize): usize {
  let p = start;
  while (p < end) {
    const stop = gpt2PreTokenEnd(p, end);
    out = encodePreToken(p, stop - p, out);
    p = stop;
  }
  return out;
}

/** End of the pre-token of GPT-2's pattern that begins at p; `p < end`. */
// @ts-ignore: decorator
@inline
export function gpt2PreTokenEnd(p: usize, end: usize): usize {
  const first = load<u8>(p) as u32;
  if (first == 0x27) {
    const length = contractionLength(p, end);
    if (length > 0) return p + length;
  }
  let q = p;
  let character = characterAt(p, end);
  if (first == 0x20 && p + 1 < end) {
    const next = characterAt(p + 1, end);
    if ((next & 0xff) != 3) {
      q = p + 1;
      character = next;
    }
  }
  const kind = character & 0xff;
  const after = q + ((character >> 8) as usize);
  let stop: usize;
  if (kind == 1) stop = lettersEnd(after, end);
  else stop = runEnd(after, end, kind);
  if (kind == 3 && stop < end) {
    // White space gives its last character back to what follows, where it has more than one.
    let last = stop - 1;
    while (last > p && (load<u8>(last) & 0xc0) == 0x80) last--;
    if (last > p) stop = last;
  }
  return stop;
}

function contractionLength(p: usize, end: usize): usize {
  if (p + 1 >= end) return 0;
  const one = load<u8>(p, 1);
  if (one == 0x73 || one == 0x74 || one == 0x6d || one == 0x64) return 2;
  if (p + 2 >= end) return 0;
  const two = load<u8>(p, 2);
  return ((one == 0x72 || one == 0x76) && two == 0x65) || (one == 0x6c && two == 0x6c) ? 3 : 0;
}

/** End of a run of what may stand in BLOOM's words, 16 ASCII bytes at a time. */
// @ts-ignore: decorator
@inline
function wordEnd(p: usize, end: usize): usize {
  const low = v128.load(lowNibbles);
  const high = v128.load(highNibbles);
  while (true) {
    const bytes = v128.load(p);
    const marks = v128.and(
      i8x16.swizzle(low, v128.and(bytes, i8x16.splat(15))),
      i8x16.swizzle(high, i8x16.shr_u(bytes, 4)),
    );
    const n = ctz(i8x16.bitmask(i8x16.ne(marks, i8x16.splat(0))) | 0x10000) as usize;
    p += n;
    if (p >= end) return end;
    if (n < 16) {
      const lead = load<u8>(p) as u32;
      if (lead < 0x80) return p;
      const character = wideCharacterAt(p, end, lead);
      if ((character & 0xff) != 1) return p;
      p += character >> 8;
      if (p >= end) return end;
    }
  }
}

/** Bytes of what begins a word at p: a character, or a space and one; 0 where none begins. */
// @ts-ignore: decorator
@inline
function wordStart(p: usize, end: usize): usize {
  const character = characterAt(p, end);
  if ((character & 0xff) == 1) return character >> 8;
  if (load<u8>(p) != 0x20 || p + 1 >= end) return 0;
  const next = characterAt(p + 1, end);
  return (next & 0xff) == 1 ? 1 + (next >> 8) : 0;
}

function encodeBloom(start: usize, end: usize, out: usize): usize {
  let p = start;
  while (p < end) {
    const head = wordStart(p, end);
    let stop = p + head;
    if (head > 0) stop = wordEnd(stop, end);
    else
      do stop += characterAt(stop, end) >> 8;
      while (stop < end && wordStart(stop, end) == 0);
    out = encodePreToken(p, stop - p, out);
    p = stop;
  }
  return out;
}
