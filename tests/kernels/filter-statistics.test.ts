/**
 * The statistics kernel against an oracle on JavaScript strings, written from datatrove's definitions
 * (huggingface/datatrove a649de79) without looking at bytes.
 */
import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  filterStatisticNames,
  loadFilterKernels,
  repetitionRatios,
  repetitionStages,
  stageOf,
  type FilterStatisticName,
  type FilterStatistics,
} from "../../forge/kernels/filter-statistics.ts";
import { filterClassTable } from "../../forge/kernels/filter-classes.ts";
import { wasmFilterStatistics } from "../../forge/kernels/filter-wasm.ts";
import { ownKernelInstance } from "../../forge/kernels/own-instance.ts";
import { filterStatistics } from "../../forge/kernels/reference/filter-statistics.ts";
import type { TextColumn } from "../../forge/kernels/types.ts";
import { columnOf, columnOfBytes, damaged, text } from "./filter-support.ts";

const reference = await loadFilterKernels({ implementation: "reference" });
const wasm = await loadFilterKernels({ implementation: "wasm" });
const computeFilterStatistics = (column: TextColumn): FilterStatistics => reference.computeFilterStatistics(column);

/** Texts of few words and lines, so that limits of all kinds are exceeded. */
const repeating = fc
  .array(fc.constantFrom("a", "b", "c", "word ", " ", "\n", "\n\n"), { minLength: 20, maxLength: 200 })
  .map((parts) => parts.join(" "));

function statisticsOf(text: string): Record<FilterStatisticName, number> {
  const statistics = computeFilterStatistics(columnOf([text]));
  return Object.fromEntries(filterStatisticNames.map((name) => [name, statistics[name][0]])) as never;
}

const space = "\\p{White_Space}\\u001c-\\u001f";
const letter = "[\\p{L}--[\\p{Ideographic}\\p{sc=Hira}]]";
const single = "[[\\p{Ideographic}\\p{sc=Hira}]&&\\p{L}]";
const mark = "[\\p{M}\\u200c\\u200d]";
const wordCharacter = `[${letter}\\p{N}\\p{Pc}${mark}]`;
const wordPattern = new RegExp(
  `${single}${mark}*` +
    `|${wordCharacter}(?:${wordCharacter}|(?<=${letter}${mark}*)['’.](?=${letter})|(?<=\\p{N}${mark}*)['’.,;](?=\\p{N}))*` +
    `|[^${space}]${mark}*`,
  "gv",
);
// oxlint-disable-next-line no-control-regex -- Python's line separators are controls
const lineSeparator = /\r\n|[\n\r\v\f\u001c-\u001e\u0085\u2028\u2029]/u;
const length = (text: string): number => [...text].length;
const strip = (text: string): string => text.replace(new RegExp(`^[${space}]+|[${space}]+$`, "gu"), "");

function wordsOf(text: string): string[] {
  return text.match(wordPattern) ?? [];
}

function duplicates(items: readonly string[]): readonly [number, number] {
  const seen = new Set<string>();
  let count = 0;
  let characters = 0;
  for (const item of items) {
    if (seen.has(item)) {
      count++;
      characters += length(item);
    } else seen.add(item);
  }
  return [count, characters];
}

function topNGram(words: readonly string[], n: number): number {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= words.length; i++) {
    const gram = words.slice(i, i + n).join(" ");
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  let best = ["", 0] as readonly [string, number];
  for (const entry of counts) if (entry[1] > best[1]) best = entry;
  return length(best[0]) * best[1];
}

function duplicateNGrams(words: readonly string[], n: number): number {
  const seen = new Set<string>();
  let characters = 0;
  for (let i = 0; i + n <= words.length;) {
    const gram = words.slice(i, i + n).join("");
    if (seen.has(gram)) {
      characters += length(gram);
      i += n;
    } else {
      seen.add(gram);
      i++;
    }
  }
  return characters;
}

