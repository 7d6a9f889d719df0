import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cleanNote } from "../../forge/kernels/index.ts";
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

  it.each(both)(
    "stops at nothing that is right, wherever in a block of 64 bytes it stands ($implementation)",
    (kernels) => {
      for (let lead = 1; lead < 140; lead++) {
        const right = `${"x".repeat(lead)}\n\n\n\té“§” \u00a0\u2027 ﷺ\u{1f600}\n  y`;
        const wrong = `${"x".repeat(lead)}\n\n\n\n\ty \nz\u2028 \r\n\n`;
        const cleaned = kernels.cleanTexts(column([right, wrong, right], 3), options[0]);
        expect(textsOf(cleaned)).toEqual([right, `${"x".repeat(lead)}\n\n\n\ty\nz`, right]);
      }
    },
  );

  it.each(both)("gives the input itself back when nothing is wrong ($implementation)", (kernels) => {
    const input = column(["clean", "  quite\n\n\nclean", ""], 5);
    const cleaned = kernels.cleanTexts(input, options[0]);
    expect(cleaned.values).toBe(input.values);
    expect(cleaned.offsets).toBe(input.offsets);
  });

  it.each(both)("notes what more a text may need, and counts what it took ($implementation)", (kernels) => {
    const texts = [
      "plain",
      "größe",
      "e\u0301",
      "日本語",
      "ガ",
      "カ\u3099",
      "’",
      "\u2000",
      "a\u0001\u0002",
      "cafÃ©",
      "a\rb",
    ];
    const cleaned = kernels.cleanTexts(column(texts), options[0]);
    const { mayCompose, mayBeMojibake, changed } = cleanNote;
    expect([...cleaned.notes]).toEqual([
      ...[0, 0, mayCompose, 0, 0, mayCompose, 0, mayCompose],
      ...[changed, mayBeMojibake, changed],
    ]);
    expect([...cleaned.controls]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0]);
  });

  it.each(both)(
    "notes every text that is not in NFC, whatever characters come together ($implementation)",
    (kernels) => {
      const characters: string[] = [];
      for (let code = 0x80; code < 0x40000; code++) {
        if (code < 0xd800 || code > 0xdfff) characters.push(String.fromCodePoint(code));
      }
      const { notes } = kernels.cleanTexts(column(characters), { controls: false, whitespace: false });
      const free = characters.filter((_, i) => ((notes[i] as number) & cleanNote.mayCompose) === 0);
      // A text is in NFC when each of its characters is, none of them is joined to what stands before it, and none has a
      // combining class, by which it would move before or behind marks of another.
      const joined = new Set<string>();
      for (const character of characters) {
        const [, ...rest] = character.normalize("NFC") === character ? character.normalize("NFD") : "";
        for (const part of rest) joined.add(part);
      }
      const isFree = (character: string): boolean => {
        if (character.normalize("NFC") !== character || joined.has(character)) return false;
        if (character.normalize("NFD") !== character) return true;
        return [`a\u0345${character}`, `a${character}\u0334`].every((text) => text.normalize("NFD") === text);
      };
      expect(free.length).toBeGreaterThan(150_000);
      expect(free.filter((character) => !isFree(character))).toEqual([]);
    },
  );

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
