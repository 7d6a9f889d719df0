/** Each rule on both sides of its limit, and on it. Limits, names and comparisons: datatrove a649de79. */
import { describe, expect, it } from "vitest";
import * as rules from "../../forge/filter/rules.ts";
import { textSignalNames, type TextSignalName, type TextSignals } from "../../forge/filter/signals.ts";
import {
  c4FilterSchema,
  finewebFilterSchema,
  gopherQualityFilterSchema,
  gopherRepetitionFilterSchema,
  languageFilterSchema,
  lengthFilterSchema,
} from "../../schemas/config/filter.ts";

/** A document that no rule objects to, but for the given signals; as 32-bit floats, as they are stored. */
function signals(changes: Partial<Record<TextSignalName, number>>): TextSignals {
  const fine: Partial<Record<TextSignalName, number>> = {
    characters: 1000,
    words: 200,
    plainWords: 180,
    meanWordLength: 5,
    alphabeticWords: 0.9,
    stopWords: 5,
    fullLines: 10,
    punctuatedLines: 0.9,
  };
  return Object.fromEntries(
    textSignalNames.map((name) => [name, Math.fround(changes[name] ?? fine[name] ?? 0)]),
  ) as TextSignals;
}

type Case = readonly [signal: TextSignalName, last: number, beyond: number, reason: string];

/** Names of the rules, the last value that passes, one that does not. */
const quality: readonly Case[] = [
  ["plainWords", 50, 49, "gopher_short_doc"],
  ["plainWords", 100_000, 100_001, "gopher_long_doc"],
  ["meanWordLength", 3, 2.99, "gopher_below_avg_threshold"],
  ["meanWordLength", 10, 10.01, "gopher_above_avg_threshold"],
  ["hashesPerWord", 0.1, 0.101, "gopher_too_many_hashes"],
  ["ellipsesPerWord", 0.1, 0.101, "gopher_too_many_ellipsis"],
  ["bulletLines", 0.9, 0.91, "gopher_too_many_bullets"],
  ["ellipsisLines", 0.3, 0.31, "gopher_too_many_end_ellipsis"],
  ["alphabeticWords", 0.8, 0.79, "gopher_below_alpha_threshold"],
  ["stopWords", 2, 1, "gopher_enough_stop_words"],
];
const repetition: readonly Case[] = [
  ["duplicateParagraphs", 0.3, 0.301, "dup_para_frac"],
  ["duplicateParagraphCharacters", 0.2, 0.201, "dup_para_char_frac"],
  ["duplicateLines", 0.3, 0.301, "dup_line_frac"],
  ["duplicateLineCharacters", 0.2, 0.201, "dup_line_char_frac"],
  ["top2Gram", 0.2, 0.201, "top_2_gram"],
  ["top3Gram", 0.18, 0.181, "top_3_gram"],
  ["top4Gram", 0.16, 0.161, "top_4_gram"],
  ["duplicate5Grams", 0.15, 0.151, "duplicated_5_n_grams"],
  ["duplicate6Grams", 0.14, 0.141, "duplicated_6_n_grams"],
  ["duplicate7Grams", 0.13, 0.131, "duplicated_7_n_grams"],
  ["duplicate8Grams", 0.12, 0.121, "duplicated_8_n_grams"],
  ["duplicate9Grams", 0.11, 0.111, "duplicated_9_n_grams"],
  ["duplicate10Grams", 0.1, 0.101, "duplicated_10_n_grams"],
];
const fineweb: readonly Case[] = [
  ["punctuatedLines", 0.12, 0.119, "line_punct_ratio"],
  ["shortLines", 0.67, 0.671, "short_line_ratio"],
  ["duplicateFullLineCharacters", 0.01, 0.0101, "char_dup_ratio"],
  ["newlinesPerWord", 0.3, 0.301, "list_ratio"],
  ["fullLines", 1, 0, "empty"],
];

