/**
 * Parquet with zstd, written row group by row group into an atomic file, and read back row group by row group.
 *
 * hyparquet-writer encodes, node:zlib compresses. Equal rows give equal bytes. Text statistics are in UTF-8 order and
 * truncated, so filters of DuckDB and Polars are right and no document ends up in a footer.
 */
import { constants, gunzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { FileMetaData } from "hyparquet";
import { batchPassed, createAtomicFile, DataError, wrapFileError, type FileDigest } from "../base/index.ts";
import { columnValues } from "./parquet-values.ts";

/** Storage of a column. `string` is UTF-8, `int64` takes bigint, `timestamp` takes Date (milliseconds). */
export type ParquetType = "string" | "int32" | "int64" | "float" | "double" | "boolean" | "timestamp" | "json";

export interface ParquetColumn {
  readonly name: string;
  readonly type: ParquetType;
  readonly nullable?: boolean;
  /** Long texts: no dictionary and no statistics, which would read every byte to no avail. */
  readonly long?: boolean;
  /** Measurements, which are rarely equal: no dictionary is tried. */
  readonly plain?: boolean;
}

/** UTF-8 may be given as bytes, which are written as they are. Undefined is stored as null. */
export type ParquetValue = string | Uint8Array | number | bigint | boolean | Date | null | undefined;
export type ParquetRow = Readonly<Record<string, ParquetValue>>;

/** Rows as columns: the value of a column in a row of the batch, by the column's name. */
export interface ParquetBatch {
  readonly rows: number;
  readonly columns: Readonly<Record<string, (row: number) => ParquetValue>>;
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

const writerTypes = {
  string: "STRING",
  int32: "INT32",
  int64: "INT64",
  float: "FLOAT",
  double: "DOUBLE",
  boolean: "BOOLEAN",
  timestamp: "TIMESTAMP",
  json: "JSON",
} as const satisfies Record<ParquetType, string>;

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
  await using file = await createRowGroups(path, columns, options);
  for await (const row of rows) {
    file.append(({ name }) => row[name]);
    if (file.isFull) await file.flush();
  }
  return await file.finish();
}

/** The same from batches of columns: no object is made for a row. */
export async function writeParquetBatches(
  path: string,
  columns: readonly ParquetColumn[],
  batches: Iterable<ParquetBatch> | AsyncIterable<ParquetBatch>,
  options: ParquetWriteOptions = {},
): Promise<ParquetFile> {
  await using file = await createRowGroups(path, columns, options);
  for await (const batch of batches) {
    const values = columns.map(({ name }) => batch.columns[name] ?? (() => null));
    for (let row = 0; row < batch.rows; row++) {
      file.append((_, column) => values[column]?.(row));
      if (file.isFull) await file.flush();
    }
  }
  return await file.finish();
}

/** A Parquet file in the making. */
interface RowGroups extends AsyncDisposable {
  /** Whether the row group is as large as wanted: to be flushed before the next row. */
  readonly isFull: boolean;
  append(valueOf: (column: ParquetColumn, index: number) => ParquetValue): void;
  flush(): Promise<void>;
  /** Writes what is left and the footer. */
  finish(): Promise<ParquetFile>;
}

async function createRowGroups(
  path: string,
  columns: readonly ParquetColumn[],
  { rowGroupBytes = 2 ** 23, zstdLevel = 3, metadata = {}, signal }: ParquetWriteOptions,
): Promise<RowGroups> {
  const { ByteWriter, ParquetWriter, schemaFromColumnData } = await import("hyparquet-writer");
  const file = await createAtomicFile(path);
  const bytes = new ByteWriter(1 << 16);
  const emptyColumns = columns.map(({ name, type, nullable = false }) => ({
    name,
    type: writerTypes[type],
    nullable,
    data: [],
  }));
  const writer = new ParquetWriter({
    writer: bytes,
    schema: schemaFromColumnData({ columnData: emptyColumns }),
    codec: "ZSTD",
    compressors: { ZSTD: (bytes) => compressZstd(bytes, zstdLevel) },
    createdBy: "forge",
    kvMetadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
  const drain = async (): Promise<void> => {
    await file.write(bytes.getBytes());
    // The writer counts `offset` over the whole file and `index` within its buffer, which is free again now.
    bytes.index = 0;
  };

  const data = columns.map(({ type }) => columnValues(type));
  let pending = 0;
  let count = 0;
  const flush = async (): Promise<void> => {
    signal?.throwIfAborted();
    const rows = data[0]?.length ?? 0;
    if (rows === 0) return;
    const columnData = columns.map(({ name, long = false, plain = long }, i) => ({
      name,
      // It takes typed arrays, too.
      data: data[i]?.take() as ParquetValue[],
      ...(plain && { encoding: "PLAIN" as const }),
      ...(long && { statistics: false }),
    }));
    await writer.write({ columnData, rowGroupSize: rows });
    batchPassed(pending);
    pending = 0;
    await drain();
  };
  return {
    get isFull() {
      return pending >= rowGroupBytes;
    },
    append(valueOf) {
      // No iterator: for millions of values its objects would be most of the garbage.
      for (let i = 0; i < columns.length; i++) {
        const column = columns[i] as ParquetColumn;
        const value = valueOf(column, i) ?? null;
        if (value === null && column.nullable !== true) {
          throw new DataError("parquet-value-null", `Row ${count} of ${path} has no ${column.name}`, {
            file: path,
            row: count,
            column: column.name,
          });
        }
        data[i]?.push(value);
        pending += typeof value === "string" || value instanceof Uint8Array ? value.length : 8;
      }
      count++;
    },
    flush,
    async finish() {
      await flush();
      await writer.finish();
      await drain();
      return { ...(await file.commit()), rows: count };
    },
    [Symbol.asyncDispose]: async () => await file[Symbol.asyncDispose](),
  };
}

export interface ParquetReadOptions {
  /** Columns to read. @default all */
  readonly columns?: readonly string[];
  /** Only row groups in which a value of this column passes; the others' columns are not even read. */
  readonly wanted?: { readonly column: string; readonly test: (value: unknown) => boolean };
}

/** An open Parquet file. */
export interface ParquetReader {
  readonly path: string;
  readonly rows: number;
  readonly columns: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Rows of one row group after the other. Numbers of 64-bit columns are bigint. */
  rowGroups(options?: ParquetReadOptions): AsyncGenerator<readonly Record<string, unknown>[], void, undefined>;
}

/**
 * Opens a Parquet file by whomever it was written (snappy, gzip or zstd).
 *
 * @throws DataError `parquet-unreadable` when it is truncated, corrupt or no Parquet file; `file-not-found`
 */
export async function openParquet(path: string): Promise<ParquetReader> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } = await import("hyparquet");
  const guard = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const wrapped = wrapFileError(error, path);
      if (wrapped instanceof DataError) throw wrapped;
      throw new DataError(
        "parquet-unreadable",
        `${path} cannot be read as Parquet: ${error instanceof Error ? error.message : String(error)}`,
        { file: path },
        { cause: error, hint: "The file is truncated or damaged: fetch or build it again." },
      );
    }
  };
  const { file, metadata } = await guard(async () => {
    const file = await asyncBufferFromFile(path);
    return { file, metadata: await parquetMetadataAsync(file) };
  });
  const columns = topLevelColumns(metadata);
  return {
    path,
    rows: Number(metadata.num_rows),
    columns,
    metadata: Object.fromEntries((metadata.key_value_metadata ?? []).map(({ key, value }) => [key, value ?? ""])),
    async *rowGroups(options = {}) {
      let rowStart = 0;
      for (const group of metadata.row_groups) {
        const rowEnd = rowStart + Number(group.num_rows);
        const range = { rowStart, rowEnd };
        rowStart = rowEnd;
        const read = async (names: readonly string[]): Promise<Record<string, unknown>[]> =>
          await guard(
            async () =>
              await parquetReadObjects({
                file,
                metadata,
                columns: [...names],
                compressors: { ZSTD: (input) => zstdDecompressSync(input), GZIP: (input) => gunzipSync(input) },
                ...range,
              }),
          );
        const { wanted } = options;
        if (wanted !== undefined) {
          const values = await read([wanted.column]);
          if (!values.some((row) => wanted.test(row[wanted.column]))) continue;
        }
        yield await read(options.columns ?? columns);
      }
    },
  };
}

function compressZstd(input: Uint8Array, zstdLevel: number): Uint8Array {
  return zstdCompressSync(input, { params: { [constants.ZSTD_c_compressionLevel]: zstdLevel } });
}

/** The schema is a depth-first list whose first element is the root. */
function topLevelColumns(metadata: FileMetaData): string[] {
  const names: string[] = [];
  let index = 1;
  const skip = (): void => {
    const children = metadata.schema[index++]?.num_children ?? 0;
    for (let child = 0; child < children; child++) skip();
  };
  while (index < metadata.schema.length) {
    names.push(metadata.schema[index]?.name ?? "");
    skip();
  }
  return names;
}
