/**
 * Statistics of quality filters, C4's edit of lines, and both with the statistics of what the edit leaves. Fast twin of
 * `reference/filter-statistics.ts` and `reference/c4-lines.ts`; `filter-types.ts` defines every count.
 *
 * Each text goes through lines, words, n-grams and the edit while the caches hold it.
 */
import {
  beginEdits,
  changed,
  curlyBracket,
  droppedLines,
  editedBytes,
  editedEnd,
  editedStart,
  editText,
  keptLines,
  loremIpsum,
  sentences,
} from "./c4-lines";
import { countDuplicates } from "./filter-duplicates";
import { beginNGrams, joinWords } from "./filter-joined";
import { countFullLines, countLines } from "./filter-lines";
import { exceeds, hasLimits, setLimits } from "./filter-limits";
import { beginCounts, put, putBefore } from "./filter-text";
import { countTop } from "./filter-top";
import { blockSetBytes, countWords, cutWords } from "./filter-words";

/** Names in `filter-types.ts`. */
const statistics: usize = 31;

/** Buffers for the longest text, as `filterBufferBytes` counts them. */
let sets: usize = 0;
let starts: usize = 0;
let ends: usize = 0;
let words: usize = 0;
let joined: usize = 0;
let counters: usize = 0;
let table: usize = 0;

/** Bytes of the buffer that texts of up to `longest` bytes need. */
export function filterBufferBytes(longest: i32): usize {
  return layOut(0, longest as usize);
}

function layOut(buffer: usize, longest: usize): usize {
  let slots: usize = 64;
  while (slots < (longest + 1) * 2) slots <<= 1;
  sets = buffer;
  // A block of sets for each 64 bytes, and two more.
  starts = sets + ((longest >> 6) + 2) * blockSetBytes;
  ends = starts + (longest << 2) + 64;
  words = ends + (longest << 2) + 64;
  joined = words + longest * 20 + 128;
  counters = joined + longest + 128;
  table = counters + min(slots * 8, 1 << 21);
  return table + slots * 16;
}

// @ts-ignore: decorator
@inline
function offsetOf(offsets: usize, row: i32): usize {
  return load<u32>(offsets + ((row as usize) << 2)) as usize;
}

/**
 * @param buffer room for `filterBufferBytes`
 * @param target 32-bit counts, one array of `length` entries for each name
 * @param all whether all counts are wanted, or what FineWeb's rules need: the others' arrays are left as they are
 */
export function filterStatistics(
  values: usize,
  offsets: usize,
  length: i32,
  longest: i32,
  buffer: usize,
  target: usize,
  all: i32,
): void {
  layOut(buffer, longest as usize);
  setLimits(0);
  for (let row = 0; row < length; row++) {
    beginCounts(target + ((row as usize) << 2), length as usize);
    measureText(values + offsetOf(offsets, row), values + offsetOf(offsets, row + 1), all != 0);
  }
}

/**
 * Counts each text as far as the limits let it: those of the stage in which it exceeds one, and nothing behind it.
 *
 * @param limits f32 of each repetition ratio
 * @param stages bytes: how many stages of each text were counted; the others' counts are 0
 */
export function filterStatisticsWithin(
  values: usize,
  offsets: usize,
  length: i32,
  longest: i32,
  buffer: usize,
  target: usize,
  limits: usize,
  stages: usize,
): void {
  layOut(buffer, longest as usize);
  memory.fill(target, 0, (statistics * (length as usize)) << 2);
  setLimits(limits);
  for (let row = 0; row < length; row++) {
    beginCounts(target + ((row as usize) << 2), length as usize);
    const reached = measureText(values + offsetOf(offsets, row), values + offsetOf(offsets, row + 1), true);
    store<u8>(stages + (row as usize), reached as u8);
  }
  setLimits(0);
}

/**
 * Edits texts by the rules set last.
 *
 * @param output room for all texts
 * @param outputOffsets `length + 1` offsets of edited texts
 * @param findings 32-bit figures, arrays of `length` entries: changed, sentences, lorem ipsum, curly bracket, kept
 *   lines, dropped lines
 */
export function editC4Lines(
  values: usize,
  offsets: usize,
  length: i32,
  output: usize,
  outputOffsets: usize,
  findings: usize,
): void {
  beginEdits(output);
  store<u32>(outputOffsets, 0);
  for (let row = 0; row < length; row++) {
    edit(values + offsetOf(offsets, row), values + offsetOf(offsets, row + 1), row, length, outputOffsets, findings);
  }
}

/**
 * Measures texts, edits them, and measures what the edit left; a text that it did not change has the same counts.
 *
 * @param edited counts of edited texts, laid out as those of `target`
 * @param all whether all counts of edited texts are wanted, or what FineWeb's rules need
 */
export function measureC4(
  values: usize,
  offsets: usize,
  length: i32,
  longest: i32,
  buffer: usize,
  target: usize,
  output: usize,
  outputOffsets: usize,
  findings: usize,
  edited: usize,
  all: i32,
): void {
  layOut(buffer, longest as usize);
  setLimits(0);
  beginEdits(output);
  store<u32>(outputOffsets, 0);
  const stride = (length as usize) << 2;
  for (let row = 0; row < length; row++) {
    const start = values + offsetOf(offsets, row);
    const end = values + offsetOf(offsets, row + 1);
    const column = target + ((row as usize) << 2);
    const editedColumn = edited + ((row as usize) << 2);
    beginCounts(column, length as usize);
    measureText(start, end, true);
    edit(start, end, row, length, outputOffsets, findings);
    if (changed) {
      beginCounts(editedColumn, length as usize);
      measureText(editedStart, editedEnd, all != 0);
    } else {
      for (let i: usize = 0; i < statistics; i++) {
        store<u32>(editedColumn + i * stride, load<u32>(column + i * stride));
      }
    }
  }
}

/** Counts of one text, into the present row: all that the limits allow, or what FineWeb's rules need. Gives the stages. */
function measureText(start: usize, end: usize, all: bool): u32 {
  if (!all) {
    countFullLines(start, end, table);
    put(2, countWords(start, end, sets));
    return 0;
  }
  const characters = countLines(start, end, table);
  if (
    hasLimits() &&
    (exceeds(0, putBefore(13), putBefore(12)) ||
      exceeds(1, putBefore(14), characters) ||
      exceeds(2, putBefore(16), putBefore(15)) ||
      exceeds(3, putBefore(17), characters))
  ) {
    return 1;
  }
  const found = cutWords(start, end, sets, starts, ends);
  put(6, joinWords(start, found, starts, ends, words, joined, characters == ((end - start) as u32)));
  beginNGrams(counters, table);
  countTop();
  if (
    hasLimits() &&
    (exceeds(4, putBefore(22), characters) ||
      exceeds(5, putBefore(23), characters) ||
      exceeds(6, putBefore(24), characters))
  ) {
    return 2;
  }
  return 2 + countDuplicates(characters);
}

function edit(start: usize, end: usize, row: i32, length: i32, outputOffsets: usize, findings: usize): void {
  editText(start, end);
  store<u32>(outputOffsets + ((row as usize) << 2), editedBytes(), 4);
  beginCounts(findings + ((row as usize) << 2), length as usize);
  put(0, changed as u32);
  put(1, sentences);
  put(2, loremIpsum as u32);
  put(3, curlyBracket as u32);
  put(4, keptLines);
  put(5, droppedLines);
}
