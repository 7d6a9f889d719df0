/**
 * Deduplication: what counts as a copy, which copy stays, and how much work may be spent on finding near ones.
 *
 * Defaults are FineWeb's (word 5-grams, 14 bands of 8 rows) with Dolma 3's verification at a true Jaccard of 0.80.
 */
import { z } from "zod";

export const dedupScopes = ["global", "snapshot", "source"] as const;
export type DedupScope = (typeof dedupScopes)[number];

export const lineConfigSchema = z.strictObject({
  maxDocuments: z
    .int()
    .min(1)
    .default(1)
    .describe("A line that stands in more kept documents than this is taken out; lines are equal in normal form."),
  keepFirst: z.boolean().default(true).describe("Its first occurrence stays: in the first document in keep order."),
  minLineCharacters: z
    .int()
    .min(1)
    .default(20)
    .describe("Lines whose normal form has fewer characters are left alone."),
  minDocumentCharacters: z
    .int()
    .min(1)
    .default(300)
    .describe("A document that is left with fewer characters is rejected whole as `repeated-lines` (300 as CCNet)."),
});

export const dedupConfigSchema = z
  .strictObject({
    against: z
      .array(z.string().min(1))
      .default([])
      .describe(
        "Folders of finished corpora, relative to the working directory, that were built with `keepIndex`: their " +
          "documents come first in keep order and stay, and copies of them are removed here. With scope `global` only.",
      ),
    keepIndex: z
      .boolean()
      .default(false)
      .describe("Leave `index/` in the output, so that later corpora can be deduplicated against it."),
    keep: z
      .enum(["first", "newest"])
      .default("first")
      .describe(
        "Which of several copies stays. `first`: of the earlier source, then of better quality, then the longer, then of " +
          "the smaller id. `newest`: of the later ISO 8601 date first (those without one come last), then as before.",
      ),
    quality: z
      .string()
      .optional()
      .describe("Signal whose larger value is kept first; without it length decides after the source's rank."),
    scope: z
      .enum(dedupScopes)
      .default("global")
      .describe(
        "Documents are compared within the whole corpus, within a snapshot (`snapshot` of a source) or within a source.",
      ),
    url: z
      .boolean()
      .default(false)
      .describe(
        "Keep one document of each URL, whatever the texts, normalised: scheme and host in lower case, no default port, " +
          "no fragment, no slash at the end, no `utm_*` parameter, the others sorted.",
      ),
    normalForm: z
      .boolean()
      .default(true)
      .describe(
        "Also remove documents whose normal form (lower case, digits as 0, no punctuation) equals that of a kept one. " +
          "Switch off for code: normal forms turn `wasm32` and `wasm64` into one.",
      ),
    near: z.boolean().default(true).describe("Find and remove near duplicates, each verified by its true Jaccard."),
    shingleWords: z
      .int()
      .min(1)
      .max(64)
      .default(5)
      .describe("Words of an n-gram; shorter documents match exactly only."),
    bands: z.int().min(1).max(256).default(14).describe("MinHash bands; more bands find less similar pairs."),
    rows: z.int().min(1).max(64).default(8).describe("MinHash values of a band; more rows make bands stricter."),
    threshold: z.number().min(0).max(1).default(0.8).describe("True Jaccard of n-grams from which two are duplicates."),
    seed: z.int().min(0).max(0xffff_ffff).default(1).describe("Seed of the MinHash permutations."),
    leaders: z
      .int()
      .min(1)
      .max(4096)
      .default(16)
      .describe("Documents of one bucket that the others are compared with: its first ones in keep order."),
    maxPairsPerBand: z
      .int()
      .min(1)
      .default(50_000_000)
      .describe("Candidate pairs of one band; documents beyond it are kept and counted as unresolved."),
    lines: lineConfigSchema
      .optional()
      .describe(
        "Take lines out of kept documents that many of them repeat (CCNet); off unless given, `{}` for defaults.",
      ),
    verifyGroups: z
      .int()
      .min(1)
      .max(65_536)
      .optional()
      .describe("Parts into which the verification is cut; without it 4, and one more for each 16 parts of the input."),
  })
  .refine(({ scope, against, keepIndex }) => scope === "global" || (against.length === 0 && !keepIndex), {
    message: "`against` and `keepIndex` compare whole corpora: they need `scope: global`",
    path: ["scope"],
  });
export type DedupConfig = z.infer<typeof dedupConfigSchema>;
