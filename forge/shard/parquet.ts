/**
 * Parquet with zstd, written row group by row group into an atomic file.
 *
 * Values are encoded as they come, pages compressed as they are full (`parquet-values.ts`, `parquet-pages.ts`);
 * hyparquet-writer writes headers and the footer. Equal rows give equal bytes. Text statistics are in UTF-8 order and
 * truncated, so filters of DuckDB and Polars are right and no document ends up in a footer.
 */
import type { FileDigest } from "../base/index.ts";
import type { createRowGroups, RowGroups } from "./parquet-row-groups.ts";

/** Storage of a column. `string` is UTF-8, `int64` takes bigint, `timestamp` takes Date (milliseconds). */
export type ParquetType = "string" | "int32" | "int64" | "float" | "double" | "boolean" | "timestamp" | "json";

export interface ParquetColumn {
  readonly name: string;
  readonly type: ParquetType;
  readonly nullable?: boolean;
  /** Long texts: no dictionary and no statistics, which would read every byte to no avail. */
  readonly long?: boolean;
}

/** UTF-8 may be given as bytes, which are written as they are. Undefined is stored as null. */
export type ParquetValue = string | Uint8Array | number | bigint | boolean | Date | null | undefined;
export type ParquetRow = Readonly<Record<string, ParquetValue>>;

/** A text column of a batch: text `i` is the bytes `[offsets[i], offsets[i + 1])`. */
export interface ParquetTexts {
  readonly values: Uint8Array;
  readonly offsets: Int32Array;
  readonly isNull?: ((text: number) => boolean) | undefined;
  /** Which texts are the batch's rows. @default all */
  readonly rows?: readonly number[];
}

/** A column of numbers of a batch; NaN stands for null. */
export interface ParquetFloats {
  readonly floats: Float32Array;
  /** Which numbers are the batch's rows. @default all */
  readonly rows?: readonly number[];
}

/** Values of a column of a batch; those of a function count as 8 bytes towards a row group, so they are short. */
export type ParquetColumnValues = ((row: number) => ParquetValue) | ParquetTexts | ParquetFloats;

/** Rows as columns, by the column's name. Its memory is not read any more once the next batch is asked for. */
export interface ParquetBatch {
  readonly rows: number;
  readonly columns: Readonly<Record<string, ParquetColumnValues>>;
}

export interface ParquetFile extends FileDigest {
  readonly rows: number;
}

export interface ParquetWriteOptions {
  /** Approximate bytes of values after which a row group ends. @default 8 MiB */
  readonly rowGroupBytes?: number;
  /** @default 3 */
  readonly zstdLevel?: number;
  /** Key-value pairs of the footer. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/**
 * Writes rows to a file; memory is bounded by one row group.
 *
 * @throws DataError `parquet-value-null` when a row lacks a value of a column that may not be null
 */
export async function writeParquet(
  path: string,
  columns: readonly ParquetColumn[],
  rows: Iterable<ParquetRow> | AsyncIterable<ParquetRow>,
  options: ParquetWriteOptions = {},
): Promise<ParquetFile> {
  await using file = await createFile(path, columns, options);
  for await (const row of rows) {
    file.push(({ name }) => row[name]);
    if (file.isFull) await file.flush();
  }
  return await file.finish();
}

/** The same from batches of columns: no object is made for a row, nor for a value that is given as bytes or floats. */
export async function writeParquetBatches(
  path: string,
  columns: readonly ParquetColumn[],
  batches: Iterable<ParquetBatch> | AsyncIterable<ParquetBatch>,
  options: ParquetWriteOptions = {},
): Promise<ParquetFile> {
  await using file = await createFile(path, columns, options);
  for await (const batch of batches) {
    for (let row = 0; row < batch.rows;) {
      row = file.append(batch, row);
      if (file.isFull) await file.flush();
    }
  }
  return await file.finish();
}

/** The encoder is loaded when it is first needed. */
async function createFile(...[path, columns, options]: Parameters<typeof createRowGroups>): Promise<RowGroups> {
  const { createRowGroups } = await import("./parquet-row-groups.ts");
  return await createRowGroups(path, columns, options);
}
