/**
 * Who stays, written for each document: it is kept, or it names a kept one and why (walk.ts). Chains (A like B, B like C,
 * A unlike C) lose only B.
 */
import { formatId, idBytes, openColumns, sortRows, writeColumns, type ColumnFile } from "../base/index.ts";
import { documentKind, survivorKind } from "./exact.ts";
import { candidateKind } from "./near.ts";
import {
  dedupReasons,
  noDocument,
  reasonCode,
  type DedupContext,
  type DedupReason,
  type DedupTask,
  type DedupTaskResult,
} from "./types.ts";
import { removeCopies } from "./walk.ts";
import { inputPath, inputPaths, outputPath } from "./work.ts";

export const fateKind = "dedup-fates-1";
export const decisionKind = "dedup-decisions-3";

/**
 * Chooses among all survivors and writes what became of each partition's. Of several kept partners a removed document
 * names the one most like it, of equals the first in keep order.
 *
 * Inputs: the documents, the partitions' survivors, then, with near matching, the candidates and the groups' verified
 * pairs. Memory: 8 bytes a survivor and 16 for each one removed.
 */
export async function choose(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const { partitions, config, signal } = context;
  await using documents = await openColumns(inputPath(task, 0, context), documentKind);
  const clusterSize = (await documents.u32("copies")).map((copies) => copies + 1);
  const total = clusterSize.length;
  const paths = inputPaths(task, context);
  const survivors = paths.slice(1, 1 + partitions.length);
  const rest = paths.slice(1 + partitions.length);
  const removed = await removeCopies(documents, config.near ? rest.slice(1) : [], context);
  for (const [index, document] of removed.documents.entries()) {
    const partner = removed.partners[index] as number;
    clusterSize[partner] = (clusterSize[partner] as number) + (clusterSize[document] as number);
  }
  const url = removed.jaccard.reduce((sum, jaccard) => sum + (Number.isNaN(jaccard) ? 1 : 0), 0);
  const near = removed.documents.length - url;
  const unresolved = config.near ? await countUnresolved(rest[0] as string, total, removed.slotOf) : 0;
  const outputs: DedupTaskResult["outputs"][number][] = [];
  for (const [index, path] of survivors.entries()) {
    signal?.throwIfAborted();
    await using file = await openColumns(path, survivorKind);
    const dense = await file.u32("dense");
    const partner = await file.u32("partner");
    const rows = dense.length;
    const keptBy = new Uint32Array(rows).fill(noDocument);
    const jaccard = new Float64Array(rows).fill(1);
    const sizes = new Uint32Array(rows);
    for (let row = 0; row < rows; row++) {
      // A copy shares the fate of what it copies.
      const own = dense[row] as number;
      const survivor = own === noDocument ? (partner[row] as number) : own;
      const slot = removed.slotOf[survivor] as number;
      if (slot === noDocument) {
        if (own === noDocument) keptBy[row] = survivor;
        else sizes[row] = clusterSize[own] as number;
      } else {
        keptBy[row] = removed.partners[slot] as number;
        jaccard[row] = removed.jaccard[slot] as number;
      }
    }
    outputs.push(
      await writeColumns(outputPath(task, index, context), fateKind, { keptBy, jaccard, clusterSize: sizes }),
    );
  }
  return { outputs, counts: { survivors: total, kept: total - near - url, near, url, unresolved } };
}

/** The fate of each document of a partition, row by row: see `readDecisions`. */
export async function decide(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  await using survivors = await openColumns(inputPath(task, 0, context), survivorKind);
  await using documents = await openColumns(inputPath(task, 1, context), documentKind);
  await using fates = await openColumns(inputPath(task, 2, context), fateKind);
  const dense = await survivors.u32("dense");
  const partner = await survivors.u32("partner");
  const reason = await survivors.u8("reason");
  const keptBy = await fates.u32("keptBy");
  const jaccard = await fates.f64("jaccard");
  const clusterSize = await fates.u32("clusterSize");
  const rows = dense.length;
  const counts = { documents: rows, kept: 0, url: 0, exact: 0, normalForm: 0, near: 0 };
  for (let row = 0; row < rows; row++) {
    const kept = keptBy[row] as number;
    if (kept === noDocument) {
      jaccard[row] = Number.NaN;
      reason[row] = reasonCode.kept;
      counts.kept++;
      continue;
    }
    const survivor = dense[row] === noDocument ? (partner[row] as number) : (dense[row] as number);
    if (Number.isNaN(jaccard[row])) {
      // The same page at another time: how alike the texts are was not measured.
      reason[row] = reasonCode.url;
    } else if (kept !== survivor) {
      // The text of a copy has the same n-grams as what it copies, so the same Jaccard holds.
      reason[row] = reasonCode.near;
    }
    counts[reasonNames[reason[row] as number] ?? "near"]++;
  }
  const existing = await documents.u32("existing");
  const corpora: string[] = [];
  for (const partition of context.partitions) {
    if (partition.existing !== undefined) corpora[partition.sourceRank] = partition.existing.corpus;
  }
  const digest = await writeColumns(
    outputPath(task, 0, context),
    decisionKind,
    {
      id: await survivors.u8("id"),
      reason,
      partner: await partnerIds(documents, keptBy),
      // The corpus of the partner, counted from 1; 0 for this one.
      corpus: keptBy.map((kept) => existing.findIndex((bound) => kept < bound) + 1),
      jaccard,
      clusterSize,
    },
    { corpora: JSON.stringify(corpora) },
  );
  return { outputs: [digest], counts };
}

