/** The manifest of `forge build-corpus`: every file with its digest, and all figures that the card shows. */
import { z } from "zod";
import { contaminationActions } from "../config/decontaminate.ts";
import { conservationSchema, manifestFileSchema, stageCountsSchema } from "./manifest.ts";

const count = z.int().nonnegative();

export const sourceFiguresSchema = z.strictObject({
  name: z.string(),
  files: count,
  /** Bytes on disk, as compressed as they are. */
  bytes: count,
  documentsIn: count,
  kept: count,
  /** UTF-8 bytes of the kept texts. */
  keptTextBytes: count,
  license: z.string().nullable(),
  description: z.string().nullable(),
  /** Commits at which data sets of the Hugging Face hub were read, by their URI. */
  revisions: z.record(z.string(), z.string()).default({}),
});
export type SourceFigures = z.infer<typeof sourceFiguresSchema>;

/** What decontamination found; documents that are duplicates of each other count once. */
export const contaminationFiguresSchema = z.strictObject({
  action: z.enum(contaminationActions),
  ngram: count,
  maxCorpusFrequency: count,
  /** Distinct n-grams, and short examples matched whole, that were looked for. */
  ngrams: count,
  wholes: count,
  /** Memory of their index, held once for all workers. */
  indexBytes: count,
  sets: z.array(
    z.strictObject({
      name: z.string(),
      license: z.string().nullable(),
      examples: count,
      /** Examples that cannot be looked for, were found, were found by common phrases only. */
      tooShort: count,
      contaminated: count,
      frequent: count,
      /** Flagged documents that hold something of the set. */
      documents: count,
    }),
  ),
  /** Documents kept by the stages before that are flagged; of them those of which only a removed duplicate has a hit. */
  flagged: count,
  flaggedByCopy: count,
  dropped: count,
  cutDocuments: count,
  cutCharacters: count,
});
export type ContaminationFigures = z.infer<typeof contaminationFiguresSchema>;

/** What was done to texts before they were measured; rejected documents count, quarantined ones do not. */
export const textFiguresSchema = z.strictObject({
  extract: z.strictObject({
    /** Pages of HTML; those without main text are among the rejected documents. */
    pages: count,
    bytesIn: count,
    /** Bytes of texts, and of the pages that have none. */
    bytesOut: count,
    /** Pages read up to a budget only. */
    cut: count,
  }),
  repair: z.strictObject({
    bytesIn: count,
    bytesOut: count,
    /** Texts that are not the same bytes as before. */
    changed: count,
    /** Texts that were not in NFC. */
    composed: count,
    /** Control and invisible characters taken out. */
    controls: count,
    /** Texts with lines of UTF-8 that had been read as Windows-1252 or Latin-1. */
    mojibake: count,
  }),
  redact: z.strictObject({
    /** Replacements by kind of personal data; kinds that were off are missing. */
    found: z.record(z.string(), count),
    changed: count,
    /** Bytes taken out, and bytes of placeholders put in. */
    bytesOut: count,
    bytesIn: count,
  }),
});
export type TextFigures = z.infer<typeof textFiguresSchema>;

export const corpusFiguresSchema = z.strictObject({
  sources: z.array(sourceFiguresSchema),
  /** Kept documents by language; `unknown` where none was given or found. */
  languages: z.record(z.string(), count),
  /** Kept documents by length in UTF-8 bytes: bucket `k` holds [2ᵏ, 2ᵏ⁺¹). */
  lengths: z.array(count),
  keptTextBytes: count,
  /** Rejected documents of the whole run by step (a filter, or a stage behind them) and by reason. */
  rejectedBy: z.record(z.string(), z.record(z.string(), count)),
  /** Bytes that stages took out of texts which they kept, by stage. */
  editedBytes: z.record(z.string(), count),
  /** Bytes that were not UTF-8, and surrogates without a partner in JSON, that became U+FFFD, counted in replacements. */
  replacements: count,
  texts: textFiguresSchema,
  duplicates: z.strictObject({
    /** Kept documents that stand for more than themselves. */
    clusters: count,
    largestCluster: count,
    /** Kept documents by how many they stand for: bucket `k` holds [2ᵏ, 2ᵏ⁺¹), so bucket 0 those without copies. */
    clusterSizes: z.array(count),
    /** Candidate pairs compared by their true Jaccard, and those at or above the threshold. */
    comparedPairs: count,
    verifiedPairs: count,
    /** Kept documents that share a bucket with one they were not compared with, because a budget ran out. */
    unresolved: count,
  }),
  /** What taking repeated lines out did to kept documents; null when it was not configured. */
  repeatedLines: z.strictObject({ editedDocuments: count, rejected: count, bytesRemoved: count }).nullable(),
  /** Null when no evaluation set was configured. */
  contamination: contaminationFiguresSchema.nullable(),
  tokenizer: z.strictObject({ name: z.string(), sha256: z.string(), vocabularySize: count, trained: z.boolean() }),
  tokens: z.record(z.string(), z.strictObject({ documents: count, tokens: count, shards: count })),
  /** Kept documents that the token budget left out of the shards. */
  beyondBudget: z.strictObject({ documents: count, tokens: count }),
});
export type CorpusFigures = z.infer<typeof corpusFiguresSchema>;

export const corpusManifestSchema = z.strictObject({
  version: z.literal(1),
  kind: z.literal("corpus"),
  name: z.string(),
  description: z.string().nullable(),
  /** Version of forge. */
  program: z.string(),
  /** Resolved config, as `--show-config` prints it. */
  config: z.json(),
  conservation: conservationSchema,
  stages: z.array(stageCountsSchema),
  figures: corpusFiguresSchema,
  files: z.array(manifestFileSchema),
});
export type CorpusManifest = z.infer<typeof corpusManifestSchema>;
