/** The documents of a partition that every stage kept, and those that deduplication removed. */
import { join } from "node:path";
import type { RecordBatch } from "apache-arrow";
import { assert } from "../../base/index.ts";
import { decisionsPath, readDecisions, type DedupReason } from "../../dedup/index.ts";
import { readBatches, takeRows } from "../batches.ts";
import { partitionFiles, workFolder } from "../layout.ts";

/** One batch with the fate of its rows. */
export interface DecidedBatch {
  readonly batch: RecordBatch;
  readonly kept: readonly number[];
  readonly removed: readonly RemovedRow[];
  /** Documents that a kept row stands for, itself included. */
  readonly clusterSize: (row: number) => number;
}

export interface RemovedRow {
  readonly row: number;
  readonly reason: DedupReason;
  readonly partner: string;
  readonly jaccard: number;
}

/** Batches of a partition's filtered documents, each joined with its decisions. */
export async function* decidedBatches(
  folder: string,
  partition: number,
): AsyncGenerator<DecidedBatch, void, undefined> {
  const decisions = await readDecisions(join(folder, workFolder, decisionsPath(partition)));
  let first = 0;
  for await (const batch of readBatches(join(folder, partitionFiles(partition).documents))) {
    const start = first;
    const kept: number[] = [];
    const removed: RemovedRow[] = [];
    for (let row = 0; row < batch.numRows; row++) {
      const reason = decisions.reason(start + row);
      if (reason === undefined) {
        kept.push(row);
        continue;
      }
      const partner = decisions.partner(start + row);
      assert(partner !== undefined, "a removed document names its partner");
      removed.push({ row, reason, partner, jaccard: decisions.jaccard(start + row) ?? 1 });
    }
    first += batch.numRows;
    yield { batch, kept, removed, clusterSize: (row) => decisions.clusterSize(start + row) };
  }
  assert(first === decisions.length, `partition ${partition} has a decision for each document`);
}

/** Only the kept rows. */
export async function* keptBatches(folder: string, partition: number): AsyncGenerator<RecordBatch, void, undefined> {
  for await (const { batch, kept } of decidedBatches(folder, partition)) {
    if (kept.length > 0) yield takeRows(batch, kept);
  }
}