/** Terminators that occur in the generated texts. */
const isTerminated = (line: string): boolean => /[.!?。]$/u.test(line);
const isPunctuation = (word: string): boolean => /^[!-/:-@[-`{-~’…“”。\u007f]+$/u.test(word);

function oracle(text: string): Partial<Record<FilterStatisticName, number>> {
  const words = wordsOf(text);
  const plain = words.filter((word) => !isPunctuation(word));
  const lines = text.split(lineSeparator);
  if (lines.at(-1) === "") lines.pop();
  const paragraphs = strip(text).split(/\n{2,}/);
  const pieces = text.split(/\n+/);
  const full = text.split("\n").filter((line) => strip(line) !== "");
  const stops = ["the", "be", "to", "of", "and", "that", "have", "with"];
  return {
    characters: length(text),
    newlines: text.split("\n").length - 1,
    words: words.length,
    plainWords: plain.length,
    plainWordCharacters: plain.reduce((sum, word) => sum + length(word), 0),
    alphabeticWords: words.filter((word) => /\p{L}/u.test(word)).length,
    stopWords: stops.filter((word) => words.includes(word)).length,
    hashes: text.split("#").length - 1,
    ellipses: text.split("...").length - 1 + (text.split("…").length - 1),
    lines: lines.length,
    bulletLines: lines.filter((line) => /^[•-]/.test(strip(line))).length,
    ellipsisLines: lines.filter((line) => /(\.\.\.|…)$/.test(strip(line))).length,
    paragraphs: paragraphs.length,
    duplicateParagraphs: duplicates(paragraphs)[0],
    duplicateParagraphCharacters: duplicates(paragraphs)[1],
    pieces: pieces.length,
    duplicatePieces: duplicates(pieces)[0],
    duplicatePieceCharacters: duplicates(pieces)[1],
    fullLines: full.length,
    terminatedLines: full.filter(isTerminated).length,
    shortLines: full.filter((line) => length(line) <= 30).length,
    duplicateLineCharacters: duplicates(full)[1],
    top2GramCharacters: topNGram(words, 2),
    top3GramCharacters: topNGram(words, 3),
    top4GramCharacters: topNGram(words, 4),
    duplicate5GramCharacters: duplicateNGrams(words, 5),
    duplicate6GramCharacters: duplicateNGrams(words, 6),
    duplicate7GramCharacters: duplicateNGrams(words, 7),
    duplicate8GramCharacters: duplicateNGrams(words, 8),
    duplicate9GramCharacters: duplicateNGrams(words, 9),
    duplicate10GramCharacters: duplicateNGrams(words, 10),
  };
}

describe("computeFilterStatistics", () => {
  it("counts what datatrove's definitions count, on any text", () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(statisticsOf(value)).toEqual(oracle(value));
      }),
      { numRuns: 600 },
    );
  });

  it("gives each text of a column what it gives the text alone, also in a slice", () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 2, maxLength: 5 }), (texts) => {
        const column = columnOf(texts);
        const sliced = { ...column, offsets: column.offsets.subarray(1), length: column.length - 1 };
        const statistics = computeFilterStatistics(sliced);
        texts.slice(1).forEach((value, row) => {
          for (const name of filterStatisticNames) expect(statistics[name][row]).toBe(statisticsOf(value)[name]);
        });
      }),
      { numRuns: 50 },
    );
  });

  it("counts the same through WebAssembly, on any texts", () => {
    expect(wasm.implementation).toBe("wasm");
    fc.assert(
      fc.property(fc.array(fc.oneof(text, fc.string({ unit: "grapheme" })), { maxLength: 5 }), (texts) => {
        const column = columnOf(texts.map((value) => value.toWellFormed()));
        expect(wasm.computeFilterStatistics(column)).toEqual(computeFilterStatistics(column));
        expect(wasm.computeFinewebStatistics(column)).toEqual(reference.computeFinewebStatistics(column));
        const sliced = { ...column, offsets: column.offsets.subarray(1), length: Math.max(0, column.length - 1) };
        if (texts.length > 0) expect(wasm.computeFilterStatistics(sliced)).toEqual(computeFilterStatistics(sliced));
      }),
      { numRuns: 300 },
    );
  });

  it("counts the same through WebAssembly whatever the bytes, and never looks behind a text", () => {
    fc.assert(
      fc.property(fc.array(damaged, { minLength: 1, maxLength: 4 }), (texts) => {
        const column = columnOfBytes(texts);
        const counts = computeFilterStatistics(column);
        expect(wasm.computeFilterStatistics(column)).toEqual(counts);
        expect(counts).toMatchObject(wasm.computeFinewebStatistics(column));
        texts.forEach((value, row) => {
          const alone = computeFilterStatistics(columnOfBytes([value]));
          for (const name of filterStatisticNames) expect(counts[name][row]).toBe(alone[name][0]);
        });
      }),
      { numRuns: 500 },
    );
  });

  it("counts no further than the first limit that a text exceeds, and up to there what it counts without limits", () => {
    const limit = fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.constant(0), fc.double({ min: 0, max: 0.6 }));
    const thirteen = fc.array(limit, { minLength: 13, maxLength: 13 });
    fc.assert(
      fc.property(fc.array(fc.oneof(text, repeating), { maxLength: 5 }), thirteen, (texts, chosen) => {
        const column = columnOf(texts);
        const limits = Float32Array.from(chosen);
        const within = wasm.computeStatisticsWithin(column, limits);
        expect(within).toEqual(reference.computeStatisticsWithin(column, limits));
        const whole = computeFilterStatistics(column);
        for (let row = 0; row < column.length; row++) {
          const part = ([count, of]: (typeof repetitionRatios)[number]): number =>
            Math.fround((whole[count][row] as number) / Math.max(1, whole[of][row] as number));
          const exceeded = repetitionRatios.findIndex((ratio, i) => part(ratio) > (limits[i] as number));
          const stages = exceeded < 0 ? 8 : repetitionStages.findIndex((known) => exceeded < known) + 1;
          expect(within.stages[row]).toBe(stages);
          for (const name of filterStatisticNames) {
            expect(within.statistics[name][row]).toBe(stageOf(name) < stages ? whole[name][row] : 0);
          }
        }
      }),
      { numRuns: 300 },
    );
    // Each stage is a last one: eight texts, each within all limits but one.
    const limits = (broken: number): Float32Array => new Float32Array(13).fill(9).fill(0, broken, broken + 1);
    const column = columnOf(["a b c d e f g h i j k\n".repeat(3) + "\nx\n\nx\n\nx"]);
    const last = [0, 4, 7, 8, 9, 10, 11, 12].map(
      (ratio) => wasm.computeStatisticsWithin(column, limits(ratio)).stages[0],
    );
    expect(last).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("counts the same through WebAssembly in real documents, long words, long texts and texts of line feeds", async () => {
    const files = await Promise.all(
      ["README.md", "LICENSE", "dist/index.d.ts"].map((name) =>
        readFile(`node_modules/zod/${name}`, "utf8").catch(() => ""),
      ),
    );
    const texts = [
      "x".repeat(5000),
      "y ".repeat(700_000),
      "\n".repeat(50_000),
      "é".repeat(62),
      "z".repeat(63),
      ...files,
      "a b c ".repeat(9000),
    ];
    const column = columnOf([...texts, "", ...texts]);
    const counts = computeFilterStatistics(column);
    expect(wasm.computeFilterStatistics(column)).toEqual(counts);
    expect(counts).toMatchObject(wasm.computeFinewebStatistics(column));
  });

  it("tells n-grams and lines apart that differ in two or three characters, as rows of a table do", () => {
    const characters = [..."0123456789abcdefghijklmnopqrstuv"];
    const pairs = characters.flatMap((one) => characters.map((other) => [one, other] as const));
    // The last of eight bytes change least of a product; each n-gram begins as another does, so that no sieve drops it.
    const words = pairs.flatMap(([one, other]) =>
      ["x", "y"].map((end) => `abcdefg${one} hijklmno pqrstuv${other} w ${end}`),
    );
    const lines = pairs.flatMap(([one, other]) => characters.map((last) => `abcdefg${one}hijklmnopq${other}${last}.`));
    const column = columnOf([words.join(" "), lines.join("\n")]);
    const counts = wasm.computeFilterStatistics(column);
    expect(counts).toEqual(computeFilterStatistics(column));
    expect(counts.duplicate5GramCharacters[0]).toBe(0);
    expect(counts.duplicatePieces[1]).toBe(0);
  });

  it("cuts words as its definition says", () => {
    const counts = (value: string): number => statisticsOf(value).words;
    expect(counts("don't stop")).toBe(2);
    expect(counts("version 24.11.1, now")).toBe(4);
    expect(counts("日本語")).toBe(3);
    expect(counts("カタカナ")).toBe(1);
    expect(counts("snake_case")).toBe(1);
    expect(counts("end. Next")).toBe(3);
    expect(counts("🏋️ gym")).toBe(2);
  });

  it("counts what stands between white space, with the table made for that", () => {
    const classes = filterClassTable("whitespace");
    const instance = ownKernelInstance();
    if (instance === undefined) throw new Error("the kernels do not run here");
    const fast = wasmFilterStatistics(instance, classes);
    fc.assert(
      fc.property(text, (value) => {
        const column = columnOf([value]);
        const words = value.split(new RegExp(`[${space}]+`, "u")).filter((word) => word !== "");
        const statistics = filterStatistics(column, classes);
        expect(statistics.words[0]).toBe(words.length);
        expect(statistics.alphabeticWords[0]).toBe(words.filter((word) => /\p{L}/u.test(word)).length);
        expect(fast(column)).toEqual(statistics);
      }),
      { numRuns: 300 },
    );
  });

  it("counts a duplicated n-gram by the concatenation of its words, as datatrove does", () => {
    // "ab c d e f" and "a bc d e f" are the same 5-gram once joined.
    expect(statisticsOf("ab c d e f a bc d e f").duplicate5GramCharacters).toBe(6);
    expect(statisticsOf("ab c d e f a bd c e f").duplicate5GramCharacters).toBe(0);
  });

  it("takes the first of the most frequent n-grams", () => {
    expect(statisticsOf("aa b cc dddd aa b cc dddd").top2GramCharacters).toBe(8);
  });

  it("finds nothing in an empty text but one empty paragraph and piece", () => {
    const { paragraphs, pieces, ...rest } = statisticsOf("");
    expect([paragraphs, pieces]).toEqual([1, 1]);
    expect(new Set(Object.values(rest))).toEqual(new Set([0]));
  });
});
