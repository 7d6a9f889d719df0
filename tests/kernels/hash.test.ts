import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { both, column, nastyBytes, reference, wasm } from "./support.ts";

/** XXH64 of seed 0: from the test suites of xxHash's bindings (python-xxhash, lz4), computed by the C library. */
const knownAnswers = [
  ["", "ef46db3751d8e999"],
  ["a", "d24ec4f1a98c6e5b"],
  ["abc", "44bc2cf5ad770999"],
  ["I want an unsigned 64-bit seed!", "d4cb0a70a2b8c7c1"],
  ["xxhash", "32dd38952c4bc720"],
] as const;

describe.each(both)("Hashes, $implementation", (kernels) => {
  const first64 = (bytes: Uint8Array): string =>
    new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true).toString(16).padStart(16, "0");

  test.each(knownAnswers)("begin with XXH64's known answer for %j", (text, expected) => {
    expect(first64(kernels.hashTexts(column([text], 5)))).toBe(expected);
  });

  test("take the seed as XXH64 does", () => {
    // python-xxhash's tests: xxh64("a", seed=1) and the 32-bit limit of our seeds.
    const [zero, one] = [kernels.hashTexts(column(["a"]), 0), kernels.hashTexts(column(["a"]), 1)];
    expect(first64(one)).toBe("dec2bc81c3cd46c6");
    expect(zero.slice(8)).not.toEqual(one.slice(8));
  });

  test("hash a line without its line feed and carriage return, as a text of its own", () => {
    const { hashes, offsets } = kernels.hashLines(column(["one\r\ntwo\n\nlast", "", "\n", "two"], 4));
    expect([...offsets]).toEqual([0, 4, 4, 5, 6]);
    const expected = kernels.hashTexts(column(["one", "two", "", "last", "", "two"]));
    expect(Buffer.from(hashes).toString("hex")).toBe(Buffer.from(expected).toString("hex"));
  });
});

test("Both implementations hash any texts and lines alike", () => {
  fc.assert(
    fc.property(fc.array(nastyBytes, { maxLength: 5 }), fc.integer({ min: 0, max: 0xffff_ffff }), (texts, seed) => {
      expect(wasm.hashTexts(column(texts, 1), seed)).toEqual(reference.hashTexts(column(texts, 1), seed));
      expect(wasm.hashLines(column(texts, 1), seed)).toEqual(reference.hashLines(column(texts, 1), seed));
    }),
    { numRuns: 500 },
  );
});
