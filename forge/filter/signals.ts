/**
 * Signals: what the rules compare with their limits, one 32-bit float a document and signal.
 *
 * They are stored beside the documents under these names, so that a changed limit can be applied without the text. So
 * the rules compare the stored precision, too: a limit is rounded to 32 bits before it is compared.
 */
import { assert } from "../base/index.ts";
import {
  repetitionStages,
  stageOf,
  type EditedStatistics,
  type FilterStatisticName,
} from "../kernels/filter-statistics.ts";

/** A count, or one as a part of another, less a third; a part of nothing is 0. */
type Definition =
  | readonly [FilterStatisticName]
  | readonly [FilterStatisticName, FilterStatisticName]
  | readonly [FilterStatisticName, FilterStatisticName, FilterStatisticName];

/** Each signal by its counts; denominators are datatrove's. */
const definitions = {
  characters: ["characters"],
  words: ["words"],
  /** Words that are not punctuation alone. */
  plainWords: ["plainWords"],
  meanWordLength: ["plainWordCharacters", "plainWords"],
  hashesPerWord: ["hashes", "words"],
  ellipsesPerWord: ["ellipses", "words"],
  bulletLines: ["bulletLines", "lines"],
  ellipsisLines: ["ellipsisLines", "lines"],
  alphabeticWords: ["alphabeticWords", "words"],
  stopWords: ["stopWords"],
  duplicateParagraphs: ["duplicateParagraphs", "paragraphs"],
  duplicateParagraphCharacters: ["duplicateParagraphCharacters", "characters"],
  duplicateLines: ["duplicatePieces", "pieces"],
  duplicateLineCharacters: ["duplicatePieceCharacters", "characters"],
  top2Gram: ["top2GramCharacters", "characters"],
  top3Gram: ["top3GramCharacters", "characters"],
  top4Gram: ["top4GramCharacters", "characters"],
  duplicate5Grams: ["duplicate5GramCharacters", "characters"],
  duplicate6Grams: ["duplicate6GramCharacters", "characters"],
  duplicate7Grams: ["duplicate7GramCharacters", "characters"],
  duplicate8Grams: ["duplicate8GramCharacters", "characters"],
  duplicate9Grams: ["duplicate9GramCharacters", "characters"],
  duplicate10Grams: ["duplicate10GramCharacters", "characters"],
  /** Lines that are not blank. */
  fullLines: ["fullLines"],
  punctuatedLines: ["terminatedLines", "fullLines"],
  shortLines: ["shortLines", "fullLines"],
  /** FineWeb's: blank lines do not count, line feeds are not characters. */
  duplicateFullLineCharacters: ["duplicateLineCharacters", "characters", "newlines"],
  newlinesPerWord: ["newlines", "words"],
} as const satisfies Record<string, Definition>;

export type TextSignalName = keyof typeof definitions;

/** Signals that depend on the text alone. */
export const textSignalNames = Object.keys(definitions) as readonly TextSignalName[];

/** What Gopher's repetition rules compare with their limits, in the order of the rules and of `repetitionRatios`. */
export const repetitionSignals = [
  "duplicateParagraphs",
  "duplicateParagraphCharacters",
  "duplicateLines",
  "duplicateLineCharacters",
  "top2Gram",
  "top3Gram",
  "top4Gram",
  "duplicate5Grams",
  "duplicate6Grams",
  "duplicate7Grams",
  "duplicate8Grams",
  "duplicate9Grams",
  "duplicate10Grams",
] as const satisfies readonly TextSignalName[];

/** The stage of measuring after which a signal's counts are known. */
const stageOfSignal = Object.fromEntries(
  textSignalNames.map((name) => [name, Math.max(...definitions[name].map(stageOf))]),
) as Readonly<Record<TextSignalName, number>>;

/** Signals by that stage. */
export const signalStages: readonly (readonly TextSignalName[])[] = repetitionStages.map((_, stage) =>
  textSignalNames.filter((name) => stageOfSignal[name] === stage),
);

/** Whether a signal of a stage is above its limit, by signals that are known up to that stage. */
export function exceedsLimits(signals: TextSignalColumns, row: number, stage: number, limits: Float32Array): boolean {
  for (let rule = repetitionStages[stage - 1] ?? 0; rule < (repetitionStages[stage] as number); rule++) {
    const name = repetitionSignals[rule] as TextSignalName;
    if ((signals[name][row] as number) > (limits[rule] as number)) return true;
  }
  return false;
}

/** Those that FineWeb's counts give: enough for its rules, for lengths and for listed words. */
export const finewebSignalNames = [
  "characters",
  "words",
  "fullLines",
  "punctuatedLines",
  "shortLines",
  "duplicateFullLineCharacters",
  "newlinesPerWord",
] as const satisfies readonly TextSignalName[];

/** Signals of C4's line rules. */
export const c4SignalNames = ["c4Sentences", "c4DroppedLines"] as const;

/** Signals of RefinedWeb's line rules. */
export const refinedwebSignalNames = ["refinedwebDroppedLines", "refinedwebRemovedWords"] as const;

/** Prefix of the text signals measured after filters dropped lines. */
export const editedPrefix = "edited_";

export type TextSignals = Readonly<Record<TextSignalName, number>>;

/** Columns of text signals, NaN where a document was not measured. */
export type TextSignalColumns = Readonly<Record<TextSignalName, Float32Array>>;

/**
 * Turns counts into signals: row `i` of the statistics belongs to row `rows[i]` of the columns.
 *
 * @param names signals to fill; the statistics have the counts of each
 * @param stages how many stages of each row were measured; signals of the others are left alone. @default all
 */
export function fillTextSignals(
  columns: TextSignalColumns,
  statistics: EditedStatistics,
  rows: ArrayLike<number>,
  names: readonly TextSignalName[],
  stages?: Uint8Array,
): void {
  for (const name of names) {
    const [count, of, less] = definitions[name] as Definition;
    const column = columns[name];
    const counts = countsOf(statistics, count);
    const wholes = of === undefined ? undefined : countsOf(statistics, of);
    const without = less === undefined ? undefined : countsOf(statistics, less);
    const stage = stageOfSignal[name];
    for (let i = 0; i < rows.length; i++) {
      if (stages !== undefined && (stages[i] as number) <= stage) continue;
      const value = counts[i] as number;
      if (wholes === undefined) column[rows[i] as number] = value;
      else {
        const whole = (wholes[i] as number) - (without === undefined ? 0 : (without[i] as number));
        column[rows[i] as number] = whole === 0 ? 0 : value / whole;
      }
    }
  }
}

function countsOf(statistics: EditedStatistics, name: FilterStatisticName): Uint32Array {
  const counts = statistics[name];
  assert(counts !== undefined, `${name} was counted`);
  return counts;
}
