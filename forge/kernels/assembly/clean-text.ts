/**
 * White space and invisible characters of texts, put right where they stand: fast twin of `reference/clean-text.ts`.
 *
 * Most of a text is right already. So 64 bytes at a time are looked at for the next place that is not, all before it
 * moves in one go (or stays, while nothing was taken out yet), and only from there to the next character that is no
 * blank a loop goes byte by byte. What a text holds besides (see `noteOf`) comes from a look at its bytes beyond ASCII.
 */
import { canonicalMasks } from "./canonical";

const lineFeed: u32 = 0x0a;
const maxLineFeeds: i32 = 3;

const noteMayCompose: u32 = 1;
const noteMojibake: u32 = 2;
const noteChanged: u32 = 4;

let takesControls: bool = false;
let rightsSpace: bool = false;

/** Control and invisible characters taken out of the text at hand; whether another line separator became LF. */
let removedControls: i32 = 0;
let replacedSeparator: bool = false;

/**
 * Cleans `length` texts in place and moves them together; returns 1 when a byte is another than before, else 0.
 *
 * @param flags 1: take out controls, 2: put white space right
 * @param targetOffsets `length + 1`
 * @param notes for each text the sum of 1: may not be in NFC, 2: may hold mojibake, 4: was changed
 * @param controls for each text how many control and invisible characters were taken out, four bytes each
 */
export function cleanTexts(
  values: usize,
  offsets: usize,
  length: i32,
  flags: i32,
  targetOffsets: usize,
  notes: usize,
  controls: usize,
): i32 {
  takesControls = (flags & 1) != 0;
  rightsSpace = (flags & 2) != 0;
  let changed = 0;
  let to = values;
  for (let row: usize = 0; row < (length as usize); row++) {
    store<i32>(targetOffsets + (row << 2), (to - values) as i32);
    const start = values + (load<i32>(offsets + (row << 2)) as usize);
    const end = values + (load<i32>(offsets + (row << 2), 4) as usize);
    let note = noteOf(start, end);
    removedControls = 0;
    replacedSeparator = false;
    const begin = to;
    to = cleanText(start, end, to);
    if (replacedSeparator || to - begin != end - start) {
      note |= noteChanged;
      changed = 1;
    }
    store<u8>(notes + row, note as u8);
    store<i32>(controls + (row << 2), removedControls);
  }
  store<i32>(targetOffsets + ((length as usize) << 2), (to - values) as i32);
  return changed;
}

/** Moves a text to `begin`, at or before its start, without what does not belong there; returns where it ends. */
function cleanText(start: usize, end: usize, begin: usize): usize {
  let at = start;
  let to = begin;
  while (true) {
    // Before the first character there is nothing that would keep a line feed.
    const isLeading = rightsSpace && at == start && at < end && load<u8>(at) == lineFeed;
    const problem = isLeading ? at : findProblem(at, end);
    let clean = problem;
    if (rightsSpace) while (clean > at && isSpace(load<u8>(clean - 1))) clean--;
    if (to != at) memory.copy(to, at, clean - at);
    to += clean - at;
    at = clean;
    // White space at the end of the text stays behind.
    if (problem == end) return to;
    let contentEnd = to;
    let lineFeeds = 0;
    let isContent = false;
    while (at < end && !(isContent && at > problem)) {
      isContent = false;
      const byte = load<u8>(at) as u32;
      if (rightsSpace) {
        const separator = separatorLength(at, end, byte);
        if (separator > 0) {
          if (byte != lineFeed) replacedSeparator = true;
          at += separator;
          to = contentEnd;
          if (contentEnd == begin) continue;
          lineFeeds = min(lineFeeds + 1, maxLineFeeds);
          for (let i = 0; i < lineFeeds; i++) store<u8>(to++, lineFeed as u8);
          continue;
        }
      }
      if (takesControls) {
        const invisible = invisibleLength(at, end, byte);
        if (invisible > 0) {
          removedControls++;
          at += invisible;
          continue;
        }
      }
      store<u8>(to++, byte as u8);
      at++;
      if (byte != 0x20 && byte != 0x09) {
        contentEnd = to;
        lineFeeds = 0;
        isContent = true;
      }
    }
    if (at >= end) return rightsSpace ? contentEnd : to;
  }
}

/** Loaded, they stay in registers; what is written as a constant is made anew for each block, which took half the time. */
const constants: usize = memory.data(6 * 16);
v128.store(constants, i8x16.splat(0x09), 0);
v128.store(constants, i8x16.splat(0x0a), 16);
v128.store(constants, i8x16.splat(0x1f), 32);
v128.store(constants, i8x16.splat(0x20), 48);
v128.store(constants, i8x16.splat(0x7f), 64);
v128.store(constants, i8x16.splat(0xc3 as i8), 80);

