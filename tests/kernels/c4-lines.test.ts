/** C4's line rules: cases by hand, and the fast kernel against its plain twin. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../forge/base/locate.ts";
import { loadFilterKernels, type C4LineRules, type FilterKernels } from "../../forge/kernels/filter-statistics.ts";
import type { TextColumn } from "../../forge/kernels/types.ts";
import { columnOf, columnOfBytes, damaged, text } from "./filter-support.ts";

const reference = await loadFilterKernels({ implementation: "reference" });
const wasm = await loadFilterKernels({ implementation: "wasm" });

const corpus = join(packageRoot, "../shared/data/docs.jsonl.zst");
const documents = existsSync(corpus) ? columnOf(everyTextOf(corpus, 40)) : undefined;

/** Every nth text of a corpus in JSON Lines. */
function everyTextOf(path: string, nth: number): readonly string[] {
  const records = zstdDecompressSync(readFileSync(path)).toString().split("\n");
  return records.filter((record, i) => i % nth === 0 && record !== "").map((record) => JSON.parse(record).text);
}

const rules: C4LineRules = {
  terminalPunctuation: true,
  minWordsPerLine: 3,
  maxWordLength: 1000,
  removeCitations: true,
  javascript: true,
  policy: true,
  loremIpsum: true,
  curlyBracket: true,
};

function edited(
  kernels: FilterKernels,
  value: string,
  more: Partial<C4LineRules> = {},
): { readonly text: string; readonly sentences: number } {
  const edit = kernels.editC4Lines(columnOf([value]), { ...rules, ...more });
  return {
    text: Buffer.from(edit.text.values.subarray(0, edit.text.offsets[1])).toString(),
    sentences: edit.sentences[0] as number,
  };
}

describe.each([reference, wasm])("editC4Lines, $implementation", (kernels) => {
  it.each([
    ["keeps lines that end a sentence", "One two three.\nOne two three", "One two three."],
    ["drops lines that end in an ellipsis", "One two three...\nYes it is!", "Yes it is!"],
    ["drops lines of fewer than three words", "Two words.\nNow three words.", "Now three words."],
    [
      "drops lines about javascript, whatever the case",
      "Please enable JavaScript now.\nThis line stays here.",
      "This line stays here.",
    ],
    ["drops lines about policies", "Read our Privacy Policy here.\nThis line stays here.", "This line stays here."],
    [
      "cuts citations after it counted words",
      "Earth is round[12] and old[citation needed].",
      "Earth is round and old.",
    ],
    ["strips lines and the whole", "  One two three.  \n\n", "One two three."],
    [
      "drops lines with a word over 1,000 characters",
      `${"x".repeat(1001)} and so on.\nThis line stays here.`,
      "This line stays here.",
    ],
    ["keeps lines with a word of 1,000 characters", `${"é".repeat(1000)} and so.`, `${"é".repeat(1000)} and so.`],
  ])("%s", (_name, input, output) => {
    expect(edited(kernels, input).text).toBe(output);
  });

  it("keeps lines without a stop when the rule is off, as FineWeb does", () => {
    expect(edited(kernels, "One two three\nfour", { terminalPunctuation: false, minWordsPerLine: null }).text).toBe(
      "One two three\nfour",
    );
  });

  it.each([
    ["One. Two! Three?", 3],
    ["It costs 3.14 dollars. Buy e.g. this one.", 2],
    ['He said "Stop." Then he left.', 2],
    ["これは文です。これも文です。", 2],
    ["no stop at the end", 1],
    ["What?! No way.", 2],
  ])("counts the sentences of %j as %i", (input, sentences) => {
    expect(edited(kernels, input, { terminalPunctuation: false, minWordsPerLine: null }).sentences).toBe(sentences);
  });

  it("flags lorem ipsum and curly brackets only in lines that were not dropped before", () => {
    const edit = kernels.editC4Lines(
      columnOf(["It is lorem ipsum dolor.", "Lorem ipsum.", "Now a { is here.", "{"]),
      rules,
    );
    expect([...edit.loremIpsum]).toEqual([1, 0, 0, 0]);
    expect([...edit.curlyBracket]).toEqual([0, 0, 1, 0]);
  });

  it("says which texts it changed, and loses no line without counting it", () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), (texts) => {
        const edit = kernels.editC4Lines(columnOf(texts), { ...rules, loremIpsum: false, curlyBracket: false });
        const { lines } = reference.computeFilterStatistics(columnOf(texts));
        texts.forEach((value, row) => {
          const [start, end] = [edit.text.offsets[row] as number, edit.text.offsets[row + 1] as number];
          const result = Buffer.from(edit.text.values.subarray(start, end)).toString();
          expect(edit.changed[row]).toBe(result === value ? 0 : 1);
          expect((edit.keptLines[row] as number) + (edit.droppedLines[row] as number)).toBe(lines[row]);
        });
      }),
      { numRuns: 100 },
    );
  });
});

