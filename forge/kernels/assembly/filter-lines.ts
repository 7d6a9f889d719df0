/**
 * Lines, pieces and paragraphs of the filters' statistics, in one pass that stops only where a line may end.
 *
 * What is cut at line feeds is hashed once: a piece (Gopher's line), a FineWeb line and a line of a paragraph are the
 * same bytes, and a paragraph's hash is made of its lines' hashes.
 */
import { base, hashBytes, spread } from "./filter-hash";
import {
  classBefore,
  countCharacters,
  kindMask,
  put,
  separatorLength,
  skipSpace,
  space,
  stripEnd,
  terminalBit,
  wideSeparatorBits,
} from "./filter-text";

/** Sets of the hashes of pieces and of paragraphs. An empty slot is 0. */
let pieceKeys: usize = 0;
let paragraphKeys: usize = 0;
let tableMask: u32 = 0;
let tableShift: u64 = 0;

let isAscii: bool = false;
let textStart: usize = 0;
let textEnd: usize = 0;

let pieces: u32 = 0;
let emptyPieces: u32 = 0;
let duplicatePieces: u32 = 0;
let duplicatePieceCharacters: u32 = 0;
let fullLines: u32 = 0;
let terminatedLines: u32 = 0;
let shortLines: u32 = 0;
let duplicateLineCharacters: u32 = 0;

/** The stripped text, and the paragraph that is open. */
let strippedStart: usize = 0;
let strippedEnd: usize = 0;
let paragraphs: u32 = 0;
let duplicateParagraphs: u32 = 0;
let duplicateParagraphCharacters: u32 = 0;
let paragraphHash: u64 = 0;
let paragraphCharacters: u32 = 0;
let paragraphLines: u32 = 0;

let lines: u32 = 0;
let bulletLines: u32 = 0;
let ellipsisLines: u32 = 0;

/** Loaded, constants stay in registers; what is written as a constant is made anew for each block. */
const constants: usize = memory.data(6 * 16);
v128.store(constants, i8x16.splat(-64), 0);
v128.store(constants, i8x16.splat(0x0a), 16);
v128.store(constants, i8x16.splat(0x23), 32);
v128.store(constants, i8x16.splat(0x2e), 48);
v128.store(constants, i8x16.splat(0x20), 64);
v128.store(constants, i8x16.splat(0x09), 80);

/** Fills the columns of lines; `table` has room for twice 2 hashes for each byte of text. Returns the characters. */
export function countLines(start: usize, end: usize, table: usize): u32 {
  // Where a line may end or an ellipsis begins, a bit for each byte; they stand behind the sets of hashes.
  const stops = table + (mostSlots(end - start) << 4);
  findStops(start, end, stops);
  const characters = ((end - start) as u32) - continuations;
  begin(start, end, continuations == 0, stopped, table);

  let lineFeeds: u32 = 0;
  let ellipses: u32 = 0;
  let dotsEnd = start;
  let pieceStart = start;
  let lineStart = start;
  let bitsAt = stops;
  for (let block = start; block < end; block += 64) {
    let bits = load<u64>(bitsAt);
    bitsAt += 8;
    for (; bits != 0; bits &= bits - 1) {
      const at = block + (ctz(bits) as usize);
      const byte: u32 = load<u8>(at);
      if (byte == 0x0a) {
        lineFeeds++;
        if (pieceStart == lineStart) {
          endBoth(pieceStart, at);
          pieceStart = lineStart = at + 1;
          continue;
        }
        endPiece(pieceStart, at);
        pieceStart = at + 1;
        // The line feed of a CR LF ended the line with its CR.
        if (at < lineStart) continue;
      } else if (byte == 0x2e) {
        if (at < dotsEnd) continue;
        dotsEnd = at + 1;
        while (dotsEnd < end && load<u8>(dotsEnd) == 0x2e) dotsEnd++;
        ellipses += ((dotsEnd - at) as u32) / 3;
        continue;
      } else if (byte == 0xe2 && at + 2 < end && load<u8>(at, 2) == 0xa6) {
        ellipses++;
        continue;
      }
      const separator = separatorLength(at, end);
      if (separator == 0) continue;
      endLine(lineStart, at);
      lineStart = at + separator;
    }
  }
  if (pieceStart == lineStart && lineStart < end) endBoth(lineStart, end);
  else {
    if (lineStart < end) endLine(lineStart, end);
    endPiece(pieceStart, end);
  }
  endParagraph();

  put(0, characters);
  put(1, lineFeeds);
  put(7, hashes);
  put(8, ellipses);
  put(9, lines);
  put(10, bulletLines);
  put(11, ellipsisLines);
  // A text of white space alone is one empty paragraph.
  put(12, strippedStart == strippedEnd ? 1 : paragraphs);
  put(13, duplicateParagraphs);
  put(14, duplicateParagraphCharacters);
  put(15, pieces + emptyPieces);
  put(16, duplicatePieces + ((emptyPieces > 1) as u32));
  put(17, duplicatePieceCharacters);
  putFullLines();
  return characters;
}

