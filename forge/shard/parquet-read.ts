/** Parquet by whomever it was written, row group by row group; hyparquet decodes, node:zlib decompresses. */
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import type { FileMetaData } from "hyparquet";
import { DataError, wrapFileError } from "../base/index.ts";

/** What a decoder allocates at least: node refuses less than 64 bytes, and Buffer's pool holds smaller ones. */
const smallestOutput = 1 << 12;

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
                compressors: {
                  // With room for all of it the decoder need not put pieces together.
                  ZSTD: (input, bytes) => zstdDecompressSync(input, { chunkSize: Math.max(smallestOutput, bytes + 1) }),
                  GZIP: (input) => gunzipSync(input),
                },
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
