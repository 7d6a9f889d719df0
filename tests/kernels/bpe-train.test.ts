import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBpeTrainer, type BpeTrainerOptions, type TokenizerJson } from "../../forge/kernels/bpe.ts";
import { bytesInAlphabetOrder, toByteLevel } from "../../forge/kernels/byte-level.ts";
import { columnOf, patterns, splitByPattern, trainingText } from "./bpe-support.ts";

type Implementation = "reference" | "wasm";

function train(
  implementation: Implementation,
  texts: readonly (string | Uint8Array)[],
  options: BpeTrainerOptions,
  batches = 1,
): TokenizerJson {
  const trainer = createBpeTrainer(options, { implementation });
  for (let i = 0; i < batches; i++) trainer.add(columnOf(texts.filter((_, at) => at % batches === i)));
  return trainer.train();
}

/** Counts all pairs anew for each merge; ties by the ids of the left, then of the right token. */
function trainNaively(texts: readonly string[], merges: number, minFrequency: number): string[] {
  const vocabulary = Array.from(bytesInAlphabetOrder, (byte) => toByteLevel(Uint8Array.of(byte)));
  let words = texts
    .flatMap((text) => splitByPattern(text, patterns.gpt2))
    .map((piece) => Array.from(Buffer.from(piece), (byte) => toByteLevel(Uint8Array.of(byte))));
  const learned: string[] = [];
  while (vocabulary.length < 256 + merges) {
    const counts = new Map<string, number>();
    for (const word of words) {
      for (let i = 1; i < word.length; i++) {
        const pair = `${word[i - 1]} ${word[i]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    const rank = (pair: string): number[] => pair.split(" ").map((token) => vocabulary.indexOf(token));
    const [best] = [...counts].sort(
      ([a, m], [b, n]) => n - m || rank(a)[0]! - rank(b)[0]! || rank(a)[1]! - rank(b)[1]!,
    );
    if (best === undefined || best[1] < minFrequency) break;
    learned.push(best[0]);
    const [left, right] = best[0].split(" ") as [string, string];
    if (!vocabulary.includes(left + right)) vocabulary.push(left + right);
    words = words.map((word) => {
      const merged: string[] = [];
      for (const token of word) {
        // A token that was just made does not take part again in this pass.
        if (token === right && merged.at(-1) === left && !fresh.has(merged.length - 1)) {
          merged[merged.length - 1] = left + right;
          fresh.add(merged.length - 1);
        } else merged.push(token);
      }
      fresh.clear();
      return merged;
    });
  }
  return learned;
}
const fresh = new Set<number>();

describe.each(["reference", "wasm"] as const)("training byte-level BPE (%s)", (implementation) => {
  it("learns the merges that counting anew each time learns", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", "c", "é"), minLength: 1, maxLength: 12 });
    const texts = fc.array(
      word.map((letters) => ` ${letters} `),
      { minLength: 1, maxLength: 12 },
    );
    fc.assert(
      fc.property(texts, fc.integer({ min: 0, max: 14 }), (sample, merges) => {
        const json = train(implementation, sample, { vocabularySize: 256 + merges, minFrequency: 2 });
        const naive = [...new Set(trainNaively(sample, merges, 2))];
        expect(json.model.merges.map((pair) => pair.join(" "))).toEqual(naive);
      }),
      { numRuns: 200 },
    );
  });

  it("does not depend on how the texts were batched, nor on their order", () => {
    const options = { vocabularySize: 400, specialTokens: ["<|end|>"], minFrequency: 1 };
    const expected = JSON.stringify(train(implementation, trainingText, options));
    expect(JSON.stringify(train(implementation, trainingText, options, 3))).toBe(expected);
    expect(JSON.stringify(train(implementation, trainingText.toReversed(), options))).toBe(expected);
  });

  it("numbers the bytes first, then the special tokens, then the merges", () => {
    const { model, added_tokens } = train(implementation, trainingText, {
      vocabularySize: 300,
      specialTokens: ["<|endoftext|>", "<|pad|>"],
      minFrequency: 1,
    });
    expect(model.vocab["!"]).toBe(0);
    expect(model.vocab["Ġ"]).toBe(220);
    expect(added_tokens.map(({ id, content }) => [id, content])).toEqual([
      [256, "<|endoftext|>"],
      [257, "<|pad|>"],
    ]);
    const [[left, right]] = model.merges as [[string, string]];
    expect(model.vocab[left + right]).toBe(258);
    expect(Object.values(model.vocab).sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, id) => id));
  });

  it("stops where pairs become rarer than asked for", () => {
    const { model } = train(implementation, ["ab ab ab cd"], { vocabularySize: 1000, minFrequency: 3 });
    expect(model.merges).toEqual([["a", "b"]]);
    expect(train(implementation, [], { vocabularySize: 1000 }).model.merges).toEqual([]);
  });

  it("never merges letters into a special token", () => {
    const { model } = train(implementation, ["end end end end"], {
      vocabularySize: 300,
      specialTokens: ["end"],
      minFrequency: 1,
    });
    expect(model.vocab["end"]).toBe(256);
    expect(model.merges.map((pair) => pair.join(""))).not.toContain("end");
  });
});

describe("the two trainers", () => {
  /** Few letters and long runs: pairs overlap, and equal tokens come from several pairs. */
  const runs = fc.string({ unit: fc.constantFrom("a", "a", "b", " ", "1", "é"), maxLength: 60 });
  const text = fc.oneof(
    runs.map((letters) => Buffer.from(letters)),
    fc.string({ unit: "grapheme", maxLength: 40 }).map((letters) => Buffer.from(letters)),
    fc.uint8Array({ maxLength: 60 }),
  );
  it("make the same tokenizer of any bytes", () => {
    const texts = fc.array(text, { maxLength: 10 });
    const options = fc.record({
      vocabularySize: fc.integer({ min: 260, max: 400 }),
      minFrequency: fc.integer({ min: 0, max: 4 }),
      specialTokens: fc.constantFrom([], ["aa", "ab"], ["aab", "<|end|>", "1"]),
    });
    fc.assert(
      fc.property(texts, options, fc.integer({ min: 1, max: 3 }), (sample, settings, batches) => {
        const plain = train("reference", sample, settings);
        expect(train("wasm", sample, settings, batches)).toEqual(plain);
      }),
      { numRuns: 200 },
    );
  });

  it("make the same tokenizer where words outgrow the first tables, blocks and chunks", () => {
    const words = Array.from({ length: 40_000 }, (_, i) => `${(i * 2654435761) % 4294967296} w${i.toString(26)}`);
    const sample = [words.join(" "), "x".repeat(1_100_000), "longword".repeat(20_000)];
    const options = { vocabularySize: 1500, minFrequency: 2 };
    expect(train("wasm", sample, options, 2)).toEqual(train("reference", sample, options));
  });
});
