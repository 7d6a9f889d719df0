import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { normalWordSpans } from "../../forge/kernels/normal-words.ts";
import { column, wasm } from "./support.ts";

/** Words of the normal form, and the pieces of the text that the spans give. */
function wordsOf(text: string): { normal: string[]; pieces: string[] } {
  const bytes = Buffer.from(text, "utf8");
  const { values } = wasm.normalizeForDedup(column([text]));
  const { starts, ends } = normalWordSpans(bytes);
  return {
    normal: Buffer.from(values)
      .toString("utf8")
      .split(" ")
      .filter((word) => word !== ""),
    pieces: Array.from(starts, (start, i) => bytes.toString("utf8", start, ends[i])),
  };
}

function normalForm(text: string): string {
  return Buffer.from(wasm.normalizeForDedup(column([text])).values).toString("utf8");
}

describe("where words of the normal form stand in the text", () => {
  test("is told for cases, numbers, punctuation and marks", () => {
    expect(wordsOf('  "Pi" is 3.14, or 1,234,567—NOT\u00a0e\u0301te\u0301! \u0301 x\u0301').pieces).toEqual([
      "Pi",
      "is",
      "3.14",
      "or",
      "1,234",
      "567",
      "NOT",
      "e\u0301te\u0301",
      "x\u0301",
    ]);
    expect(wordsOf("").pieces).toEqual([]);
    expect(wordsOf("...").pieces).toEqual([]);
  });

  test("gives as many words as the normal form has, each with the same normal form by itself", () => {
    const piece = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 6 }),
      fc.string({ unit: "binary", maxLength: 4 }),
      fc.constantFrom(
        " ",
        "\n",
        "1.5",
        "2,3,4",
        "\u0301",
        "\u0345",
        "가각",
        "ΑΣ",
        "ß",
        "İ",
        "٣٫٤",
        "-",
        "’",
        "\u{1d15e}",
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (parts) => {
        const { normal, pieces } = wordsOf(parts.join("").toWellFormed());
        expect(pieces).toHaveLength(normal.length);
        // What Σ becomes depends on the words around it.
        const plain = (word: string): string => word.replaceAll("ς", "σ");
        expect(pieces.map((word) => plain(normalForm(word)))).toEqual(normal.map(plain));
      }),
      { numRuns: 2000 },
    );
  });
});
