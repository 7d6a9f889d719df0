import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lowerBound, sortRows } from "../../forge/base/index.ts";

describe("sorting rows by columns of words", () => {
  test("orders by the first column, then the next, as unsigned numbers, and leaves ties as they were", () => {
    const word = fc.oneof(fc.nat(2), fc.constantFrom(0xffff_ffff, 0x8000_0000, 0x7fff_ffff, 2048, 1 << 22), fc.nat());
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.tuple(word, word, word, word), { maxLength: 400 }),
        fc.boolean(),
        (width, rows, reverse) => {
          const keys = Array.from({ length: width }, (_, i) => Uint32Array.from(rows, (row) => row[i] as number));
          const given = Uint32Array.from(rows, (_, i) => (reverse ? rows.length - 1 - i : i));
          const expected = Array.from(given).sort((a, b) => {
            const key = keys.find((column) => column[a] !== column[b]);
            return key === undefined ? 0 : (key[a] as number) - (key[b] as number);
          });
          expect(Array.from(sortRows(keys, given))).toEqual(expected);
          if (!reverse) expect(Array.from(sortRows(keys))).toEqual(expected);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("of nothing is nothing", () => {
    expect(sortRows([])).toHaveLength(0);
    expect(sortRows([new Uint32Array(0)])).toHaveLength(0);
  });
});

test("the lower bound is the first value that is not below", () => {
  const values = Uint32Array.of(2, 4, 4, 9);
  expect([0, 2, 3, 4, 5, 9, 10].map((wanted) => lowerBound(values, wanted))).toEqual([0, 0, 1, 1, 3, 3, 4]);
});
