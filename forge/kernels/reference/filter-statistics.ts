/**
 * The plain twin of the statistics kernel: definitions in ../filter-types.ts, the oracle on strings in its test.
 *
 * Passes over the bytes of a text: lines, pieces, words, then n-grams over the words' hashes. Two texts are taken to be
 * equal when 64 bits of polynomial hash are; concatenations are hashed from the hashes of their words.
 */
import { filterClassTable } from "../filter-classes.ts";
import { filterStatisticNames, type FilterStatisticName, type FilterStatistics } from "../filter-types.ts";
import type { TextColumn } from "../types.ts";
import { countLines, countPieces } from "./filter-lines.ts";
import { countNGrams } from "./filter-ngrams.ts";
import { cutWords, Words } from "./filter-words.ts";

/** @param classes what each code point is. @default filterClassTable() */
export function filterStatistics(column: TextColumn, classes = filterClassTable()): FilterStatistics {
  const columns = Object.fromEntries(
    filterStatisticNames.map((name) => [name, new Uint32Array(column.length)]),
  ) as Record<FilterStatisticName, Uint32Array>;
  const words = new Words();
  const bytes = column.values;
  for (let row = 0; row < column.length; row++) {
    const start = column.offsets[row] as number;
    const end = column.offsets[row + 1] as number;
    const counts = {
      ...countLines(bytes, start, end),
      ...countPieces(bytes, start, end),
      ...cutWords(bytes, start, end, words, classes),
      ...countNGrams(words),
    };
    for (const name of filterStatisticNames) columns[name][row] = counts[name] as number;
  }
  return columns;
}
