/**
 * What quality filters measure, and what C4's line rules leave: counts as columns, one entry a document.
 *
 * The definitions are datatrove's (huggingface/datatrove a649de79: gopher_quality, gopher_repetition, fineweb_quality
 * and c4 filters), counted in code points as Python's `len` does. Two parts of theirs are ours, because theirs are
 * models of one language:
 * - words: a run of letters, digits, marks and `_`; `'`, `’` and `.` join letters, `.`, `,`, `;`, `'` and `’` join
 *   digits (after UAX #29); an ideograph or Hiragana is a word; every other character but white space is one too.
 * - sentences: they end at a run of terminators with closing quotes and brackets behind it, if that ends the line, or
 *   if white space and no lower-case ASCII letter follows; after `。`, `！`, `？` nothing need follow.
 */
import type { TextColumn } from "./types.ts";

/** Counts of each document. Ratios belong to the rules, which also say what they divide by. */
export const filterStatisticNames = [
  /** Code points of the text. */
  "characters",
  "newlines",
  /** Words and symbols. */
  "words",
  /** Words that are not punctuation alone, and their code points. */
  "plainWords",
  "plainWordCharacters",
  /** Words with a letter in them. */
  "alphabeticWords",
  /** How many different ones of the, be, to, of, and, that, have, with occur. */
  "stopWords",
  /** `#`; `...` and `…`. */
  "hashes",
  "ellipses",
  /** Lines as Python's str.splitlines sees them; those that begin with • or -, and that end in ... or …. */
  "lines",
  "bulletLines",
  "ellipsisLines",
  /** Pieces of the stripped text between two or more line feeds; repeated ones and their code points. */
  "paragraphs",
  "duplicateParagraphs",
  "duplicateParagraphCharacters",
  /** Pieces of the text between line feeds; repeated ones and their code points. */
  "pieces",
  "duplicatePieces",
  "duplicatePieceCharacters",
  /** Lines between line feeds that are not blank; those ending in a terminator; those of at most 30 code points. */
  "fullLines",
  "terminatedLines",
  "shortLines",
  "duplicateLineCharacters",
  /** Code points in the most frequent n-gram of words (with a space between words), times its count. */
  "top2GramCharacters",
  "top3GramCharacters",
  "top4GramCharacters",
  /** Code points of words in n-grams that occurred before; found n-grams do not overlap. */
  "duplicate5GramCharacters",
  "duplicate6GramCharacters",
  "duplicate7GramCharacters",
  "duplicate8GramCharacters",
  "duplicate9GramCharacters",
  "duplicate10GramCharacters",
] as const;
export type FilterStatisticName = (typeof filterStatisticNames)[number];

/**
 * What Gopher's repetition rules compare with a limit, in their order: a count, and what it is divided by.
 *
 * Texts are measured in stages: lines, then words with the most frequent n-grams, then repeated n-grams of each n.
 */
export const repetitionRatios = [
  ["duplicateParagraphs", "paragraphs"],
  ["duplicateParagraphCharacters", "characters"],
  ["duplicatePieces", "pieces"],
  ["duplicatePieceCharacters", "characters"],
  ["top2GramCharacters", "characters"],
  ["top3GramCharacters", "characters"],
  ["top4GramCharacters", "characters"],
  ["duplicate5GramCharacters", "characters"],
  ["duplicate6GramCharacters", "characters"],
  ["duplicate7GramCharacters", "characters"],
  ["duplicate8GramCharacters", "characters"],
  ["duplicate9GramCharacters", "characters"],
  ["duplicate10GramCharacters", "characters"],
] as const satisfies readonly (readonly [FilterStatisticName, FilterStatisticName])[];

/** How many of the ratios are known after each stage. */
export const repetitionStages = [4, 7, 8, 9, 10, 11, 12, 13] as const;

const wordStatistics: readonly FilterStatisticName[] = [
  "words",
  "plainWords",
  "plainWordCharacters",
  "alphabeticWords",
  "stopWords",
];

/** The stage that counts something, from 0. */
export function stageOf(name: FilterStatisticName): number {
  const ratio = repetitionRatios.findIndex(([count]) => count === name);
  if (ratio >= 0) return repetitionStages.findIndex((known) => ratio < known);
  return wordStatistics.includes(name) ? 1 : 0;
}

/** Counts of texts that were measured only as far as limits let them. */
export interface LimitedStatistics {
  /** 0 in the stages that were not reached. */
  readonly statistics: FilterStatistics;
  /** How many stages were counted of each text. */
  readonly stages: Uint8Array;
}

/** One column for each name, each as long as the batch has documents. */
export type FilterStatistics = Readonly<Record<FilterStatisticName, Uint32Array>>;

/** What FineWeb's rules need. */
export const finewebStatisticNames = [
  "characters",
  "newlines",
  "words",
  "fullLines",
  "terminatedLines",
  "shortLines",
  "duplicateLineCharacters",
] as const satisfies readonly FilterStatisticName[];

/** FineWeb's short line, in code points. */
export const shortLineCharacters = 30;

/** Which lines C4 keeps; see `C4FilterConfig`. Null switches a rule off. */
export interface C4LineRules {
  readonly terminalPunctuation: boolean;
  readonly minWordsPerLine: number | null;
  readonly maxWordLength: number | null;
  readonly removeCitations: boolean;
  readonly javascript: boolean;
  readonly policy: boolean;
  readonly loremIpsum: boolean;
  readonly curlyBracket: boolean;
}

/** Texts after C4's line rules, and what the rules about whole documents need. */
export interface C4Edit {
  /** Kept lines, stripped, joined by line feeds. A document that breaks a rule is edited up to that line. */
  readonly text: TextColumn;
  /** 1 for each document that the edit changed. */
  readonly changed: Uint8Array;
  readonly sentences: Uint32Array;
  /** 1 where a line that was not dropped before has `lorem ipsum`, or `{`; the first of both decides. */
  readonly loremIpsum: Uint8Array;
  readonly curlyBracket: Uint8Array;
  readonly keptLines: Uint32Array;
  readonly droppedLines: Uint32Array;
}

/** Counts of texts before and after C4's line rules. */
export interface C4Measure {
  readonly statistics: FilterStatistics;
  readonly edit: C4Edit;
  /** Counts of the edited texts: all, or what FineWeb's rules need. */
  readonly edited: EditedStatistics;
}

export type EditedStatistics = Pick<FilterStatistics, (typeof finewebStatisticNames)[number]> &
  Partial<FilterStatistics>;

/** Which counts of edited texts are wanted. */
export type EditedStatisticsChoice = "all" | "fineweb";
