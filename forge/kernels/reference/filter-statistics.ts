/**
 * The plain twin of the statistics kernel: definitions in ../filter-types.ts, the oracle on strings in its test.
 *
 * Passes over the bytes of a text: lines, pieces, words, then n-grams over the words' hashes. Two texts are taken to be
 * equal when 64 bits of polynomial hash are; concatenations are hashed from the hashes of their words.
 */
import { filterClassTable } from "../filter-classes.ts";
import {
  filterStatisticNames,
  repetitionRatios,
  repetitionStages,
  stageOf,
  type FilterStatisticName,
  type FilterStatistics,
  type LimitedStatistics,
} from "../filter-types.ts";
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

/** Counts everything, and forgets what stands behind the stage in which a text exceeds a limit. */
export function statisticsWithin(column: TextColumn, limits: Float32Array): LimitedStatistics {
  const statistics = filterStatistics(column);
  const stages = new Uint8Array(column.length);
  for (let row = 0; row < column.length; row++) {
    const exceeded = repetitionRatios.findIndex(([count, of], i) => {
      const whole = statistics[of][row] as number;
      const part = whole === 0 ? 0 : (statistics[count][row] as number) / whole;
      return Math.fround(part) > (limits[i] as number);
    });
    const reached = repetitionStages.findIndex((known) => exceeded < known) + 1;
    stages[row] = exceeded < 0 ? repetitionStages.length : reached;
    for (const name of filterStatisticNames) if (stageOf(name) >= (stages[row] as number)) statistics[name][row] = 0;
  }
  return { statistics, stages };
}
