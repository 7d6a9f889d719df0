/**
 * GPT-2 from Hugging Face names and layout to GGUF's: keys, tensor names, transposition, types.
 *
 * Hugging Face keeps the four linear layers as Conv1D, `[in, out]`; GGUF wants `[out, in]`. The output head is tied to
 * the embedding and left out, which makes llama.cpp use the embedding for both. Vectors and the position embedding stay
 * F32 whatever the type. Source: llama.cpp's conversion/gpt2.py and src/models/gpt2.cpp.
 */
import { z } from "zod";
import { assert, DataError } from "../../forge/base/errors.ts";
import { fitsType, tensorTypes, type GgufMetadata, type GgufTensor, type TensorTypeName } from "./gguf/index.ts";

/** The parts of a GPT-2 config.json that the export needs; unknown keys pass. */
export const gpt2ConfigSchema = z.object({
  model_type: z.literal("gpt2"),
  vocab_size: z.int().positive(),
  n_positions: z.int().positive(),
  n_embd: z.int().positive(),
  n_layer: z.int().positive(),
  n_head: z.int().positive(),
  n_inner: z.int().positive().nullish(),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  // What llama.cpp computes: the tanh approximation of GELU, scaled attention, nothing else.
  activation_function: z.enum(["gelu_new", "gelu_pytorch_tanh"]).default("gelu_new"),
  scale_attn_weights: z.literal(true).default(true),
  scale_attn_by_inverse_layer_idx: z.literal(false).default(false),
  tie_word_embeddings: z.boolean().default(true),
  bos_token_id: z.int().nonnegative().nullish(),
  eos_token_id: z.int().nonnegative().nullish(),
});
export type Gpt2Config = z.infer<typeof gpt2ConfigSchema>;

/** Named tensors of a checkpoint. */
export interface TensorSource {
  /** Where they come from, for errors. */
  readonly path: string;
  /** Row-major shapes by name. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** The weights of one tensor as Float32, row-major. */
  load(name: string): Promise<Float32Array>;
}

interface Mapping {
  readonly from: string;
  readonly to: string;
  readonly shape: readonly number[];
  /** Conv1D: stored `[in, out]`, written `[out, in]`. */
  readonly transposed?: true;
  /** Rows beyond this many are cut away (a vocabulary padded for speed). */
  readonly cutRows?: true;
}

/** `general.*` and `gpt2.*` keys. */
export function gpt2Metadata(config: Gpt2Config, name: string, type: TensorTypeName): GgufMetadata {
  return [
    ["general.architecture", { type: "string", value: "gpt2" }],
    ["general.type", { type: "string", value: "model" }],
    ["general.name", { type: "string", value: name }],
    ["general.file_type", { type: "uint32", value: tensorTypes[type].fileType }],
    ["general.quantization_version", { type: "uint32", value: 2 }],
    ["gpt2.context_length", { type: "uint32", value: config.n_positions }],
    ["gpt2.embedding_length", { type: "uint32", value: config.n_embd }],
    ["gpt2.feed_forward_length", { type: "uint32", value: innerSize(config) }],
    ["gpt2.block_count", { type: "uint32", value: config.n_layer }],
    ["gpt2.attention.head_count", { type: "uint32", value: config.n_head }],
    ["gpt2.attention.layer_norm_epsilon", { type: "float32", value: config.layer_norm_epsilon }],
  ];
}

/**
 * The tensors of a GPT-2 in GGUF's order, names, shapes and types.
 *
 * @param vocabularySize tokens of the tokenizer; a padded embedding is cut to it
 * @param type of the matrices; one whose rows do not fill the type's blocks falls back to F16
 * @throws DataError `checkpoint-tensor-missing`, `checkpoint-tensor-shape`, `checkpoint-vocabulary`
 */
