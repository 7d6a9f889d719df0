/**
 * The last step of a partition: kept documents, and those that later stages than `ingest` removed, as Parquet, with the
 * figures that the manifest adds up.
 */
import { join } from "node:path";
import { createChannel, utf8Column, type Channel } from "../../base/index.ts";
import { writeParquetBatches, type ParquetBatch, type ParquetValue } from "../../shard/index.ts";
import type { TaskContext, TaskOutcome } from "../executor.ts";
import { partitionFiles } from "../layout.ts";
import {
  batchValues,
  documentColumns,
  listUnlessEmpty,
  rejectColumns,
  rejectsZstdLevel,
  rowsOf,
} from "../parquet-columns.ts";
import type { DocumentsInput } from "./inputs.ts";
import { decidedBatches, type RemovedRow } from "./kept.ts";

/** What a `documents` task tells the manifest. */
export interface DocumentFigures {
  readonly kept: number;
  /** By stage behind `ingest`, then by reason. */
  readonly rejected: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Bytes that stages behind `ingest` took out of kept texts. */
  readonly editedBytes: Readonly<Record<string, number>>;
  readonly textBytes: number;
  readonly languages: Readonly<Record<string, number>>;
  /** Bucket `k` counts texts of [2ᵏ, 2ᵏ⁺¹) UTF-8 bytes. */
  readonly lengths: readonly number[];
  /** Bucket `k` counts kept documents that stand for [2ᵏ, 2ᵏ⁺¹). */
  readonly clusterSizes: readonly number[];
  readonly largestCluster: number;
}

export async function writeDocumentFiles(input: DocumentsInput, context: TaskContext): Promise<TaskOutcome> {
  const { rowGroupBytes, signals } = input;
  const { folder } = context;
  const paths = partitionFiles(input.partition);
  const figures = newFigures();
  const removed = createChannel<ParquetBatch>();
  const [documents, rejects] = await Promise.all([
    writeParquetBatches(
      join(folder, paths.documentsParquet),
      documentColumns(signals),
      documentRows(folder, input, figures, removed),
      { rowGroupBytes },
    ),
    writeParquetBatches(join(folder, paths.removedParquet), rejectColumns(signals), removed, {
      rowGroupBytes,
      zstdLevel: rejectsZstdLevel,
    }),
  ]);
  return {
    files: [
      ...(await listUnlessEmpty(folder, paths.documentsParquet, documents)),
      ...(await listUnlessEmpty(folder, paths.removedParquet, rejects)),
    ],
    result: { ...figures },
  };
}

type MutableFigures = { -readonly [Key in keyof DocumentFigures]: DocumentFigures[Key] } & {
  rejected: Record<string, Record<string, number>>;
  editedBytes: Record<string, number>;
  languages: Record<string, number>;
  lengths: number[];
  clusterSizes: number[];
};

function newFigures(): MutableFigures {
  return {
    kept: 0,
    rejected: {},
    editedBytes: {},
    textBytes: 0,
    languages: {},
    lengths: [],
    clusterSizes: [],
    largestCluster: 0,
  };
}

/** Kept documents; removed ones go to the channel, which ends with them. */
async function* documentRows(
  folder: string,
  { partition, revisions }: DocumentsInput,
  figures: MutableFigures,
  removedRows: Channel<ParquetBatch>,
): AsyncGenerator<ParquetBatch, void, undefined> {
  try {
    for await (const decided of decidedBatches(folder, partition, revisions)) {
      const { batch, kept, removed, clusterSize, editedBytes } = decided;
      for (const [stage, bytes] of Object.entries(editedBytes)) {
        figures.editedBytes[stage] = (figures.editedBytes[stage] ?? 0) + bytes;
      }
      const values = batchValues(batch);
      const { offsets } = utf8Column(batch, "text", "documents");
      const languages = batch.getChild("language");
      for (const row of kept) {
        const bytes = (offsets[row + 1] as number) - (offsets[row] as number);
        countDocument(figures, bytes, String(languages?.get(row) ?? "unknown"), clusterSize(row));
      }
      if (removed.length > 0) await removedRows.push(removedBatch(values, removed));
      for (const { stage, reason } of removed) {
        const counts = (figures.rejected[stage] ??= {});
        counts[reason] = (counts[reason] ?? 0) + 1;
      }
      const clusterSizes = (i: number): number => clusterSize(kept[i] as number);
      if (kept.length > 0) yield { rows: kept.length, columns: { ...rowsOf(values, kept), clusterSize: clusterSizes } };
    }
    removedRows.close();
  } catch (error) {
    removedRows.fail(error);
    throw error;
  }
}

function removedBatch(values: ParquetBatch["columns"], removed: readonly RemovedRow[]): ParquetBatch {
  const of = (pick: (one: RemovedRow) => ParquetValue) => (i: number) => pick(removed[i] as RemovedRow);
  const columns = {
    ...rowsOf(
      values,
      removed.map(({ row }) => row),
    ),
    stage: of(({ stage }) => stage),
    reason: of(({ reason }) => reason),
    value: of(({ value }) => value),
    partnerId: of(({ partner }) => partner),
    partnerCorpus: of(({ partnerCorpus }) => partnerCorpus),
    jaccard: of(({ jaccard }) => jaccard),
  };
  return { rows: removed.length, columns };
}

function countDocument(figures: MutableFigures, bytes: number, language: string, clusterSize: number): void {
  figures.kept++;
  figures.textBytes += bytes;
  figures.languages[language] = (figures.languages[language] ?? 0) + 1;
  countAt(figures.lengths, bytes);
  countAt(figures.clusterSizes, clusterSize);
  figures.largestCluster = Math.max(figures.largestCluster, clusterSize);
}

/** Adds one to the bucket of a value, which is below 2³². */
function countAt(buckets: number[], value: number): void {
  // Not by logarithms: those of large powers of two are not exact everywhere.
  const bucket = 31 - Math.clz32(Math.max(1, value));
  while (buckets.length <= bucket) buckets.push(0);
  buckets[bucket] = (buckets[bucket] ?? 0) + 1;
}
