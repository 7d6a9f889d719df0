/** The plain implementation of the text kernels as one object. */
import { bandKeys, jaccard, toShingleSets } from "../similarity.ts";
import type { TextKernels } from "../types.ts";
import { findCandidates } from "./candidates.ts";
import { cleanTexts } from "./clean-text.ts";
import { hashLines, hashTexts } from "./hash.ts";
import { extractJsonLines } from "./jsonl.ts";
import { shingles, signMinHash } from "./minhash.ts";
import { normalizeForDedup } from "./normal-form.ts";
import { countCodePoints, findInvalidUtf8, repairUtf8 } from "./utf8.ts";
import { segmentWords } from "./words.ts";

export const referenceKernels: TextKernels = {
  implementation: "reference",
  repairUtf8,
  findInvalidUtf8: (bytes) => findInvalidUtf8(bytes),
  cleanTexts,
  findCandidates,
  countCodePoints,
  extractJsonLines,
  normalizeForDedup,
  segmentWords,
  hashTexts,
  hashLines,
  signMinHash,
  bandKeys,
  shingles,
  shingleSets: (column, shingleWords) => toShingleSets(shingles(column, shingleWords)),
  jaccard,
};
