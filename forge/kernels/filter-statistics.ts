/**
 * Statistics of quality filters and C4's line rules over columns of UTF-8 text; filter-types.ts defines every count.
 */
import type { C4Edit, C4LineRules, FilterStatistics } from "./filter-types.ts";
import { c4Lines } from "./reference/c4-lines.ts";
import { filterStatistics } from "./reference/filter-statistics.ts";
import type { TextColumn } from "./types.ts";

export * from "./filter-types.ts";

/** Counts of every text of a column. */
export function computeFilterStatistics(column: TextColumn): FilterStatistics {
  return filterStatistics(column);
}

/** Applies C4's line rules. Case is folded for ASCII letters only. */
export function editC4Lines(column: TextColumn, rules: C4LineRules): C4Edit {
  return c4Lines(column, rules);
}
