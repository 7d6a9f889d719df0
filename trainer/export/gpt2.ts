/**
 * GPT-2 from Hugging Face names and layout to GGUF's: keys, tensor names, transposition, types.
 *
 * Hugging Face keeps the four linear layers as Conv1D, `[in, out]`; GGUF wants `[out, in]`. The output head is tied to
 * the embedding and left out, which makes llama.cpp use the embedding for both. Vectors and the position embedding stay
 * F32 whatever the type. Source: llama.cpp's conversion/gpt2.py and src/models/gpt2.cpp.
 */
import { assert, DataError } from "../../forge/base/errors.ts";
import type { Tensors } from "../backends/index.ts";
import { layerNormEpsilon, type Gpt2Sizes } from "../model/index.ts";
import {
  fitsType,
  tensorTypes,
  weightCount,
  type GgufMetadata,
  type GgufTensor,
  type TensorTypeName,
} from "./gguf/index.ts";

interface Mapping {
  /** Hugging Face name without the prefix `transformer.`. */
  readonly from: string;
  readonly to: string;
  readonly shape: readonly number[];
  /** Conv1D: stored `[in, out]`, written `[out, in]`. */
  readonly transposed?: true;
}

/** `general.*` and `gpt2.*` keys. */
export function gpt2Metadata(sizes: Gpt2Sizes, name: string, type: TensorTypeName): GgufMetadata {
  return [
    ["general.architecture", { type: "string", value: "gpt2" }],
    ["general.type", { type: "string", value: "model" }],
    ["general.name", { type: "string", value: name }],
    ["general.file_type", { type: "uint32", value: tensorTypes[type].fileType }],
    ["general.quantization_version", { type: "uint32", value: 2 }],
    ["gpt2.context_length", { type: "uint32", value: sizes.context }],
    ["gpt2.embedding_length", { type: "uint32", value: sizes.width }],
    ["gpt2.feed_forward_length", { type: "uint32", value: 4 * sizes.width }],
    ["gpt2.block_count", { type: "uint32", value: sizes.layers }],
    ["gpt2.attention.head_count", { type: "uint32", value: sizes.heads }],
    ["gpt2.attention.layer_norm_epsilon", { type: "float32", value: layerNormEpsilon }],
  ];
}

/**
 * The tensors of a GPT-2 in GGUF's order, names, shapes and types.
 *
 * @param parameters under the names of `model.safetensors`, with the prefix `transformer.`, shapes checked
 * @param vocabularySize tokens of the tokenizer; an embedding padded for speed is cut to it
 * @param type of the matrices; one whose rows do not fill the type's blocks falls back to F16
 * @throws DataError `checkpoint-vocabulary`
 */
export function gpt2Tensors(
  sizes: Gpt2Sizes,
  parameters: Tensors,
  vocabularySize: number,
  type: TensorTypeName,
): readonly GgufTensor[] {
  if (sizes.vocabularySize < vocabularySize) {
    throw new DataError(
      "checkpoint-vocabulary",
      `The model has ${sizes.vocabularySize} embeddings, its tokenizer ${vocabularySize} tokens`,
      {},
      { hint: "The checkpoint holds another model's tokenizer.json." },
    );
  }
  return mappings(sizes, vocabularySize).map(({ from, to, shape, transposed }) => {
    const written = transposed === true ? shape.toReversed() : shape;
    return {
      name: to,
      shape: written,
      type: typeFor(to, written, type),
      load: () => {
        const weights = parameters.get(`transformer.${from}`);
        assert(weights !== undefined, `the checkpoint was checked to have ${from}`);
        const kept = weights.subarray(0, weightCount(shape));
        return Promise.resolve(transposed === true ? transpose(kept, shape[0] as number) : kept);
      },
    };
  });
}

function mappings(sizes: Gpt2Sizes, vocabularySize: number): readonly Mapping[] {
  const width = sizes.width;
  const vectors = (from: string, to: string): Mapping[] => [
    { from: `${from}.weight`, to: `${to}.weight`, shape: [width] },
    { from: `${from}.bias`, to: `${to}.bias`, shape: [width] },
  ];
  const linear = (from: string, to: string, inputs: number, outputs: number): Mapping[] => [
    { from: `${from}.weight`, to: `${to}.weight`, shape: [inputs, outputs], transposed: true },
    { from: `${from}.bias`, to: `${to}.bias`, shape: [outputs] },
  ];
  const all: Mapping[] = [
    { from: "wte.weight", to: "token_embd.weight", shape: [vocabularySize, width] },
    { from: "wpe.weight", to: "position_embd.weight", shape: [sizes.context, width] },
  ];
  for (let i = 0; i < sizes.layers; i++) {
    all.push(
      ...vectors(`h.${i}.ln_1`, `blk.${i}.attn_norm`),
      ...linear(`h.${i}.attn.c_attn`, `blk.${i}.attn_qkv`, width, 3 * width),
      ...linear(`h.${i}.attn.c_proj`, `blk.${i}.attn_output`, width, width),
      ...vectors(`h.${i}.ln_2`, `blk.${i}.ffn_norm`),
      ...linear(`h.${i}.mlp.c_fc`, `blk.${i}.ffn_up`, width, 4 * width),
      ...linear(`h.${i}.mlp.c_proj`, `blk.${i}.ffn_down`, 4 * width, width),
    );
  }
  all.push(...vectors("ln_f", "output_norm"));
  return all;
}

function typeFor(name: string, shape: readonly number[], type: TensorTypeName): TensorTypeName {
  if (shape.length === 1 || name === "position_embd.weight") return "f32";
  return fitsType(shape.at(-1) as number, type) ? type : "f16";
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
