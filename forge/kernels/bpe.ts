/**
 * Byte-level BPE for everybody else: an encoder from a model and a trainer for new models, plain or in WebAssembly
 * behind the same signature.
 */
import { EnvironmentError } from "../base/errors.ts";
import type { BpeModel } from "./bpe-model.ts";
import type { BpeEncoder, BpeTrainer, BpeTrainerOptions } from "./bpe-types.ts";
import { createWasmBpeTrainer } from "./bpe-train-wasm.ts";
import { createWasmBpeEncoder } from "./bpe-wasm.ts";
import { createReferenceBpeEncoder } from "./reference/bpe-encode.ts";
import { createReferenceBpeTrainer } from "./reference/bpe-train.ts";

export { parseTokenizerJson, type BpeModel, type BpeNormalForm } from "./bpe-model.ts";
export type { BpeEncoder, BpeTrainer, BpeTrainerOptions, TokenColumn, TokenizerJson } from "./bpe-types.ts";

/** Of encoders and trainers. */
export interface BpeKernelOptions {
  /** @default the environment variable FORGE_KERNELS, else WebAssembly where it runs */
  readonly implementation?: "reference" | "wasm";
}

/**
 * Makes an encoder of a model (see `parseTokenizerJson`). One belongs to one thread.
 *
 * @throws EnvironmentError when WebAssembly is forced and does not run here
 */
export function createBpeEncoder(model: BpeModel, options: BpeKernelOptions = {}): BpeEncoder {
  const wanted = options.implementation ?? process.env["FORGE_KERNELS"];
  if (wanted === "reference") return createReferenceBpeEncoder(model);
  const fast = createWasmBpeEncoder(model);
  if (fast === undefined && options.implementation === "wasm") {
    throw new EnvironmentError("kernels-unavailable", "The WebAssembly tokenizer does not run here, or not this model");
  }
  return fast ?? createReferenceBpeEncoder(model);
}

/**
 * Makes a trainer: byte-level BPE with GPT-2's pre-tokeniser, the merges of Hugging Face tokenizers' `BpeTrainer`.
 *
 * Deterministic. Of equally frequent pairs the one whose left token has the lower id is merged first, then the one whose
 * right token has. Ids: the 256 bytes in the order of GPT-2's alphabet (0 is `!`), special tokens, merges.
 *
 * @throws EnvironmentError when WebAssembly is forced and does not run here
 */
export function createBpeTrainer(options: BpeTrainerOptions, kernel: BpeKernelOptions = {}): BpeTrainer {
  const wanted = kernel.implementation ?? process.env["FORGE_KERNELS"];
  if (wanted === "reference") return createReferenceBpeTrainer(options);
  const fast = createWasmBpeTrainer(options);
  if (fast === undefined && kernel.implementation === "wasm") {
    throw new EnvironmentError("kernels-unavailable", "The WebAssembly trainer does not run here");
  }
  return fast ?? createReferenceBpeTrainer(options);
}
