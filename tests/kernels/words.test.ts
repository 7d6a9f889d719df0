import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TextKernels, WordRule } from "../../forge/kernels/index.ts";
import { both, column, nastyBytes, nastyText, reference, wasm } from "./support.ts";

function words(kernels: TextKernels, text: string, rule: WordRule = "unicode"): string[] {
  const texts = column(["before it", text], 3);
  const { starts, ends, offsets } = kernels.segmentWords(texts, rule);
  const found: string[] = [];
  for (let i = offsets[1] as number; i < (offsets[2] as number); i++) {
    found.push(Buffer.from(texts.values.subarray(starts[i], ends[i])).toString());
  }
  return found;
}

const dictionaryScripts = new RegExp(
  `[${["Thai", "Lao", "Khmer", "Myanmar", "Tai_Le", "New_Tai_Lue", "Tai_Tham", "Tai_Viet", "Ahom"].map((name) => `\\p{Script=${name}}`).join("")}]`,
  "u",
);

/** ICU's rules of the same Unicode version; its dictionaries (Thai, Chinese, …) are left out of the texts. */
const segmenter = new Intl.Segmenter("en", { granularity: "word" });

describe.each(both)("Word segmentation, $implementation", (kernels) => {
  test("keeps what UAX 29 keeps together", () => {
    const text = "Can't stop: 3.14 or 1,000 e.g. x_1 a:b o\u0301la \u05d0\"\u05d1 カタ 漢字 👩‍👩‍👧 foo--bar";
    expect(words(kernels, text)).toEqual([
      ...[
        "Can't",
        "stop",
        "3.14",
        "or",
        "1,000",
        "e.g",
        "x_1",
        "a:b",
        "o\u0301la",
        '\u05d0"\u05d1',
        "カタ",
        "漢",
        "字",
      ],
      ...["foo", "bar"],
    ]);
  });

  test("splits at White_Space and nowhere else when asked to", () => {
    expect(words(kernels, " Can't, stop!\u00a0now\u2003\n$ \u0085x\u200by ", "whitespace")).toEqual([
      ...["Can't,", "stop!", "now", "$", "x\u200by"],
    ]);
  });

  test("breaks where Intl.Segmenter breaks", () => {
    const piece = fc.constantFrom(..."aZé\u05d0\u05d1ßЖ19٣_.,:;'\"·’-  \r\n\u0085\u200d\u00ad\u0301\ufe0f🇦🇧😀©#𝟗");
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece, { maxLength: 12 }).map((parts) => parts.join("")),
          nastyText,
        ),
        (drawn) => {
          const text = drawn.toWellFormed();
          fc.pre(
            !/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script_Extensions=Hira}]/u.test(
              text,
            ),
          );
          // Scripts that ICU segments by dictionary, or would (all of Line_Break=SA, which it takes for letters), and
          // code points that it may not know yet.
          fc.pre(!dictionaryScripts.test(text) && !/\p{Cn}/u.test(text));
          const expected = [...segmenter.segment(text)]
            .map(({ segment }) => segment)
            .filter((segment) => /[\p{Alphabetic}\p{Nd}]/u.test(segment));
          expect(words(kernels, text)).toEqual(expected);
        },
      ),
      { numRuns: 1500 },
    );
  });
});

test("Both implementations find the same words in any bytes", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          nastyBytes,
          nastyText.map((text) => new Uint8Array(Buffer.from(text))),
        ),
        { maxLength: 4 },
      ),
      (texts) => {
        for (const rule of ["unicode", "whitespace"] as const) {
          expect(wasm.segmentWords(column(texts, 2), rule)).toEqual(reference.segmentWords(column(texts, 2), rule));
        }
      },
    ),
    { numRuns: 800 },
  );
});
