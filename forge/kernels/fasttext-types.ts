/** Shapes of fastText classification: what a classifier promises, whichever implementation stands behind it. */
import type { TextColumn } from "./types.ts";

export interface PredictOptions {
  /** How many labels of each text to give. @default 1 */
  readonly k?: number;
  /** Only the first so many code points of each text are read. @default all */
  readonly maxCodePoints?: number;
}

/** The best `k` labels of text `i`, best first, are entries `i · k` to `i · k + k − 1`. */
export interface FastTextPredictions {
  /** Index into `labels`; -1 where the model has nothing to say. */
  readonly labelIndex: Int32Array;
  /** As fastText reports it, which is up to 10⁻⁵ above the model's; 0 where there is no label. */
  readonly probability: Float32Array;
}

export interface FastTextClassifier {
  /** Labels without `__label__`, in the model's order. */
  readonly labels: readonly string[];
  /** Each text is one line: line breaks in it are white space, and the end-of-line token is put at its end. */
  predict(column: TextColumn, options?: PredictOptions): FastTextPredictions;
}
