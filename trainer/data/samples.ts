/** Samples and the batches made of them. */
import type { Batch } from "../backends/backend.ts";
import { createOrder } from "./order.ts";

/** Indexed training samples; a backend never sees where they come from. */
export interface SampleSource {
  readonly count: number;
  /** Tokens of the longest sample; at most the model's context. */
  readonly maxLength: number;
  /** Tokens of a sample, without the one that is only a target. */
  lengthOf(index: number): number;
  /** Writes a sample's tokens and targets (-1 = not learnt) from `offset` on. */
  write(index: number, tokens: Int32Array, targets: Int32Array, offset: number): void;
}

/** Rows are padded to a multiple of this. */
const lengthStep = 16;

/** Makes the batches of a run: `batchOf(step)` for steps from 0. The arrays are used again by the next call. */
export function createBatches(
  source: SampleSource,
  options: { readonly seed: number; readonly rows: number; readonly context: number },
): (step: number) => Batch {
  const { seed, rows, context } = options;
  const order = createOrder(seed, source.count);
  const tokens = new Int32Array(rows * context);
  const targets = new Int32Array(rows * context);
  return (step) => {
    const indices = Array.from({ length: rows }, (_, row) => order(step * rows + row));
    return writeBatch(source, indices, context, tokens, targets);
  };
}

/** Consecutive samples, each once: for evaluation. The last batch may have fewer rows. */
export function* sequentialBatches(
  source: SampleSource,
  options: { readonly rows: number; readonly context: number; readonly maxSamples: number },
): Generator<Batch, void, undefined> {
  const { rows, context } = options;
  const count = Math.min(source.count, options.maxSamples);
  const tokens = new Int32Array(rows * context);
  const targets = new Int32Array(rows * context);
  // Spread over the whole source when only a part is taken.
  const at = (i: number): number => Math.floor((i * source.count) / count);
  for (let i = 0; i < count; i += rows) {
    const indices = Array.from({ length: Math.min(rows, count - i) }, (_, row) => at(i + row));
    yield writeBatch(source, indices, context, tokens, targets);
  }
}

/** Pads on the right: with causal attention padding cannot reach a real token, and its target is -1. */
function writeBatch(
  source: SampleSource,
  indices: readonly number[],
  context: number,
  tokens: Int32Array,
  targets: Int32Array,
): Batch {
  const longest = Math.max(...indices.map((index) => source.lengthOf(index)));
  const length = Math.min(context, Math.ceil(longest / lengthStep) * lengthStep);
  tokens.fill(0);
  targets.fill(-1);
  for (const [row, index] of indices.entries()) source.write(index, tokens, targets, row * length);
  return { rows: indices.length, length, tokens, targets };
}