const suites = [
  [
    "gopher-quality",
    quality,
    (s: TextSignals) => rules.judgeGopherQuality(s, gopherQualityFilterSchema.parse({ filter: "gopher-quality" })),
  ],
  [
    "gopher-repetition",
    repetition,
    (s: TextSignals) =>
      rules.judgeGopherRepetition(s, gopherRepetitionFilterSchema.parse({ filter: "gopher-repetition" })),
  ],
  ["fineweb", fineweb, (s: TextSignals) => rules.judgeFineweb(s, finewebFilterSchema.parse({ filter: "fineweb" }))],
] as const;

for (const [name, cases, judge] of suites) {
  describe(`the rules of ${name}`, () => {
    it("keeps a document that breaks no rule", () => {
      expect(judge(signals({}))).toBeNull();
    });

    it.each(cases)("keeps %s at %d and rejects it at %d as %s", (signal, last, beyond, reason) => {
      expect(judge(signals({ [signal]: last }))).toBeNull();
      const value = reason === "empty" ? null : Math.fround(beyond);
      expect(judge(signals({ [signal]: beyond }))).toEqual({ reason, value });
    });
  });
}

describe("rules", () => {
  it("names the first broken rule in datatrove's order", () => {
    const config = gopherQualityFilterSchema.parse({ filter: "gopher-quality" });
    expect(rules.judgeGopherQuality(signals({ plainWords: 3, stopWords: 0 }), config)?.reason).toBe("gopher_short_doc");
  });

  it("switches a rule off by null", () => {
    const config = gopherQualityFilterSchema.parse({ filter: "gopher-quality", minWords: null });
    expect(rules.judgeGopherQuality(signals({ plainWords: 3 }), config)).toBeNull();
  });

  it("keeps five sentences and rejects four, lorem ipsum and curly brackets before them", () => {
    const config = c4FilterSchema.parse({ filter: "c4" });
    const found = { loremIpsum: false, curlyBracket: false };
    expect(rules.judgeC4({ ...found, sentences: 5 }, config)).toBeNull();
    expect(rules.judgeC4({ ...found, sentences: 4 }, config)).toEqual({ reason: "too_few_sentences", value: 4 });
    expect(rules.judgeC4({ ...found, sentences: 4, loremIpsum: true }, config)?.reason).toBe("lorem_ipsum");
    expect(rules.judgeC4({ ...found, sentences: 9, curlyBracket: true }, config)?.reason).toBe("curly_bracket");
  });

  it("judges language by its own threshold, then by the common one", () => {
    const config = languageFilterSchema.parse({ filter: "language", languages: ["en", "de"], thresholds: { de: 0.4 } });
    const judge = (language: string | null, score: number): string | null =>
      rules.judgeLanguage(language, Math.fround(score), config)?.reason ?? null;
    expect(judge("en", 0.65)).toBeNull();
    expect(judge("en", 0.64)).toBe("language_below_threshold");
    expect(judge("de", 0.4)).toBeNull();
    expect(judge("de", 0.39)).toBe("language_below_threshold");
    expect(judge("fr", 0.99)).toBe("language_not_wanted");
    expect(judge(null, Number.NaN)).toBe("language_unknown");
    expect(judge("en", Number.NaN)).toBeNull();
  });

  it("judges length in characters and words", () => {
    const config = lengthFilterSchema.parse({
      filter: "length",
      minCharacters: 10,
      maxCharacters: 20,
      minWords: 3,
      maxWords: 5,
    });
    const judge = (characters: number, words: number): string | null =>
      rules.judgeLength(signals({ characters, words }), config)?.reason ?? null;
    expect([judge(10, 3), judge(20, 5)]).toEqual([null, null]);
    expect([judge(9, 4), judge(21, 4), judge(15, 2), judge(15, 6)]).toEqual([
      "too_few_characters",
      "too_many_characters",
      "too_few_words",
      "too_many_words",
    ]);
  });
});