export function gpt2Tensors(
  config: Gpt2Config,
  source: TensorSource,
  vocabularySize: number,
  type: TensorTypeName,
): readonly GgufTensor[] {
  if (config.vocab_size < vocabularySize) {
    throw new DataError(
      "checkpoint-vocabulary",
      `The model of ${source.path} has ${config.vocab_size} embeddings, its tokenizer ${vocabularySize} tokens`,
      { file: source.path },
      { hint: "The checkpoint holds another model's tokenizer.json." },
    );
  }
  return mappings(config).map((mapping) => {
    const name = findName(source, mapping);
    const shape = mapping.cutRows === true ? [vocabularySize, ...mapping.shape.slice(1)] : mapping.shape;
    const written = mapping.transposed === true ? shape.toReversed() : shape;
    return {
      name: mapping.to,
      shape: written,
      type: typeFor(mapping.to, written, type),
      load: async () => {
        const weights = await source.load(name);
        if (mapping.transposed === true) return transpose(weights, mapping.shape[0] as number);
        return weights.subarray(0, shape.reduce((product, size) => product * size, 1));
      },
    };
  });
}

function mappings(config: Gpt2Config): readonly Mapping[] {
  const width = config.n_embd;
  const inner = innerSize(config);
  const vectors = (from: string, to: string): Mapping[] => [
    { from: `${from}.weight`, to: `${to}.weight`, shape: [width] },
    { from: `${from}.bias`, to: `${to}.bias`, shape: [width] },
  ];
  const linear = (from: string, to: string, inputs: number, outputs: number): Mapping[] => [
    { from: `${from}.weight`, to: `${to}.weight`, shape: [inputs, outputs], transposed: true },
    { from: `${from}.bias`, to: `${to}.bias`, shape: [outputs] },
  ];
  const all: Mapping[] = [
    { from: "wte.weight", to: "token_embd.weight", shape: [config.vocab_size, width], cutRows: true },
    { from: "wpe.weight", to: "position_embd.weight", shape: [config.n_positions, width] },
  ];
  for (let i = 0; i < config.n_layer; i++) {
    all.push(
      ...vectors(`h.${i}.ln_1`, `blk.${i}.attn_norm`),
      ...linear(`h.${i}.attn.c_attn`, `blk.${i}.attn_qkv`, width, 3 * width),
      ...linear(`h.${i}.attn.c_proj`, `blk.${i}.attn_output`, width, width),
      ...vectors(`h.${i}.ln_2`, `blk.${i}.ffn_norm`),
      ...linear(`h.${i}.mlp.c_fc`, `blk.${i}.ffn_up`, width, inner),
      ...linear(`h.${i}.mlp.c_proj`, `blk.${i}.ffn_down`, inner, width),
    );
  }
  all.push(...vectors("ln_f", "output_norm"));
  if (!config.tie_word_embeddings) {
    all.push({ from: "lm_head.weight", to: "output.weight", shape: [config.vocab_size, width], cutRows: true });
  }
  return all;
}

/** Finds a tensor with or without the prefix that transformers saves, and checks its shape. */
function findName(source: TensorSource, { from, shape }: Mapping): string {
  const name = [`transformer.${from}`, from].find((candidate) => source.shapes.has(candidate));
  if (name === undefined) {
    throw new DataError("checkpoint-tensor-missing", `${source.path} has no tensor ${from}`, { file: source.path, column: from });
  }
  const found = source.shapes.get(name);
  if (found?.join() !== shape.join()) {
    throw new DataError(
      "checkpoint-tensor-shape",
      `Tensor ${name} of ${source.path} is [${found?.join(", ")}], config.json asks for [${shape.join(", ")}]`,
      { file: source.path, column: name },
    );
  }
  return name;
}

function typeFor(name: string, shape: readonly number[], type: TensorTypeName): TensorTypeName {
  if (shape.length === 1 || name === "position_embd.weight") return "f32";
  return fitsType(shape.at(-1) as number, type) ? type : "f16";
}

function innerSize(config: Gpt2Config): number {
  return config.n_inner ?? 4 * config.n_embd;
}

/** `[rows, columns]` to `[columns, rows]`, in tiles that stay in the cache. */
function transpose(weights: Float32Array, rows: number): Float32Array {
  const columns = weights.length / rows;
  assert(Number.isInteger(columns), "a matrix has whole rows");
  const result = new Float32Array(weights.length);
  const tile = 32;
  for (let top = 0; top < rows; top += tile) {
    for (let left = 0; left < columns; left += tile) {
      for (let r = top; r < Math.min(rows, top + tile); r++) {
        for (let c = left; c < Math.min(columns, left + tile); c++) {
          result[c * rows + r] = weights[r * columns + c] as number;
        }
      }
    }
  }
  return result;
}
