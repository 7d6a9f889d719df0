import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { both, column, nastyPieces, reference, textsOf, wasm } from "./support.ts";

const options = [
  { controls: true, whitespace: true },
  { controls: true, whitespace: false },
  { controls: false, whitespace: true },
  { controls: false, whitespace: false },
] as const;

describe("cleanTexts", () => {
  it.each(both)("puts lines, blanks and invisible characters right ($implementation)", (kernels) => {
    const clean = (text: string): string | undefined =>
      textsOf(kernels.cleanTexts(column([text], 3), { controls: true, whitespace: true }))[0];
    expect(clean("a\r\nb\rc\u0085d\u2028e\u2029f\vg\fh")).toBe("a\nb\nc\nd\ne\nf\ng\nh");
    expect(clean("  indented \t\nline   \n\n\n\n\nend  \n\n")).toBe("  indented\nline\n\n\nend");
    expect(clean("\n \n  first")).toBe("  first");
    expect(clean("so\u00adft\u200b, \ufeffmark, \u0000zero, \u007fdel, \u0080c1, keep \u200d")).toBe(
      "soft, mark, zero, del, c1, keep \u200d",
    );
    expect(clean(" \t\n ")).toBe("");
    expect(clean("x".repeat(40))).toBe("x".repeat(40));
  });

  it.each(both)("tells which texts may compose, and counts what it took ($implementation)", (kernels) => {
    const cleaned = kernels.cleanTexts(column(["plain", "größe", "e\u0301", "日本", "a\u0001\u0002"]), options[0]);
    expect([...cleaned.mayCompose]).toEqual([0, 0, 1, 1, 0]);
    expect(cleaned.controls).toBe(2);
  });

  it("gives the same in both implementations, whatever the text", () => {
    const piece = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.constantFrom(...nastyPieces, "\u00ad", "\u2028", "\u2029", "\u00c2", "\u0080", "\u009f", "’"),
      },
      { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 30 }) },
      { weight: 1, arbitrary: fc.constantFrom("a word", "    ", "\n\n\n\n", "x".repeat(33), " ".repeat(17)) },
    );
    const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join("").toWellFormed());
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), fc.constantFrom(...options), fc.nat(5), (texts, chosen, lead) => {
        const input = column(texts, lead);
        expect(wasm.cleanTexts(input, chosen)).toEqual(reference.cleanTexts(input, chosen));
      }),
      { numRuns: 2000 },
    );
  });

  it("changes nothing more the second time", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...nastyPieces), { maxLength: 60 }), (pieces) => {
        const once = wasm.cleanTexts(column([pieces.join("").toWellFormed()]), options[0]);
        expect(textsOf(wasm.cleanTexts(once, options[0]))).toEqual(textsOf(once));
      }),
      { numRuns: 500 },
    );
  });
});
