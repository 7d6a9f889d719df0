/**
 * The rules: signals of a document and limits in, nothing or a named reason with the measured value out.
 *
 * Order of the rules, comparisons and names of the reasons are datatrove's (huggingface/datatrove a649de79), with its
 * names where it has one. A limit of null switches its rule off. Reasons of the language filter are ours.
 */
import type {
  C4FilterConfig,
  FinewebFilterConfig,
  GopherQualityFilterConfig,
  GopherRepetitionFilterConfig,
  LanguageFilterConfig,
  LengthFilterConfig,
  RefinedwebLinesFilterConfig,
  WordListFilterConfig,
  ClassifierFilterConfig,
} from "../../schemas/config/filter.ts";
import type { TextColumn } from "../kernels/types.ts";
import type { finewebSignalNames, repetitionSignals, TextSignalName, TextSignals } from "./signals.ts";

/** Why a document is turned away. */
export interface Verdict {
  readonly reason: string;
  /** The measured value; null where the rule has none. */
  readonly value: number | null;
}

type Limit = number | null;

function above(value: number, limit: Limit, reason: string): Verdict | null {
  return limit !== null && value > Math.fround(limit) ? { reason, value } : null;
}

function below(value: number, limit: Limit, reason: string): Verdict | null {
  return limit !== null && value < Math.fround(limit) ? { reason, value } : null;
}

/**
 * Language and its probability against the wanted ones.
 *
 * @param score NaN when the language was given and not identified
 */
export function judgeLanguage(language: string | null, score: number, config: LanguageFilterConfig): Verdict | null {
  if (language === null) return { reason: "language_unknown", value: null };
  const value = Number.isNaN(score) ? null : score;
  if (config.languages !== null && !config.languages.includes(language))
    return { reason: "language_not_wanted", value };
  if (value === null) return null;
  return below(value, config.thresholds[language] ?? config.threshold, "language_below_threshold");
}

/** What Gopher's quality rules look at. */
export const qualitySignals = [
  "plainWords",
  "meanWordLength",
  "hashesPerWord",
  "ellipsesPerWord",
  "bulletLines",
  "ellipsisLines",
  "alphabeticWords",
  "stopWords",
] as const satisfies readonly TextSignalName[];

/** Gopher's quality rules (Rae et al. 2021, table A1). */
export function judgeGopherQuality(
  s: Pick<TextSignals, (typeof qualitySignals)[number]>,
  config: GopherQualityFilterConfig,
): Verdict | null {
  return (
    below(s.plainWords, config.minWords, "gopher_short_doc") ??
    above(s.plainWords, config.maxWords, "gopher_long_doc") ??
    below(s.meanWordLength, config.minMeanWordLength, "gopher_below_avg_threshold") ??
    above(s.meanWordLength, config.maxMeanWordLength, "gopher_above_avg_threshold") ??
    above(s.hashesPerWord, config.maxHashesPerWord, "gopher_too_many_hashes") ??
    above(s.ellipsesPerWord, config.maxEllipsesPerWord, "gopher_too_many_ellipsis") ??
    above(s.bulletLines, config.maxBulletLines, "gopher_too_many_bullets") ??
    above(s.ellipsisLines, config.maxEllipsisLines, "gopher_too_many_end_ellipsis") ??
    below(s.alphabeticWords, config.minAlphabeticWords, "gopher_below_alpha_threshold") ??
    below(s.stopWords, config.minStopWords, "gopher_enough_stop_words")
  );
}

/** Gopher's repetition rules. */
export function judgeGopherRepetition(
  s: Pick<TextSignals, (typeof repetitionSignals)[number]>,
  config: GopherRepetitionFilterConfig,
): Verdict | null {
  return (
    above(s.duplicateParagraphs, config.maxDuplicateParagraphs, "dup_para_frac") ??
    above(s.duplicateParagraphCharacters, config.maxDuplicateParagraphCharacters, "dup_para_char_frac") ??
    above(s.duplicateLines, config.maxDuplicateLines, "dup_line_frac") ??
    above(s.duplicateLineCharacters, config.maxDuplicateLineCharacters, "dup_line_char_frac") ??
    above(s.top2Gram, config.maxTop2Gram, "top_2_gram") ??
    above(s.top3Gram, config.maxTop3Gram, "top_3_gram") ??
    above(s.top4Gram, config.maxTop4Gram, "top_4_gram") ??
    above(s.duplicate5Grams, config.maxDuplicate5Grams, "duplicated_5_n_grams") ??
    above(s.duplicate6Grams, config.maxDuplicate6Grams, "duplicated_6_n_grams") ??
    above(s.duplicate7Grams, config.maxDuplicate7Grams, "duplicated_7_n_grams") ??
    above(s.duplicate8Grams, config.maxDuplicate8Grams, "duplicated_8_n_grams") ??
    above(s.duplicate9Grams, config.maxDuplicate9Grams, "duplicated_9_n_grams") ??
    above(s.duplicate10Grams, config.maxDuplicate10Grams, "duplicated_10_n_grams")
  );
}

