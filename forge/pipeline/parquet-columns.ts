/** Documents and rejects as Parquet: which columns there are, and batches of documents as their values. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Data, RecordBatch } from "apache-arrow";
import { documentTextColumns, signalPrefix, type DocumentTextColumn } from "../../schemas/record/document.ts";
import { utf8Column } from "../base/index.ts";
import type { ParquetColumn, ParquetColumnValues, ParquetFile } from "../shard/index.ts";

/** Rejects are looked into now and then, never trained on. */
export const rejectsZstdLevel = 1;

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
  return { name: `${signalPrefix}${name}`, type: "float", nullable: true };
}

/** Values of all columns of a batch, as its own bytes and floats. */
export function batchValues(batch: RecordBatch): Readonly<Record<string, ParquetColumnValues>> {
  return Object.fromEntries(
    batch.schema.fields.map(({ name }, i) => {
      const data = batch.data.children[i] as Data;
      if (data.values instanceof Float32Array) return [name, { floats: data.values }];
      const isNull = data.nullCount === 0 ? undefined : (row: number) => !data.getValid(row);
      return [name, { ...utf8Column(batch, name, "documents"), isNull }];
    }),
  );
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

/** The values of some rows of a batch, counted from 0 as they are listed. */
export function rowsOf(
  columns: Readonly<Record<string, ParquetColumnValues>>,
  rows: readonly number[],
): Readonly<Record<string, ParquetColumnValues>> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, values]) => [
      name,
      typeof values === "function" ? (i: number) => values(rows[i] as number) : { ...values, rows },
    ]),
  );
}
