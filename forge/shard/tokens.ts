/**
 * Documents to token shards in three kinds of tasks: encode each partition, plan the global order, write each shard.
 *
 * The order is by a keyed hash of the id: a shuffle that depends on neither partitions nor workers. A shard's documents
 * are gathered from the partitions' encoded files by range; no text is read twice.
 */
import { join } from "node:path";
import type { RecordBatch, Utf8, Vector } from "apache-arrow";
import type { ShardConfig } from "../../schemas/config/shard.ts";
import { maxTokensPerShard, splitNames, type SplitName } from "../../schemas/record/tokens.ts";
import {
  assert,
  DataError,
  formatId,
  growingUint32,
  idBytes,
  idColumn,
  openColumns,
  sortRows,
  utf8Column,
  writeColumns,
  type FileDigest,
  type Utf8Column,
} from "../base/index.ts";
import { orderKeys, validationFlags } from "./order.ts";
import { writeTokenFile, type TokenArray } from "./token-file.ts";

const encodedKind = "shard-encoded-1";
const planKind = "shard-plan-1";

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

/** One shard of a plan. */
export interface PlannedShard {
  /** Relative to the output folder, e.g. `tokens/train-00000.arrow`. */
  readonly path: string;
  readonly split: SplitName;
  readonly documents: number;
  readonly tokens: number;
  /** Its documents are `[first, first + documents)` of the plan. */
  readonly first: number;
}

/**
 * Orders all documents, splits them and cuts the order into shards; writes the order to `output`.
 *
 * A budget takes documents in the order of both splits, so it changes neither their order nor their split. A shard ends
 * with the document that reaches `tokensPerShard`, or before one that would exceed 2²⁷ tokens.
 *
 * @param inputs files of `encodePartition`; their order matters only for the plan file, not for the shards
 * @throws DataError `document-too-long` when one alone exceeds 2²⁷ tokens
 */
export async function planShards(
  inputs: readonly string[],
  config: Pick<ShardConfig, "seed" | "validationFraction" | "tokensPerShard" | "tokenBudget">,
  output: string,
): Promise<FileDigest & { readonly shards: readonly PlannedShard[]; readonly left: LeftDocuments }> {
  const all = await loadDocuments(inputs);
  const keys = orderKeys(all.ids, config.seed);
  const validation = validationFlags(all.ids, config.seed, config.validationFraction);
  const { rows, left } = withinBudget(sortRows([keys.high, keys.low]), all.lengths, config.tokenBudget);
  const sorted = sortRows([Uint32Array.from(validation), keys.high, keys.low], rows);
  const shards = cutShards(sorted, all, validation, config.tokensPerShard);
  const digest = await writeColumns(
    output,
    planKind,
    { input: sorted.map((row) => all.input[row] as number), row: sorted.map((row) => all.row[row] as number) },
    { shards: JSON.stringify(shards) },
  );
  return { ...digest, shards, left };
}

/** Documents that a token budget left out of the shards. */
export interface LeftDocuments {
  readonly documents: number;
  readonly tokens: number;
}

/** The first documents of the order, up to and with the one that reaches the budget: a sample of all sources. */
function withinBudget(
  order: Uint32Array,
  lengths: Uint32Array,
  budget: number | null,
): { readonly rows: Uint32Array; readonly left: LeftDocuments } {
  let taken = 0;
  let end = 0;
  while (end < order.length && (budget === null || taken < budget)) taken += lengths[order[end++] as number] as number;
  const all = lengths.reduce((sum, length) => sum + length, 0);
  return { rows: order.subarray(0, end), left: { documents: order.length - end, tokens: all - taken } };
}

