/**
 * fastText classifiers (language identification, quality) over columns of UTF-8 text.
 *
 * No model ships with the kernels: the caller brings the bytes of a `.bin` or `.ftz` file.
 */
import { EnvironmentError } from "../base/errors.ts";
import { parseFastText } from "./fasttext-model.ts";
import type { FastTextClassifier } from "./fasttext-types.ts";
import { createWasmFastText } from "./fasttext-wasm.ts";
import { createReferenceFastText } from "./reference/fasttext.ts";

export type { FastTextClassifier, FastTextPredictions, PredictOptions } from "./fasttext-types.ts";

export interface LoadFastTextOptions {
  /** How to name the model in errors. */
  readonly file?: string;
  /** @default the environment variable FORGE_KERNELS, else WebAssembly where it runs */
  readonly implementation?: "reference" | "wasm";
}

/**
 * Makes a classifier from the bytes of a supervised model. One belongs to one thread; the bytes may be reused.
 *
 * @throws DataError `fasttext-invalid`
 * @throws EnvironmentError when WebAssembly is forced and does not run here, or not this model
 */
export function loadFastText(bytes: Uint8Array, options: LoadFastTextOptions | string = {}): FastTextClassifier {
  const { file, implementation }: LoadFastTextOptions = typeof options === "string" ? { file: options } : options;
  const model = parseFastText(bytes, file);
  const wanted = implementation ?? process.env["FORGE_KERNELS"];
  if (wanted === "reference") return createReferenceFastText(model);
  const fast = createWasmFastText(model);
  if (fast === undefined && implementation === "wasm") {
    throw new EnvironmentError(
      "kernels-unavailable",
      "The WebAssembly classifier does not run here, or not this model",
    );
  }
  return fast ?? createReferenceFastText(model);
}
