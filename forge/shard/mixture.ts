/**
 * A mixture realised: how often each document of a split is written, and in which order.
 *
 * A weight of 2.5 writes every document of a source twice and, in the order of a keyed hash, as many of them a third
 * time as half of its tokens need: the realised weight is off by less than one document. Copies are shuffled
 * independently, so that repeats lie apart. Each copy's place depends on its id, its number and the seed alone.
 */
import { matchesGlob } from "node:path";
import { assert, DataError, sortRows } from "../base/index.ts";
import { orderKeys } from "./order.ts";
import { readTokenFile } from "./token-file.ts";

/** Which documents, by their source's URI, and how often. The first pattern that matches decides. */
export interface MixtureWeight {
  /** A glob, or the beginning of the URI up to a slash. */
  readonly pattern: string;
  readonly weight: number;
}

export interface MixtureOptions {
  /** Documents that no pattern matches have weight 1. */
  readonly weights?: readonly MixtureWeight[];
  /** Tokens at which the order ends, with the document that reaches it. */
  readonly maxTokens?: number;
  readonly seed?: number;
}

/** What became of one pattern; `*` stands for documents that none matched. */
export interface RealisedWeight {
  readonly pattern: string;
  readonly weight: number;
  readonly documents: number;
  readonly tokens: number;
  /** Copies written, and their tokens. */
  readonly writtenDocuments: number;
  readonly writtenTokens: number;
}

/** Document `i` of the output is document `document[i]` of shard `shard[i]`. */
export interface DocumentOrder {
  readonly shard: Uint32Array;
  readonly document: Uint32Array;
  readonly lengths: Uint32Array;
  readonly realised: readonly RealisedWeight[];
}

/**
 * Plans what a split becomes.
 *
 * @param paths the split's shards
 * @returns the stored order when no weights are given
 * @throws DataError `mixture-unmatched` when a pattern matches no document
 */
export async function planMixture(paths: readonly string[], options: MixtureOptions = {}): Promise<DocumentOrder> {
  const { weights = [], maxTokens = Number.POSITIVE_INFINITY, seed = 1 } = options;
  const all = await loadShards(paths, weights);
  const copies = weights.length === 0 ? storedOrder(all.lengths.length) : shuffledCopies(all, weights, seed);
  let tokens = 0;
  let end = 0;
  while (end < copies.length && tokens < maxTokens) tokens += all.lengths[copies[end++] as number] as number;
  const taken = copies.subarray(0, end);
  const pick = (column: Uint32Array): Uint32Array => taken.map((row) => column[row] as number);
  return {
    shard: pick(all.shard),
    document: pick(all.document),
    lengths: pick(all.lengths),
    realised: weights.length === 0 && end === copies.length ? [] : report(all, taken, weights),
  };
}

interface AllDocuments {
  readonly ids: Uint8Array;
  readonly shard: Uint32Array;
  readonly document: Uint32Array;
  readonly lengths: Uint32Array;
  /** Index of the weight, or their number where none matches. */
  readonly group: Uint32Array;
}

async function loadShards(paths: readonly string[], weights: readonly MixtureWeight[]): Promise<AllDocuments> {
  const ids: Buffer[] = [];
  const columns = { shard: [] as number[], document: [] as number[], lengths: [] as number[], group: [] as number[] };
  const groupOf = new Map<string, number>();
  for (const [shard, path] of paths.entries()) {
    const { metadata, offsets, id, source } = await readTokenFile(path);
    for (let document = 0; document < metadata.documents; document++) {
      ids.push(Buffer.from(id(document), "hex"));
      columns.shard.push(shard);
      columns.document.push(document);
      columns.lengths.push((offsets[document + 1] as number) - (offsets[document] as number));
      const uri = source(document);
      let group = groupOf.get(uri);
      if (group === undefined) {
        const found = weights.findIndex(({ pattern }) => matches(uri, pattern));
        group = found < 0 ? weights.length : found;
        groupOf.set(uri, group);
      }
      columns.group.push(group);
    }
  }
  const groups = new Set(columns.group);
  for (const [index, { pattern }] of weights.entries()) {
    if (groups.has(index)) continue;
    const sources = [...groupOf.keys()].sort().slice(0, 5).join(", ");
    throw new DataError(
      "mixture-unmatched",
      `No document's source matches ${pattern}`,
      {},
      {
        hint: `Sources are named like ${sources}; an earlier pattern may have taken them all.`,
      },
    );
  }
  return {
    ids: Buffer.concat(ids),
    shard: Uint32Array.from(columns.shard),
    document: Uint32Array.from(columns.document),
    lengths: Uint32Array.from(columns.lengths),
    group: Uint32Array.from(columns.group),
  };
}

