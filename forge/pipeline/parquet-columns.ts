/** Documents and rejects as Parquet: which columns there are, and batches of documents as their values. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Data, RecordBatch } from "apache-arrow";
import { documentTextColumns, signalPrefix, type DocumentTextColumn } from "../../schemas/record/document.ts";
import { utf8Column, type Utf8Column } from "../base/index.ts";
import type { ParquetBatch, ParquetColumn, ParquetFile } from "../shard/index.ts";

/** Rejects are looked into now and then, never trained on. */
export const rejectsZstdLevel = 1;

type ColumnValue = ParquetBatch["columns"][string];

const required: readonly DocumentTextColumn[] = ["id", "text", "source"];

/** Columns of `documents/*.parquet`. */
export function documentColumns(signals: readonly string[]): readonly ParquetColumn[] {
  return [
    ...documentTextColumns.map(textColumn),
    { name: "languageScore", type: "float", nullable: true },
    { name: "clusterSize", type: "int32" },
    ...signals.map(signalColumn),
  ];
}

/** Columns of `rejects/*.parquet`; see `schemas/record/reject.ts`. */
export function rejectColumns(signals: readonly string[]): readonly ParquetColumn[] {
  return [
    textColumn("id"),
    textColumn("source"),
    { name: "stage", type: "string" },
    { name: "reason", type: "string" },
    { name: "value", type: "float", nullable: true },
    { name: "partnerId", type: "string", nullable: true },
    { name: "partnerCorpus", type: "string", nullable: true },
    { name: "jaccard", type: "double", nullable: true },
    textColumn("text"),
    ...(["url", "date", "language", "meta"] as const).map(textColumn),
    { name: "languageScore", type: "float", nullable: true },
    ...signals.map(signalColumn),
  ];
}

function textColumn(name: DocumentTextColumn): ParquetColumn {
  return { name, type: "string", nullable: !required.includes(name), long: name === "text" };
}

function signalColumn(name: string): ParquetColumn {
  return { name: `${signalPrefix}${name}`, type: "float", nullable: true, plain: true };
}

/** Values of all columns of a batch, by row; texts as views of the batch's bytes. */
export function batchValues(batch: RecordBatch): Readonly<Record<string, ColumnValue>> {
  return Object.fromEntries(
    batch.schema.fields.map(({ name }, i) => {
      const data = batch.data.children[i] as Data;
      if (data.values instanceof Float32Array) return [name, floatValues(data.values)];
      const column = utf8Column(batch, name, "documents");
      return [name, name === "text" ? textValues(column) : stringValues(column, data)];
    }),
  );
}

/** Texts as views of the column's bytes. */
export function textValues({ values, offsets }: Utf8Column): (row: number) => Uint8Array {
  return (row) => values.subarray(offsets[row], offsets[row + 1]);
}

function stringValues({ values, offsets }: Utf8Column, data: Data): ColumnValue {
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return (row) => (data.getValid(row) ? bytes.toString("utf8", offsets[row], offsets[row + 1]) : null);
}

/** NaN stands for null, and under it. */
function floatValues(values: Float32Array): ColumnValue {
  return (row) => {
    const value = values[row] as number;
    return Number.isNaN(value) ? null : value;
  };
}

/**
 * A written file as a task lists it; one without a row is removed instead: `datasets` (5.0.1) fails on a folder in which
 * it stands before another.
 */
export async function listUnlessEmpty(
  folder: string,
  path: string,
  written: ParquetFile,
): Promise<readonly (ParquetFile & { readonly path: string })[]> {
  if (written.rows > 0) return [{ path, ...written }];
  await rm(join(folder, path));
  return [];
}

/** The values of some rows, counted from 0 as they are listed. */
export function rowsOf(
  columns: Readonly<Record<string, ColumnValue>>,
  rows: readonly number[],
): Readonly<Record<string, ColumnValue>> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, valueOf]) => [name, (i: number) => valueOf(rows[i] as number)]),
  );
}