const reasonNames: Readonly<Record<number, "url" | "exact" | "normalForm" | "near">> = {
  [reasonCode.url]: "url",
  [reasonCode.exact]: "exact",
  [reasonCode.normalForm]: "normalForm",
  [reasonCode.near]: "near",
};

/** Ids of the rows' partners; neighbours in keep order are read together. */
async function partnerIds(documents: ColumnFile, keptBy: Uint32Array): Promise<Uint8Array> {
  const pageRows = 16;
  const total = documents.length("copies");
  const ids = new Uint8Array(keptBy.length * idBytes);
  let page: Uint8Array = new Uint8Array();
  let pageStart = -1;
  for (const row of sortRows([keptBy])) {
    const kept = keptBy[row] as number;
    if (kept === noDocument) break;
    const start = kept - (kept % pageRows);
    if (start !== pageStart) {
      page = await documents.u8("id", start * idBytes, Math.min(total, start + pageRows) * idBytes);
      pageStart = start;
    }
    const at = (kept - start) * idBytes;
    ids.set(page.subarray(at, at + idBytes), row * idBytes);
  }
  return ids;
}

/** The fates of a partition's documents; row `i` is the partition's row `i`. */
export interface Decisions {
  readonly length: number;
  /** Id of the row, to check the join against. */
  id(row: number): string;
  /** Undefined when the document is kept. */
  reason(row: number): DedupReason | undefined;
  /** Id of the kept document that a removed one duplicates. */
  partner(row: number): string | undefined;
  /** Name of the existing corpus that the partner belongs to; undefined when it is this one, or there is none. */
  partnerCorpus(row: number): string | undefined;
  /** True Jaccard with the partner, 1 for equal texts; undefined when kept or removed for its URL. */
  jaccard(row: number): number | undefined;
  /** Documents that a kept one stands for, itself included; 0 when removed. */
  clusterSize(row: number): number;
}

/**
 * Reads what `decide` wrote.
 *
 * @throws DataError `column-file-invalid`
 */
export async function readDecisions(path: string): Promise<Decisions> {
  await using file = await openColumns(path, decisionKind);
  const ids = await file.u8("id");
  const reasons = await file.u8("reason");
  const partners = await file.u8("partner");
  const corpus = await file.u32("corpus");
  const corpora = JSON.parse(String(file.meta["corpora"])) as readonly string[];
  const jaccards = await file.f64("jaccard");
  const sizes = await file.u32("clusterSize");
  const removed = (row: number): boolean => reasons[row] !== reasonCode.kept;
  return {
    length: reasons.length,
    id: (row) => formatId(ids, row),
    reason: (row) => (removed(row) ? dedupReasons[(reasons[row] as number) - 1] : undefined),
    partner: (row) => (removed(row) ? formatId(partners, row) : undefined),
    partnerCorpus: (row) => corpora[(corpus[row] as number) - 1],
    jaccard: (row) => (Number.isNaN(jaccards[row]) ? undefined : jaccards[row]),
    clusterSize: (row) => sizes[row] as number,
  };
}

/** Kept documents that share a bucket with an earlier one they were never compared with in it. */
async function countUnresolved(path: string, total: number, slotOf: Uint32Array): Promise<number> {
  await using candidates = await openColumns(path, candidateKind);
  const bits = await candidates.u8("unresolved");
  let count = 0;
  for (let document = 0; document < total; document++) {
    const isUnresolved = (((bits[document >>> 3] as number) >>> (document & 7)) & 1) === 1;
    if (isUnresolved && slotOf[document] === noDocument) count++;
  }
  return count;
}
