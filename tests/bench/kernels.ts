/** The rows of `npm run bench -- kernels`. */
import type { BenchRow } from "./harness.ts";
import { filterStatistics } from "./kernels/filters.ts";
import { minhashSignature } from "./kernels/minhash.ts";
import { decontaminate, jsonlExtract } from "./kernels/text.ts";
import { bpeEncodeBloom, bpeEncodeGpt2, bpeEncodeNeox, bpeTrain, languageId } from "./kernels/tokens.ts";

export const rows: readonly BenchRow[] = [
  minhashSignature,
  jsonlExtract,
  decontaminate,
  filterStatistics,
  bpeEncodeGpt2,
  bpeEncodeBloom,
  bpeEncodeNeox,
  bpeTrain,
  languageId,
];