/** The shards that a plan file names. */
export async function readShardPlan(path: string): Promise<readonly PlannedShard[]> {
  await using file = await openColumns(path, planKind);
  return JSON.parse(String(file.meta["shards"])) as PlannedShard[];
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
  await using planFile = await openColumns(plan, planKind);
  const end = shard.first + shard.documents;
  const input = await planFile.u32("input", shard.first, end);
  const row = await planFile.u32("row", shard.first, end);
  const narrow = tokenizer.vocabularySize <= 2 ** 16;
  const values: TokenArray = narrow ? new Uint16Array(shard.tokens) : new Uint32Array(shard.tokens);
  // Documents by partition, so that each file is opened once.
  const byInput = Map.groupBy(input.keys(), (i) => input[i] as number);
  // Lengths first (places in the shard follow from them), then the tokens, one partition after the other.
  const bounds = new Map<number, Uint32Array>();
  const ids = Array.from<string>({ length: shard.documents });
  const sources = Array.from<string>({ length: shard.documents });
  for (const [index, own] of byInput) {
    const path = inputs[index] as string;
    await using file = await openColumns(path, encodedKind);
    if (file.meta["tokenizer"] !== tokenizer.sha256) {
      throw new DataError("tokenizer-changed", `${path} was encoded with another tokenizer`, { file: path });
    }
    bounds.set(index, await file.u32("offsets"));
    const allIds = await file.u8("id");
    const names = JSON.parse(String(file.meta["sources"])) as string[];
    const sourceOf = await file.u32("source");
    for (const i of own) {
      ids[i] = formatId(allIds, row[i] as number);
      sources[i] = names[sourceOf[row[i] as number] as number] as string;
    }
  }
  const offsets = new Int32Array(shard.documents + 1);
  for (let i = 0; i < shard.documents; i++) {
    const at = bounds.get(input[i] as number) as Uint32Array;
    const length = (at[(row[i] as number) + 1] as number) - (at[row[i] as number] as number);
    offsets[i + 1] = (offsets[i] as number) + length;
  }
  assert(offsets[shard.documents] === shard.tokens, `${shard.path} has the planned tokens`);
  for (const [index, at] of bounds) {
    signal?.throwIfAborted();
    await using file = await openColumns(inputs[index] as string, encodedKind);
    for (const i of byInput.get(index) ?? []) {
      values.set(await file.u32("tokens", at[row[i] as number], at[(row[i] as number) + 1]), offsets[i]);
    }
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

interface EncodedDocuments {
  readonly ids: Uint8Array;
  readonly lengths: Uint32Array;
  readonly input: Uint32Array;
  readonly row: Uint32Array;
}

async function loadDocuments(inputs: readonly string[]): Promise<EncodedDocuments> {
  const ids: Uint8Array[] = [];
  const lengths = growingUint32();
  const input = growingUint32();
  const row = growingUint32();
  for (const [index, path] of inputs.entries()) {
    await using file = await openColumns(path, encodedKind);
    const offsets = await file.u32("offsets");
    ids.push(await file.u8("id"));
    for (let i = 0; i + 1 < offsets.length; i++) {
      lengths.push((offsets[i + 1] as number) - (offsets[i] as number));
      input.push(index);
      row.push(i);
    }
  }
  return { ids: Buffer.concat(ids), lengths: lengths.finish(), input: input.finish(), row: row.finish() };
}

function cutShards(
  sorted: Uint32Array,
  all: EncodedDocuments,
  validation: Uint8Array,
  tokensPerShard: number,
): PlannedShard[] {
  const shards: PlannedShard[] = [];
  const next: Record<SplitName, number> = { train: 0, validation: 0 };
  let first = 0;
  let tokens = 0;
  const splitAt = (position: number): SplitName =>
    splitNames[validation[sorted[position] as number] as number] as SplitName;
  const close = (end: number): void => {
    if (end === first) return;
    const split = splitAt(first);
    const path = `tokens/${split}-${String(next[split]++).padStart(5, "0")}.arrow`;
    shards.push({ path, split, documents: end - first, tokens, first });
    first = end;
    tokens = 0;
  };
  for (let position = 0; position < sorted.length; position++) {
    const document = sorted[position] as number;
    const length = all.lengths[document] as number;
    if (length > maxTokensPerShard) {
      const id = formatId(all.ids.subarray(document * idBytes, (document + 1) * idBytes), 0);
      throw new DataError("document-too-long", `Document ${id} has ${length} tokens, more than a shard may hold`, {
        sample: id,
      });
    }
    if (position > first && (splitAt(position) !== splitAt(first) || tokens + length > maxTokensPerShard)) {
      close(position);
    }
    tokens += length;
    if (tokens >= tokensPerShard) close(position + 1);
  }
  close(sorted.length);
  return shards;
}
