import { describe, expect, it } from "vitest";
import { random } from "../../../forge/base/random.ts";
import { createWindows } from "../../../trainer/data/index.ts";
import { evaluateLoss, generate } from "../../../trainer/evaluate/index.ts";
import { describeGpt2, initialValues } from "../../../trainer/model/index.ts";
import { openTiny, tinySizes } from "../tiny.ts";

const collect = async (tokens: AsyncIterable<{ id: number }>): Promise<number[]> => {
  const ids: number[] = [];
  for await (const { id } of tokens) ids.push(id);
  return ids;
};

describe("evaluation", () => {
  it("finds ln(vocabulary) for a model that knows nothing, and bits per byte from the bytes behind the targets", async () => {
    await using backend = await openTiny();
    const model = describeGpt2(tinySizes);
    const blank = new Map(model.tensors.map((tensor) => [tensor.name, initialValues(tensor, 1).fill(0)]));
    await backend.load({ parameters: blank });
    const stream = Uint16Array.from({ length: 201 }, (_, i) => i % tinySizes.vocabularySize);
    const source = createWindows([stream], tinySizes.context);
    const result = await evaluateLoss(backend, source, { rows: 4, maxSamples: 100, tokenBytes: () => 2 });
    expect(result.targets).toBe(200);
    expect(result.loss).toBeCloseTo(Math.log(tinySizes.vocabularySize), 6);
    expect(result.perplexity).toBeCloseTo(tinySizes.vocabularySize, 3);
    expect(result.bitsPerByte).toBeCloseTo(Math.log2(tinySizes.vocabularySize) / 2, 6);
  });
});

describe("generation", () => {
  it("draws the same text from the same seed, another from another, and greedy text at temperature 0", async () => {
    await using backend = await openTiny();
    const draw = (seed: number, temperature: number, topK = 0) =>
      collect(generate(backend, [1, 2, 3], { maxTokens: 12, temperature, topK, random: random(seed) }));
    expect(await draw(1, 1)).toEqual(await draw(1, 1));
    expect(await draw(1, 1)).not.toEqual(await draw(2, 1));
    expect(await draw(1, 1, 1)).toEqual(await draw(1, 0));
  });

  it("ends at a stop id without saying it, at the asked number of tokens, and at the end of the context", async () => {
    await using backend = await openTiny();
    const greedy = await collect(generate(backend, [4], { maxTokens: 100 }));
    expect(greedy).toHaveLength(tinySizes.context);
    const stop = greedy[5] as number;
    const stopped = await collect(generate(backend, [4], { maxTokens: 100, stopIds: [stop] }));
    expect(stopped).toEqual(greedy.slice(0, greedy.indexOf(stop)));
    expect(await collect(generate(backend, [4], { maxTokens: 3 }))).toEqual(greedy.slice(0, 3));
  });
});
