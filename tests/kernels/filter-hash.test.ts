/**
 * Lines and words are told apart by 64 bits alone, so rows of a table, which differ in a few digits, must not count as
 * repeated: whichever two or three of their letters differ, no other change may cancel it.
 */
import { describe, expect, test } from "vitest";
import { random } from "../../forge/base/random.ts";
import { loadFilterKernels } from "../../forge/kernels/filter-statistics.ts";
import { columnOfBytes } from "./filter-support.ts";

const kernels = await loadFilterKernels({ implementation: "wasm" });
const letters = Buffer.from("ijklmnop01234567");
const lengths = [16, 24, 31, 32, 40, 47, 48, 49, 56, 64, 65, 80, 97];

/** A text of all rows that a row becomes when the letters at some places take all values, each between two strings. */
function rows(length: number, places: readonly number[], before: string, after: string): Uint8Array {
  const stream = random("filter-hash", length);
  const row = Buffer.from(
    before + Array.from({ length }, () => String.fromCharCode(97 + stream.below(26))).join("") + after,
  );
  const count = letters.length ** places.length;
  const text = Buffer.alloc(row.length * count);
  for (let variant = 0; variant < count; variant++) {
    const at = variant * row.length;
    text.set(row, at);
    let rest = variant;
    for (const place of places) {
      text[at + before.length + place] = letters[rest % letters.length] as number;
      rest = Math.floor(rest / letters.length);
    }
  }
  return text;
}

/** Places whose bytes are the last ones of eight or in the middle, where the fewest bits of a product tell them apart. */
function triples(length: number, count: number): number[][] {
  const stream = random("places", length);
  const telling = Array.from({ length }, (_, i) => i).filter((i) => i % 8 === 7 || i % 8 === 3);
  const known = [
    [7, 15, 23],
    [7, 11, 23],
    [11, 15, 31],
    [23, 31, 39],
    [23, 35, 39],
    [27, 31, 47],
  ].filter((places) => places.every((place) => place < length));
  if (telling.length < 3) return known;
  return [...known, ...Array.from({ length: count }, () => stream.shuffle([...telling]).slice(0, 3))];
}

describe("Hashes of lines and words", () => {
  test("tell lines apart that differ in any two letters", () => {
    for (const length of lengths) {
      const pairs = Array.from({ length }, (_, b) => Array.from({ length: b }, (_a, a) => [a, b])).flat();
      const texts = pairs.map((places) => rows(length, places, "", "\n"));
      const { duplicateLineCharacters } = kernels.computeFinewebStatistics(columnOfBytes(texts));
      expect(duplicateLineCharacters?.every((count) => count === 0)).toBe(true);
    }
  });

  test("tell lines apart that differ in any three letters", () => {
    for (const length of lengths) {
      const texts = triples(length, 12).map((places) => rows(length, places, "", "\n"));
      const { duplicateLineCharacters } = kernels.computeFinewebStatistics(columnOfBytes(texts));
      expect([length, ...(duplicateLineCharacters ?? []).filter((count) => count !== 0)]).toEqual([length]);
    }
  });

  test("tell words apart that differ in any three letters", () => {
    for (const length of lengths) {
      const texts = triples(length, 4).map((places) => rows(length, places, "x ", "y "));
      const { top2GramCharacters } = kernels.computeFilterStatistics(columnOfBytes(texts));
      // No 2-gram occurs twice.
      expect([...top2GramCharacters]).toEqual(texts.map(() => length + 3));
    }
  });
});
