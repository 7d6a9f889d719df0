/**
 * The global order of documents, cut into shards. Sorted outside memory (base/sorted-runs.ts): it takes as much for a
 * billion documents as for a million.
 */
import { rm } from "node:fs/promises";
import type { ShardConfig } from "../../schemas/config/shard.ts";
import { maxTokensPerShard, splitNames, type SplitName } from "../../schemas/record/tokens.ts";
import {
  createRunFile,
  DataError,
  formatId,
  growingUint32,
  idBytes,
  mergeRuns,
  openColumns,
  writeColumns,
  type FileDigest,
} from "../base/index.ts";
import { orderKeys, validationFlags } from "./order.ts";

/** Written by `encodePartition`. */
export const encodedKind = "shard-encoded-1";
const planKind = "shard-plan-2";
/** Sections `order` (split, key, input, row, tokens) and, for a budget, `keys` (key, input, row, tokens). */
const orderKind = "shard-order-1";

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

/** Documents that a token budget left out of the shards. */
export interface LeftDocuments {
  readonly documents: number;
  readonly tokens: number;
}

type OrderConfig = Pick<ShardConfig, "seed" | "validationFraction" | "tokensPerShard" | "tokenBudget">;

/**
 * Orders all documents, splits them and cuts the order into shards; writes the order to `output`.
 *
 * A budget takes documents in the order of both splits, so it changes neither their order nor their split. A shard ends
 * with the document that reaches `tokensPerShard`, or before one that would exceed 2²⁷ tokens.
 *
 * @param inputs files of `encodePartition`; their order matters only for the plan file, not for the shards
 * @param runRows rows that are sorted at a time. @default 2²⁰
 * @throws DataError `document-too-long` when one alone exceeds 2²⁷ tokens
 */
export async function planShards(
  inputs: readonly string[],
  config: OrderConfig,
  output: string,
  runRows = 1 << 20,
): Promise<FileDigest & { readonly shards: readonly PlannedShard[]; readonly left: LeftDocuments }> {
  const runs = `${output}.runs`;
  try {
    const all = await writeRuns(inputs, config, runs, runRows);
    const end = config.tokenBudget === null ? null : await findEnd(runs, config.tokenBudget);
    const shards = await cutShards(runs, inputs, end, config.tokensPerShard);
    const taken = { documents: 0, tokens: 0 };
    for (const { documents, tokens } of shards) {
      taken.documents += documents;
      taken.tokens += tokens;
    }
    const places = { type: "u32" as const, length: 2 * taken.documents, chunks: placesOf(runs, end) };
    const digest = await writeColumns(output, planKind, { places }, { shards: JSON.stringify(shards) });
    const left = { documents: all.documents - taken.documents, tokens: all.tokens - taken.tokens };
    return { ...digest, shards, left };
  } finally {
    await rm(runs, { force: true });
  }
}

/** Pairs of input and row of a plan's documents `[first, end)`. */
export async function readPlaces(path: string, first: number, end: number): Promise<Uint32Array> {
  await using file = await openColumns(path, planKind);
  return await file.u32("places", 2 * first, 2 * end);
}

/** The shards that a plan file names. */
export async function readShardPlan(path: string): Promise<readonly PlannedShard[]> {
  await using file = await openColumns(path, planKind);
  return JSON.parse(String(file.meta["shards"])) as PlannedShard[];
}

async function writeRuns(
  inputs: readonly string[],
  { seed, validationFraction, tokenBudget }: OrderConfig,
  path: string,
  runRows: number,
): Promise<LeftDocuments> {
  const total = { documents: 0, tokens: 0 };
  // In the order in which they sort: validation, key (two words), input, row; then the tokens.
  const columns = Array.from({ length: 6 }, () => growingUint32());
  await using runs = await createRunFile(path, orderKind);
  const flush = async (): Promise<void> => {
    const words = columns.map((column) => column.finish());
    await runs.append("order", words);
    if (tokenBudget !== null) await runs.append("keys", words.slice(1));
    for (const column of columns) column.clear();
  };
  for (const [index, input] of inputs.entries()) {
    await using file = await openColumns(input, encodedKind);
    const offsets = await file.u32("offsets");
    const ids = await file.u8("id");
    const keys = orderKeys(ids, seed);
    const validation = validationFlags(ids, seed, validationFraction);
    for (let row = 0; row + 1 < offsets.length; row++) {
      const tokens = (offsets[row + 1] as number) - (offsets[row] as number);
      const words = [validation[row], keys.high[row], keys.low[row], index, row, tokens];
      for (const [i, column] of columns.entries()) column.push(words[i] as number);
      total.documents++;
      total.tokens += tokens;
      if (columns[0]?.length === runRows) await flush();
    }
  }
  await flush();
  await runs.commit();
  return total;
}

