/**
 * Words and n-grams are told apart by 64 bits alone, so what differs in two or three letters, as identifiers do that are
 * counted up, must not hash alike. A product carries what it is given upwards only: a change in the last of eight bytes
 * that meets the next eight as it is can be cancelled there, once in 256 times.
 */
import { describe, expect, test } from "vitest";
import { random } from "../../forge/base/random.ts";
import { coverSequences } from "../../forge/decontaminate/cover.ts";
import type { ShingleSequences, TextColumn } from "../../forge/kernels/index.ts";
import { reference, wasm } from "./support.ts";

/** Place of a text's letter, as bytes from its beginning. */
type Places = readonly number[];

const letters = [..."abcdefghijklmnopqrstuvwxyz"];
const few = letters.slice(0, 16);
/** Letters of three bytes that differ in the last one alone; no space stands between such words. */
const ideographs = Array.from({ length: 64 }, (_, i) => String.fromCodePoint(0x4e00 + i));

/**
 * For each of some sets of places all texts that a text becomes when the letters there take all values of an alphabet,
 * one set behind the other. All letters of an alphabet have the same number of bytes.
 */
function variants(text: string, sets: readonly Places[], alphabet: readonly string[]): TextColumn {
  const base = Buffer.from(text);
  const codes = alphabet.map((letter) => Buffer.from(letter));
  const counts = sets.map((places) => codes.length ** places.length);
  const length = counts.reduce((sum, count) => sum + count, 0);
  const values = new Uint8Array(base.length * length);
  let at = 0;
  for (const [index, places] of sets.entries()) {
    for (let variant = 0; variant < (counts[index] as number); variant++) {
      values.set(base, at);
      let rest = variant;
      for (const place of places) {
        values.set(codes[rest % codes.length] as Buffer, at + place);
        rest = Math.floor(rest / codes.length);
      }
      at += base.length;
    }
  }
  return { values, offsets: Int32Array.from({ length: length + 1 }, (_, i) => i * base.length), length };
}

/** How many of 64-bit hashes stand in their group of `size` already; sorts them. */
function repeated(hashes: BigUint64Array, size: number): number {
  let count = 0;
  for (let from = 0; from < hashes.length; from += size) {
    const group = hashes.subarray(from, from + size).sort();
    for (let i = 1; i < group.length; i++) if (group[i] === group[i - 1]) count++;
  }
  return count;
}

function collisions({ hashes }: ShingleSequences, size: number): number {
  return repeated(new BigUint64Array(hashes.slice().buffer), size);
}

function word(count: number, alphabet = letters): string {
  const stream = random("word-hash", count);
  return Array.from({ length: count }, () => alphabet[stream.below(alphabet.length)]).join("");
}

function pairsOf(places: Places): Places[] {
  return places.flatMap((second, i) => places.slice(0, i).map((first) => [first, second]));
}

function placesOf(count: number, step = 1): Places {
  return Array.from({ length: count }, (_, i) => i * step);
}

/** Collisions by number of letters. Any but none is a fault: chance alone gives one in a million runs. */
function collisionsByLength(most: number, found: (length: number) => number): Record<number, number> {
  const counts: Record<number, number> = {};
  for (let length = 1; length <= most; length++) {
    const count = found(length);
    if (count > 0) counts[length] = count;
  }
  return counts;
}

describe("Hashes of words", () => {
  test("differ whichever two letters differ, in words of up to 40 letters", () => {
    const counts = collisionsByLength(40, (length) => {
      const texts = variants(word(length), pairsOf(placesOf(length)), few);
      return collisions(wasm.shingles(texts, 1), few.length ** 2);
    });
    expect(counts).toEqual({});
  });

  test("differ whichever three letters differ, for places drawn among up to 40", () => {
    const fewer = letters.slice(0, 8);
    const stream = random("triples");
    const counts = collisionsByLength(40, (length) => {
      const drawn = Array.from({ length: length < 3 ? 0 : 150 }, () =>
        [...stream.shuffle(placesOf(length).slice())].slice(0, 3),
      );
      // Bytes eight and sixteen places apart are what two or three factors could cancel.
      if (length > 23) for (let place = 0; place + 16 < length; place++) drawn.push([place, place + 8, place + 16]);
      if (length > 15) for (let place = 4; place + 8 < length; place++) drawn.push([place, place + 4, place + 8]);
      return collisions(wasm.shingles(variants(word(length), drawn, fewer), 1), fewer.length ** 3);
    });
    expect(counts).toEqual({});
  });

  test("differ whichever two letters of three bytes differ, in words of up to 13 of them", () => {
    const counts = collisionsByLength(13, (length) => {
      const texts = variants(word(length, ideographs), pairsOf(placesOf(length, 3)), ideographs);
      return collisions(wasm.shingles(texts, 1), ideographs.length ** 2);
    });
    expect(counts).toEqual({});
  });

  test("differ between a word and its beginnings, and between runs of one letter", () => {
    for (const kernels of [wasm, reference]) {
      const runs = letters.flatMap((letter) => placesOf(100).map((i) => letter.repeat(i + 1)));
      const beginnings = placesOf(100).map((i) => word(101).slice(0, i + 1));
      const all = new Set([...runs, ...beginnings]);
      const { offsets } = kernels.shingleSets(columnOf([...all].join(" ")), 1);
      expect(offsets[1]).toBe(all.size);
    }
  });
});

describe("Hashes of n-grams", () => {
  const lengths = [1, 7, 8, 9, 15, 16, 17, 24, 33];

  test("differ whichever letters of two words that follow each other differ", () => {
    const found: string[] = [];
    for (const left of lengths) {
      for (const right of lengths) {
        const text = `${word(left)} ${word(right)}`;
        const sets = placesOf(left).flatMap((first) => placesOf(right).map((second) => [first, left + 1 + second]));
        const count = collisions(wasm.shingles(variants(text, sets, few), 2), few.length ** 2);
        if (count > 0) found.push(`${count} collisions of words of ${left} and ${right} letters`);
      }
    }
    expect(found).toEqual([]);
  });

  test.each([
    [5, 5],
    [13, 8],
    [13, 5],
  ])("differ whichever letters of two of their words differ: %i words, by shorter ones of %i", (words, short) => {
    const text = Array.from({ length: words }, () => word(8)).join(" ");
    // The last letters change the fewest bits of a product.
    const places = placesOf(words).flatMap((i) => [9 * i, 9 * i + 6, 9 * i + 7]);
    const sequences = wasm.shingles(variants(text, pairsOf(places), letters), short);
    const covered = coverSequences(sequences, words, short);
    expect(covered.hashes.length).toBe(2 * pairsOf(places).length * letters.length ** 2);
    expect(collisions(covered, letters.length ** 2)).toBe(0);
  });
});

describe("Keys of texts", () => {
  const digits = [..."0123456789"];

  test("differ in either half whichever two digits differ, in rows of up to 48 digits", () => {
    const counts = collisionsByLength(48, (length) => {
      const row = placesOf(length)
        .map((place) => digits[(7 * place) % 10])
        .join("");
      const keys = new BigUint64Array(wasm.hashTexts(variants(row, pairsOf(placesOf(length)), digits)).buffer);
      const size = digits.length ** 2;
      return [0, 1].reduce(
        (sum, half) =>
          sum +
          repeated(
            keys.filter((_, i) => i % 2 === half),
            size,
          ),
        0,
      );
    });
    expect(counts).toEqual({});
  });
});

function columnOf(text: string): TextColumn {
  const values = new Uint8Array(Buffer.from(text));
  return { values, offsets: Int32Array.of(0, values.length), length: 1 };
}
