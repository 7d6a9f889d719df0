import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseExpression, type ExpressionFacts } from "../../forge/filter/expression.ts";
import { ConfigError } from "../../forge/base/index.ts";

const facts: ExpressionFacts = {
  signals: { words: 120, meanWordLength: 4.5, unmeasured: Number.NaN },
  language: "en",
  languageScore: 0.7,
  source: "web/a.jsonl",
  url: "https://example.org/tag/x",
  date: null,
};
const names = ["words", "meanWordLength", "unmeasured"];
const evaluate = (text: string): boolean => parseExpression(text, names).evaluate(facts);

describe("parseExpression", () => {
  it.each([
    ["signals.meanWordLength > 3 and signals.words >= 120", true],
    ["signals.words > 120", false],
    ["signals.words < 120 or language == 'en'", true],
    ['language != "en"', false],
    ["language in ['de', 'en']", true],
    ["signals.words in [1, 120]", true],
    ["not language in ['de']", true],
    ["not (languageScore > 0.6 and contains(url, '/tag/'))", false],
    ["startsWith(source, 'web/') and endsWith(source, '.jsonl')", true],
    ["min(signals.words, 100) / 100 == 1", true],
    ["-signals.words + 2 * 60 == 0", true],
    ["1 - 2 - 3 == -4", true],
    ["2 + 3 * 4 == 14", true],
    ["abs(-2) == 2 and log(1) == 0 and max(1, 2) == 2", true],
    ["true and not false", true],
    ["true or false and false", true],
    ["signals.words == 1.2e2", true],
  ])("says of %s: %s", (text, expected) => {
    expect(evaluate(text)).toBe(expected);
  });

  it.each([
    ["date == 'x'", false],
    ["date != 'x'", false],
    ["has(date)", false],
    ["not has(date)", true],
    ["has(signals.unmeasured)", false],
    ["signals.unmeasured > 0 or signals.unmeasured <= 0", false],
    ["signals.words / 0 > 1", false],
    ["contains(date, '20')", false],
  ])("takes what a document does not have for missing: %s is %s", (text, expected) => {
    expect(evaluate(text)).toBe(expected);
  });

  it.each([
    ["signals.wrods > 3", /did you mean words/],
    ["languag == 'en'", /did you mean language/],
    ["contain(url, 'x')", /did you mean contains/],
    ["signals.words", /boolean is expected here, not a number/],
    ["signals.words > 'x'", /number cannot be compared with a string/],
    ["signals.words > 3 signals.words", /should end here/],
    ["(signals.words > 3", /`\)` is expected/],
    ["signals.words > ", /a value is expected/],
    ["contains(url)", /takes 2 values, not 1/],
    ["true < false", /booleans are only equal/],
    ["language in [3]", /list may hold strings only/],
    ["constructor == 3", /no field called "constructor"/],
    ["signals.words > 3; process.exit()", /";" has no meaning/],
    ["language == 'en\n'", /has no meaning/],
    [`${"(".repeat(100)}true${")".repeat(100)}`, /nest at most/],
    [`${"not ".repeat(100)}true`, /nest at most/],
  ])("refuses %j and says why", (text, message) => {
    expect(() => parseExpression(text, names)).toThrow(ConfigError);
    expect(() => parseExpression(text, names)).toThrow(message);
  });

  it.each([
    [
      "signals.words > 3 and signals.wrods < 2",
      "signals.words > 3 and signals.wrods < 2\n                              ^",
    ],
    ["signals.words > 3\n  and signals.wrods < 2", "  and signals.wrods < 2\n              ^"],
    ["signals.words >", "signals.words >\n               ^"],
  ])("shows where the fault in %j stands", (text, excerpt) => {
    const parse = (): unknown => parseExpression(text, names);
    expect(parse).toThrow(expect.objectContaining({ issues: [expect.objectContaining({ excerpt })] }));
  });

  it("tells which signals it needs", () => {
    expect(parseExpression("signals.words > 3 or signals.meanWordLength > signals.words", names).signals).toEqual([
      "meanWordLength",
      "words",
    ]);
  });

  it("ends with a condition or a ConfigError on any text", () => {
    const piece = fc.constantFrom(
      "signals.words",
      "(",
      ")",
      "and",
      "or",
      "not",
      "<",
      "==",
      "3",
      "'x'",
      "url",
      "has",
      ",",
      "in",
      "[",
      "]",
      "-",
      ".",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        try {
          parseExpression(pieces.join(" "), names).evaluate(facts);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
