/**
 * Statistics of quality filters and C4's line rules over columns of UTF-8 text; filter-types.ts defines every count.
 */
import {
  finewebStatisticNames,
  type C4Edit,
  type C4LineRules,
  type C4Measure,
  type EditedStatistics,
  type EditedStatisticsChoice,
  type FilterStatistics,
  type LimitedStatistics,
} from "./filter-types.ts";
import { loadKernels, type LoadKernelsOptions } from "./index.ts";
import type { TextColumn } from "./types.ts";

export * from "./filter-types.ts";

/** What filters need of the kernels. */
export interface FilterKernels {
  readonly implementation: "reference" | "wasm";
  /** Counts of every text of a column. */
  computeFilterStatistics(column: TextColumn): FilterStatistics;
  /**
   * Counts of every text up to the stage in which it exceeds a limit: most of the time goes into n-grams, which nobody
   * asks of a text that repeats its lines too much.
   *
   * @param limits one for each of `repetitionRatios`; a ratio above it, in 32 bits, ends the counting
   */
  computeStatisticsWithin(column: TextColumn, limits: Float32Array): LimitedStatistics;
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

let fast: FilterKernels | undefined;

/**
 * The filters' kernels of this thread, chosen as `loadKernels` chooses.
 *
 * @throws EnvironmentError when "wasm" is forced and does not run here
 */
export async function loadFilterKernels(options: LoadKernelsOptions = {}): Promise<FilterKernels> {
  const { implementation } = await loadKernels(options);
  if (implementation === "reference") return await loadReference();
  fast ??= await loadFast();
  return fast ?? (await loadReference());
}

async function loadFast(): Promise<FilterKernels | undefined> {
  const [{ kernelInstance }, { wasmC4 }, statistics] = await Promise.all([
    import("./instance.ts"),
    import("./c4-wasm.ts"),
    import("./filter-wasm.ts"),
  ]);
  const instance = await kernelInstance();
  if (instance === undefined) return undefined;
  return {
    implementation: "wasm",
    computeFilterStatistics: statistics.wasmFilterStatistics(instance),
    computeStatisticsWithin: statistics.wasmStatisticsWithin(instance),
    computeFinewebStatistics: statistics.wasmFinewebStatistics(instance),
    ...wasmC4(instance),
  };
}

async function loadReference(): Promise<FilterKernels> {
  const [{ c4Lines, measureC4 }, { filterStatistics, statisticsWithin }, { chosenStatistics }] = await Promise.all([
    import("./reference/c4-lines.ts"),
    import("./reference/filter-statistics.ts"),
    import("./filter-wasm.ts"),
  ]);
  return {
    implementation: "reference",
    computeFilterStatistics: filterStatistics,
    computeStatisticsWithin: statisticsWithin,
    computeFinewebStatistics: (column) => chosenStatistics(filterStatistics(column), finewebStatisticNames),
    editC4Lines: c4Lines,
    measureC4: (column, rules, choice = "all") => measureC4(column, rules, choice),
  };
}
