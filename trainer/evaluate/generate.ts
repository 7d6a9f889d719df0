/** Text generation in process, token by token, over any backend's logits. */
import type { Random } from "../../forge/base/random.ts";
import type { Backend } from "../backends/backend.ts";

export interface GenerateOptions {
  readonly maxTokens: number;
  /** Ids that end the text; they are not yielded. */
  readonly stopIds?: readonly number[];
  /** 0 is greedy. @default 0 */
  readonly temperature?: number;
  /** Only the k likeliest tokens are drawn from; 0 is all. @default 0 */
  readonly topK?: number;
  /** Needed when the temperature is not 0. */
  readonly random?: Random;
  readonly signal?: AbortSignal;
}

export interface GeneratedToken {
  readonly id: number;
  /**
   * Logit of the likeliest token less that of the second. When it is tiny, another implementation of the same model may
   * rightly choose the other token.
   */
  readonly gap: number;
}

/** Continues a prompt until a stop id, `maxTokens`, or the end of the context. Of equal logits the lowest id wins. */
export async function* generate(
  backend: Pick<Backend, "logits" | "model">,
  prompt: readonly number[],
  options: GenerateOptions,
): AsyncGenerator<GeneratedToken, void, undefined> {
  const { maxTokens, stopIds = [], temperature = 0, topK = 0, signal } = options;
  const sequence = [...prompt];
  for (let i = 0; i < maxTokens && sequence.length <= backend.model.sizes.context; i++) {
    signal?.throwIfAborted();
    const logits = await backend.logits(sequence);
    const { best, gap } = topTwo(logits);
    const id = temperature === 0 ? best : draw(logits, temperature, topK, options.random as Random);
    if (stopIds.includes(id)) return;
    yield { id, gap };
    sequence.push(id);
  }
}

function topTwo(logits: Float32Array): { readonly best: number; readonly gap: number } {
  let best = 0;
  let second = Number.NEGATIVE_INFINITY;
  for (let i = 1; i < logits.length; i++) {
    const value = logits[i] as number;
    if (value > (logits[best] as number)) {
      second = logits[best] as number;
      best = i;
    } else if (value > second) second = value;
  }
  return { best, gap: (logits[best] as number) - second };
}

function draw(logits: Float32Array, temperature: number, topK: number, random: Random): number {
  const order = Array.from(logits.keys()).sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
  const kept = topK === 0 ? order : order.slice(0, topK);
  const top = logits[kept[0] as number] as number;
  const weights = kept.map((id) => Math.exp(((logits[id] as number) - top) / temperature));
  let rest = random.float() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [i, weight] of weights.entries()) {
    rest -= weight;
    if (rest < 0) return kept[i] as number;
  }
  return kept.at(-1) as number;
}
