/**
 * The documents of a partition as they stand behind deduplication: which are kept, with which text, and why the others
 * are not. Stages after it leave revisions (see base/text-edits.ts), which are applied here and nowhere else.
 */
import { join } from "node:path";
import type { RecordBatch } from "apache-arrow";
import {
  applyTextEdits,
  assert,
  readTextEdits,
  readTurnedAway,
  utf8Column,
  type TextEdits,
  type Utf8Column,
} from "../../base/index.ts";
import { decisionsPath, readDecisions } from "../../dedup/index.ts";
import { readBatches, replaceTexts, takeRows } from "../batches.ts";
import { partitionFiles, workFolder, type Revision } from "../layout.ts";

/** One batch with the fate of its rows. */
export interface DecidedBatch {
  /** Kept texts are edited; those of removed rows stand as they came to the stage that turned them away. */
  readonly batch: RecordBatch;
  /** Number of the batch's first row in the partition. */
  readonly firstRow: number;
  readonly kept: readonly number[];
  readonly removed: readonly RemovedRow[];
  /** Documents that a kept row stands for, itself included. */
  readonly clusterSize: (row: number) => number;
  /** Bytes that each stage took out of kept texts, by the stage's name. */
  readonly editedBytes: Readonly<Record<string, number>>;
}

export interface RemovedRow {
  readonly row: number;
  readonly stage: string;
  readonly reason: string;
  /** Duplicates: the kept document, the existing corpus that holds it if it is not this one, and the true Jaccard with it (null where only the URL is the same). */
  readonly partner: string | null;
  readonly partnerCorpus: string | null;
  readonly jaccard: number | null;
  /** The measured value that missed a limit. */
  readonly value: number | null;
}

/**
 * Batches of a partition's filtered documents, each joined with its decisions.
 *
 * @param revisions names of the stages to apply, in their order: a stage itself gives those before it
 */
export async function* decidedBatches(
  folder: string,
  partition: number,
  revisions: readonly Revision[],
): AsyncGenerator<DecidedBatch, void, undefined> {
  const decisions = await readDecisions(join(folder, workFolder, decisionsPath(partition)));
  const paths = partitionFiles(partition);
  const passes: Pass[] = [];
  for (const revision of revisions) passes.push(await openPass(folder, revision, paths.revision(revision)));
  let first = 0;
  for await (const batch of readBatches(join(folder, paths.documents))) {
    const start = first;
    const kept: number[] = [];
    const removed: RemovedRow[] = [];
    for (let row = 0; row < batch.numRows; row++) {
      const reason = decisions.reason(start + row);
      const away = reason === undefined ? turnedAwayBy(passes, start + row) : undefined;
      if (reason === undefined && away === undefined) {
        kept.push(row);
      } else if (away !== undefined) {
        removed.push({ row, ...away, partner: null, partnerCorpus: null, jaccard: null });
      } else if (reason !== undefined) {
        const partner = decisions.partner(start + row);
        assert(partner !== undefined, "a removed document names its partner");
        const jaccard = decisions.jaccard(start + row) ?? null;
        const partnerCorpus = decisions.partnerCorpus(start + row) ?? null;
        removed.push({ row, stage: "dedup", reason, partner, partnerCorpus, jaccard, value: null });
      }
    }
    const before = utf8Column(batch, "text", paths.documents);
    const editedBytes: Record<string, number> = {};
    let texts = before;
    for (const { stage, edits } of passes) {
      const edited = applyTextEdits(texts, start, edits);
      editedBytes[stage] = bytesOf(texts, kept) - bytesOf(edited, kept);
      texts = edited;
    }
    first += batch.numRows;
    yield {
      batch: texts === before ? batch : replaceTexts(batch, texts),
      firstRow: start,
      kept,
      removed,
      clusterSize: (row) => decisions.clusterSize(start + row),
      editedBytes,
    };
  }
  assert(first === decisions.length, `partition ${partition} has a decision for each document`);
}

/** Only the kept rows. */
export async function* keptBatches(
  folder: string,
  partition: number,
  revisions: readonly Revision[],
): AsyncGenerator<RecordBatch, void, undefined> {
  for await (const { batch, kept } of decidedBatches(folder, partition, revisions)) {
    if (kept.length > 0) yield takeRows(batch, kept);
  }
}

interface Pass {
  readonly stage: string;
  readonly edits: TextEdits;
  /** Undefined for a row that the stage lets pass. */
  away(row: number): Pick<RemovedRow, "stage" | "reason" | "value"> | undefined;
}

async function openPass(
  folder: string,
  stage: Revision,
  { edits, turnedAway }: { readonly edits: string; readonly turnedAway: string },
): Promise<Pass> {
  const { rows, reason, reasons, value } = await readTurnedAway(join(folder, turnedAway));
  const indexOf = new Map(Array.from(rows, (row, index) => [row, index] as const));
  return {
    stage,
    edits: await readTextEdits(join(folder, edits)),
    away(row) {
      const index = indexOf.get(row);
      if (index === undefined) return undefined;
      const measured = value[index] as number;
      const name = reasons[reason[index] as number];
      assert(name !== undefined, `${turnedAway} names the reasons it uses`);
      return { stage, reason: name, value: Number.isNaN(measured) ? null : measured };
    },
  };
}

function turnedAwayBy(passes: readonly Pass[], row: number): ReturnType<Pass["away"]> {
  for (const pass of passes) {
    const away = pass.away(row);
    if (away !== undefined) return away;
  }
  return undefined;
}

function bytesOf({ offsets }: Utf8Column, rows: readonly number[]): number {
  return rows.reduce((sum, row) => sum + (offsets[row + 1] as number) - (offsets[row] as number), 0);
}
