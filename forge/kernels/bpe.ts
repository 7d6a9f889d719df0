/**
 * Byte-level BPE for everybody else: an encoder from a model and a trainer for new models, plain or in WebAssembly
 * behind the same signature.
 */
import type { BpeModel } from "./bpe-model.ts";
import type { BpeEncoder, BpeTrainer, BpeTrainerOptions } from "./bpe-types.ts";
import { createReferenceBpeEncoder } from "./reference/bpe-encode.ts";
import { createReferenceBpeTrainer } from "./reference/bpe-train.ts";

export { parseTokenizerJson, type BpeModel, type BpeNormalForm } from "./bpe-model.ts";
export type { BpeEncoder, BpeTrainer, BpeTrainerOptions, TokenColumn, TokenizerJson } from "./bpe-types.ts";

/** Makes an encoder of a model (see `parseTokenizerJson`). One belongs to one thread. */
export function createBpeEncoder(model: BpeModel): BpeEncoder {
  return createReferenceBpeEncoder(model);
}

/**
 * Makes a trainer: byte-level BPE with GPT-2's pre-tokeniser, the merges of Hugging Face tokenizers' `BpeTrainer`.
 *
 * Deterministic. Of equally frequent pairs the one whose left token has the lower id is merged first, then the one whose
 * right token has. Ids: the 256 bytes in the order of GPT-2's alphabet (0 is `!`), special tokens, merges.
 */
export function createBpeTrainer(options: BpeTrainerOptions): BpeTrainer {
  return createReferenceBpeTrainer(options);
}
