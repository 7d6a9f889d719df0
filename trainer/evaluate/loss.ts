/** Loss on held-out samples. */
import type { Backend } from "../backends/backend.ts";
import { sequentialBatches, type SampleSource } from "../data/samples.ts";

export interface Evaluation {
  /** Mean over all targets, in nats. */
  readonly loss: number;
  /** e^loss. */
  readonly perplexity: number;
  /** Present when the bytes behind the targets are known: loss / ln 2 · targets / bytes. Comparable across tokenizers. */
  readonly bitsPerByte?: number;
  readonly targets: number;
}

/** @param options.tokenBytes UTF-8 bytes that a token stands for */
export async function evaluateLoss(
  backend: Backend,
  source: SampleSource,
  options: {
    readonly rows: number;
    readonly maxSamples: number;
    readonly tokenBytes?: (token: number) => number;
    readonly signal?: AbortSignal;
  },
): Promise<Evaluation> {
  const { rows, maxSamples, tokenBytes, signal } = options;
  let sum = 0;
  let targets = 0;
  let bytes = 0;
  for (const batch of sequentialBatches(source, { rows, context: backend.model.sizes.context, maxSamples })) {
    signal?.throwIfAborted();
    const part = await backend.evaluate(batch);
    sum += part.lossSum;
    targets += part.targets;
    if (tokenBytes === undefined) continue;
    for (let i = 0; i < batch.rows * batch.length; i++) {
      const target = batch.targets[i] as number;
      if (target >= 0) bytes += tokenBytes(target);
    }
  }
  const loss = targets === 0 ? 0 : sum / targets;
  const result = { loss, perplexity: Math.exp(loss), targets };
  return bytes === 0 ? result : { ...result, bitsPerByte: sum / Math.LN2 / bytes };
}