/** What `findStops` counts: bytes that continue a character, `#`, and the bits that it sets. */
let continuations: u32 = 0;
let hashes: u32 = 0;
let stopped: u32 = 0;

/** Blocks whose counts of `#` fit a byte of each lane. */
const countedBytes: usize = 63 * 64;

/** Counts bytes, and sets a bit where a line may end, where three dots begin, and where U+2026 stands. */
function findStops(start: usize, end: usize, stops: usize): void {
  const hash = v128.load(constants, 32);
  const dot = v128.load(constants, 48);
  const space = v128.load(constants, 64);
  const tab = v128.load(constants, 80);
  continuations = hashes = stopped = 0;
  let found: u32 = 0;
  let to = stops;
  // Of the last block only what belongs to the text counts, so it is not counted in lanes.
  const last = end - ((end - start) & 63);
  for (let block = start; block < end; ) {
    const until = block < last ? min(block + countedBytes, last) : end;
    const inside: u64 = block < last ? ~0 : ((1 as u64) << ((end - block) as u64)) - 1;
    let signs = i64x2.splat(0);
    for (; block < until; block += 64) {
      let controls: u64 = 0;
      let dots: u64 = 0;
      let any = i64x2.splat(0);
      for (let i: usize = 0; i < 4; i++) {
        const bytes = v128.load(block + (i << 4));
        const shift = (i << 4) as u64;
        // Compared with their sign, bytes beyond ASCII are less than a space, too.
        const control = v128.andnot(i8x16.lt_s(bytes, space), i8x16.eq(bytes, tab));
        controls |= (i8x16.bitmask(control) as u64) << shift;
        dots |= (i8x16.bitmask(i8x16.eq(bytes, dot)) as u64) << shift;
        signs = i8x16.sub(signs, i8x16.eq(bytes, hash));
        any = v128.or(any, bytes);
      }
      if (dots != 0) {
        const one = (dots >> 1) | (((load<u8>(block, 64) == 0x2e) as u64) << 63);
        const two = (one >> 1) | (((load<u8>(block, 65) == 0x2e) as u64) << 63);
        dots &= one & two;
      }
      if (i8x16.bitmask(any) != 0) controls = wideStops(block, controls, inside);
      const set = (controls | dots) & inside;
      found += popcnt(set) as u32;
      store<u64>(to, set);
      to += 8;
    }
    if (inside == ~0) {
      const pairs = i16x8.extadd_pairwise_i8x16_u(signs);
      const fours = i32x4.extadd_pairwise_i16x8_u(pairs);
      hashes += i32x4.extract_lane(fours, 0) + i32x4.extract_lane(fours, 1);
      hashes += i32x4.extract_lane(fours, 2) + i32x4.extract_lane(fours, 3);
    }
  }
  for (let at = last; at < end; at++) hashes += (load<u8>(at) == 0x23) as u32;
  stopped = found;
}

/** Takes bytes beyond ASCII out of a block's controls, puts separators of lines in, and counts what continues. */
function wideStops(block: usize, controls: u64, inside: u64): u64 {
  const first = v128.load(constants, 0);
  let wide: u64 = 0;
  let inner: u64 = 0;
  let separators: u64 = 0;
  for (let i: usize = 0; i < 4; i++) {
    const bytes = v128.load(block + (i << 4));
    const shift = (i << 4) as u64;
    wide |= (i8x16.bitmask(bytes) as u64) << shift;
    inner |= (i8x16.bitmask(i8x16.lt_s(bytes, first)) as u64) << shift;
    separators |= (wideSeparatorBits(bytes, v128.load(block + (i << 4), 1)) as u64) << shift;
  }
  continuations += popcnt(inner & inside) as u32;
  return (controls & ~wide) | separators;
}

