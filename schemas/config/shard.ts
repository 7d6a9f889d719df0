/** Tokenizer and shards: which vocabulary, how documents are ordered, split and cut into files. */
import { z } from "zod";

export const tokenizerConfigSchema = z.strictObject({
  path: z
    .string()
    .optional()
    .describe("A byte-level BPE tokenizer.json to use (GPT-2, BLOOM, GPT-NeoX, …); without it one is trained."),
  name: z.string().min(1).default("forge").describe("Name for people, stored in the shards."),
  license: z.string().optional().describe("Licence of the tokenizer at `path`, for the card."),
  vocabularySize: z
    .int()
    .min(263)
    .max(1_000_000)
    .default(4096)
    .describe("Size of a trained vocabulary in all: 256 bytes, special tokens, merges."),
  minFrequency: z.int().min(1).default(2).describe("Pairs rarer than this are never merged in training."),
});
export type TokenizerConfig = z.infer<typeof tokenizerConfigSchema>;

export const shardConfigSchema = z.strictObject({
  seed: z.int().min(0).max(0xffff_ffff).default(1).describe("Seed of the document order and of the split."),
  validationFraction: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.02)
    .describe("Part of the documents that goes to validation, chosen by a hash of id and seed."),
  tokensPerShard: z
    .int()
    .min(1)
    .max(2 ** 27)
    .default(2 ** 25)
    .describe("Tokens at which a shard ends; a document is never cut."),
  tokenBudget: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      "Tokens of both splits at which the shards end, in the global order; documents beyond stay in `documents/`. " +
        "Null writes all.",
    ),
  rowGroupBytes: z
    .int()
    .min(1024)
    .default(2 ** 23)
    .describe("Text bytes after which a Parquet row group ends: bounds the memory of writers and readers."),
});
export type ShardConfig = z.infer<typeof shardConfigSchema>;