/** The first place from `at` on that may have to change, but for white space at the text's end; `end` when none has. */
function findProblem(at: usize, end: usize): usize {
  if (!takesControls && !rightsSpace) return end;
  const tab = v128.load(constants, 0);
  const feed = v128.load(constants, 16);
  const low = v128.load(constants, 32);
  const space = v128.load(constants, 48);
  const del = v128.load(constants, 64);
  for (let p = at; p < end; p += 64) {
    const a = v128.load(p);
    const b = v128.load(p, 16);
    const c = v128.load(p, 32);
    const d = v128.load(p, 48);
    const first = problemBytes(a, p, tab, feed, low, space, del);
    const second = problemBytes(b, p + 16, tab, feed, low, space, del);
    const third = problemBytes(c, p + 32, tab, feed, low, space, del);
    const fourth = problemBytes(d, p + 48, tab, feed, low, space, del);
    let problems: u64 = 0;
    // Where they are takes longer to tell than that there is none.
    if (v128.any_true(v128.or(v128.or(first, second), v128.or(third, fourth)))) {
      problems = bits(first, second, third, fourth);
    }
    if (i8x16.bitmask(v128.or(v128.or(a, b), v128.or(c, d))) != 0) {
      problems |= bits(leadBytes(a, p), leadBytes(b, p + 16), leadBytes(c, p + 32), leadBytes(d, p + 48));
    }
    // What follows the text is not of it.
    if (end - p < 64) problems &= ((1 as u64) << ((end - p) as u64)) - 1;
    if (problems != 0) return p + (ctz(problems) as usize);
  }
  return end;
}

/**
 * All ones for control characters but tab and line feed, for DEL, a blank before a line feed and four feeds in a row. It
 * does not matter which of them are asked for: the loop leaves the others alone.
 */
// @ts-ignore: decorator
@inline
function problemBytes(block: v128, p: usize, tab: v128, feed: v128, low: v128, space: v128, del: v128): v128 {
  const feeds = i8x16.eq(block, feed);
  const tabs = i8x16.eq(block, tab);
  const controls = v128.andnot(i8x16.eq(i8x16.min_u(block, low), block), v128.or(feeds, tabs));
  const blanks = v128.or(tabs, i8x16.eq(block, space));
  const next = i8x16.eq(v128.load(p, 1), feed);
  // Four in a row, but for the third, which is seldom something else.
  const row = v128.and(feeds, i8x16.eq(v128.load(p, 3), feed));
  return v128.or(v128.or(controls, i8x16.eq(block, del)), v128.and(v128.or(blanks, row), next));
}

// @ts-ignore: decorator
@inline
function bits(a: v128, b: v128, c: v128, d: v128): u64 {
  const low = (i8x16.bitmask(a) as u32) | ((i8x16.bitmask(b) as u32) << 16);
  const high = (i8x16.bitmask(c) as u32) | ((i8x16.bitmask(d) as u32) << 16);
  return (low as u64) | ((high as u64) << 32);
}

/** All ones for lead bytes behind which separators and invisible characters hide: C2 [80-9F, AD], E2 80, EF BB BF. */
// @ts-ignore: decorator
@inline
function leadBytes(block: v128, p: usize): v128 {
  const second = v128.load(p, 1);
  const third = v128.load(p, 2);
  const latin = v128.and(
    i8x16.eq(block, i8x16.splat(0xc2 as i8)),
    v128.or(i8x16.lt_u(second, i8x16.splat(0xa0 as i8)), i8x16.eq(second, i8x16.splat(0xad as i8))),
  );
  const space = v128.and(i8x16.eq(block, i8x16.splat(0xe2 as i8)), i8x16.eq(second, i8x16.splat(0x80 as i8)));
  const separators = v128.or(
    i8x16.eq(third, i8x16.splat(0x8b as i8)),
    v128.or(i8x16.eq(third, i8x16.splat(0xa8 as i8)), i8x16.eq(third, i8x16.splat(0xa9 as i8))),
  );
  const mark = v128.and(i8x16.eq(block, i8x16.splat(0xef as i8)), i8x16.eq(second, i8x16.splat(0xbb as i8)));
  return v128.or(latin, v128.or(v128.and(space, separators), mark));
}

// @ts-ignore: decorator
@inline
function isSpace(byte: u32): bool {
  return byte == 0x20 || byte == 0x0a || byte == 0x09;
}