/** Where white space at the start of a line ends. */
// @ts-ignore: decorator
@inline
function skipIndent(start: usize, end: usize): usize {
  const others = ~(i8x16.bitmask(i8x16.eq(v128.load(start), v128.load(constants, 64))) as u32);
  const at = start + (ctz(others) as usize);
  if (at >= end) return end;
  const byte: u32 = load<u8>(at);
  return byte > 0x20 && byte < 0x7f ? at : skipSpace(at, end);
}

/** Fills the columns of lines that FineWeb's rules need, and no other; `table` as for `countLines`. */
export function countFullLines(start: usize, end: usize, table: usize): void {
  const feed = v128.load(constants, 16);
  const first = v128.load(constants, 0);
  const stops = table + (mostSlots(end - start) << 4);
  let others: u32 = 0;
  let lineFeeds: u32 = 0;
  let to = stops;
  for (let block = start; block < end; block += 64) {
    let fed: u64 = 0;
    let inner: u64 = 0;
    let any = i64x2.splat(0);
    for (let i: usize = 0; i < 4; i++) {
      const bytes = v128.load(block + (i << 4));
      fed |= (i8x16.bitmask(i8x16.eq(bytes, feed)) as u64) << ((i << 4) as u64);
      any = v128.or(any, bytes);
    }
    const inside: u64 = end - block >= 64 ? ~0 : ((1 as u64) << ((end - block) as u64)) - 1;
    if (i8x16.bitmask(any) != 0) {
      for (let i: usize = 0; i < 4; i++) {
        inner |= (i8x16.bitmask(i8x16.lt_s(v128.load(block + (i << 4)), first)) as u64) << ((i << 4) as u64);
      }
      others += popcnt(inner & inside) as u32;
    }
    fed &= inside;
    lineFeeds += popcnt(fed) as u32;
    store<u64>(to, fed);
    to += 8;
  }
  begin(start, end, others == 0, lineFeeds, table);
  let lineStart = start;
  let bitsAt = stops;
  for (let block = start; block < end; block += 64) {
    for (let bits = load<u64>(bitsAt); bits != 0; bits &= bits - 1) {
      const at = block + (ctz(bits) as usize);
      endFullLine(lineStart, at);
      lineStart = at + 1;
    }
    bitsAt += 8;
  }
  endFullLine(lineStart, end);
  put(0, ((end - start) as u32) - others);
  put(1, lineFeeds);
  putFullLines();
}

function endFullLine(start: usize, end: usize): void {
  if (start == end || skipIndent(start, end) == end) return;
  const characters = isAscii ? ((end - start) as u32) : countCharacters(start, end);
  addFullLine(characters, classBefore(start, end), add(pieceKeys, hashBytes(start, end - start)));
}

// @ts-ignore: decorator
@inline
function addFullLine(characters: u32, last: u32, isNew: bool): void {
  fullLines++;
  // Added without a branch, which nothing predicts.
  shortLines += (characters <= 30) as u32;
  terminatedLines += ((last & terminalBit) != 0) as u32;
  if (!isNew) duplicateLineCharacters += characters;
}

function putFullLines(): void {
  put(18, fullLines);
  put(19, terminatedLines);
  put(20, shortLines);
  put(21, duplicateLineCharacters);
}

/** The most slots that `begin` takes for a text of so many bytes, half of which can be lines. */
// @ts-ignore: decorator
@inline
function mostSlots(bytes: usize): usize {
  return max<usize>((1 as usize) << (32 - clz(bytes as u32)), 8);
}

function begin(start: usize, end: usize, ascii: bool, ends: u32, table: usize): void {
  const most = mostSlots(end - start) as u32;
  let size: u32 = 8;
  let bits: u64 = 3;
  while (size < (ends + 1) * 2 && size < most) {
    size <<= 1;
    bits++;
  }
  tableMask = size - 1;
  tableShift = 64 - bits;
  pieceKeys = table;
  paragraphKeys = table + ((size as usize) << 3);
  memory.fill(table, 0, (size as usize) << 4);
  isAscii = ascii;
  textStart = start;
  textEnd = end;
  strippedStart = skipSpace(start, end);
  strippedEnd = stripEnd(strippedStart, end);
  pieces = emptyPieces = duplicatePieces = duplicatePieceCharacters = 0;
  fullLines = terminatedLines = shortLines = duplicateLineCharacters = 0;
  paragraphs = duplicateParagraphs = duplicateParagraphCharacters = paragraphLines = 0;
  lines = bulletLines = ellipsisLines = 0;
}