function matches(uri: string, pattern: string): boolean {
  return uri === pattern || uri.startsWith(`${pattern.replace(/\/$/, "")}/`) || matchesGlob(uri, pattern);
}

function storedOrder(length: number): Uint32Array {
  return Uint32Array.from({ length }, (_, row) => row);
}

function shuffledCopies(all: AllDocuments, weights: readonly MixtureWeight[], seed: number): Uint32Array {
  const epochs: { readonly rows: Uint32Array; readonly high: Uint32Array; readonly low: Uint32Array }[] = [];
  const most = Math.max(1, ...weights.map(({ weight }) => weight));
  for (let epoch = 0; epoch < most; epoch++) {
    // The first copy has a key of its own, too: the mixture is shuffled anew.
    const keys = orderKeys(all.ids, (seed + Math.imul(epoch + 1, 0x9e37_79b1)) >>> 0);
    const order = sortRows([keys.high, keys.low]);
    const wanted = weights.map(({ weight }) => Math.min(1, Math.max(0, weight - epoch)));
    wanted.push(epoch === 0 ? 1 : 0);
    const rows = order.filter(partOf(all, order, wanted));
    epochs.push({
      rows,
      high: rows.map((row) => keys.high[row] as number),
      low: rows.map((row) => keys.low[row] as number),
    });
  }
  const concat = (name: "rows" | "high" | "low"): Uint32Array => {
    const joined = new Uint32Array(epochs.reduce((sum, epoch) => sum + epoch[name].length, 0));
    let at = 0;
    for (const epoch of epochs) {
      joined.set(epoch[name], at);
      at += epoch[name].length;
    }
    return joined;
  };
  const rows = concat("rows");
  return sortRows([concat("high"), concat("low")]).map((copy) => rows[copy] as number);
}

/** Takes documents of each group, in the given order, while that brings its tokens nearer to its part of them. */
function partOf(all: AllDocuments, order: Uint32Array, wanted: readonly number[]): (row: number) => boolean {
  const total = new Float64Array(wanted.length);
  for (const row of order) add(total, all.group[row] as number, all.lengths[row] as number);
  const taken = new Float64Array(wanted.length);
  const done = new Uint8Array(wanted.length);
  return (row) => {
    const group = all.group[row] as number;
    const length = all.lengths[row] as number;
    const goal = (wanted[group] as number) * (total[group] as number);
    if (done[group] === 1 || goal === 0) return false;
    if ((taken[group] as number) + length / 2 > goal) {
      done[group] = 1;
      return false;
    }
    add(taken, group, length);
    return true;
  };
}

function add(sums: Float64Array, index: number, value: number): void {
  sums[index] = (sums[index] as number) + value;
}

function report(all: AllDocuments, taken: Uint32Array, weights: readonly MixtureWeight[]): readonly RealisedWeight[] {
  const groups = [...weights, { pattern: "*", weight: 1 }];
  const sums = groups.map(() => ({ documents: 0, tokens: 0, writtenDocuments: 0, writtenTokens: 0 }));
  const sumOf = (row: number): (typeof sums)[number] => {
    const sum = sums[all.group[row] as number];
    assert(sum !== undefined, "every document has a group");
    return sum;
  };
  for (const [row, length] of all.lengths.entries()) {
    sumOf(row).documents++;
    sumOf(row).tokens += length;
  }
  for (const row of taken) {
    sumOf(row).writtenDocuments++;
    sumOf(row).writtenTokens += all.lengths[row] as number;
  }
  return groups
    .map((group, index) => ({ ...group, ...(sums[index] as (typeof sums)[number]) }))
    .filter(({ documents }) => documents > 0);
}
