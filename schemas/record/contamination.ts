/** What decontamination reports: every part of an evaluation set found in a document, and what became of each example. */
import { z } from "zod";

/** A row of `decontamination/part-*.parquet`: one part of one example in one document. */
export const contaminationSchema = z.strictObject({
  /** Evaluation set and example, as the config and its `id` field name them. */
  set: z.string(),
  example: z.string(),
  /** `whole`: a short question followed by its answer. */
  part: z.enum(["question", "answer", "passage", "whole"]),
  documentId: z.string(),
  source: z.string(),
  /** The document that is kept for it: itself, or the one that it duplicates, which is flagged for it. */
  keptId: z.string(),
  /**
   * What became of the document: `reported` (kept as it is), `cut`, `dropped`, `duplicate` (deduplication had removed it),
   * `removed` (another stage had).
   */
  outcome: z.enum(["reported", "cut", "dropped", "duplicate", "removed"]),
  /** Distinct n-grams of the part found in the document, and their share of those that the part has. */
  ngrams: z.int().positive(),
  share: z.number().gt(0).max(1),
  /** The longest passage that they cover as it stands in the document, at most 1000 bytes of it. */
  text: z.string(),
});
export type Contamination = z.infer<typeof contaminationSchema>;

/** A row of `decontamination/examples.parquet`: one example of an evaluation set, found or not. */
export const contaminatedExampleSchema = z.strictObject({
  set: z.string(),
  example: z.string(),
  /** `frequent`: found, but by phrases too common to count. `too-short`: it cannot be looked for. */
  status: z.enum(["clean", "contaminated", "frequent", "too-short"]),
  words: z.int().nonnegative(),
  /** n-grams (or whole texts) looked for, found, and found too often; each part counts its own. */
  ngrams: z.int().nonnegative(),
  ngramsFound: z.int().nonnegative(),
  ngramsFrequent: z.int().nonnegative(),
  /** Flagged documents that hold something of it, duplicates counted once. */
  documents: z.int().nonnegative(),
});
export type ContaminatedExample = z.infer<typeof contaminatedExampleSchema>;
