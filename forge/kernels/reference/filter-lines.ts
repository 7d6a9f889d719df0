/** Plain twin of assembly/filter-lines.ts: lines, pieces and paragraphs, each in a pass of its own. */
import { filterClassTable, terminalBit } from "../filter-classes.ts";
import { shortLineCharacters, type FilterStatisticName } from "../filter-types.ts";
import {
  codePointAt,
  codePointBefore,
  countCharacters,
  hashBytes,
  lineSeparatorLength,
  skipSpace,
  stripEnd,
} from "./filter-text.ts";
import { GenerationTable } from "./hash-table.ts";

/** Counts of a text by name. */
export type Counts = Partial<Record<FilterStatisticName, number>>;

/** Code points, line feeds, marks, and lines as str.splitlines sees them. */
export function countLines(bytes: Uint8Array, start: number, end: number): Counts {
  let newlines = 0;
  let hashes = 0;
  let ellipses = 0;
  let dots = 0;
  let lines = 0;
  let bulletLines = 0;
  let ellipsisLines = 0;
  const endLine = (from: number, to: number): void => {
    lines++;
    if (isBullet(bytes, from, to)) bulletLines++;
    if (endsInEllipsis(bytes, from, to)) ellipsisLines++;
  };
  let lineStart = start;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte === 0x0a) newlines++;
    if (byte === 0x23) hashes++;
    if (byte === 0xe2 && at + 2 < end && bytes[at + 1] === 0x80 && bytes[at + 2] === 0xa6) ellipses++;
    dots = byte === 0x2e ? dots + 1 : 0;
    if (dots === 3) {
      ellipses++;
      dots = 0;
    }
    // The line feed of a CR LF was taken with its CR.
    const separator = at < lineStart ? 0 : lineSeparatorLength(bytes, at, end);
    if (separator === 0) continue;
    endLine(lineStart, at);
    lineStart = at + separator;
  }
  if (lineStart < end) endLine(lineStart, end);
  return {
    characters: countCharacters(bytes, start, end),
    newlines,
    hashes,
    ellipses,
    lines,
    bulletLines,
    ellipsisLines,
  };
}

function isBullet(bytes: Uint8Array, start: number, end: number): boolean {
  const at = skipSpace(bytes, start, end);
  if (at === end) return false;
  return bytes[at] === 0x2d || codePointAt(bytes, at, end).value === 0x2022;
}

function endsInEllipsis(bytes: Uint8Array, start: number, end: number): boolean {
  const at = stripEnd(bytes, start, end);
  if (at - start < 3) return false;
  const last = bytes[at - 1];
  if (last === 0x2e) return bytes[at - 2] === 0x2e && bytes[at - 3] === 0x2e;
  return last === 0xa6 && bytes[at - 2] === 0x80 && bytes[at - 3] === 0xe2;
}

const table = new GenerationTable();

/** Everything that is cut at line feeds: Gopher's paragraphs and pieces, FineWeb's lines. */
export function countPieces(bytes: Uint8Array, start: number, end: number): Counts {
  let bound = 1;
  for (let at = start; at < end; at++) if (bytes[at] === 0x0a) bound++;
  let count = 0;
  let duplicates = 0;
  let duplicateCharacters = 0;
  const begin = (): void => {
    count = duplicates = duplicateCharacters = 0;
    table.reset(bound);
  };
  const look = (from: number, to: number): void => {
    count++;
    const { a, b } = hashBytes(bytes, from, to);
    if (table.counts[table.add(a, b, 0)] === 1) return;
    duplicates++;
    duplicateCharacters += countCharacters(bytes, from, to);
  };

  begin();
  const first = skipSpace(bytes, start, end);
  const last = stripEnd(bytes, first, end);
  let from = first;
  for (let at = first; at < last; at++) {
    if (bytes[at] !== 0x0a || bytes[at + 1] !== 0x0a) continue;
    look(from, at);
    // The stripped text ends in no line feed.
    while (bytes[at + 1] === 0x0a) at++;
    from = at + 1;
  }
  look(from, last);
  const paragraphs = { count, duplicates, duplicateCharacters };

  begin();
  from = start;
  for (let at = start; at < end; at++) {
    if (bytes[at] !== 0x0a) continue;
    look(from, at);
    while (at + 1 < end && bytes[at + 1] === 0x0a) at++;
    from = at + 1;
  }
  look(from, end);
  const pieces = { count, duplicates, duplicateCharacters };

  begin();
  let terminatedLines = 0;
  let shortLines = 0;
  from = start;
  for (let at = start; at <= end; at++) {
    if (at < end && bytes[at] !== 0x0a) continue;
    if (skipSpace(bytes, from, at) < at) {
      look(from, at);
      if (countCharacters(bytes, from, at) <= shortLineCharacters) shortLines++;
      const kind = filterClassTable()[codePointBefore(bytes, from, at).value] as number;
      if ((kind & terminalBit) !== 0) terminatedLines++;
    }
    from = at + 1;
  }
  return {
    paragraphs: paragraphs.count,
    duplicateParagraphs: paragraphs.duplicates,
    duplicateParagraphCharacters: paragraphs.duplicateCharacters,
    pieces: pieces.count,
    duplicatePieces: pieces.duplicates,
    duplicatePieceCharacters: pieces.duplicateCharacters,
    fullLines: count,
    terminatedLines,
    shortLines,
    duplicateLineCharacters: duplicateCharacters,
  };
}
