/**
 * Characters to the pre-tokenisers of byte-level BPE: their length and class, runs of a class, and a look at what must be
 * normalised first.
 *
 * Classes come from the host: but for `bloom` letter 1, number 2, space 3, other 0; for `bloom` 1 for what may stand in a word.
 * Bit 4 marks what normalisation might change.
 */

let ascii: usize = 0;
let index: usize = 0;
let blocks: usize = 0;
/** No character with a lower lead byte might be changed by normalising. */
let firstLead: u32 = 0x80;
/** Place in the host's list of them. */
export let preTokenizer: i32 = 0;

/**
 * @param asciiClasses u8[128]
 * @param classIndex u16[4352]: block of each 256 code points
 * @param classBlocks u8[256] each
 */
export function setBpeClasses(asciiClasses: usize, classIndex: usize, classBlocks: usize, kind: i32): void {
  ascii = asciiClasses;
  index = classIndex;
  blocks = classBlocks;
  preTokenizer = kind;
  // What NFC might change begins at U+0300: with the byte 0xcc.
  firstLead = 0xcc;
  for (let code: usize = 0x80; code < 0x300; code++) {
    const block = load<u16>(classIndex + ((code >> 8) << 1)) as usize;
    if (load<u8>(classBlocks + (block << 8) + (code & 255)) & 16) firstLead = 0x80;
  }
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
export const lowNibbles: usize = memory.data(16, 16);
export const highNibbles: usize = memory.data(16, 16);

/** Bytes of the character at p in the high bits (from bit 8), its class in the low ones. */
// @ts-ignore: decorator
@inline
export function characterAt(p: usize, end: usize): u32 {
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

/** Does normalising leave the valid text as it is? Sure when 1; 0 means that it must be tried. */
export function isSurelyNormal(p: usize, length: usize): i32 {
  const end = p + length;
  const first = i8x16.splat(firstLead as i8);
  for (; p < end; p += 16) {
    const bytes = v128.load(p);
    let leads: u32 = i8x16.bitmask(i8x16.ge_u(bytes, first));
    while (leads != 0) {
      const at = p + (ctz(leads) as usize);
      leads &= leads - 1;
      if (at >= end) break;
      const lead = load<u8>(at) as u32;
      // Where NFC is wanted all leads are; otherwise bytes within a character are seen too.
      if ((lead & 0xc0) == 0x80) continue;
      let code: u32;
      if (lead < 0xe0) code = ((lead & 0x1f) << 6) | (load<u8>(at, 1) & 0x3f);
      else if (lead < 0xf0)
        code = ((lead & 0xf) << 12) | (((load<u8>(at, 1) & 0x3f) as u32) << 6) | (load<u8>(at, 2) & 0x3f);
      else
        code =
          ((lead & 7) << 18) |
          (((load<u8>(at, 1) & 0x3f) as u32) << 12) |
          (((load<u8>(at, 2) & 0x3f) as u32) << 6) |
          (load<u8>(at, 3) & 0x3f);
      const block = load<u16>(index + (((code >> 8) as usize) << 1)) as usize;
      if (load<u8>(blocks + (block << 8) + ((code & 255) as usize)) & 16) return 0;
    }
  }
  return 1;
}

/** End of a run of letters, 16 ASCII bytes at a time. */
// @ts-ignore: decorator
@inline
export function lettersEnd(p: usize, end: usize): usize {
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
export function runEnd(p: usize, end: usize, kind: u32): usize {
  while (p < end) {
    const character = characterAt(p, end);
    if ((character & 0xff) != kind) break;
    p += character >> 8;
  }
  return p;
}

/** End of a run of what may stand in BLOOM's words, 16 ASCII bytes at a time. */
// @ts-ignore: decorator
@inline
export function wordEnd(p: usize, end: usize): usize {
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
export function wordStart(p: usize, end: usize): usize {
  const character = characterAt(p, end);
  if ((character & 0xff) == 1) return character >> 8;
  if (load<u8>(p) != 0x20 || p + 1 >= end) return 0;
  const next = characterAt(p + 1, end);
  return (next & 0xff) == 1 ? 1 + (next >> 8) : 0;
}

