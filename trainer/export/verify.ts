/**
 * Proves an exported GGUF equal to the checkpoint it came from: llama.cpp and this process must read text as the same
 * ids and go on with the same words.
 *
 * Two correct implementations may part where the two best tokens are all but equal, so a difference is forgiven at a
 * step whose in-process gap is below `nearTieGap`; it is reported, and the rest of that prompt is not compared.
 * Quantised files are judged by the divergence of their distributions instead: rounding moves greedy text rightly.
 */
import { GateError } from "../../forge/base/errors.ts";
import { loadLlama, type LlamaModel } from "../../forge/llama/index.ts";
import { encodeConversation, type InProcessModel } from "../chat/index.ts";
import type { TensorTypeName } from "./gguf/index.ts";

/** Difference of the two best logits below which another implementation may choose the other token. */
export const nearTieGap = 0.005;
/** Largest mean Kullback-Leibler divergence (nats) of a quantised model's next-token distribution. */
export const maxMeanDivergence = 0.02;

export interface VerifyOptions {
  readonly type: TensorTypeName;
  /** User messages (or plain beginnings, for a model without chat marks) to go on from. @default a few of several kinds */
  readonly prompts?: readonly string[];
  /** Tokens to compare for each prompt. @default 32 */
  readonly maxTokens?: number;
  readonly signal?: AbortSignal;
}

export interface NearTie {
  readonly prompt: string;
  /** Generated tokens that were equal before. */
  readonly step: number;
  readonly gap: number;
}

/** What was compared. */
export interface VerifyReport {
  readonly method: "greedy" | "divergence";
  /** Texts whose ids were equal. */
  readonly texts: number;
  readonly prompts: number;
  /** Generated tokens that were compared and equal, or distributions that were compared. */
  readonly steps: number;
  /** Prompts where the comparison ended at two all but equal tokens. */
  readonly nearTies: readonly NearTie[];
  /** Smallest gap met at a step where both chose the same token. */
  readonly smallestGap: number | null;
  /** Mean divergence in nats; null for `greedy`. */
  readonly meanDivergence: number | null;
  /** Greedy text of the first prompt, as llama.cpp continued it. */
  readonly sample: { readonly prompt: string; readonly text: string };
}

const defaultPrompts = ["What is a licence?", "Hello, who are you?", "Install the package with", "2 + 3 ="];

