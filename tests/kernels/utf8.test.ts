import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { both, column, nastyBytes, nastyText, reference, wasm } from "./support.ts";

describe.each(both)("UTF-8 kernels, $implementation", (kernels) => {
  test("repair what TextDecoder repairs, with the same replacements", () => {
    fc.assert(
      fc.property(nastyBytes, (bytes) => {
        const repaired = kernels.repairUtf8(bytes);
        const expected = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
        expect(Buffer.from(repaired.bytes).toString("hex")).toBe(Buffer.from(expected).toString("hex"));
        const before = Buffer.from(bytes).toString("latin1").split("\u00ef\u00bf\u00bd").length;
        const after = expected.split("\ufffd").length;
        expect(repaired.replacements).toBe(after - before);
      }),
      { numRuns: 1000 },
    );
  });

  test("leave valid bytes as they are, without a copy", () => {
    fc.assert(
      fc.property(nastyText, (text) => {
        const bytes = new Uint8Array(Buffer.from(text));
        expect(kernels.findInvalidUtf8(bytes)).toBe(-1);
        expect(kernels.repairUtf8(bytes).bytes).toBe(bytes);
      }),
    );
  });

  test("find a bad byte wherever it stands beside a block of sixteen", () => {
    for (let at = 0; at < 70; at++) {
      const bytes = new Uint8Array(70).fill(0x61);
      bytes[at] = 0xc1;
      expect(kernels.findInvalidUtf8(bytes)).toBe(at);
    }
  });

  test("refuse a sequence that the end cuts off", () => {
    for (const text of ["é", "漢", "😀"]) {
      const bytes = new Uint8Array(Buffer.from(`0123456789abcde${text}`));
      for (let cut = 16; cut < bytes.length; cut++) expect(kernels.findInvalidUtf8(bytes.subarray(0, cut))).toBe(15);
    }
  });

  test("count code points as iterating a string does", () => {
    fc.assert(
      fc.property(fc.array(nastyText, { maxLength: 5 }), (texts) => {
        expect([...kernels.countCodePoints(column(texts, 3))]).toEqual(texts.map((text) => [...text].length));
      }),
    );
  });
});

test("Both implementations find the same first invalid byte in any bytes", () => {
  fc.assert(
    fc.property(nastyBytes, (bytes) => wasm.findInvalidUtf8(bytes) === reference.findInvalidUtf8(bytes)),
    { numRuns: 2000 },
  );
});
