/** A Parquet file in the making: rows gather in their columns until a row group is full; the footer comes last. */
import type { FileMetaData } from "hyparquet";
import { ByteWriter } from "hyparquet-writer/src/bytewriter.js";
import { writeIndexes } from "hyparquet-writer/src/indexes.js";
import { writeMetadata } from "hyparquet-writer/src/metadata.js";
import { schemaFromColumnData } from "hyparquet-writer/src/schema.js";
import { batchPassed, createAtomicFile, DataError } from "../base/index.ts";
import { columnValues } from "./parquet-values.ts";
import type {
  ParquetBatch,
  ParquetColumn,
  ParquetColumnValues,
  ParquetFile,
  ParquetType,
  ParquetValue,
  ParquetWriteOptions,
} from "./parquet.ts";

export interface RowGroups extends AsyncDisposable {
  /** Whether the row group is as large as wanted: to be flushed before the next row. */
  readonly isFull: boolean;
  /** Adds one row. */
  push(valueOf: (column: ParquetColumn) => ParquetValue): void;
  /** Adds rows of a batch until the row group is full; returns the first that was not added. */
  append(batch: ParquetBatch, start: number): number;
  flush(): Promise<void>;
  /** Writes what is left and the footer. */
  finish(): Promise<ParquetFile>;
}

const storedTypes = {
  string: "STRING",
  int32: "INT32",
  int64: "INT64",
  float: "FLOAT",
  double: "DOUBLE",
  boolean: "BOOLEAN",
  timestamp: "TIMESTAMP",
  json: "JSON",
} as const satisfies Record<ParquetType, string>;

/** "PAR1". */
const magic = 0x31524150;

/** Bytes that a value counts which is no text. */
const valueBytes = 8;

const allNull: ParquetColumnValues = () => null;

export async function createRowGroups(
  path: string,
  columns: readonly ParquetColumn[],
  { rowGroupBytes = 2 ** 23, zstdLevel = 3, metadata = {}, signal }: ParquetWriteOptions,
): Promise<RowGroups> {
  const file = await createAtomicFile(path);
  const writer = new ByteWriter(1 << 16);
  const schema = schemaFromColumnData({
    columnData: columns.map(({ name, type, nullable = false }) => ({
      name,
      type: storedTypes[type],
      nullable,
      data: [],
    })),
  });
  /** Rows before the row that is being added, or the one behind the last. */
  let count = 0;
  const data = columns.map((column) =>
    columnValues(column, zstdLevel, () => {
      throw new DataError("parquet-value-null", `Row ${count} of ${path} has no ${column.name}`, {
        file: path,
        row: count,
        column: column.name,
      });
    }),
  );
  const rowGroups: FileMetaData["row_groups"] = [];
  const indexes: Parameters<typeof writeIndexes>[1] = [];
  let pending = 0;
  let rows = 0;

  const drain = async (): Promise<void> => {
    await file.write(writer.getBytes());
    // The writer counts `offset` over the whole file and `index` within its buffer, which is free again now.
    writer.index = 0;
  };
  const flush = async (): Promise<void> => {
    signal?.throwIfAborted();
    if (rows === 0) return;
    const start = writer.offset;
    let uncompressed = 0n;
    const chunks = data.map((values, i) => {
      const statistics = values.finish();
      const written = values.pages.write(writer, schema[i + 1] as (typeof schema)[number], statistics);
      indexes.push(written);
      uncompressed += written.chunk.meta_data?.total_uncompressed_size ?? 0n;
      return written.chunk;
    });
    rowGroups.push({
      columns: chunks,
      total_byte_size: uncompressed,
      num_rows: BigInt(rows),
      total_compressed_size: BigInt(writer.offset - start),
    });
    batchPassed(pending);
    pending = 0;
    rows = 0;
    await drain();
  };

  writer.appendUint32(magic);
  return {
    get isFull() {
      return pending >= rowGroupBytes;
    },
    push(valueOf) {
      for (const [i, column] of columns.entries()) {
        const value = valueOf(column) ?? null;
        data[i]?.push(value);
        pending += typeof value === "string" || value instanceof Uint8Array ? value.length : valueBytes;
      }
      rows++;
      count++;
    },
    append(batch, start) {
      const values = columns.map(({ name }) => batch.columns[name] ?? allNull);
      const bytes = rowBytes(values, start, batch.rows);
      let end = start;
      while (end < batch.rows && pending < rowGroupBytes) pending += bytes[end++ - start] as number;
      for (const [i, one] of values.entries()) data[i]?.append(one, start, end);
      rows += end - start;
      count += end - start;
      return end;
    },
    flush,
    async finish() {
      await flush();
      writeIndexes(writer, indexes);
      const footer: Omit<FileMetaData, "metadata_length"> = {
        version: 2,
        created_by: "forge",
        schema,
        num_rows: BigInt(count),
        row_groups: rowGroups,
        key_value_metadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      };
      // A reader's field, which is not written.
      writeMetadata(writer, footer as FileMetaData);
      writer.appendUint32(magic);
      await drain();
      return { ...(await file.commit()), rows: count };
    },
    [Symbol.asyncDispose]: async () => await file[Symbol.asyncDispose](),
  };
}

/** What rows `[start, end)` count towards a row group. */
function rowBytes(columns: readonly ParquetColumnValues[], start: number, end: number): Float64Array {
  const texts = columns.filter((one) => "offsets" in one);
  const bytes = new Float64Array(end - start).fill(valueBytes * (columns.length - texts.length));
  for (const { offsets, rows } of texts) {
    for (let i = start; i < end; i++) {
      const row = rows === undefined ? i : (rows[i] as number);
      bytes[i - start] = (bytes[i - start] as number) + (offsets[row + 1] as number) - (offsets[row] as number);
    }
  }
  return bytes;
}
