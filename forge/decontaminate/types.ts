/** The words of decontamination: examples, their parts, the n-grams that stand for them, and hits. Shapes only. */
import type { TextKernels } from "../kernels/index.ts";

/** The kernels that decontamination needs. */
export type ContaminationKernels = Pick<TextKernels, "normalizeForDedup" | "shingles">;

/** Parts of an example that are looked for by themselves; `whole` is a short question followed by its answer. */
export const exampleParts = ["question", "answer", "passage", "whole"] as const;
export type ExamplePart = (typeof exampleParts)[number];

/** One record of an evaluation set. Parts may have several texts (choices, reference answers) or none. */
export interface EvaluationExample {
  /** Index of its set in the config. */
  readonly set: number;
  readonly id: string;
  readonly question: readonly string[];
  readonly answer: readonly string[];
  readonly passage: readonly string[];
}

/**
 * Hits of a column of texts, by text, then position, then gram. A *gram* is what is looked for: an n-gram of the
 * configured length, or a whole short example.
 */
export interface Hits {
  readonly texts: Uint32Array;
  /** Index of the first matched word in the text's normal form. */
  readonly positions: Uint32Array;
  readonly grams: Uint32Array;
}

/** Half-open. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}
