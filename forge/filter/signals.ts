/**
 * Signals: what the rules compare with their limits, one 32-bit float a document and signal.
 *
 * They are stored beside the documents under these names, so that a changed limit can be applied without the text. So
 * the rules compare the stored precision, too: a limit is rounded to 32 bits before it is compared.
 */
import { filterStatisticNames, repetitionStages, type EditedStatistics } from "../kernels/filter-statistics.ts";

type Counts = Readonly<Record<(typeof filterStatisticNames)[number], number>>;

const part = (count: number, of: number): number => (of === 0 ? 0 : count / of);

/** Each signal as a function of the counts; denominators are datatrove's. */
const definitions = {
  characters: (c: Counts) => c.characters,
  words: (c: Counts) => c.words,
  /** Words that are not punctuation alone. */
  plainWords: (c: Counts) => c.plainWords,
  meanWordLength: (c: Counts) => part(c.plainWordCharacters, c.plainWords),
  hashesPerWord: (c: Counts) => part(c.hashes, c.words),
  ellipsesPerWord: (c: Counts) => part(c.ellipses, c.words),
  bulletLines: (c: Counts) => part(c.bulletLines, c.lines),
  ellipsisLines: (c: Counts) => part(c.ellipsisLines, c.lines),
  alphabeticWords: (c: Counts) => part(c.alphabeticWords, c.words),
  stopWords: (c: Counts) => c.stopWords,
  duplicateParagraphs: (c: Counts) => part(c.duplicateParagraphs, c.paragraphs),
  duplicateParagraphCharacters: (c: Counts) => part(c.duplicateParagraphCharacters, c.characters),
  duplicateLines: (c: Counts) => part(c.duplicatePieces, c.pieces),
  duplicateLineCharacters: (c: Counts) => part(c.duplicatePieceCharacters, c.characters),
  top2Gram: (c: Counts) => part(c.top2GramCharacters, c.characters),
  top3Gram: (c: Counts) => part(c.top3GramCharacters, c.characters),
  top4Gram: (c: Counts) => part(c.top4GramCharacters, c.characters),
  duplicate5Grams: (c: Counts) => part(c.duplicate5GramCharacters, c.characters),
  duplicate6Grams: (c: Counts) => part(c.duplicate6GramCharacters, c.characters),
  duplicate7Grams: (c: Counts) => part(c.duplicate7GramCharacters, c.characters),
  duplicate8Grams: (c: Counts) => part(c.duplicate8GramCharacters, c.characters),
  duplicate9Grams: (c: Counts) => part(c.duplicate9GramCharacters, c.characters),
  duplicate10Grams: (c: Counts) => part(c.duplicate10GramCharacters, c.characters),
  /** Lines that are not blank. */
  fullLines: (c: Counts) => c.fullLines,
  punctuatedLines: (c: Counts) => part(c.terminatedLines, c.fullLines),
  shortLines: (c: Counts) => part(c.shortLines, c.fullLines),
  /** FineWeb's: blank lines do not count, line feeds are not characters. */
  duplicateFullLineCharacters: (c: Counts) => part(c.duplicateLineCharacters, c.characters - c.newlines),
  newlinesPerWord: (c: Counts) => part(c.newlines, c.words),
} as const satisfies Record<string, (counts: Counts) => number>;

export type TextSignalName = keyof typeof definitions;

/** Signals that depend on the text alone. */
export const textSignalNames = Object.keys(definitions) as readonly TextSignalName[];

/** What Gopher's repetition rules compare with their limits, in the order of the rules and of `repetitionRatios`. */
const repetitionSignals = [
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

const wordSignals: readonly TextSignalName[] = [
  "words",
  "plainWords",
  "meanWordLength",
  "hashesPerWord",
  "ellipsesPerWord",
  "alphabeticWords",
  "stopWords",
  "newlinesPerWord",
];

/** Signals by the stage of measuring after which they are known. */
export const signalStages: readonly (readonly TextSignalName[])[] = repetitionStages.map((_, stage) =>
  textSignalNames.filter((name) => {
    const rule = (repetitionSignals as readonly string[]).indexOf(name);
    if (rule < 0) return stage === (wordSignals.includes(name) ? 1 : 0);
    return stage === repetitionStages.findIndex((known) => rule < known);
  }),
);

const stageOfSignal = Object.fromEntries(
  signalStages.flatMap((names, stage) => names.map((name) => [name, stage])),
) as Readonly<Record<TextSignalName, number>>;

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
  const counts = Object.fromEntries(filterStatisticNames.map((name) => [name, 0])) as Record<keyof Counts, number>;
  const given = filterStatisticNames.filter((name) => statistics[name] !== undefined);
  for (let i = 0; i < rows.length; i++) {
    for (const name of given) counts[name] = statistics[name]?.[i] as number;
    const measured = stages?.[i] ?? signalStages.length;
    for (const name of names) {
      if (stageOfSignal[name] < measured) columns[name][rows[i] as number] = definitions[name](counts);
    }
  }
}
