/** Opens the token shards of an output for reading: what the trainer's data room starts from. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { SplitName, TokenShardMetadata } from "../../schemas/record/tokens.ts";
import { DataError, wrapFileError } from "../base/index.ts";
import { readTokenFile, type OpenTokenShard } from "./token-file.ts";

/** Facts that all shards of a split share. */
export type SharedTokenMetadata = Omit<TokenShardMetadata, "documents" | "tokens">;

export interface TokenShards {
  readonly metadata: SharedTokenMetadata;
  /** Sums over the shards. */
  readonly tokens: number;
  readonly documents: number;
  /** In the order of their names. */
  readonly shards: readonly OpenTokenShard[];
  /** Lets the shards go; their arrays must not be used afterwards. */
  close(): Promise<void>;
}

/**
 * Reads and validates all shards of a split, `<folder>/tokens/<split>-*.arrow`.
 *
 * Each file is read once; arrays are views of its bytes.
 *
 * @param folder output folder of `forge build-corpus`
 * @throws DataError `token-shards-missing` when there are none, `token-shards-differ` when they do not belong together,
 *   `token-shard-invalid` when one is damaged
 */
export async function openTokenShards(folder: string, split: SplitName): Promise<TokenShards> {
  const names = await listShards(folder, split);
  if (names.length === 0) {
    throw new DataError(
      "token-shards-missing",
      `${folder} has no ${split} shards`,
      { file: folder },
      { hint: "Name the folder that `forge build-corpus` wrote; it holds tokens/train-00000.arrow." },
    );
  }
  const shards: OpenTokenShard[] = [];
  for (const name of names) {
    const shard = await readTokenFile(join(folder, "tokens", name));
    const first = shards[0] ?? shard;
    for (const key of ["split", "tokenizerSha256", "vocabularySize", "dtype", "bosId", "eosId"] as const) {
      if (shard.metadata[key] === first.metadata[key]) continue;
      throw new DataError("token-shards-differ", `${first.path} and ${shard.path} differ in ${key}`, {
        file: shard.path,
      });
    }
    if (shard.metadata.split !== split) {
      throw new DataError("token-shards-differ", `${shard.path} belongs to ${shard.metadata.split}`, {
        file: shard.path,
      });
    }
    shards.push(shard);
  }
  const { documents: _documents, tokens: _tokens, ...metadata } = (shards[0] as OpenTokenShard).metadata;
  return {
    metadata,
    tokens: shards.reduce((sum, shard) => sum + shard.metadata.tokens, 0),
    documents: shards.reduce((sum, shard) => sum + shard.metadata.documents, 0),
    shards,
    close: () => {
      shards.length = 0;
      return Promise.resolve();
    },
  };
}

/** File names of a split's shards, sorted; empty when the folder has none. */
export async function listShards(folder: string, split: SplitName): Promise<readonly string[]> {
  const path = join(folder, "tokens");
  let names: string[];
  try {
    names = await readdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw wrapFileError(error, path);
  }
  return names.filter((name) => name.startsWith(`${split}-`) && name.endsWith(".arrow")).sort();
}