/** What stands between two line feeds, or a line feed and an end of the text. */
function endPiece(start: usize, end: usize): void {
  if (start == end) endEmptyPiece(start, end);
  else addPiece(start, end, skipSpace(start, end), classBefore(start, end));
}

/** A piece that is a line, too. */
function endBoth(start: usize, end: usize): void {
  if (start == end) {
    lines++;
    endEmptyPiece(start, end);
    return;
  }
  const from = skipIndent(start, end);
  const last = classBefore(start, end);
  lines++;
  addPiece(start, end, from, last);
  addLine(from, end, last);
}

// @ts-ignore: decorator
@inline
function endEmptyPiece(start: usize, end: usize): void {
  // Pieces are cut at runs of line feeds: only the ends of the text can make an empty one.
  if (start == textStart || end == textEnd) emptyPieces++;
  endParagraph();
}

/**
 * @param from where white space at the start of the piece ends
 * @param last class of its last character
 */
// @ts-ignore: decorator
@inline
function addPiece(start: usize, end: usize, from: usize, last: u32): void {
  const hash = hashBytes(start, end - start);
  const characters = isAscii ? ((end - start) as u32) : countCharacters(start, end);
  const isNew = add(pieceKeys, hash);
  pieces++;
  if (!isNew) {
    duplicatePieces++;
    duplicatePieceCharacters += characters;
  }
  if (from < end) addFullLine(characters, last, isNew);
  if (start >= strippedStart && end <= strippedEnd) addParagraphLine(hash, characters);
  else if (end > strippedStart && start < strippedEnd) {
    const begins = max(start, strippedStart);
    const ends = min(end, strippedEnd);
    addParagraphLine(
      hashBytes(begins, ends - begins),
      isAscii ? ((ends - begins) as u32) : countCharacters(begins, ends),
    );
  }
}

// @ts-ignore: decorator
@inline
function addParagraphLine(hash: u64, characters: u32): void {
  const isFirst = paragraphLines == 0;
  paragraphHash = isFirst ? hash : rotl((paragraphHash ^ spread) * base, 29) ^ hash;
  // The line feed before a further line belongs to the paragraph.
  paragraphCharacters = (isFirst ? 0 : paragraphCharacters + 1) + characters;
  paragraphLines++;
}

function endParagraph(): void {
  if (paragraphLines == 0) return;
  paragraphs++;
  if (!add(paragraphKeys, paragraphHash + (paragraphLines as u64))) {
    duplicateParagraphs++;
    duplicateParagraphCharacters += paragraphCharacters;
  }
  paragraphLines = 0;
}

/** A line as str.splitlines cuts it. */
function endLine(start: usize, end: usize): void {
  lines++;
  if (start < end) addLine(skipSpace(start, end), end, classBefore(start, end));
}

/**
 * @param from where white space at the start of the line ends
 * @param last class of its last character
 */
// @ts-ignore: decorator
@inline
function addLine(from: usize, end: usize, last: u32): void {
  if (from == end) return;
  const first: u32 = load<u8>(from);
  if (first == 0x2d) bulletLines++;
  else if (first == 0xe2 && from + 2 < end && load<u8>(from, 1) == 0x80 && load<u8>(from, 2) == 0xa2) bulletLines++;
  const to = (last & kindMask) == space ? stripEnd(from, end) : end;
  if (to - from < 3) return;
  const final: u32 = load<u8>(to - 1);
  if (final == 0x2e) ellipsisLines += (load<u8>(to - 2) == 0x2e && load<u8>(to - 3) == 0x2e) as u32;
  else if (final == 0xa6) ellipsisLines += (load<u8>(to - 2) == 0x80 && load<u8>(to - 3) == 0xe2) as u32;
}

/** Puts a hash into a set; false when it was there. */
function add(keys: usize, hash: u64): bool {
  const key = hash == 0 ? spread : hash;
  let slot = ((key * spread) >> tableShift) as u32;
  while (true) {
    const there = load<u64>(keys + ((slot as usize) << 3));
    if (there == key) return false;
    if (there == 0) {
      store<u64>(keys + ((slot as usize) << 3), key);
      return true;
    }
    slot = (slot + 1) & tableMask;
  }
}
