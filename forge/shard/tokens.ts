/**
 * Documents to token shards in three kinds of tasks: encode each partition, plan the global order (plan-shards.ts), write
 * each shard.
 *
 * The order is by a keyed hash of the id: a shuffle that depends on neither partitions nor workers. A shard's documents
 * are gathered from the partitions' encoded files by range; no text is read twice.
 */
import { join } from "node:path";
import type { RecordBatch, Utf8, Vector } from "apache-arrow";
import {
  assert,
  DataError,
  formatId,
  growingUint32,
  idColumn,
  openColumns,
  utf8Column,
  writeColumns,
  type FileDigest,
  type Utf8Column,
} from "../base/index.ts";
import { encodedKind, readPlaces, type PlannedShard } from "./plan-shards.ts";
import { writeTokenFile, type TokenArray } from "./token-file.ts";

/** The tokenizer as shards need it; `forge/tokenize` provides one. */
export interface ShardTokenizer {
  readonly name: string;
  readonly sha256: string;
  readonly vocabularySize: number;
  readonly bosId: number | null;
  readonly eosId: number | null;
  /** Ids of all texts; text `i` has `ids[offsets[i] .. offsets[i + 1])`. Never yields special tokens. */
  encodeColumn(column: Utf8Column): { readonly ids: Uint32Array; readonly offsets: Int32Array | Uint32Array };
}

/**
 * Encodes the kept documents of a partition (columns `id`, `text`, `source`) into an intermediate file.
 *
 * @param key name of the partition, for messages
 */
export async function encodePartition(
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
  tokenizer: ShardTokenizer,
  output: string,
  options: { readonly key: string; readonly signal?: AbortSignal },
): Promise<FileDigest & { readonly documents: number; readonly tokens: number }> {
  const { key, signal } = options;
  const ids: Uint8Array[] = [];
  const tokens = growingUint32(1 << 16);
  const offsets = growingUint32();
  const sourceOf = growingUint32();
  const sources = new Map<string, number>();
  offsets.push(0);
  for await (const batch of batches) {
    signal?.throwIfAborted();
    ids.push(idColumn(batch, key, offsets.length - 1));
    const encoded = tokenizer.encodeColumn(utf8Column(batch, "text", key));
    const source = batch.getChild("source") as Vector<Utf8> | null;
    for (let row = 0; row < batch.numRows; row++) {
      if (tokenizer.bosId !== null) tokens.push(tokenizer.bosId);
      tokens.append(encoded.ids.subarray(encoded.offsets[row], encoded.offsets[row + 1]));
      if (tokenizer.eosId !== null) tokens.push(tokenizer.eosId);
      offsets.push(tokens.length);
      const name = source?.get(row) ?? "";
      if (!sources.has(name)) sources.set(name, sources.size);
      sourceOf.push(sources.get(name) as number);
    }
  }
  const documents = offsets.length - 1;
  const digest = await writeColumns(
    output,
    encodedKind,
    {
      id: Buffer.concat(ids),
      offsets: offsets.finish(),
      source: sourceOf.finish(),
      tokens: tokens.finish(),
    },
    { sources: JSON.stringify([...sources.keys()]), tokenizer: tokenizer.sha256 },
  );
  return { ...digest, documents, tokens: tokens.length };
}

/**
 * Writes one shard of a plan.
 *
 * @param plan file of `planShards`
 * @param inputs the same files, in the same order, as the plan was made from
 * @param folder output folder that the shard's path is relative to
 */
export async function writeShard(
  shard: PlannedShard,
  plan: string,
  inputs: readonly string[],
  tokenizer: ShardTokenizer,
  options: { readonly folder: string; readonly seed: number; readonly signal?: AbortSignal },
): Promise<FileDigest & { readonly rows: number }> {
  const { folder, seed, signal } = options;
  const places = await readPlaces(plan, shard.first, shard.first + shard.documents);
  const input = Uint32Array.from({ length: shard.documents }, (_, i) => places[2 * i] as number);
  const row = Uint32Array.from({ length: shard.documents }, (_, i) => places[2 * i + 1] as number);
  const narrow = tokenizer.vocabularySize <= 2 ** 16;
  const values: TokenArray = narrow ? new Uint16Array(shard.tokens) : new Uint32Array(shard.tokens);
  // Documents by partition, so that each file is opened once.
  const byInput = Map.groupBy(input.keys(), (i) => input[i] as number);
  // Lengths first (places in the shard follow from them), then the tokens, one partition after the other.
  const from = new Uint32Array(shard.documents);
  const to = new Uint32Array(shard.documents);
  const ids = Array.from<string>({ length: shard.documents });
  const sources = Array.from<string>({ length: shard.documents });
  for (const [index, own] of byInput) {
    const path = inputs[index] as string;
    await using file = await openColumns(path, encodedKind);
    if (file.meta["tokenizer"] !== tokenizer.sha256) {
      throw new DataError("tokenizer-changed", `${path} was encoded with another tokenizer`, { file: path });
    }
    const bounds = await file.u32("offsets");
    const allIds = await file.u8("id");
    const names = JSON.parse(String(file.meta["sources"])) as string[];
    const sourceOf = await file.u32("source");
    for (const i of own) {
      from[i] = bounds[row[i] as number] as number;
      to[i] = bounds[(row[i] as number) + 1] as number;
      ids[i] = formatId(allIds, row[i] as number);
      sources[i] = names[sourceOf[row[i] as number] as number] as string;
    }
  }
  const offsets = new Int32Array(shard.documents + 1);
  for (let i = 0; i < shard.documents; i++) {
    offsets[i + 1] = (offsets[i] as number) + (to[i] as number) - (from[i] as number);
  }
  assert(offsets[shard.documents] === shard.tokens, `${shard.path} has the planned tokens`);
  for (const [index, own] of byInput) {
    signal?.throwIfAborted();
    await using file = await openColumns(inputs[index] as string, encodedKind);
    for (const i of own) values.set(await file.u32("tokens", from[i], to[i]), offsets[i]);
  }
  const digest = await writeTokenFile(
    join(folder, shard.path),
    { values, offsets, ids, sources },
    {
      version: 1,
      split: shard.split,
      tokenizer: tokenizer.name,
      tokenizerSha256: tokenizer.sha256,
      vocabularySize: tokenizer.vocabularySize,
      dtype: narrow ? "uint16" : "uint32",
      bosId: tokenizer.bosId,
      eosId: tokenizer.eosId,
      seed,
      documents: shard.documents,
      tokens: shard.tokens,
    },
  );
  return { ...digest, rows: shard.documents };
}
