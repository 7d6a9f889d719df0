import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { random } from "../../forge/base/random.ts";
import type { TextKernels } from "../../forge/kernels/index.ts";
import { both, column, nastyBytes, nastyText, reference, wasm } from "./support.ts";

/** Word n-grams of single words: text of the words `from … from + count - 1` of a vocabulary, one a gram. */
function words(prefix: string, from: number, count: number): string[] {
  return Array.from(
    { length: count },
    (_, i) => `${prefix}${String.fromCharCode(97 + ((from + i) % 26))}${letters(from + i)}`,
  );
}

function letters(number: number): string {
  return number.toString(26).replace(/[0-9]/g, (digit) => String.fromCharCode(113 + (Number(digit) % 10)));
}

/** Pairs of texts whose sets of words have the Jaccard `shared / (shared + 2 * own)`. */
function pairs(count: number, shared: number, own: number, seed: number): string[] {
  const stream = random("pairs", seed, shared, own);
  const texts: string[] = [];
  for (let pair = 0; pair < count; pair++) {
    const tag = `p${letters(pair)}z`;
    const common = words(`${tag}c`, 0, shared);
    for (const side of ["l", "r"]) {
      texts.push(stream.shuffle([...common, ...words(`${tag}${side}`, 0, own)]).join(" "));
    }
  }
  return texts;
}

function estimates(kernels: TextKernels, texts: readonly string[], bands: number, rows: number) {
  const { signatures } = kernels.signMinHash(column(texts), { shingleWords: 1, bands, rows, seed: 7 });
  const keys = kernels.bandKeys(signatures, texts.length, { bands, rows });
  const hashes = bands * rows;
  return Array.from({ length: texts.length / 2 }, (_, pair) => {
    let equal = 0;
    for (let k = 0; k < hashes; k++) {
      if (signatures[2 * pair * hashes + k] === signatures[(2 * pair + 1) * hashes + k]) equal++;
    }
    let isCandidate = false;
    for (let band = 0; band < bands; band++) {
      const a = 2 * (2 * pair * bands + band);
      const b = 2 * ((2 * pair + 1) * bands + band);
      if (keys[a] === keys[b] && keys[a + 1] === keys[b + 1]) isCandidate = true;
    }
    return { estimate: equal / hashes, isCandidate };
  });
}

describe("MinHash", () => {
  test.each([
    [90, 5],
    [80, 10],
    [60, 20],
    [40, 30],
    [20, 40],
    [10, 45],
    [400, 50],
  ])("estimates Jaccard without bias, and bands as 1 - (1 - s^r)^b: %i shared words, %i own ones", (shared, own) => {
    const truth = shared / (shared + 2 * own);
    const count = 600;
    const texts = pairs(count, shared, own, 1);
    const measured = estimates(wasm, texts, 14, 8);
    const mean = measured.reduce((sum, { estimate }) => sum + estimate, 0) / count;
    const variance = (truth * (1 - truth)) / 112;
    // Pairs share the permutations, so errors are not quite independent: six standard errors.
    expect(Math.abs(mean - truth)).toBeLessThan(6 * Math.sqrt(variance / count) + 0.004);
    const squared = measured.reduce((sum, { estimate }) => sum + (estimate - truth) ** 2, 0) / count;
    expect(Math.sqrt(squared)).toBeLessThan(1.2 * Math.sqrt(variance));
    expect(Math.sqrt(squared)).toBeGreaterThan(0.8 * Math.sqrt(variance));
    const probability = 1 - (1 - truth ** 8) ** 14;
    const hits = measured.filter(({ isCandidate }) => isCandidate).length / count;
    expect(Math.abs(hits - probability)).toBeLessThan(5 * Math.sqrt((probability * (1 - probability)) / count) + 0.02);
  });

  test("follows the curve of 26 bands of 11 rows as well", () => {
    const truth = 60 / 80;
    const measured = estimates(wasm, pairs(500, 60, 10, 2), 26, 11);
    const probability = 1 - (1 - truth ** 11) ** 26;
    const hits = measured.filter(({ isCandidate }) => isCandidate).length / measured.length;
    expect(Math.abs(hits - probability)).toBeLessThan(0.1);
  });

  test("gives texts without an n-gram a count of 0 and no minimum", () => {
    for (const kernels of both) {
      const { signatures, shingleCounts } = kernels.signMinHash(
        column(["", "one two three four", "a b c d e", "...!"], 3),
      );
      expect([...shingleCounts]).toEqual([0, 0, 1, 0]);
      expect(signatures.subarray(0, 2 * 112).every((value) => value === 0xffff_ffff)).toBe(true);
    }
  });

  test("depends on the seed and on nothing that stands beside a text", () => {
    const text = "it is the same text wherever it stands in a column";
    const alone = wasm.signMinHash(column([text])).signatures;
    const among = wasm.signMinHash(column(["something else", text, "x"], 9)).signatures;
    expect(among.subarray(112, 224)).toEqual(alone);
    expect(wasm.signMinHash(column([text]), { seed: 2 }).signatures).not.toEqual(alone);
  });
});

describe.each(both)("n-gram sets, $implementation", (kernels) => {
  test("give the true Jaccard of sets of n-grams of words", () => {
    const vocabulary = ["the", "cat", "sat", "on", "a", "mat", "dog"];
    const sentence = fc.array(fc.constantFrom(...vocabulary), { maxLength: 30 });
    const grams = (list: readonly string[], n: number): Set<string> =>
      new Set(list.slice(n - 1).map((_, i) => list.slice(i, i + n).join(" ")));
    fc.assert(
      fc.property(sentence, sentence, fc.integer({ min: 1, max: 4 }), (left, right, n) => {
        const sets = kernels.shingleSets(column([left.join(" "), right.join(", ")], 2), n);
        const [a, b] = [grams(left, n), grams(right, n)];
        const union = a.union(b).size;
        expect(kernels.jaccard(sets, 0, sets, 1)).toBe(union === 0 ? 0 : a.intersection(b).size / union);
      }),
    );
  });

  test("are ascending and distinct", () => {
    const { hashes, offsets } = kernels.shingleSets(column(["b a c a b a c a b x y z b a"], 1), 2);
    const wide = new BigUint64Array(hashes.buffer, hashes.byteOffset, hashes.length / 2);
    expect([...offsets]).toEqual([0, wide.length]);
    expect([...wide]).toEqual([...new Set(wide)].sort((a, b) => (a < b ? -1 : 1)));
  });
});

test("n-gram hashes differ between different n-grams", () => {
  const count = 200_000;
  const text = Array.from({ length: count }, (_, i) => letters(i)).join(" ");
  const { offsets } = wasm.shingleSets(column([text]), 2);
  expect(offsets[1]).toBe(count - 1);
});

test("Both implementations sign and shingle any texts alike, for any number of words, bands and rows", () => {
  const anyText = fc.oneof<Array<fc.Arbitrary<string | Uint8Array>>>(nastyText, nastyBytes);
  fc.assert(
    fc.property(
      fc.array(anyText, { maxLength: 5 }),
      fc.integer({ min: 1, max: 14 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 9 }),
      (texts, shingleWords, bands, rows) => {
        const options = { shingleWords, bands, rows, seed: 3 };
        const texted = column(texts, 1);
        expect(wasm.signMinHash(texted, options)).toEqual(reference.signMinHash(texted, options));
        const expected = reference.shingles(texted, shingleWords);
        expect(wasm.shingles(texted, shingleWords)).toEqual(expected);
        expect(wasm.shingles(texted, shingleWords, { borrow: true })).toEqual(expected);
      },
    ),
    { numRuns: 400 },
  );
});
