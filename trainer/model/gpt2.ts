/**
 * GPT-2 as a pure description: sizes, tensor names and shapes, counts, initial values. Backends implement it.
 *
 * Names and shapes are those of Hugging Face's `GPT2LMHeadModel` (linear layers are Conv1D: weight is [in, out]); the
 * head is tied to the token table. Radford et al. 2019.
 */
import { z } from "zod";
import { random } from "../../forge/base/random.ts";
import type { ModelSpec, TensorSpec } from "./spec.ts";

/** Sizes of a GPT-2. Everything else about it is fixed. */
export const gpt2SizesSchema = z.strictObject({
  layers: z.int().min(1).max(96),
  width: z.int().min(4).max(8192),
  heads: z.int().min(1).max(128),
  context: z.int().min(4).max(8192),
  vocabularySize: z.int().min(2).max(1_000_000),
});
export type Gpt2Sizes = z.infer<typeof gpt2SizesSchema>;

export const layerNormEpsilon = 1e-5;

/** Describes a GPT-2 of these sizes; `width` must be a multiple of `heads` and of 4. */
export function describeGpt2(sizes: Gpt2Sizes): ModelSpec {
  const { layers, width, vocabularySize, context } = sizes;
  const tensors: TensorSpec[] = [
    { name: "transformer.wte.weight", shape: [vocabularySize, width], start: { kind: "normal", deviation: 0.02 } },
    { name: "transformer.wpe.weight", shape: [context, width], start: { kind: "normal", deviation: 0.02 } },
  ];
  // Projections back into the residual stream start smaller, so that its variance does not grow with depth.
  const residual = 0.02 / Math.sqrt(2 * layers);
  for (let layer = 0; layer < layers; layer++) {
    const name = (part: string): string => `transformer.h.${layer}.${part}`;
    tensors.push(
      ...normTensors(name("ln_1"), width),
      ...linearTensors(name("attn.c_attn"), width, 3 * width, 0.02),
      ...linearTensors(name("attn.c_proj"), width, width, residual),
      ...normTensors(name("ln_2"), width),
      ...linearTensors(name("mlp.c_fc"), width, 4 * width, 0.02),
      ...linearTensors(name("mlp.c_proj"), 4 * width, width, residual),
    );
  }
  tensors.push(...normTensors("transformer.ln_f", width));
  return { type: "gpt2", sizes, tensors };
}

function normTensors(name: string, width: number): TensorSpec[] {
  return [
    { name: `${name}.weight`, shape: [width], start: { kind: "ones" } },
    { name: `${name}.bias`, shape: [width], start: { kind: "zeros" } },
  ];
}

function linearTensors(name: string, input: number, output: number, deviation: number): TensorSpec[] {
  return [
    { name: `${name}.weight`, shape: [input, output], start: { kind: "normal", deviation } },
    { name: `${name}.bias`, shape: [output], start: { kind: "zeros" } },
  ];
}

/** Initial values of one tensor: a pure function of the seed and the tensor's name. */
export function initialValues(tensor: TensorSpec, seed: number): Float32Array {
  const values = new Float32Array(countOf(tensor.shape));
  const { start } = tensor;
  if (start.kind === "ones") return values.fill(1);
  if (start.kind === "zeros") return values;
  const stream = random(seed, "initial-values", tensor.name);
  for (let i = 0; i < values.length; i++) values[i] = stream.normal() * start.deviation;
  return values;
}

/** Elements of a shape. */
export function countOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function parameterCount(spec: ModelSpec): number {
  return spec.tensors.reduce((sum, tensor) => sum + countOf(tensor.shape), 0);
}

/**
 * Floating-point operations of one training token, forward and backward: 6 for each weight that multiplies it (the
 * token table counts once, as the head) and 12 · layers · width · context for attention, halved by causality.
 */
export function flopsPerToken(sizes: Gpt2Sizes, length: number = sizes.context): number {
  const { layers, width, vocabularySize } = sizes;
  return 6 * (12 * layers * width * width + vocabularySize * width) + 6 * layers * width * length;
}

/** `config.json` as Hugging Face reads it; llama.cpp's converter wants `n_ctx` as well. */
export function gpt2Config(
  sizes: Gpt2Sizes,
  ids: { readonly bos: number | null; readonly eos: number | null },
): object {
  return {
    architectures: ["GPT2LMHeadModel"],
    model_type: "gpt2",
    vocab_size: sizes.vocabularySize,
    n_positions: sizes.context,
    n_ctx: sizes.context,
    n_embd: sizes.width,
    n_layer: sizes.layers,
    n_head: sizes.heads,
    n_inner: null,
    activation_function: "gelu_new",
    resid_pdrop: 0,
    embd_pdrop: 0,
    attn_pdrop: 0,
    layer_norm_epsilon: layerNormEpsilon,
    initializer_range: 0.02,
    scale_attn_weights: true,
    tie_word_embeddings: true,
    bos_token_id: ids.bos,
    eos_token_id: ids.eos,
    torch_dtype: "float32",
  };
}

/** What is needed of a Hugging Face `config.json` to train it further; any other kind of model is refused. */
export const gpt2ConfigSchema = z
  .looseObject({
    model_type: z.literal("gpt2"),
    vocab_size: z.int(),
    n_positions: z.int(),
    n_embd: z.int(),
    n_layer: z.int(),
    n_head: z.int(),
    n_inner: z.int().nullish(),
    activation_function: z.literal("gelu_new").default("gelu_new"),
    layer_norm_epsilon: z.literal(layerNormEpsilon).default(layerNormEpsilon),
    bos_token_id: z.int().nullish(),
    eos_token_id: z.int().nullish(),
    // Variants that this model does not compute: reading such weights would give wrong logits without a word.
    tie_word_embeddings: z.literal(true).default(true),
    scale_attn_weights: z.literal(true).default(true),
    scale_attn_by_inverse_layer_idx: z.literal(false).default(false),
  })
  .refine((config) => config.n_inner === undefined || config.n_inner === null || config.n_inner === 4 * config.n_embd, {
    message: "n_inner must be 4 · n_embd",
  });

/** Sizes stated by a Hugging Face `config.json`. */
export function gpt2SizesOf(config: z.infer<typeof gpt2ConfigSchema>): Gpt2Sizes {
  return {
    layers: config.n_layer,
    width: config.n_embd,
    heads: config.n_head,
    context: config.n_positions,
    vocabularySize: config.vocab_size,
  };
}
