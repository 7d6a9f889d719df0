/**
 * Candidates for near duplicates: MinHash band keys, sorted, and within a bucket a bounded number of comparisons.
 *
 * A candidate is only a pair worth looking at; nothing is removed because of a shared bucket. See `verify.ts`.
 */
import { forEachGroup, growingUint32, openColumns, sortRows, utf8Column, writeColumns } from "../base/index.ts";
import { pickTexts } from "./documents.ts";
import { documentKind, survivorKind } from "./exact.ts";
import { noDocument, type DedupContext, type DedupTask, type DedupTaskResult } from "./types.ts";
import { inputPath, outputPath, partitionOf } from "./work.ts";

export const signatureKind = "dedup-band-keys-1";
export const pairKind = "dedup-pairs-1";
export const candidateKind = "dedup-candidates-1";

/** Band keys of a partition's surviving documents; those shorter than an n-gram have none. */
export async function sign(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const { config, kernels, signal } = context;
  const { bands, rows, shingleWords, seed } = config;
  const partition = partitionOf(task, context);
  await using survivors = await openColumns(inputPath(task, 0, context), survivorKind);
  const denseOf = await survivors.u32("dense");
  const dense = growingUint32();
  const keys = Array.from({ length: bands }, () => growingUint32());
  let firstRow = 0;
  for await (const batch of partition.open()) {
    signal?.throwIfAborted();
    const picked = survivingRows(denseOf, firstRow, batch.numRows);
    const texts = pickTexts(utf8Column(batch, "text", partition.key), picked);
    const { signatures, shingleCounts } = kernels.signMinHash(texts, { shingleWords, bands, rows, seed });
    const batchKeys = kernels.bandKeys(signatures, texts.length, { bands, rows });
    for (const [i, row] of picked.entries()) {
      if (shingleCounts[i] === 0) continue;
      dense.push(denseOf[firstRow + row] as number);
      for (const [band, column] of keys.entries()) {
        const position = 2 * (i * bands + band);
        column.push(batchKeys[position] as number);
        column.push(batchKeys[position + 1] as number);
      }
    }
    firstRow += batch.numRows;
  }
  const columns = keys.map((column, band) => [`band${band}`, column.finish()] as const);
  const digest = await writeColumns(outputPath(task, 0, context), signatureKind, {
    dense: dense.finish(),
    ...Object.fromEntries(columns),
  });
  return { outputs: [digest], counts: { signed: dense.length } };
}

/**
 * Pairs of documents that share a bucket of one band. Within a bucket each document is compared with its first
 * `leaders` documents in keep order; what was left uncompared, or exceeded the band's budget, is named as unresolved.
 *
 * Memory: 24 bytes a document, and the pairs.
 */
export async function match(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const { leaders, maxPairsPerBand } = context.config;
  await using documents = await openColumns(inputPath(task, 0, context), documentKind);
  const total = documents.length("copies");
  const low = new Uint32Array(total);
  const high = new Uint32Array(total);
  const signed = new Uint8Array(total);
  for (let input = 1; input < task.inputs.length; input++) {
    await using file = await openColumns(inputPath(task, input, context), signatureKind);
    const dense = await file.u32("dense");
    const keys = await file.u32(`band${task.part}`);
    dense.forEach((document, i) => {
      low[document] = keys[2 * i] as number;
      high[document] = keys[2 * i + 1] as number;
      signed[document] = 1;
    });
  }
  const rows = Uint32Array.from({ length: total }, (_, document) => document).filter((document) => signed[document]);
  const sorted = sortRows([high, low], rows);
  const first = growingUint32();
  const second = growingUint32();
  const unresolved = growingUint32();
  let buckets = 0;
  let largestBucket = 0;
  forEachGroup([high, low], sorted, (start, end) => {
    buckets++;
    largestBucket = Math.max(largestBucket, end - start);
    for (let i = start + 1; i < end; i++) {
      const document = sorted[i] as number;
      const wanted = Math.min(i - start, leaders);
      const possible = Math.min(wanted, maxPairsPerBand - first.length);
      for (let leader = start; leader < start + possible; leader++) {
        first.push(sorted[leader] as number);
        second.push(document);
      }
      if (possible < i - start) unresolved.push(document);
    }
  });
  const digest = await writeColumns(outputPath(task, 0, context), pairKind, {
    first: first.finish(),
    second: second.finish(),
    unresolved: unresolved.finish().toSorted(),
  });
  return { outputs: [digest], counts: { pairs: first.length, buckets, largestBucket } };
}

