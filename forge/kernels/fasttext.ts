/**
 * fastText classifiers (language identification, quality) over columns of UTF-8 text.
 *
 * No model ships with the kernels: the caller brings the bytes of a `.bin` or `.ftz` file.
 */
import { parseFastText } from "./fasttext-model.ts";
import type { FastTextClassifier } from "./fasttext-types.ts";
import { createReferenceFastText } from "./reference/fasttext.ts";

export type { FastTextClassifier, FastTextPredictions, PredictOptions } from "./fasttext-types.ts";

/**
 * Makes a classifier from the bytes of a supervised model. One belongs to one thread; the bytes may be reused.
 *
 * @param file how to name the model in errors
 * @throws DataError `fasttext-invalid`
 */
export function loadFastText(bytes: Uint8Array, file?: string): FastTextClassifier {
  return createReferenceFastText(parseFastText(bytes, file));
}
