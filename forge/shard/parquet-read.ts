/** Parquet by whomever it was written, row group by row group; hyparquet decodes, node:zlib decompresses. */
import { open, stat } from "node:fs/promises";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import type { AsyncBuffer, FileMetaData } from "hyparquet";
import { DataError, readExactly, wrapFileError } from "../base/index.ts";

/** What a decoder allocates: node refuses less than 64 bytes, and what a damaged page claims is not believed. */
const smallestOutput = 1 << 12;
const largestOutput = 1 << 26;

function outputFor(bytes: number): number {
  return Math.min(largestOutput, Math.max(smallestOutput, bytes + 1));
}

export interface ParquetReadOptions {
  /** Columns to read. @default all */
  readonly columns?: readonly string[];
  /**
   * Only some rows of each row group, chosen by the values of one column: their indices, ascending. Of `large` columns
   * nothing is decoded but the pages of these rows.
   */
  readonly wanted?: {
    readonly column: string;
    readonly choose: (values: readonly unknown[]) => readonly number[];
    readonly large: readonly string[];
  };
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
  const { cachedAsyncBuffer, parquetMetadataAsync, parquetReadObjects } = await import("hyparquet");
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
    const file = await openSlices(path);
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
        const whole = { rowStart, rowEnd };
        const start = rowStart;
        rowStart = rowEnd;
        // Column chunks are fetched whole: without it for each read of some rows anew.
        const cached = cachedAsyncBuffer(file);
        const read = async (
          names: readonly string[],
          range = whole,
          parsers: Parameters<typeof parquetReadObjects>[0]["parsers"] = {},
        ): Promise<Record<string, unknown>[]> =>
          await guard(
            async () =>
              await parquetReadObjects({
                file: range === whole ? file : cached,
                metadata,
                columns: [...names],
                parsers,
                compressors: {
                  // With room for all of it the decoder need not put pieces together.
                  ZSTD: (input, bytes) => zstdDecompressSync(input, { chunkSize: outputFor(bytes) }),
                  GZIP: (input) => gunzipSync(input),
                },
                ...range,
              }),
          );
        const { wanted, columns: names = columns } = options;
        if (wanted === undefined) {
          yield await read(names);
          continue;
        }
        const values = await read([wanted.column]);
        const chosen = wanted.choose(values.map((row) => row[wanted.column]));
        if (chosen.length === 0) continue;
        const isLarge = (name: string): boolean => wanted.large.includes(name);
        const small = await read(names.filter((name) => !isLarge(name)));
        const rows: Record<string, unknown>[] = [];
        for (const { first, last, indices } of neighbours(chosen)) {
          const range = { rowStart: start + first, rowEnd: start + last + 1 };
          const large = await read(names.filter(isLarge), range, lateTexts);
          for (const index of indices) rows.push({ ...small[index], ...decodeTexts(large[index - first]) });
        }
        yield rows;
      }
    },
  };
}

/** Ranges of a file, each in one read; hyparquet's own takes streams of 64 KB. */
async function openSlices(path: string): Promise<AsyncBuffer> {
  const { size } = await stat(path);
  const read = async (start: number, end: number): Promise<ArrayBuffer> => {
    const bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(end, size) - start));
    await using file = await open(path, "r");
    if (!(await readExactly(file, bytes, start))) throw new Error("it became shorter while it was read");
    return bytes.buffer;
  };
  return {
    byteLength: size,
    slice(start, end = size) {
      const slice = read(start, end);
      // Of several that it asks for at once, hyparquet leaves the others alone when one fails.
      slice.catch(() => undefined);
      return slice;
    },
  };
}

/** A text as it lies in a page: of the rows of a page few are wanted. */
class LateText {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

const lateTexts = {
  stringFromBytes: (bytes: Uint8Array | undefined): LateText | undefined => bytes && new LateText(bytes),
};

function decodeTexts(row: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const decoder = new TextDecoder();
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, value instanceof LateText ? decoder.decode(value.bytes) : value]),
  );
}

/** Rows at most so far apart are read together: they likely share pages. */
const nearRows = 64;

function neighbours(
  indices: readonly number[],
): readonly { readonly first: number; readonly last: number; readonly indices: readonly number[] }[] {
  const ranges: { first: number; last: number; indices: number[] }[] = [];
  for (const index of indices) {
    const range = ranges.at(-1);
    if (range === undefined || index - range.last > nearRows) {
      ranges.push({ first: index, last: index, indices: [index] });
    } else {
      range.indices.push(index);
      range.last = index;
    }
  }
  return ranges;
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
