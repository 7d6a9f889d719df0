/**
 * Token shards: what `forge` writes and `trainer` reads.
 *
 * One Arrow IPC file a shard (`tokens/<split>-00000.arrow`), one record batch of at most 2²⁷ tokens. Column `tokens` is
 * `List<Uint16 | Uint32>`: its values are the flat token stream, its offsets the document bounds. The other columns say
 * where each document came from. Documents begin and end as the contract in the schema metadata says.
 */
import { z } from "zod";

/** A shard belongs to one split; the split of a document is a pure function of its id and the seed. */
export const splitNames = ["train", "validation"] as const;
export type SplitName = (typeof splitNames)[number];

/** Most tokens of one shard: a List's offsets are 32 bits, and a memory map stays handy. */
export const maxTokensPerShard: number = 2 ** 27;

/**
 * Schema metadata of a token shard. Arrow metadata are strings, so this is stored as one JSON document under the key
 * `forge.tokens`.
 */
export const tokenShardMetadataSchema = z.strictObject({
  version: z.literal(1),
  split: z.enum(splitNames),
  /** Name for people, e.g. `gpt2` or `quickstart-4096`. */
  tokenizer: z.string(),
  /** SHA-256 (hex) of the tokenizer.json that made the ids. */
  tokenizerSha256: z.string(),
  vocabularySize: z.int().positive(),
  dtype: z.enum(["uint16", "uint32"]),
  /** Id put before each document, or null. */
  bosId: z.int().nullable(),
  /** Id put after each document, or null. */
  eosId: z.int().nullable(),
  seed: z.int(),
  documents: z.int(),
  tokens: z.int(),
});
export type TokenShardMetadata = z.infer<typeof tokenShardMetadataSchema>;

/** Key of `TokenShardMetadata` in the Arrow schema metadata. */
export const tokenShardMetadataKey = "forge.tokens";

/** Provenance columns beside `tokens`: document id (32 hex digits) and source, both Utf8. */
export const tokenShardColumns = { tokens: "tokens", id: "id", source: "source" } as const;
