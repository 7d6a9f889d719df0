import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { both, column, nastyBytes, nastyText, reference, textsOf, wasm } from "./support.ts";

/** datatrove's punctuation (`utils/text.py`), written here apart from the table under test. */
const punctuation = new Set(
  "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»",
);
const isControl = (code: number): boolean => code < 32 || (code >= 127 && code < 160);
/** What CPython's str.isspace holds for, less the control characters, which are spaces by then. */
const pythonSpace = /[\t-\r\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/gu;

/** `simplify_text` over JavaScript strings: slow, by other means than the kernels. */
function simplifyText(text: string): string {
  const lower = text.toLowerCase();
  const numbered = lower.replace(/\p{Nd}+([.,،٫⎖⎗⎘]\p{Nd}+)?/gu, "0");
  const bare = [...numbered]
    .map((c) => (punctuation.has(c) || (isControl(c.codePointAt(0) as number) && c !== "\n") ? " " : c))
    .join("");
  const strip = (value: string): string => value.replace(/^ +| +$/g, "");
  const collapsed = strip(bare.replace(pythonSpace, " "));
  return strip(collapsed.normalize("NFD").replace(/\p{Mn}/gu, ""));
}

describe.each(both)("The normal form for deduplication, $implementation", (kernels) => {
  const normalize = (texts: readonly string[]): string[] => textsOf(kernels.normalizeForDedup(column(texts, 2)));

  test("gives datatrove's known answers", () => {
    expect(
      normalize([
        "|$17.56||1|\n|$15.37||2599|",
        "Straße CAFÉ İstanbul",
        "ΟΔΥΣΣΕΥΣ ΣΑΣ Σ AΣ.B ΑΣ'",
        "1.2.3 ١٢٫٥ 1,234,567 7. .8",
        "a \u0301 b",
        "한 ≠ \u037e",
        "",
        " \n\t ",
      ]),
    ).toEqual([
      "0 0 0 0",
      "straße cafe istanbul",
      "οδυσσευς σας σ aσ b ας",
      "0 0 0 0 0 0 0",
      "a  b",
      // The Greek question mark becomes a semicolon only after punctuation is gone.
      "\u1112\u1161\u11ab = ;",
      "",
      "",
    ]);
  });

  test("equals the same steps over strings on any text", () => {
    fc.assert(
      fc.property(nastyText, (text) => {
        // Symbols that decompose into marks keep the marks' order (stated in `types.ts`).
        fc.pre(!/[\u{1d15e}-\u{1d164}\u{1d1bb}-\u{1d1c0}]/u.test(text));
        const wellFormed = text.toWellFormed();
        expect(normalize([wellFormed])).toEqual([simplifyText(wellFormed)]);
      }),
      { numRuns: 1500 },
    );
  });

  test("equals the same steps over strings on every code point", () => {
    const texts: string[] = [];
    for (let cp = 0; cp < 0x110000; cp++) {
      if (cp >= 0xd800 && cp < 0xe000) continue;
      // Far planes are empty or private use: one in 97.
      if (cp > 0x32000 && cp < 0xe0000 && cp % 97 !== 0) continue;
      if (cp > 0xe0200 && cp % 97 !== 0) continue;
      texts.push(`x${String.fromCodePoint(cp)}y`);
    }
    const results = normalize(texts);
    const wrong = texts.filter((text, i) => results[i] !== simplifyText(text));
    expect(wrong).toEqual([]);
  });

  test("is linear in runs of letters, marks, sigmas and apostrophes", () => {
    for (const piece of ["a", "Σ", "Σ'", "\u302e", "\u302f\u302e", "١", "1.", "\u0301 "]) {
      const [result] = normalize([piece.repeat(200_000)]);
      expect((result as string).length).toBeLessThanOrEqual(600_000);
    }
  });
});

test("Both implementations give the same bytes for invalid UTF-8 too", () => {
  fc.assert(
    fc.property(fc.array(nastyBytes, { maxLength: 4 }), (texts) => {
      const expected = reference.normalizeForDedup(column(texts, 1));
      const actual = wasm.normalizeForDedup(column(texts, 1));
      expect(Buffer.from(actual.values).toString("hex")).toBe(Buffer.from(expected.values).toString("hex"));
      expect(actual.offsets).toEqual(expected.offsets);
    }),
    { numRuns: 1500 },
  );
});

test("Both agree where numbers, spaces and case change within and across blocks of 16 bytes", () => {
  const unit = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom("0", "7", ".", ",", " ", "-", "a", "Z", "$", "\u0001", "\n") },
    { weight: 1, arbitrary: fc.constantFrom("é", "٣", "،", "\u0301", "Σ", "中", "\u00a0", "\u{1d7d8}") },
  );
  const text = fc.oneof(
    fc.string({ unit, maxLength: 70 }),
    fc.string({ unit: fc.constantFrom("1", "1", ".", ","), maxLength: 70 }),
  );
  fc.assert(
    fc.property(fc.array(text, { maxLength: 4 }), fc.nat(15), (texts, lead) => {
      const shifted = texts.map((one) => " x".repeat(lead) + one);
      expect(wasm.normalizeForDedup(column(shifted))).toEqual(reference.normalizeForDedup(column(shifted)));
    }),
    { numRuns: 2000 },
  );
});

test("Both hash words of any length alike", () => {
  const texts = Array.from({ length: 40 }, (_, length) => `${"w".repeat(length)} ${"é".repeat(length)} x`);
  expect(wasm.shingles(column(texts), 1)).toEqual(reference.shingles(column(texts), 1));
  expect(wasm.shingles(column(texts), 2)).toEqual(reference.shingles(column(texts), 2));
});
