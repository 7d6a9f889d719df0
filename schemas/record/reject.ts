/**
 * What did not become part of the corpus, and why: documents that a stage rejected, input that could not be read.
 *
 * Both are kept, so that in = kept + rejected + quarantined can be checked row by row.
 */
import { z } from "zod";
import { documentSchema } from "./document.ts";

/**
 * A document that a filter or a later stage turned away; a row of `rejects/*.parquet`. Behind these columns stand the
 * signals that were measured before, named as in `documents/*.parquet`.
 */
export const rejectSchema = documentSchema.extend({
  /** Stage or filter, e.g. `gopher-quality`, `dedup`. */
  stage: z.string(),
  /** Named as datatrove names it where it has the rule, e.g. `gopher_short_doc`. */
  reason: z.string(),
  /** The measured value that missed the limit; null where the rule has none. */
  value: z.number().nullable(),
  /** Duplicates: the kept document they are a copy of. */
  partnerId: z.string().nullable(),
  /** Duplicates: name of the existing corpus that holds it; null when it is in this one. */
  partnerCorpus: z.string().nullable(),
  /** Duplicates: true Jaccard with the partner; null where only the URL is the same. */
  jaccard: z.number().nullable(),
});
export type Reject = z.infer<typeof rejectSchema>;

/** Why input was quarantined: it never became a document. */
export const quarantineReasons = [
  "file-unreadable",
  "invalid-utf8",
  "truncated",
  "corrupt-compression",
  "damaged-data",
  "record-too-long",
  "malformed-json",
  "field-missing",
  "field-not-text",
  "no-text",
] as const;
export type QuarantineReason = (typeof quarantineReasons)[number];

/** One entry of bad input; counts as one document in and one quarantined, however long it is. */
export const quarantineSchema = z.strictObject({
  /** URI relative to the configured root. */
  source: z.string(),
  reason: z.enum(quarantineReasons),
  /** What is wrong, one sentence. */
  message: z.string(),
  /** Number of the record in its file, from 0; null where the reader began inside the file, or the rest of it is meant. */
  row: z.int().nullable(),
  /** Position in the decompressed stream; for the rest of a file that cannot be decompressed: where it broke off. */
  byteOffset: z.int(),
  /** Length there; null when the end is unknown. */
  byteLength: z.int().nullable(),
  /** The first characters of it. */
  sample: z.string(),
});
export type Quarantine = z.infer<typeof quarantineSchema>;