/**
 * The distinct pairs of all bands, ordered by component so that a verification group touches few texts, and cut into
 * groups of about equally many pairs.
 */
export async function unite(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const { verifyGroups } = context.config;
  await using documents = await openColumns(inputPath(task, 0, context), documentKind);
  const total = documents.length("copies");
  const unresolved = new Uint8Array(total);
  let pairs: Pairs = { first: new Uint32Array(), second: new Uint32Array() };
  for (let input = 1; input < task.inputs.length; input++) {
    context.signal?.throwIfAborted();
    await using file = await openColumns(inputPath(task, input, context), pairKind);
    // Band by band: alike documents share many bands, so the distinct pairs are few.
    pairs = distinctPairs(pairs, { first: await file.u32("first"), second: await file.u32("second") });
    for (const document of await file.u32("unresolved")) unresolved[document] = 1;
  }
  const { first, second } = pairs;
  const component = components(first, second, total);
  const componentOfPair = first.map((document) => component[document] as number);
  // Stable: within a component the pairs stay in ascending order.
  const order = sortRows([componentOfPair]);
  const isCandidate = new Uint8Array(total);
  for (const document of first) isCandidate[document] = 1;
  for (const document of second) isCandidate[document] = 1;
  const groupOffsets = Uint32Array.from({ length: verifyGroups + 1 }, (_, group) =>
    Math.floor((group * order.length) / verifyGroups),
  );
  const digest = await writeColumns(outputPath(task, 0, context), candidateKind, {
    first: order.map((pair) => first[pair] as number),
    second: order.map((pair) => second[pair] as number),
    groupOffsets,
    isCandidate,
    unresolved,
  });
  return {
    outputs: [digest],
    counts: { pairs: order.length, candidates: isCandidate.reduce((sum, one) => sum + one, 0) },
  };
}

interface Pairs {
  readonly first: Uint32Array;
  readonly second: Uint32Array;
}

/** The union of two lists of pairs, ascending by first, then second. */
function distinctPairs(a: Pairs, b: Pairs): Pairs {
  const length = a.first.length + b.first.length;
  const first = new Uint32Array(length);
  const second = new Uint32Array(length);
  first.set(a.first);
  first.set(b.first, a.first.length);
  second.set(a.second);
  second.set(b.second, a.second.length);
  const sorted = sortRows([first, second]);
  let distinct = 0;
  for (const pair of sorted) {
    const last = distinct === 0 ? undefined : (sorted[distinct - 1] as number);
    if (last !== undefined && first[pair] === first[last] && second[pair] === second[last]) continue;
    sorted[distinct++] = pair;
  }
  const rows = sorted.subarray(0, distinct);
  return { first: rows.map((pair) => first[pair] as number), second: rows.map((pair) => second[pair] as number) };
}

/** Numbers of the batch's rows (from 0) whose documents survived. */
export function survivingRows(denseOf: Uint32Array, firstRow: number, rows: number): number[] {
  const picked: number[] = [];
  for (let row = 0; row < rows; row++) {
    if (denseOf[firstRow + row] !== noDocument) picked.push(row);
  }
  return picked;
}

/** Union-find with path halving: for each document the smallest document that it is connected with. */
function components(first: Uint32Array, second: Uint32Array, total: number): Uint32Array {
  const parent = Uint32Array.from({ length: total }, (_, document) => document);
  const find = (document: number): number => {
    let root = document;
    while (parent[root] !== root) {
      parent[root] = parent[parent[root] as number] as number;
      root = parent[root] as number;
    }
    return root;
  };
  for (let pair = 0; pair < first.length; pair++) {
    const a = find(first[pair] as number);
    const b = find(second[pair] as number);
    // The smaller becomes the root, so the result does not depend on the order of the pairs.
    if (a < b) parent[b] = a;
    else parent[a] = b;
  }
  return parent.map((_, document) => find(document));
}
