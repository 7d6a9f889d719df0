/** A model small enough to differentiate by hand, and batches for it. */
import { random } from "../../forge/base/random.ts";
import { openBackend, type Backend, type BackendOptions, type Batch } from "../../trainer/backends/index.ts";
import { describeGpt2, initialValues } from "../../trainer/model/index.ts";

export const tinySizes = { layers: 2, width: 16, heads: 2, context: 20, vocabularySize: 37 };

/** Weights wide enough that every part of the gradient is well above rounding. */
export function tinyWeights(sizes = tinySizes, seed = 3): Map<string, Float32Array> {
  return new Map(
    describeGpt2(sizes).tensors.map((tensor) => {
      const values = initialValues(tensor, seed);
      const stream = random(seed, "spread", tensor.name);
      return [tensor.name, values.map((value) => value * 4 + 0.1 * stream.normal())];
    }),
  );
}

export function tinyBatch(rows: number, length: number, options: { seed?: number; masked?: number } = {}): Batch {
  const { seed = 5, masked = 0.3 } = options;
  const stream = random(seed, "batch");
  const count = rows * length;
  const tokens = Int32Array.from({ length: count }, () => stream.below(tinySizes.vocabularySize));
  const targets = Int32Array.from({ length: count }, () =>
    stream.float() < masked ? -1 : stream.below(tinySizes.vocabularySize),
  );
  return { rows, length, tokens, targets };
}

export async function openTiny(options: Partial<BackendOptions> = {}): Promise<Backend> {
  const backend = await openBackend("wasm", {
    model: describeGpt2(tinySizes),
    batchRows: 8,
    microBatchRows: 2,
    lanes: 2,
    threads: 1,
    kernels: "auto",
    ...options,
  });
  await backend.load({ parameters: tinyWeights() });
  return backend;
}

export const adam = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 };
