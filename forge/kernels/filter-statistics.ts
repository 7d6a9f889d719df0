/**
 * Statistics of quality filters and C4's line rules over columns of UTF-8 text; filter-types.ts defines every count.
 */
import { wasmC4 } from "./c4-wasm.ts";
import {
  finewebStatisticNames,
  type C4Edit,
  type C4LineRules,
  type C4Measure,
  type EditedStatistics,
  type EditedStatisticsChoice,
  type FilterStatistics,
} from "./filter-types.ts";
import { chosenStatistics, wasmFilterStatistics, wasmFinewebStatistics } from "./filter-wasm.ts";
import { loadKernels, type LoadKernelsOptions } from "./index.ts";
import { kernelInstance } from "./instance.ts";
import { c4Lines, measureC4 } from "./reference/c4-lines.ts";
import { filterStatistics } from "./reference/filter-statistics.ts";
import type { TextColumn } from "./types.ts";

export * from "./filter-types.ts";

/** What filters need of the kernels. */
export interface FilterKernels {
  readonly implementation: "reference" | "wasm";
  /** Counts of every text of a column. */
  computeFilterStatistics(column: TextColumn): FilterStatistics;
  /** Of these, the counts that FineWeb's rules need: no n-grams, in a third of the time or less. */
  computeFinewebStatistics(column: TextColumn): EditedStatistics;
  /** Applies C4's line rules. Case is folded for ASCII letters only. */
  editC4Lines(column: TextColumn, rules: C4LineRules): C4Edit;
  /**
   * Both, with the counts of what the rules leave, in one pass over each text; texts that the rules do not change are
   * not counted again.
   *
   * @param choice which counts of edited texts are wanted. @default "all"
   */
  measureC4(column: TextColumn, rules: C4LineRules, choice?: EditedStatisticsChoice): C4Measure;
}

const referenceFilters: FilterKernels = {
  implementation: "reference",
  computeFilterStatistics: filterStatistics,
  computeFinewebStatistics: (column) => chosenStatistics(filterStatistics(column), finewebStatisticNames),
  editC4Lines: c4Lines,
  measureC4: (column, rules, choice = "all") => measureC4(column, rules, choice),
};
let fast: FilterKernels | undefined;

/**
 * The filters' kernels of this thread, chosen as `loadKernels` chooses.
 *
 * @throws EnvironmentError when "wasm" is forced and does not run here
 */
export async function loadFilterKernels(options: LoadKernelsOptions = {}): Promise<FilterKernels> {
  const { implementation } = await loadKernels(options);
  if (implementation === "reference") return referenceFilters;
  const instance = await kernelInstance();
  if (instance === undefined) return referenceFilters;
  fast ??= {
    implementation: "wasm",
    computeFilterStatistics: wasmFilterStatistics(instance),
    computeFinewebStatistics: wasmFinewebStatistics(instance),
    ...wasmC4(instance),
  };
  return fast;
}