/** The limits of these rules in the order of the kernels' `repetitionRatios`. */
export function repetitionLimits(config: GopherRepetitionFilterConfig): Float32Array {
  const limits: readonly Limit[] = [
    config.maxDuplicateParagraphs,
    config.maxDuplicateParagraphCharacters,
    config.maxDuplicateLines,
    config.maxDuplicateLineCharacters,
    config.maxTop2Gram,
    config.maxTop3Gram,
    config.maxTop4Gram,
    config.maxDuplicate5Grams,
    config.maxDuplicate6Grams,
    config.maxDuplicate7Grams,
    config.maxDuplicate8Grams,
    config.maxDuplicate9Grams,
    config.maxDuplicate10Grams,
  ];
  return Float32Array.from(limits, (limit) => limit ?? Number.POSITIVE_INFINITY);
}

/** What C4's line rules found out about a document. */
export interface C4Signals {
  readonly sentences: number;
  readonly loremIpsum: boolean;
  readonly curlyBracket: boolean;
}

/** C4's rules about whole documents (Raffel et al. 2020), after its line rules. */
export function judgeC4(signals: C4Signals, config: C4FilterConfig): Verdict | null {
  if (signals.loremIpsum) return { reason: "lorem_ipsum", value: null };
  if (signals.curlyBracket) return { reason: "curly_bracket", value: null };
  return below(signals.sentences, config.minSentences, "too_few_sentences");
}

/** FineWeb's own rules (Penedo et al. 2024). */
export function judgeFineweb(
  s: Pick<TextSignals, (typeof finewebSignalNames)[number]>,
  config: FinewebFilterConfig,
): Verdict | null {
  if (s.fullLines === 0) return { reason: "empty", value: null };
  return (
    below(s.punctuatedLines, config.minPunctuatedLines, "line_punct_ratio") ??
    above(s.shortLines, config.maxShortLines, "short_line_ratio") ??
    above(s.duplicateFullLineCharacters, config.maxDuplicateLineCharacters, "char_dup_ratio") ??
    above(s.newlinesPerWord, config.maxNewlinesPerWord, "list_ratio")
  );
}

/** What the length filter looks at. */
export const lengthSignals = ["characters", "words"] as const satisfies readonly TextSignalName[];

export function judgeLength(
  s: Pick<TextSignals, (typeof lengthSignals)[number]>,
  config: LengthFilterConfig,
): Verdict | null {
  return (
    below(s.characters, config.minCharacters, "too_few_characters") ??
    above(s.characters, config.maxCharacters, "too_many_characters") ??
    below(s.words, config.minWords, "too_few_words") ??
    above(s.words, config.maxWords, "too_many_words")
  );
}

/** RefinedWeb's rule about what its line rules removed. */
export function judgeRefinedwebLines(removedWords: number, config: RefinedwebLinesFilterConfig): Verdict | null {
  return above(removedWords, config.maxRemovedWords, "too_many_words_removed");
}

/** A document of which line rules leave nothing, though no limit objects: it is none any more. */
export function judgeLeft({ offsets }: Pick<TextColumn, "offsets">, row: number): Verdict | null {
  return offsets[row] === offsets[row + 1] ? { reason: "empty", value: null } : null;
}

/** Listed words, as a count and per word of the document. */
export function judgeWordList(occurrences: number, words: number, config: WordListFilterConfig): Verdict | null {
  return (
    above(occurrences, config.maxOccurrences, `${config.name}_words`) ??
    above(words === 0 ? 0 : occurrences / words, config.maxPerWord, `${config.name}_words_ratio`)
  );
}

/** Score of a classifier; a document that it has nothing to say about scores 0. */
export function judgeClassifier(score: number, config: ClassifierFilterConfig): Verdict | null {
  return (
    below(score, config.minScore, `${config.name}_below_threshold`) ??
    above(score, config.maxScore, `${config.name}_above_threshold`)
  );
}
