/**
 * Statistics of quality filters. Fast twin of `reference/filter-statistics.ts`; `filter-types.ts` defines every count.
 *
 * Each text goes through lines, words and n-grams while the caches hold it.
 */
import { countLines } from "./filter-lines";
import { countNGrams, joinWords } from "./filter-ngrams";
import { beginCounts, put } from "./filter-text";
import { cutWords } from "./filter-words";

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
  starts = sets + ((longest >> 6) + 2) * 80;
  ends = starts + (longest << 2) + 64;
  words = ends + (longest << 2) + 64;
  joined = words + longest * 20 + 128;
  counters = joined + longest + 128;
  table = counters + min(slots * 8, 1 << 21);
  return table + slots * 48;
}

/**
 * @param buffer room for `filterBufferBytes`
 * @param target 32-bit counts, one array of `length` entries for each name
 */
export function filterStatistics(
  values: usize,
  offsets: usize,
  length: i32,
  longest: i32,
  buffer: usize,
  target: usize,
): void {
  layOut(buffer, longest as usize);
  for (let row = 0; row < length; row++) {
    const start = values + (load<u32>(offsets + ((row as usize) << 2)) as usize);
    const end = values + (load<u32>(offsets + ((row as usize) << 2), 4) as usize);
    beginCounts(target + ((row as usize) << 2), length as usize);
    measureText(start, end);
  }
}

/** Counts of one text, into the present row. */
function measureText(start: usize, end: usize): void {
  const characters = countLines(start, end, table);
  const found = cutWords(start, end, sets, starts, ends);
  put(6, joinWords(start, found, starts, ends, words, joined, characters == ((end - start) as u32)));
  countNGrams(counters, table);
}
