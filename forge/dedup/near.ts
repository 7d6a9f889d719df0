/**
 * Candidates for near duplicates: MinHash band keys, sorted, and within a bucket a bounded number of comparisons.
 *
 * A candidate is only a pair worth looking at; nothing is removed because of a shared bucket. See `verify.ts`. Keys and
 * pairs are sorted outside memory, so a band needs a block of rows however many documents there are.
 */
import {
  createRunFile,
  growingUint32,
  mergeRuns,
  openColumns,
  utf8Column,
  writeColumns,
  type RunFileWriter,
} from "../base/index.ts";
import { mixScope, pickTexts } from "./documents.ts";
import { documentKind, survivorKind } from "./exact.ts";
import { signExisting } from "./existing.ts";
import { bandSection, signatureKind } from "./keys.ts";
import { runRows, spill, type Spill } from "./spill.ts";
import { noDocument, type DedupContext, type DedupTask, type DedupTaskResult } from "./types.ts";
import { inputPath, inputPaths, mergeOptions, outputPath, partitionOf } from "./work.ts";

/** Sections `pairs` (first, second in keep order) and `unresolved` (dense id). */
export const pairKind = "dedup-pairs-2";
export const candidateKind = "dedup-candidates-2";
export const groupKind = "dedup-groups-1";

/** Band keys of a partition's surviving documents; those shorter than an n-gram have none. */
export async function sign(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const { config, kernels, signal } = context;
  const { bands, rows, shingleWords, seed } = config;
  const partition = partitionOf(task, context);
  await using survivors = await openColumns(inputPath(task, 0, context), survivorKind);
  const denseOf = await survivors.u32("dense");
  if (partition.existing !== undefined) return await signExisting(task, context, partition.existing.index, denseOf);
  const scope = [mixScope(partition.scope, 0), mixScope(partition.scope, 1)] as const;
  const dense = growingUint32();
  const high = Array.from({ length: bands }, () => growingUint32());
  const low = Array.from({ length: bands }, () => growingUint32());
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
      for (let band = 0; band < bands; band++) {
        const position = 2 * (i * bands + band);
        low[band]?.push(((batchKeys[position] as number) ^ scope[0]) >>> 0);
        high[band]?.push(((batchKeys[position + 1] as number) ^ scope[1]) >>> 0);
      }
    }
    firstRow += batch.numRows;
  }
  await using runs = await createRunFile(outputPath(task, 0, context), signatureKind);
  for (const [band, column] of high.entries()) {
    await runs.append(bandSection(band), [column.finish(), low[band]?.finish() ?? new Uint32Array(), dense.finish()]);
  }
  return { outputs: [await runs.commit()], counts: { signed: dense.length } };
}

/**
 * Pairs of documents that share a bucket of one band. Within a bucket each document is compared with its first
 * `leaders` documents in keep order; what was left uncompared, or exceeded the band's budget, is named as unresolved.
 * Documents of an existing corpus are not compared with each other: both stay.
 */
export async function match(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const { leaders, maxPairsPerBand } = context.config;
  await using documents = await openColumns(inputPath(task, 0, context), documentKind);
  const existing = (await documents.u32("existing")).at(-1) ?? 0;
  const signatures = inputPaths(task, context).slice(1);
  await using runs = await createRunFile(outputPath(task, 0, context), pairKind);
  const pairs = spill(runs, "pairs", 2);
  const unresolved = spill(runs, "unresolved", 1);
  const counts = { pairs: 0, buckets: 0, largestBucket: 0 };
  // The bucket that is being read; it may go on in the next block.
  const firsts = new Uint32Array(leaders);
  let size = 0;
  let bucketHigh = 0;
  let bucketLow = 0;
  for await (const { columns, order } of mergeRuns(
    signatures,
    signatureKind,
    bandSection(task.part ?? 0),
    mergeOptions(context),
  )) {
    const [high, low, dense] = columns as [Uint32Array, Uint32Array, Uint32Array];
    for (const at of order) {
      const document = dense[at] as number;
      if (size === 0 || high[at] !== bucketHigh || low[at] !== bucketLow) {
        bucketHigh = high[at] as number;
        bucketLow = low[at] as number;
        firsts[0] = document;
        size = 1;
        continue;
      }
      if (size === 1) counts.buckets++;
      if (document >= existing) {
        const possible = Math.min(size, leaders, maxPairsPerBand - counts.pairs);
        for (let leader = 0; leader < possible; leader++) pairs.push(firsts[leader] as number, document);
        counts.pairs += possible;
        if (possible < size) unresolved.push(document);
        if (pairs.isFull()) await pairs.flush();
        if (unresolved.isFull()) await unresolved.flush();
      }
      if (size < leaders) firsts[size] = document;
      size++;
      counts.largestBucket = Math.max(counts.largestBucket, size);
    }
  }
  await pairs.flush();
  await unresolved.flush();
  return { outputs: [await runs.commit()], counts };
}

/**
 * The distinct pairs of all bands, ordered by component so that a verification group touches few texts, and for each
 * partition the group of its documents. Memory: 4 bytes and a bit for each document.
 */
