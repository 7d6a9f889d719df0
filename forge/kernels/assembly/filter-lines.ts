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
  separatorBits,
  separatorLength,
  skipSpace,
  space,
  stripEnd,
  terminalBit,
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

/** Fills the columns of lines; `table` has room for twice 2 hashes for each byte of text. Returns the characters. */
export function countLines(start: usize, end: usize, table: usize): u32 {
  let continuations: u32 = 0;
  let lineFeeds: u32 = 0;
  let hashes: u32 = 0;
  for (let block = start; block < end; block += 16) {
    const bytes = v128.load(block);
    // Bytes behind the text do not count.
    const inside: u32 = end - block >= 16 ? 0xffff : ((1 as u32) << ((end - block) as u32)) - 1;
    continuations += popcnt((i8x16.bitmask(i8x16.lt_s(bytes, i8x16.splat(-64))) as u32) & inside);
    lineFeeds += popcnt((i8x16.bitmask(i8x16.eq(bytes, i8x16.splat(0x0a))) as u32) & inside);
    hashes += popcnt((i8x16.bitmask(i8x16.eq(bytes, i8x16.splat(0x23))) as u32) & inside);
  }
  const characters = ((end - start) as u32) - continuations;
  begin(start, end, continuations == 0, lineFeeds, table);

  let ellipses: u32 = 0;
  let dotsEnd = start;
  let pieceStart = start;
  let lineStart = start;
  for (let block = start; block < end; block += 16) {
    const bytes = v128.load(block);
    const next = v128.load(block, 1);
    const inside: u32 = end - block >= 16 ? 0xffff : ((1 as u32) << ((end - block) as u32)) - 1;
    const dots = v128.and(i8x16.eq(bytes, i8x16.splat(0x2e)), i8x16.eq(next, i8x16.splat(0x2e)));
    for (let bits = (separatorBits(bytes, next) | (i8x16.bitmask(dots) as u32)) & inside; bits != 0; bits &= bits - 1) {
      const at = block + (ctz(bits) as usize);
      const byte: u32 = load<u8>(at);
      if (byte == 0x2e) {
        if (at < dotsEnd) continue;
        dotsEnd = at + 1;
        while (dotsEnd < end && load<u8>(dotsEnd) == 0x2e) dotsEnd++;
        ellipses += ((dotsEnd - at) as u32) / 3;
        continue;
      }
      if (byte == 0x0a) {
        endPiece(pieceStart, at);
        pieceStart = at + 1;
        // The line feed of a CR LF ended the line with its CR.
        if (at < lineStart) continue;
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
  if (lineStart < end) endLine(lineStart, end);
  endPiece(pieceStart, end);
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

/** Fills the columns of lines that FineWeb's rules need, and no other; `table` as for `countLines`. */
export function countFullLines(start: usize, end: usize, table: usize): void {
  let continuations: u32 = 0;
  let lineFeeds: u32 = 0;
  for (let block = start; block < end; block += 16) {
    const bytes = v128.load(block);
    const inside: u32 = end - block >= 16 ? 0xffff : ((1 as u32) << ((end - block) as u32)) - 1;
    continuations += popcnt((i8x16.bitmask(i8x16.lt_s(bytes, i8x16.splat(-64))) as u32) & inside);
    lineFeeds += popcnt((i8x16.bitmask(i8x16.eq(bytes, i8x16.splat(0x0a))) as u32) & inside);
  }
  begin(start, end, continuations == 0, lineFeeds, table);
  let lineStart = start;
  for (let block = start; block < end; block += 16) {
    let bits = i8x16.bitmask(i8x16.eq(v128.load(block), i8x16.splat(0x0a))) as u32;
    for (; bits != 0; bits &= bits - 1) {
      const at = block + (ctz(bits) as usize);
      if (at >= end) break;
      endFullLine(lineStart, at);
      lineStart = at + 1;
    }
  }
  endFullLine(lineStart, end);
  put(0, ((end - start) as u32) - continuations);
  put(1, lineFeeds);
  putFullLines();
}

function endFullLine(start: usize, end: usize): void {
  if (skipSpace(start, end) == end) return;
  const characters = isAscii ? ((end - start) as u32) : countCharacters(start, end);
  addFullLine(start, end, characters, add(pieceKeys, hashBytes(start, end - start)));
}

// @ts-ignore: decorator
@inline
function addFullLine(start: usize, end: usize, characters: u32, isNew: bool): void {
  fullLines++;
  if (characters <= 30) shortLines++;
  if ((classBefore(start, end) & terminalBit) != 0) terminatedLines++;
  if (!isNew) duplicateLineCharacters += characters;
}

function putFullLines(): void {
  put(18, fullLines);
  put(19, terminatedLines);
  put(20, shortLines);
  put(21, duplicateLineCharacters);
}

function begin(start: usize, end: usize, ascii: bool, lineFeeds: u32, table: usize): void {
  let size: u32 = 8;
  let bits: u64 = 3;
  while (size < (lineFeeds + 1) * 2) {
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
  if (start == end) {
    // Pieces are cut at runs of line feeds: only the ends of the text can make an empty one.
    if (start == textStart || end == textEnd) emptyPieces++;
    endParagraph();
    return;
  }
  const hash = hashBytes(start, end - start);
  const characters = isAscii ? ((end - start) as u32) : countCharacters(start, end);
  const isNew = add(pieceKeys, hash);
  pieces++;
  if (!isNew) {
    duplicatePieces++;
    duplicatePieceCharacters += characters;
  }
  if (skipSpace(start, end) < end) addFullLine(start, end, characters, isNew);
  if (end <= strippedStart || start >= strippedEnd) return;
  const from = max(start, strippedStart);
  const to = min(end, strippedEnd);
  const isWhole = from == start && to == end;
  const part = isWhole ? hash : hashBytes(from, to - from);
  paragraphHash = paragraphLines == 0 ? part : rotl((paragraphHash ^ spread) * base, 29) ^ part;
  // The line feed before a further line belongs to the paragraph.
  const before = paragraphLines == 0 ? 0 : paragraphCharacters + 1;
  paragraphCharacters = before + (isWhole ? characters : isAscii ? ((to - from) as u32) : countCharacters(from, to));
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
  const from = skipSpace(start, end);
  if (from == end) return;
  const first: u32 = load<u8>(from);
  if (first == 0x2d) bulletLines++;
  else if (first == 0xe2 && from + 2 < end && load<u8>(from, 1) == 0x80 && load<u8>(from, 2) == 0xa2) bulletLines++;
  const to = stripEnd(from, end);
  if (to - from < 3) return;
  const last: u32 = load<u8>(to - 1);
  if (last == 0x2e) ellipsisLines += (load<u8>(to - 2) == 0x2e && load<u8>(to - 3) == 0x2e) as u32;
  else if (last == 0xa6) ellipsisLines += (load<u8>(to - 2) == 0x80 && load<u8>(to - 3) == 0xe2) as u32;
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