/** Key (two words), input and row of the document that reaches a budget: the last one that is taken. */
type OrderEnd = readonly [number, number, number, number];

/** The first documents of the order, up to and with the one that reaches the budget, are a sample of all sources. */
async function findEnd(path: string, budget: number): Promise<OrderEnd | null> {
  let taken = 0;
  for await (const { columns, order } of mergeRuns([path], orderKind, "keys")) {
    const [high, low, input, row, tokens] = columns as [
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
    ];
    for (const at of order) {
      taken += tokens[at] as number;
      if (taken >= budget) return [high[at] as number, low[at] as number, input[at] as number, row[at] as number];
    }
  }
  return null;
}

async function cutShards(
  path: string,
  inputs: readonly string[],
  end: OrderEnd | null,
  tokensPerShard: number,
): Promise<readonly PlannedShard[]> {
  const cutter = new ShardCutter(tokensPerShard);
  for await (const { columns, order } of mergeRuns([path], orderKind, "order")) {
    const [validation, , , input, row, tokens] = columns;
    for (const at of order) {
      if (!isTaken(columns, at, end)) continue;
      const length = tokens?.[at] as number;
      if (length > maxTokensPerShard) {
        throw await tooLong(inputs[input?.[at] as number] as string, row?.[at] as number, length);
      }
      cutter.add(splitNames[validation?.[at] as number] as SplitName, length);
    }
  }
  return cutter.finish();
}

async function* placesOf(path: string, end: OrderEnd | null): AsyncGenerator<Uint32Array, void, undefined> {
  for await (const { columns, order } of mergeRuns([path], orderKind, "order")) {
    const [, , , input, row] = columns;
    const places = new Uint32Array(2 * order.length);
    let length = 0;
    for (const at of order) {
      if (!isTaken(columns, at, end)) continue;
      places[length++] = input?.[at] as number;
      places[length++] = row?.[at] as number;
    }
    yield places.subarray(0, length);
  }
}

/** Whether a document stands up to and with the last one that is taken. */
function isTaken(columns: readonly Uint32Array[], at: number, end: OrderEnd | null): boolean {
  if (end === null) return true;
  for (const [word, last] of end.entries()) {
    const difference = (columns[word + 1]?.[at] as number) - last;
    if (difference !== 0) return difference < 0;
  }
  return true;
}

/** Cuts documents, as they come, into shards: each of one split. */
class ShardCutter {
  readonly #shards: PlannedShard[] = [];
  readonly #tokensPerShard: number;
  readonly #next: Record<SplitName, number> = { train: 0, validation: 0 };
  #split: SplitName = "train";
  #first = 0;
  #documents = 0;
  #tokens = 0;

  constructor(tokensPerShard: number) {
    this.#tokensPerShard = tokensPerShard;
  }

  add(split: SplitName, tokens: number): void {
    if (split !== this.#split || this.#tokens + tokens > maxTokensPerShard) this.#close();
    this.#split = split;
    this.#documents++;
    this.#tokens += tokens;
    if (this.#tokens >= this.#tokensPerShard) this.#close();
  }

  finish(): readonly PlannedShard[] {
    this.#close();
    return this.#shards;
  }

  #close(): void {
    if (this.#documents === 0) return;
    const split = this.#split;
    const path = `tokens/${split}-${String(this.#next[split]++).padStart(5, "0")}.arrow`;
    this.#shards.push({ path, split, documents: this.#documents, tokens: this.#tokens, first: this.#first });
    this.#first += this.#documents;
    this.#documents = 0;
    this.#tokens = 0;
  }
}

async function tooLong(input: string, row: number, tokens: number): Promise<DataError> {
  await using file = await openColumns(input, encodedKind);
  const id = formatId(await file.u8("id", row * idBytes, (row + 1) * idBytes), 0);
  return new DataError("document-too-long", `Document ${id} has ${tokens} tokens, more than a shard may hold`, {
    sample: id,
  });
}