/** Texts on which tokenizers like to differ. Special tokens in them must stay text. */
export const hardTexts: readonly string[] = [
  "",
  " ",
  "  two  spaces ",
  "\n",
  "a\n\n\n  b\t\tc\r\n",
  "don't, we'll, I'VE, it's they're'd",
  "x=1;y+=22;z<<=333;// 4444",
  "Ünïcödé naïve façade – “quotes” … ½ ②",
  "日本語のテキスト、中文，한국어",
  "العربية עברית हिन्दी ไทย",
  "👩‍👩‍👧‍👦 🇩🇪 👍🏽 ❤️",
  "e\u0301 \u00e9 \u200b\u200d\ufeff\u00a0\u3000\u0085x",
  "<|endoftext|> <|user|>hi<|end|> <|assistant|>",
  "\u0001\u0002\u007f",
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/**
 * Loads the file in llama.cpp and compares.
 *
 * @throws GateError `export-tokens-differ`, `export-text-differs`, `export-divergence`
 * @throws EnvironmentError `llama-missing` when llama.cpp is not installed
 */
export async function verifyExport(
  path: string,
  reference: InProcessModel,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const { prompts = defaultPrompts, maxTokens = 32, signal } = options;
  // The cache in full precision: what is compared is the file, not the rounding of one runtime.
  await using model = await loadLlama(path, { cache: "f32", ...(signal === undefined ? {} : { signal }) });
  const texts = [...hardTexts, ...prompts];
  for (const text of texts) compareTokens(text, model, reference);
  const compare = options.type === "q8_0" ? compareDistributions : compareGreedy;
  const compared: Comparison[] = [];
  for (const prompt of prompts) {
    signal?.throwIfAborted();
    const ids = encodeConversation(reference.tokenizer, [{ role: "user", content: prompt }]) ?? [
      ...reference.tokenizer.encode(prompt),
    ];
    const room = model.contextLength - ids.length;
    if (room > 0) compared.push(await compare(prompt, ids, Math.min(maxTokens, room), model, reference, signal));
  }
  const divergences = compared.flatMap(({ divergences }) => divergences);
  const meanDivergence =
    divergences.length === 0 ? null : divergences.reduce((sum, d) => sum + d, 0) / divergences.length;
  if (meanDivergence !== null && !(meanDivergence <= maxMeanDivergence)) {
    throw new GateError(
      "export-divergence",
      `The quantised model strays from the checkpoint: mean divergence ${meanDivergence.toFixed(4)} nats, at most ${maxMeanDivergence}`,
      { hint: "Export with --type f16.", details: { meanDivergence } },
    );
  }
  const gaps = compared.map(({ smallestGap }) => smallestGap).filter((gap) => gap !== Infinity);
  return {
    method: options.type === "q8_0" ? "divergence" : "greedy",
    texts: texts.length,
    prompts: compared.length,
    steps: compared.reduce((sum, { steps }) => sum + steps, 0),
    nearTies: compared.flatMap(({ nearTie }) => nearTie ?? []),
    smallestGap: gaps.length === 0 ? null : Math.min(...gaps),
    meanDivergence,
    sample: { prompt: prompts[0] ?? "", text: compared[0]?.text ?? "" },
  };
}

interface Comparison {
  readonly steps: number;
  readonly smallestGap: number;
  readonly nearTie?: NearTie;
  readonly divergences: readonly number[];
  readonly text: string;
}

function compareTokens(text: string, model: LlamaModel, reference: InProcessModel): void {
  const [ours, theirs] = [reference.tokenizer.encode(text).join(" "), model.tokenize(text).join(" ")];
  if (ours === theirs) return;
  throw new GateError(
    "export-tokens-differ",
    `llama.cpp reads ${JSON.stringify(text)} as other tokens than the tokenizer`,
    {
      hint: "The tokenizer is of a kind that llama.cpp's gpt-2 pre-tokeniser does not match.",
      details: { text, tokenizer: ours, llama: theirs },
    },
  );
}

type Compare = (
  prompt: string,
  ids: readonly number[],
  maxTokens: number,
  model: LlamaModel,
  reference: InProcessModel,
  signal: AbortSignal | undefined,
) => Promise<Comparison>;

const compareGreedy: Compare = async (prompt, ids, maxTokens, model, reference, signal) => {
  const { tokens, text } = await model.generate(ids, { maxTokens, ...(signal === undefined ? {} : { signal }) });
  const sequence = [...ids];
  let smallestGap = Infinity;
  for (const [step, token] of tokens.entries()) {
    signal?.throwIfAborted();
    const { best, gap } = topTwo((await reference.backend.logits(sequence)).subarray(0, model.vocabularySize));
    if (best !== token) {
      if (gap < nearTieGap) return { steps: step, smallestGap, nearTie: { prompt, step, gap }, divergences: [], text };
      throw new GateError(
        "export-text-differs",
        `After ${step} equal tokens llama.cpp goes on with ${token}, the checkpoint with ${best} (gap ${gap.toFixed(4)}), on ${JSON.stringify(prompt)}`,
        {
          hint: "The exported file is not the checkpoint's model; do not use it.",
          details: { prompt, step, gap, best, token },
        },
      );
    }
    smallestGap = Math.min(smallestGap, gap);
    sequence.push(token);
  }
  return { steps: tokens.length, smallestGap, divergences: [], text };
};

const compareDistributions: Compare = async (_prompt, ids, maxTokens, model, reference, signal) => {
  const sequence = [...ids];
  const divergences: number[] = [];
  for (let step = 0; step < maxTokens; step++) {
    signal?.throwIfAborted();
    const logits = (await reference.backend.logits(sequence)).subarray(0, model.vocabularySize);
    divergences.push(divergence(logits, await model.nextTokenLogProbs(sequence)));
    const { best } = topTwo(logits);
    if (reference.endIds.includes(best)) break;
    sequence.push(best);
  }
  const text = model.detokenize(sequence.slice(ids.length));
  return { steps: divergences.length, smallestGap: Infinity, divergences, text };
};

/** Kullback-Leibler divergence in nats of the distribution of `logits` from that of `logProbs`. */
function divergence(logits: Float32Array, logProbs: Float32Array): number {
  const top = logits.reduce((most, value) => Math.max(most, value), -Infinity);
  const logTotal = top + Math.log(logits.reduce((sum, value) => sum + Math.exp(value - top), 0));
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    const ours = (logits[i] as number) - logTotal;
    const p = Math.exp(ours);
    // A probability that underflowed to zero on the other side counts as the smallest float.
    if (p > 0) sum += p * (ours - Math.max(logProbs[i] as number, -103));
  }
  return sum;
}

function topTwo(logits: Float32Array): { readonly best: number; readonly gap: number } {
  let best = 0;
  let second = -Infinity;
  for (let i = 1; i < logits.length; i++) {
    if ((logits[i] as number) > (logits[best] as number)) {
      second = logits[best] as number;
      best = i;
    } else second = Math.max(second, logits[i] as number);
  }
  return { best, gap: (logits[best] as number) - second };
}
