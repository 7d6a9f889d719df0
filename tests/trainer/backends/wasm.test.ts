import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { Backend, Batch, Tensors } from "../../../trainer/backends/index.ts";
import { generate } from "../../../trainer/evaluate/index.ts";
import { adam, openTiny, tinyBatch, tinySizes, tinyWeights } from "../tiny.ts";

/** Weights after some steps, as plain arrays. */
async function trainSteps(backend: Backend, steps: number): Promise<{ losses: number[]; weights: Tensors }> {
  const losses: number[] = [];
  for (let t = 1; t <= steps; t++)
    losses.push((await backend.step(tinyBatch(8, 20, { seed: t }), { t, ...adam })).loss);
  return { losses, weights: (await backend.save()).parameters };
}

describe("wasm backend", () => {
  it("computes the gradient that finite differences of the loss give, for every tensor", async () => {
    await using backend = await openTiny();
    const batch = tinyBatch(3, 20);
    const { gradients } = await backend.gradients(batch);
    const weights = tinyWeights();
    for (const [name, gradient] of gradients) {
      // The steepest element and one more of each tensor: f32 loss leaves about 1e-3 of accuracy to differences.
      const steepest = gradient.reduce(
        (best, value, i) => (Math.abs(value) > Math.abs(gradient[best] as number) ? i : best),
        0,
      );
      const values = weights.get(name) as Float32Array;
      const original = values[steepest] as number;
      const step = 4e-3;
      const lossAt = async (value: number): Promise<number> => {
        values[steepest] = value;
        await backend.load({ parameters: weights });
        const { lossSum, targets } = await backend.evaluate(batch);
        return lossSum / targets;
      };
      const [up, down] = [await lossAt(original + step), await lossAt(original - step)];
      values[steepest] = original;
      const width = Math.fround(original + step) - Math.fround(original - step);
      const expected = gradient[steepest] as number;
      expect(Math.abs((up - down) / width - expected) / Math.abs(expected), name).toBeLessThan(0.01);
    }
  });

  it("gives the same bits whatever the number of threads", async () => {
    const results = [];
    for (const threads of [1, 2, 3]) {
      await using backend = await openTiny({ threads, lanes: 3 });
      results.push(await trainSteps(backend, 4));
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  it("lets its threads keep compiled modules in the folder that the program's own lie in", async () => {
    const folder = await mkdtemp(join(tmpdir(), "forge-cache-"));
    try {
      const program = fileURLToPath(new URL("./fixtures/cached-threads.ts", import.meta.url));
      const { NODE_COMPILE_CACHE: _, NODE_DISABLE_COMPILE_CACHE: __, ...env } = process.env;
      const { stdout } = await promisify(execFile)(process.execPath, [program, folder], { env });
      expect(stdout).toMatch(/^[1-9]\d* modules$/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("gives the same bits when the same run is repeated", async () => {
    await using first = await openTiny({ threads: 2 });
    await using second = await openTiny({ threads: 2 });
    expect(await trainSteps(second, 3)).toEqual(await trainSteps(first, 3));
  });

  it("takes the mean over the targets of the whole batch, however it is cut into micro-batches", async () => {
    const results = [];
    for (const [microBatchRows, lanes] of [
      [8, 1],
      [1, 1],
      [3, 2],
      [2, 4],
    ] as const) {
      await using backend = await openTiny({ microBatchRows, lanes });
      // Rows with very different numbers of targets: a mean of means would be far off.
      const batch = tinyBatch(8, 20, { masked: 0 });
      for (let i = 0; i < batch.targets.length; i++) if (i % 20 > (Math.floor(i / 20) % 4) * 6) batch.targets[i] = -1;
      results.push(await backend.gradients(batch));
    }
    const [whole, ...cut] = results;
    for (const result of cut) {
      expect(result.loss).toBeCloseTo(whole?.loss as number, 5);
      for (const [name, gradient] of result.gradients) {
        const expected = whole?.gradients.get(name) as Float32Array;
        const scale = Math.hypot(...expected);
        expect(Math.hypot(...gradient.map((value, i) => value - (expected[i] as number))) / scale, name).toBeLessThan(
          1e-5,
        );
      }
    }
  });

  it("lets neither a masked target nor padding behind the last target change loss or gradient", async () => {
    await using backend = await openTiny();
    const short = tinyBatch(2, 12, { masked: 0 });
    const padded: Batch = { rows: 2, length: 16, tokens: new Int32Array(32), targets: new Int32Array(32).fill(-1) };
    for (const row of [0, 1]) {
      padded.tokens.set(short.tokens.subarray(row * 12, row * 12 + 12), row * 16);
      padded.targets.set(short.targets.subarray(row * 12, row * 12 + 12), row * 16);
      padded.tokens.fill(9 + row, row * 16 + 12, row * 16 + 16);
    }
    const a = await backend.gradients(short);
    const b = await backend.gradients(padded);
    expect(b.loss).toBeCloseTo(a.loss, 6);
    for (const [name, gradient] of b.gradients) {
      const expected = a.gradients.get(name) as Float32Array;
      expect(Math.hypot(...gradient.map((value, i) => value - (expected[i] as number))), name).toBeLessThan(
        1e-5 * Math.hypot(...expected) + 1e-9,
      );
    }
  });

  it("evaluates to the loss that a step reports", async () => {
    await using backend = await openTiny();
    const batch = tinyBatch(5, 20);
    const { lossSum, targets } = await backend.evaluate(batch);
    expect((await backend.gradients(batch)).loss).toBe(lossSum * (1 / targets));
  });

  it("leaves the weights alone when nothing is to be learnt or the gradient is not finite", async () => {
    await using backend = await openTiny();
    const before = await backend.save();
    const nothing = await backend.step(tinyBatch(2, 20, { masked: 1 }), { t: 1, ...adam });
    expect(nothing).toMatchObject({ skipped: true, targets: 0 });
    expect(await backend.save()).toEqual(before);
    const broken = tinyWeights();
    (broken.get("transformer.ln_f.weight") as Float32Array)[0] = Number.NaN;
    await backend.load({ parameters: broken });
    expect((await backend.step(tinyBatch(2, 20), { t: 1, ...adam })).skipped).toBe(true);
    expect((await backend.save()).parameters.get("transformer.wpe.weight")).toEqual(
      before.parameters.get("transformer.wpe.weight"),
    );
  });

  it("learns a sequence by heart and generates it greedily", async () => {
    await using backend = await openTiny();
    const sequence = [5, 17, 3, 29, 8, 1, 36, 22, 14, 2, 30, 11];
    const tokens = Int32Array.from(sequence.slice(0, -1));
    const targets = Int32Array.from(sequence.slice(1));
    const batch = { rows: 1, length: tokens.length, tokens, targets };
    let loss = Number.POSITIVE_INFINITY;
    for (let t = 1; t <= 150; t++) loss = (await backend.step(batch, { t, ...adam, learningRate: 1e-2 })).loss;
    expect(loss).toBeLessThan(0.05);
    const said: number[] = [];
    for await (const { id, gap } of generate(backend, [5, 17], { maxTokens: 10 })) {
      said.push(id);
      expect(gap).toBeGreaterThan(0);
    }
    expect(said).toEqual(sequence.slice(2));
  });

  it("gives logits with its cache that equal those without, bit by bit, also after going back", async () => {
    await using cached = await openTiny({ batchRows: 0 });
    const sequence = Array.from(tinyBatch(1, tinySizes.context).tokens);
    const detour = [...sequence.slice(0, 7), 1, 2, 3];
    for (const prompt of [sequence.slice(0, 3), sequence.slice(0, 12), detour, sequence.slice(0, 9), sequence]) {
      await using fresh = await openTiny({ batchRows: 0 });
      expect(await cached.logits(prompt)).toEqual(await fresh.logits(prompt));
    }
  });
});
