/**
 * Stable radix sort of row numbers by 32-bit key columns: the workhorse of exact and near matching.
 *
 * No comparator, typed arrays only. Rows are sorted by the first column, least significant digit first; only rows that
 * are equal in it are sorted by the next, so that random keys of many words cost little more than one word.
 */

import { growingUint32, type GrowingUint32 } from "./growing.ts";

const digitBits = 11;
const digits = 3;
const buckets = 1 << digitBits;
const digitMask = buckets - 1;
/** Up to so many rows insertion is faster than counting digits. */
const fewRows = 48;

/**
 * Row numbers in ascending order of their keys.
 *
 * @param keys columns from the most to the least significant, all of the same length, compared as unsigned numbers
 * @param rows the rows to sort, in the order that ties keep; by default all of them in ascending order
 */
export function sortRows(keys: readonly Uint32Array[], rows?: Uint32Array): Uint32Array {
  const length = rows?.length ?? keys[0]?.length ?? 0;
  const sorted: Uint32Array = rows === undefined ? Uint32Array.from({ length }, (_, row) => row) : rows.slice();
  // Ranges of rows that are equal in the columns before.
  let ranges: Uint32Array = Uint32Array.of(0, length);
  const sorter = createSorter(length);
  for (const [index, key] of keys.entries()) {
    const next = growingUint32();
    for (let range = 0; range < ranges.length; range += 2) {
      const start = ranges[range] as number;
      const end = ranges[range + 1] as number;
      if (end - start <= fewRows) insertionSort(keys, index, sorted, start, end);
      else sorter.sortBy(key, sorted, start, end, next);
    }
    ranges = next.finish().slice();
    if (ranges.length === 0) break;
  }
  return sorted;
}

interface Sorter {
  /** Sorts `[start, end)` of `rows` by one column and appends the ranges of equal keys to `equal`. */
  sortBy(key: Uint32Array, rows: Uint32Array, start: number, end: number, equal: GrowingUint32): void;
}

function createSorter(length: number): Sorter {
  const counts = Array.from({ length: digits }, () => new Uint32Array(buckets));
  const [low, middle, high] = counts as [Uint32Array, Uint32Array, Uint32Array];
  let spare = { rows: new Uint32Array(0), keys: new Uint32Array(0), words: new Uint32Array(0) };
  return {
    sortBy(key, rows, start, end, equal) {
      if (spare.rows.length === 0) {
        spare = { rows: new Uint32Array(length), keys: new Uint32Array(length), words: new Uint32Array(length) };
      }
      const size = end - start;
      for (const count of counts) count.fill(0);
      // Keys are fetched once and then move with their rows: one random access a row.
      let keysFrom: Uint32Array = spare.keys.subarray(0, size);
      let keysTo: Uint32Array = spare.words.subarray(0, size);
      let from: Uint32Array = rows.subarray(start, end);
      let to: Uint32Array = spare.rows.subarray(0, size);
      for (let i = 0; i < size; i++) {
        const word = key[from[i] as number] as number;
        keysFrom[i] = word;
        low[word & digitMask] = (low[word & digitMask] as number) + 1;
        const next = (word >>> digitBits) & digitMask;
        middle[next] = (middle[next] as number) + 1;
        const last = word >>> (2 * digitBits);
        high[last] = (high[last] as number) + 1;
      }
      for (let digit = 0; digit < digits; digit++) {
        const count = counts[digit] as Uint32Array;
        const shift = digit * digitBits;
        // A digit that all rows share moves nothing.
        if (count[((keysFrom[0] as number) >>> shift) & digitMask] === size) continue;
        let sum = 0;
        for (let bucket = 0; bucket < buckets; bucket++) {
          const here = count[bucket] as number;
          count[bucket] = sum;
          sum += here;
        }
        for (let i = 0; i < size; i++) {
          const word = keysFrom[i] as number;
          const bucket = (word >>> shift) & digitMask;
          const target = count[bucket] as number;
          count[bucket] = target + 1;
          to[target] = from[i] as number;
          keysTo[target] = word;
        }
        [from, to] = [to, from];
        [keysFrom, keysTo] = [keysTo, keysFrom];
      }
      if (from.byteOffset !== rows.byteOffset + 4 * start || from.buffer !== rows.buffer) rows.set(from, start);
      for (let first = 0, i = 1; i <= size; i++) {
        if (i < size && keysFrom[i] === keysFrom[first]) continue;
        if (i - first > 1) {
          equal.push(start + first);
          equal.push(start + i);
        }
        first = i;
      }
    },
  };
}

/** Sorts few rows by a column and all behind it. */
function insertionSort(
  keys: readonly Uint32Array[],
  column: number,
  rows: Uint32Array,
  start: number,
  end: number,
): void {
  for (let i = start + 1; i < end; i++) {
    const row = rows[i] as number;
    let at = i;
    for (; at > start && isBefore(keys, column, row, rows[at - 1] as number); at--) rows[at] = rows[at - 1] as number;
    rows[at] = row;
  }
}

function isBefore(keys: readonly Uint32Array[], column: number, a: number, b: number): boolean {
  for (let index = column; index < keys.length; index++) {
    const key = keys[index] as Uint32Array;
    const difference = (key[a] as number) - (key[b] as number);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** Index of the first of some ascending values that is not below `wanted`. */
export function lowerBound(values: Uint32Array, wanted: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] as number) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
