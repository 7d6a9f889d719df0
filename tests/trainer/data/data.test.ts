import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ChatMessage } from "../../../schemas/record/chat.ts";
import { specialTokens } from "../../../schemas/record/chat.ts";
import {
  createAnswerSamples,
  createBatches,
  createOrder,
  createWindows,
  renderSample,
  sequentialBatches,
  type ChatTokenizer,
} from "../../../trainer/data/index.ts";

describe("order of samples", () => {
  it("visits each sample once in each epoch", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), fc.nat(5), (count, seed, epoch) => {
        const order = createOrder(seed, count);
        const seen = new Set(Array.from({ length: count }, (_, i) => order(epoch * count + i)));
        expect(seen.size).toBe(count);
        expect(Math.min(...seen)).toBe(0);
        expect(Math.max(...seen)).toBe(count - 1);
      }),
      { numRuns: 60 },
    );
  });

  it("is a function of seed and index alone, whatever was asked before, and differs between epochs and seeds", () => {
    const [a, b] = [createOrder(7, 1000), createOrder(7, 1000)];
    const forward = Array.from({ length: 3000 }, (_, i) => a(i));
    const backward = Array.from({ length: 3000 }, (_, i) => b(2999 - i)).reverse();
    expect(backward).toEqual(forward);
    expect(forward.slice(1000, 2000)).not.toEqual(forward.slice(0, 1000));
    expect(createOrder(8, 1000)(0) === forward[0] && createOrder(8, 1000)(1) === forward[1]).toBe(false);
  });

  it("spreads neighbours apart: no step of the order is favoured", () => {
    const order = createOrder(1, 4096);
    const steps = Array.from({ length: 4095 }, (_, i) => (order(i + 1) - order(i) + 4096) % 4096);
    const counts = new Map<number, number>();
    for (const step of steps) counts.set(step, (counts.get(step) ?? 0) + 1);
    // 4,095 random steps over 4,096 values: more than a dozen equal ones would be a pattern (expected maximum 6 to 7).
    expect(Math.max(...counts.values())).toBeLessThan(12);
  });
});

describe("windows of token shards", () => {
  it("cut the stream into windows whose targets are the next tokens, across shards of any size", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 9 }),
        (sizes, context) => {
          const total = sizes.reduce((s, n) => s + n, 0);
          fc.pre(total > context);
          let next = 0;
          const shards = sizes.map((n) => Uint16Array.from({ length: n }, () => next++));
          const source = createWindows(shards, context);
          expect(source.count * context + 1 + source.unusedTokens).toBe(total);
          for (let w = 0; w < source.count; w++) {
            const [tokens, targets] = [new Int32Array(context), new Int32Array(context)];
            source.write(w, tokens, targets, 0);
            expect(Array.from(tokens)).toEqual(Array.from({ length: context }, (_, i) => w * context + i));
            expect(Array.from(targets)).toEqual(Array.from({ length: context }, (_, i) => w * context + i + 1));
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it("refuse a stream shorter than one window", () => {
    expect(() => createWindows([new Uint16Array(8)], 8, "tiny")).toThrow(/tiny hold 8 tokens, one window needs 9/);
  });
});

/** One id a character; special tokens from 1000 on. */
const tokenizer: ChatTokenizer = {
  encode: (text) => Array.from(text, (char) => char.codePointAt(0) as number),
  tokenId: (special) => {
    const index = Object.values(specialTokens).findIndex((token) => token === special);
    return index < 0 ? undefined : 1000 + index;
  },
};
const conversation = (query: string, answer: string): ChatMessage[] => [
  { role: "system", content: "" },
  { role: "user", content: query },
  { role: "assistant", content: answer },
];

describe("answers as samples", () => {
  it("learn the assistant's text and its end mark, and nothing else", () => {
    const { tokens, targets, truncated } = renderSample(conversation("2+2", "=4"), tokenizer, 64);
    const name = (id: number) =>
      id === -1 ? "." : id >= 1000 ? Object.values(specialTokens)[id - 1000] : String.fromCodePoint(id);
    expect(Array.from(tokens, name)).toEqual(["<|user|>", "2", "+", "2", "<|end|>", "<|assistant|>", "=", "4"]);
    expect(Array.from(targets, name)).toEqual([".", ".", ".", ".", ".", "=", "4", "<|end|>"]);
    expect(truncated).toBe(false);
  });

  it("are split, counted when cut, and counted when nothing is left to learn: rows = train + held out + left out", () => {
    const rows = [
      ...Array.from({ length: 20 }, (_, i) => conversation("q".repeat(i), "answer")),
      conversation("short", "x".repeat(100)),
      conversation("q".repeat(100), "never seen"),
    ];
    const samples = createAnswerSamples(rows, tokenizer, { context: 40, seed: 1, validationFraction: 0.2 });
    expect(samples).toMatchObject({ rows: 22, truncated: 2, withoutLoss: 1 });
    expect(samples.validation?.count).toBe(4);
    expect(samples.train.count + (samples.validation?.count ?? 0) + samples.withoutLoss).toBe(22);
    const again = createAnswerSamples(rows, tokenizer, { context: 40, seed: 1, validationFraction: 0.2 });
    expect(again.train.count).toBe(samples.train.count);
  });

  it("ask for a tokenizer with chat marks", () => {
    const plain = { ...tokenizer, tokenId: () => undefined };
    expect(() => renderSample(conversation("a", "b"), plain, 64)).toThrow(/has no <\|user\|>/);
  });
});

describe("batches", () => {
  const { train } = createAnswerSamples(
    Array.from({ length: 10 }, (_, i) => conversation("q".repeat(i), "a".repeat(i + 1))),
    tokenizer,
    { context: 64, seed: 1, validationFraction: 0 },
  );

  it("are padded with unlearnt tokens to the longest sample of the step, and depend on the step alone", () => {
    const batchOf = createBatches(train, { seed: 3, rows: 4, context: 64 });
    const first = structuredClone(batchOf(0));
    expect(first.length % 16).toBe(0);
    for (let step = 1; step < 5; step++) batchOf(step);
    expect(batchOf(0)).toEqual(first);
  });

  it("of an evaluation hold each sample once", () => {
    let targets = 0;
    let rows = 0;
    for (const batch of sequentialBatches(train, { rows: 4, context: 64, maxSamples: 100 })) {
      rows += batch.rows;
      targets += batch.targets.subarray(0, batch.rows * batch.length).filter((target) => target >= 0).length;
    }
    expect(rows).toBe(10);
    // Answers of 1 to 10 characters and their end marks.
    expect(targets).toBe(55 + 10);
  });
});
