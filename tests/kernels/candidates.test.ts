import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CandidateKinds } from "../../forge/kernels/index.ts";
import { both, column, reference, wasm } from "./support.ts";

const none: CandidateKinds = { email: false, address: false, iban: false, card: false, phone: false };

describe("findCandidates", () => {
  it.each(both)(
    "finds each kind where it may begin, and nothing of a kind that is off ($implementation)",
    (kernels) => {
      const text = "a@b 10.0 x2001:db8 DE89 1234 99 +4 (5";
      const find = (kinds: Partial<CandidateKinds>): string[] =>
        [...kernels.findCandidates(column([text], 2), { ...none, ...kinds })].map((at) => text.slice(at - 2, at + 2));
      expect(find({})).toEqual([]);
      expect(find({ email: true })).toEqual(["@b 1"]);
      expect(find({ address: true })).toEqual(["10.0", "2001"]);
      expect(find({ iban: true })).toEqual(["89 1"]);
      expect(find({ card: true })).toEqual(["2001", "1234"]);
      expect(find({ phone: true })).toEqual(
        ["10.0", "0 x2", "2001", "8 DE", "89 1", "1234", "99 +", "+4 (", "4 (5", "(5", "5"].map((part) => part),
      );
    },
  );

  it("gives the same in both implementations, whatever the texts", () => {
    const piece = fc.oneof(
      fc.constantFrom("@", "1", "22", "333", "4444", ".", ":", "A", "z", "+", "(", " ", "é", "x".repeat(15)),
      fc.string({ unit: "binary", maxLength: 8 }),
    );
    const texts = fc.array(
      fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join("").toWellFormed()),
      { maxLength: 5 },
    );
    const kinds = fc.record({
      email: fc.boolean(),
      address: fc.boolean(),
      iban: fc.boolean(),
      card: fc.boolean(),
      phone: fc.boolean(),
    });
    fc.assert(
      fc.property(texts, kinds, fc.nat(20), (some, wanted, lead) => {
        const input = column(some, lead);
        expect(wasm.findCandidates(input, wanted)).toEqual(reference.findCandidates(input, wanted));
      }),
      { numRuns: 1500 },
    );
  });
});