/** Lines that the rules look at twice. */
const phrase = fc.constantFrom(
  "JavaScript",
  "javascrip",
  "Lorem ipsum",
  "lorem  ipsum",
  "Terms of Use",
  "privacy policY",
  "cookie policy",
  "uses cookies",
  "use of cookies",
  "we use cookies",
  "muse cookies",
  "{",
  "[12]",
  "[]",
  "[edit]",
  "[citation needed]",
  "[1",
  "[citation",
  "One two three.",
  "it is e.g. so?! ”He said: yes.” 」 ok",
  "これは文です。これも。",
  "\u00a0",
  "\u2003",
  " ",
  ".",
  '."',
  "...",
  "\r\n",
  "\u2028",
);
const lines = fc.array(fc.oneof(phrase, text), { maxLength: 14 }).map((parts) => parts.join(" "));
const anyRules: fc.Arbitrary<C4LineRules> = fc.record({
  terminalPunctuation: fc.boolean(),
  minWordsPerLine: fc.constantFrom(null, 1, 3, 8),
  maxWordLength: fc.constantFrom(null, 4, 12, 1000),
  removeCitations: fc.boolean(),
  javascript: fc.boolean(),
  policy: fc.boolean(),
  loremIpsum: fc.boolean(),
  curlyBracket: fc.boolean(),
});

describe("C4's line rules through WebAssembly", () => {
  it("edit as their twin does, by any rules, whatever the bytes", () => {
    const value = fc.oneof(
      lines.map((string) => new Uint8Array(Buffer.from(string))),
      damaged,
    );
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), anyRules, (texts, lineRules) => {
        const column = columnOfBytes(texts);
        expect(wasm.editC4Lines(column, lineRules)).toEqual(reference.editC4Lines(column, lineRules));
      }),
      { numRuns: 600 },
    );
  });

  it("measure before and after the edit as if each were measured alone", () => {
    fc.assert(
      fc.property(fc.array(lines, { maxLength: 4 }), anyRules, (texts, lineRules) => {
        const column = columnOf(texts);
        const measured = wasm.measureC4(column, lineRules);
        expect(measured.statistics).toEqual(reference.computeFilterStatistics(column));
        expect(measured.edit).toEqual(reference.editC4Lines(column, lineRules));
        expect(measured.edited).toEqual(reference.computeFilterStatistics(measured.edit.text));
        expect(measured).toEqual(reference.measureC4(column, lineRules));
        expect(wasm.measureC4(column, lineRules, "fineweb")).toEqual(reference.measureC4(column, lineRules, "fineweb"));
      }),
      { numRuns: 150 },
    );
  });

  it("edit texts of more than a megabyte, and what stands around them", () => {
    // One word of a million letters: the plain twin is slow on many words.
    const long = `Some words. ${"x".repeat(1_100_000)} And no more.\nAnother line stands here.`;
    const column = columnOf(["Before it.", long, "After it is a line.", ""]);
    const lineRules = { ...rules, maxWordLength: null };
    expect(wasm.measureC4(column, lineRules)).toEqual(reference.measureC4(column, lineRules));
  });

  it.skipIf(documents === undefined)(
    "edit and measure real documents as their twin does (needs ../shared/data)",
    () => {
      const { length, ...column } = documents as TextColumn;
      for (const terminalPunctuation of [true, false]) {
        const lineRules = { ...rules, terminalPunctuation };
        const ours = wasm.measureC4({ ...column, length }, lineRules);
        expect(ours).toEqual(reference.measureC4({ ...column, length }, lineRules));
      }
    },
  );
});