export async function unite(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const { partitions, config } = context;
  await using documents = await openColumns(inputPath(task, 0, context), documentKind);
  const total = documents.length("copies");
  const paths = inputPaths(task, context);
  const survivors = paths.slice(1, 1 + partitions.length);
  const bands = paths.slice(1 + partitions.length);
  const groups = verificationGroups(partitions.length, config);
  const parent = await uniteComponents(bands, total, context);

  // Groups of whole components: their pairs, distinct and ascending.
  const outputs = [await writeUnresolved(task, context, bands, total)];
  const writers: Spill[] = [];
  const files: RunFileWriter[] = [];
  let pairs = 0;
  try {
    for (let group = 0; group < groups; group++) {
      const file = await createRunFile(outputPath(task, 1 + group, context), pairKind);
      files.push(file);
      writers.push(spill(file, "pairs", 2, Math.max(1024, Math.floor(runRows / groups))));
    }
    let lastFirst = noDocument;
    let lastSecond = noDocument;
    for await (const { columns, order } of mergeRuns(bands, pairKind, "pairs", mergeOptions(context))) {
      const [first, second] = columns as [Uint32Array, Uint32Array];
      for (const at of order) {
        // Alike documents share many bands.
        if (first[at] === lastFirst && second[at] === lastSecond) continue;
        lastFirst = first[at] as number;
        lastSecond = second[at] as number;
        const writer = writers[groupOf(parent[lastFirst] as number, groups)] as Spill;
        writer.push(lastFirst, lastSecond);
        if (writer.isFull()) await writer.flush();
        pairs++;
      }
    }
    for (const [group, file] of files.entries()) {
      await writers[group]?.flush();
      outputs.push(await file.commit());
    }
  } finally {
    for (const file of files) await file[Symbol.asyncDispose]();
  }

  let candidates = 0;
  for (const [index, path] of survivors.entries()) {
    await using file = await openColumns(path, survivorKind);
    const dense = await file.u32("dense");
    const group = dense.map((document) => {
      const root = document === noDocument ? noDocument : (parent[document] as number);
      return root === noDocument ? noDocument : groupOf(root, groups);
    });
    candidates += group.reduce((sum, one) => sum + (one === noDocument ? 0 : 1), 0);
    outputs.push(await writeColumns(outputPath(task, 1 + groups + index, context), groupKind, { group }));
  }
  return { outputs, counts: { pairs, candidates } };
}

/** Parts of the verification: by the config, or as many as the input asks for. */
export function verificationGroups(partitions: number, { verifyGroups }: DedupContext["config"]): number {
  return verifyGroups ?? 4 + Math.floor(partitions / 16);
}

/** Numbers of the batch's rows (from 0) whose documents survived. */
export function survivingRows(denseOf: Uint32Array, firstRow: number, rows: number): number[] {
  const picked: number[] = [];
  for (let row = 0; row < rows; row++) {
    if (denseOf[firstRow + row] !== noDocument) picked.push(row);
  }
  return picked;
}

/** Components are spread by a hash: neighbours in keep order come from one source and may be alike in size. */
function groupOf(root: number, groups: number): number {
  return (((Math.imul(root, 0x9e37_79b1) >>> 0) / 2 ** 32) * groups) | 0;
}

/** One bit a document: it shares a bucket with an earlier one that it was never compared with in it. */
async function writeUnresolved(
  task: DedupTask,
  context: DedupContext,
  bands: readonly string[],
  total: number,
): Promise<DedupTaskResult["outputs"][number]> {
  const unresolved = new Uint8Array(Math.ceil(total / 8));
  for await (const { columns } of mergeRuns(bands, pairKind, "unresolved", mergeOptions(context))) {
    for (const document of columns[0] as Uint32Array) {
      unresolved[document >>> 3] = (unresolved[document >>> 3] as number) | (1 << (document & 7));
    }
  }
  return await writeColumns(outputPath(task, 0, context), candidateKind, { unresolved });
}

/**
 * Union-find with path halving: for each document the smallest document that it is connected with, `noDocument` for
 * one without a pair.
 */
async function uniteComponents(bands: readonly string[], total: number, context: DedupContext): Promise<Uint32Array> {
  const parent = new Uint32Array(total).fill(noDocument);
  const find = (document: number): number => {
    let root = document;
    while (parent[root] !== root) {
      parent[root] = parent[parent[root] as number] as number;
      root = parent[root] as number;
    }
    return root;
  };
  for await (const { columns } of mergeRuns(bands, pairKind, "pairs", mergeOptions(context))) {
    const [first, second] = columns as [Uint32Array, Uint32Array];
    for (let pair = 0; pair < first.length; pair++) {
      const one = first[pair] as number;
      const other = second[pair] as number;
      if (parent[one] === noDocument) parent[one] = one;
      if (parent[other] === noDocument) parent[other] = other;
      const a = find(one);
      const b = find(other);
      // The smaller becomes the root, so the result does not depend on the order of the pairs.
      if (a < b) parent[b] = a;
      else parent[a] = b;
    }
  }
  for (let document = 0; document < total; document++) {
    if (parent[document] !== noDocument) parent[document] = find(document);
  }
  return parent;
}
