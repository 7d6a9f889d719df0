/**
 * Who stays: documents are walked in keep order, and one is removed if and only if it has a verified pair with a
 * document that is kept, which it names with their Jaccard. So chains (A like B, B like C, A unlike C) lose only B.
 */
import { formatId, idBytes, openColumns, sortRows, writeColumns } from "../base/index.ts";
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
import { inputPath, outputPath } from "./work.ts";
import { verifiedKind } from "./verify.ts";

export const choiceKind = "dedup-choice-1";
export const decisionKind = "dedup-decisions-1";

/** Chooses among all survivors. Of several kept partners a removed document names the one most like it. */
export async function choose(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  await using documents = await openColumns(inputPath(task, 0, context), documentKind);
  const copies = await documents.u32("copies");
  const total = copies.length;
  const keptBy = Uint32Array.from({ length: total }, (_, document) => document);
  const jaccardWith = new Float64Array(total).fill(1);
  const pairs = await loadVerified(task, context);
  // By the later document, so that every earlier one is decided when it is asked.
  for (const pair of sortRows([pairs.second, pairs.first])) {
    const a = pairs.first[pair] as number;
    const b = pairs.second[pair] as number;
    if (keptBy[a] !== a) continue;
    const jaccard = pairs.jaccard[pair] as number;
    if (keptBy[b] !== b && jaccard <= (jaccardWith[b] as number)) continue;
    keptBy[b] = a;
    jaccardWith[b] = jaccard;
  }
  const clusterSize = new Uint32Array(total);
  keptBy.forEach((kept, document) => {
    clusterSize[kept] = (clusterSize[kept] as number) + 1 + (copies[document] as number);
  });
  const kept = keptBy.reduce((sum, by, document) => sum + (by === document ? 1 : 0), 0);
  const unresolved = await countUnresolved(task, context, keptBy);
  const digest = await writeColumns(outputPath(task, 0, context), choiceKind, {
    keptBy,
    jaccard: jaccardWith,
    clusterSize,
  });
  return { outputs: [digest], counts: { survivors: total, kept, near: total - kept, unresolved } };
}

/** The fate of each document of a partition, row by row: see `readDecisions`. */
export async function decide(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  await using survivors = await openColumns(inputPath(task, 0, context), survivorKind);
  await using documents = await openColumns(inputPath(task, 1, context), documentKind);
  await using choice = await openColumns(inputPath(task, 2, context), choiceKind);
  const dense = await survivors.u32("dense");
  const partner = await survivors.u32("partner");
  const reason = await survivors.u8("reason");
  const ids = await documents.u8("id");
  const keptBy = await choice.u32("keptBy");
  const similarity = await choice.f64("jaccard");
  const sizes = await choice.u32("clusterSize");
  const rows = dense.length;
  const partnerIds = new Uint8Array(rows * idBytes);
  const jaccard = new Float64Array(rows).fill(Number.NaN);
  const clusterSize = new Uint32Array(rows);
  const counts = { documents: rows, kept: 0, exact: 0, normalForm: 0, near: 0 };
  for (let row = 0; row < rows; row++) {
    const own = dense[row] as number;
    if (own !== noDocument && keptBy[own] === own) {
      clusterSize[row] = sizes[own] as number;
      counts.kept++;
      continue;
    }
    // A copy shares the fate of what it copies: its text has the same n-grams, so the same Jaccard holds.
    const survivor = own === noDocument ? (partner[row] as number) : own;
    const kept = keptBy[survivor] as number;
    if (kept !== survivor) reason[row] = reasonCode.near;
    jaccard[row] = similarity[survivor] as number;
    partnerIds.set(ids.subarray(kept * idBytes, (kept + 1) * idBytes), row * idBytes);
    if (reason[row] === reasonCode.exact) counts.exact++;
    else if (reason[row] === reasonCode.normalForm) counts.normalForm++;
    else counts.near++;
  }
  const digest = await writeColumns(outputPath(task, 0, context), decisionKind, {
    id: await survivors.u8("id"),
    reason,
    partner: partnerIds,
    jaccard,
    clusterSize,
  });
  return { outputs: [digest], counts };
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
  /** True Jaccard with the partner, 1 for equal texts; undefined when kept. */
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
  const jaccards = await file.f64("jaccard");
  const sizes = await file.u32("clusterSize");
  const removed = (row: number): boolean => reasons[row] !== reasonCode.kept;
  return {
    length: reasons.length,
    id: (row) => formatId(ids, row),
    reason: (row) => (removed(row) ? dedupReasons[(reasons[row] as number) - 1] : undefined),
    partner: (row) => (removed(row) ? formatId(partners, row) : undefined),
    jaccard: (row) => (removed(row) ? jaccards[row] : undefined),
    clusterSize: (row) => sizes[row] as number,
  };
}

interface VerifiedPairs {
  readonly first: Uint32Array;
  readonly second: Uint32Array;
  readonly jaccard: Float64Array;
}

/** Inputs after the documents and the candidates are the groups' verified pairs. */
async function loadVerified(task: DedupTask, context: DedupContext): Promise<VerifiedPairs> {
  const parts: VerifiedPairs[] = [];
  for (let input = 2; input < task.inputs.length; input++) {
    await using file = await openColumns(inputPath(task, input, context), verifiedKind);
    parts.push({
      first: await file.u32("first"),
      second: await file.u32("second"),
      jaccard: await file.f64("jaccard"),
    });
  }
  const length = parts.reduce((sum, part) => sum + part.first.length, 0);
  const all = {
    first: new Uint32Array(length),
    second: new Uint32Array(length),
    jaccard: new Float64Array(length),
  };
  let offset = 0;
  for (const part of parts) {
    all.first.set(part.first, offset);
    all.second.set(part.second, offset);
    all.jaccard.set(part.jaccard, offset);
    offset += part.first.length;
  }
  return all;
}

/** Kept documents that share a bucket with an earlier one they were never compared with in it. */
async function countUnresolved(task: DedupTask, context: DedupContext, keptBy: Uint32Array): Promise<number> {
  if (task.inputs.length < 2) return 0;
  await using candidates = await openColumns(inputPath(task, 1, context), candidateKind);
  const flags = await candidates.u8("unresolved");
  return flags.reduce((sum, flag, document) => sum + (flag === 1 && keptBy[document] === document ? 1 : 0), 0);
}
