/** The rows of `npm run bench -- kernels`. */
import type { BenchRow } from "./harness.ts";
import { decontaminate, jsonlExtract, minhashSignature } from "./kernels/text.ts";

export const rows: readonly BenchRow[] = [minhashSignature, jsonlExtract, decontaminate];