/** Bytes of a line separator: LF, CR LF, CR, VT, FF, NEL, U+2028, U+2029; else 0. */
function separatorLength(at: usize, end: usize, byte: u32): usize {
  if (byte >= 0x0a && byte <= 0x0d) return byte == 0x0d && at + 1 < end && load<u8>(at, 1) == lineFeed ? 2 : 1;
  if (byte == 0xc2) return at + 1 < end && load<u8>(at, 1) == 0x85 ? 2 : 0;
  if (byte == 0xe2 && at + 2 < end && load<u8>(at, 1) == 0x80) {
    const third = load<u8>(at, 2);
    return third == 0xa8 || third == 0xa9 ? 3 : 0;
  }
  return 0;
}

/** Bytes of a control character (tab, LF and CR are none), soft hyphen, zero-width space or byte order mark; else 0. */
function invisibleLength(at: usize, end: usize, byte: u32): usize {
  if (byte < 0x20) return byte == 0x09 || byte == 0x0a || byte == 0x0d ? 0 : 1;
  if (byte == 0x7f) return 1;
  if (byte == 0xc2) {
    if (at + 1 >= end) return 0;
    const next = load<u8>(at, 1) as u32;
    return next < 0xa0 || next == 0xad ? 2 : 0;
  }
  if (at + 2 >= end) return 0;
  if (byte == 0xe2) return load<u8>(at, 1) == 0x80 && load<u8>(at, 2) == 0x8b ? 3 : 0;
  return byte == 0xef && load<u8>(at, 1) == 0xbb && load<u8>(at, 2) == 0xbf ? 3 : 0;
}

/** What the bytes from C3 on tell of a text: may it not be in NFC, may it hold mojibake? */
function noteOf(start: usize, end: usize): u32 {
  let note: u32 = 0;
  const lead = v128.load(constants, 80);
  for (let p = start; p < end; p += 16) {
    // Far into ASCII, 64 bytes at a time.
    while (p + 64 <= end) {
      const first = i8x16.max_u(v128.load(p), v128.load(p, 16));
      const second = i8x16.max_u(v128.load(p, 32), v128.load(p, 48));
      if (v128.any_true(i8x16.ge_u(i8x16.max_u(first, second), lead))) break;
      p += 64;
    }
    if (p >= end) break;
    const block = v128.load(p);
    let leads = i8x16.bitmask(i8x16.ge_u(block, lead)) as u32;
    if (end - p < 16) leads &= (1 << ((end - p) as u32)) - 1;
    if (leads == 0) continue;
    const small = i8x16.bitmask(i8x16.eq(block, lead)) as u32;
    if ((note & noteMojibake) == 0) {
      for (let left = leads & small; left != 0; left &= left - 1) {
        if (mayBeMojibake(p + (ctz(left) as usize), end)) note |= noteMojibake;
      }
    }
    if ((note & noteMayCompose) == 0) {
      for (let left = leads & ~small; left != 0; left &= left - 1) {
        if (mayCompose(p + (ctz(left) as usize), end)) note |= noteMayCompose;
      }
    }
  }
  return note;
}

/** C3 with a letter from Â to ô, then what Windows-1252 makes of a byte from 0x80 on. */
// @ts-ignore: decorator
@inline
function mayBeMojibake(at: usize, end: usize): bool {
  if (at + 2 >= end) return false;
  const second = load<u8>(at, 1) as u32;
  if (second < 0x82 || second > 0xb4) return false;
  const third = load<u8>(at, 2) as u32;
  return third == 0xc2 || third == 0xc5 || third == 0xc6 || third == 0xcb || third == 0xe2;
}

/** Does a character begin here that canonical composition may change, move or join with another? */
// @ts-ignore: decorator
@inline
function mayCompose(at: usize, end: usize): bool {
  const lead = load<u8>(at) as u32;
  if (at + 1 >= end) return false;
  const second = load<u8>(at, 1) as u32;
  if ((second & 0xc0) != 0x80) return false;
  const mask = load<u64>(canonicalMasks + (((lead - 0xc0) as usize) << 3));
  if (((mask >> ((second & 63) as u64)) & 1) == 0) return false;
  if (lead != 0xe2 && lead != 0xe3 && lead != 0xef) return true;
  const third: u32 = at + 2 < end ? (load<u8>(at, 2) as u32) : 0;
  // Of frequent blocks (dashes and quotes, emoji's variation selectors, CJK punctuation, hiragana) only few characters.
  if (lead == 0xe2) return second != 0x80 || third == 0x80 || third == 0x81;
  if (lead == 0xef) return second != 0xb8 || (third >= 0xa0 && third <= 0xaf);
  return second == 0x80 ? third >= 0xaa && third <= 0xaf : third == 0x99 || third == 0x9a;
}
