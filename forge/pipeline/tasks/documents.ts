/** The last step of a partition: kept documents and rejects as Parquet, with the figures that the manifest adds up. */
import { join } from "node:path";
import type { RecordBatch } from "apache-arrow";
import { signalPrefix } from "../../../schemas/record/document.ts";
import { utf8Column } from "../../base/index.ts";
import { writeParquet, type ParquetColumn, type ParquetRow, type ParquetValue } from "../../shard/index.ts";
import { readBatches } from "../batches.ts";
import type { TaskContext, TaskOutcome } from "../executor.ts";
import { partitionFiles } from "../layout.ts";
import type { PartitionInput } from "./inputs.ts";
import { decidedBatches } from "./kept.ts";

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

const texts = ["id", "text", "url", "source", "date", "language", "meta"] as const;
const required: readonly string[] = ["id", "text", "source"];

export async function writeDocumentFiles(input: PartitionInput, context: TaskContext): Promise<TaskOutcome> {
  const { rowGroupBytes, signals } = input;
  const { folder } = context;
  const paths = partitionFiles(input.partition);
  const figures = newFigures();
  const columns: ParquetColumn[] = [
    ...texts.map((name) => ({
      name,
      type: "string" as const,
      nullable: !required.includes(name),
      long: name === "text",
    })),
    { name: "languageScore", type: "float", nullable: true },
    { name: "clusterSize", type: "int32" },
    ...signals.map((name) => ({ name: `${signalPrefix}${name}`, type: "float" as const, nullable: true })),
  ];
  const documents = await writeParquet(
    join(folder, paths.documentsParquet),
    columns,
    documentRows(folder, input, columns, figures),
    { rowGroupBytes },
  );
  const rejects = await writeParquet(
    join(folder, paths.rejectsParquet),
    rejectColumns,
    rejectRows(folder, input, figures),
    // Looked into now and then, never trained on.
    { rowGroupBytes, zstdLevel: 1 },
  );
  return {
    files: [
      { path: paths.documentsParquet, ...documents },
      { path: paths.rejectsParquet, ...rejects },
    ],
    result: { ...figures },
  };
}

/** Columns of `rejects/*.parquet`; see `schemas/record/reject.ts`. */
const rejectColumns: readonly ParquetColumn[] = [
  { name: "id", type: "string" },
  { name: "source", type: "string" },
  { name: "stage", type: "string" },
  { name: "reason", type: "string" },
  { name: "value", type: "float", nullable: true },
  { name: "partnerId", type: "string", nullable: true },
  { name: "partnerCorpus", type: "string", nullable: true },
  { name: "jaccard", type: "double", nullable: true },
  { name: "text", type: "string", long: true },
];

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

async function* documentRows(
  folder: string,
  { partition, revisions }: PartitionInput,
  columns: readonly ParquetColumn[],
  figures: MutableFigures,
): AsyncGenerator<ParquetRow, void, undefined> {
  for await (const { batch, kept, clusterSize, editedBytes } of decidedBatches(folder, partition, revisions)) {
    for (const [stage, bytes] of Object.entries(editedBytes)) {
      figures.editedBytes[stage] = (figures.editedBytes[stage] ?? 0) + bytes;
    }
    const vectors = columns
      .filter(({ name }) => name !== "text")
      .map(({ name }) => [name, batch.getChild(name)] as const);
    const textAt = textsOf(batch);
    for (const row of kept) {
      const text = textAt(row);
      const values: Record<string, ParquetValue> = { text };
      for (const [name, vector] of vectors) values[name] = (vector?.get(row) ?? null) as ParquetValue;
      const size = clusterSize(row);
      values["clusterSize"] = size;
      countDocument(figures, text.length, String(values["language"] ?? "unknown"), size);
      yield values;
    }
  }
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

async function* rejectRows(
  folder: string,
  { partition, revisions }: PartitionInput,
  figures: MutableFigures,
): AsyncGenerator<ParquetRow, void, undefined> {
  for await (const batch of readBatches(join(folder, partitionFiles(partition).rejects))) {
    const names = ["id", "source", "stage", "reason", "value"];
    const vectors = names.map((name) => [name, batch.getChild(name)] as const);
    const textAt = textsOf(batch);
    for (let row = 0; row < batch.numRows; row++) {
      const values: Record<string, ParquetValue> = { text: textAt(row) };
      for (const [name, vector] of vectors) values[name] = (vector?.get(row) ?? null) as ParquetValue;
      yield values;
    }
  }
  for await (const { batch, removed } of decidedBatches(folder, partition, revisions)) {
    const get = (name: string, row: number): ParquetValue => childValue(batch, name, row);
    const textAt = textsOf(batch);
    for (const { row, stage, reason, value, partner, partnerCorpus, jaccard } of removed) {
      const counts = (figures.rejected[stage] ??= {});
      counts[reason] = (counts[reason] ?? 0) + 1;
      const text = textAt(row);
      const id = get("id", row);
      const source = get("source", row);
      yield { id, source, stage, reason, value, partnerId: partner, partnerCorpus, jaccard, text };
    }
  }
}

/** Texts of a batch as views of its bytes. */
function textsOf(batch: RecordBatch): (row: number) => Uint8Array {
  const { values, offsets } = utf8Column(batch, "text", "documents");
  return (row) => values.subarray(offsets[row], offsets[row + 1]);
}

function childValue(batch: RecordBatch, name: string, row: number): ParquetValue {
  return (batch.getChild(name)?.get(row) ?? null) as ParquetValue;
}
