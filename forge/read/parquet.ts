/**
 * Parquet to documents, a few rows of a row group at a time. hyparquet decodes; node:zlib and lz4.ts decompress.
 *
 * Texts stay bytes from page to batch. A document's id is made of its row in the file, so it does not depend on how
 * the file is split; rewriting the file with other row groups keeps it, too.
 */
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import type { AsyncBuffer, Compressors, FileMetaData, ParquetParsers, RowGroup, SchemaTree } from "hyparquet";
import type { FieldMapping } from "../../schemas/config/corpus.ts";
import { DataError, ForgeError } from "../base/index.ts";
import { readBytes, type ByteSource } from "./byte-source.ts";
import { decodeLz4Block, decodeLz4Hadoop } from "./lz4.ts";
import type { Collector, PartContext } from "./read.ts";
import { fieldText, mappedColumns, metaText, quarantineEntry, takeRecord } from "./records.ts";
import type { Inspection } from "./types.ts";

const compressors: Compressors = {
  GZIP: (input) => gunzipSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
  ZSTD: (input) => zstdDecompressSync(input),
  LZ4_RAW: (input, size) => decodeLz4Block(input, size),
  LZ4: (input, size) => decodeLz4Hadoop(input, size),
};

/** Strings stay bytes; everything else is decoded as the library does. */
const parsers: Partial<ParquetParsers> = { stringFromBytes: (bytes: Uint8Array) => bytes };

/** Reads the row groups of a part; hands out after each one. */
export async function* readParquet(context: PartContext, collect: Collector): AsyncGenerator<void, void, undefined> {
  const { source, part, fields } = context;
  const { parquetReadObjects, parquetSchema } = await import("hyparquet");
  const file = asyncBuffer(source);
  const metadata = await readMetadata(file, source);
  const there = parquetSchema(metadata).children;
  const problem = textProblem(there, fields.text);
  if (problem !== undefined) throw new DataError("column-missing", `${part.uri} ${problem}`, { file: part.uri });
  const wanted = there.filter(({ element }) => mappedColumns(fields).includes(element.name));
  const columns = wanted.map(({ element }) => element.name);
  const maps = wanted.filter(holdsMap).map(({ element }) => element.name);
  const others = columns.filter((name) => !maps.includes(name));
  let rowStart = 0;
  for (const [index, group] of metadata.row_groups.entries()) {
    const rowEnd = rowStart + Number(group.num_rows);
    const byteOffset = startOf(group);
    if (byteOffset >= part.start && byteOffset < part.end) {
      const held = holdSlices(file);
      const step = rowsAtOnce(group, columns);
      for (let from = rowStart; from < rowEnd; from += step) {
        const range = { rowStart: from, rowEnd: Math.min(rowEnd, from + step) };
        try {
          const options = { file: held, metadata, compressors, ...range };
          const rows = await parquetReadObjects({ ...options, columns: others, parsers });
          const mapRows = maps.length === 0 ? [] : await parquetReadObjects({ ...options, columns: maps });
          for (const [i, row] of rows.entries()) {
            takeRow(context, collect, maps.length === 0 ? row : { ...row, ...mapRows[i] }, from + i, byteOffset);
          }
        } catch (error) {
          if (error instanceof ForgeError) throw error;
          const rows = `rows ${from} to ${range.rowEnd - 1}`;
          const message = `${rows} of row group ${index} cannot be read: ${reasonOf(error)}`;
          collect.quarantine(quarantineEntry(part.uri, "damaged-data", message, { row: from, byteOffset }));
        }
        yield;
      }
    }
    rowStart = rowEnd;
  }
}

/** All rows as objects, row group by row group; lists and structs are assembled, texts are strings. */
export async function* readParquetObjects(
  source: ByteSource,
): AsyncGenerator<Readonly<Record<string, unknown>>, void, undefined> {
  const { parquetReadObjects } = await import("hyparquet");
  const file = asyncBuffer(source);
  const metadata = await readMetadata(file, source);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    try {
      yield* await parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd });
    } catch (error) {
      if (error instanceof ForgeError) throw error;
      throw new DataError(
        "file-damaged",
        `${source.uri} cannot be read: rows ${rowStart} to ${rowEnd - 1}: ${reasonOf(error)}`,
        { file: source.uri, row: rowStart },
        { cause: error },
      );
    }
    rowStart = rowEnd;
  }
}

/** True for columns with maps in them: bytes would make no names of their entries. */
function holdsMap({ element, children }: SchemaTree): boolean {
  const { converted_type: converted, logical_type: logical } = element;
  return converted === "MAP" || converted === "MAP_KEY_VALUE" || logical?.type === "MAP" || children.some(holdsMap);
}

/** Decoded bytes that are held at once: row groups of some writers take gigabytes. */
const decodedBytes = 1 << 24;

/** Rows of a group that decode to about so many bytes. */
function rowsAtOnce(group: RowGroup, columns: readonly string[]): number {
  const rows = Number(group.num_rows);
  const bytes = group.columns
    .filter(({ meta_data: chunk }) => columns.includes(chunk?.path_in_schema[0] ?? ""))
    .reduce((sum, { meta_data: chunk }) => sum + Number(chunk?.total_uncompressed_size ?? 0n), 0);
  return Math.max(1, Math.ceil(rows / Math.ceil((bytes + 1) / decodedBytes)));
}

/** Keeps a row group's compressed columns while its rows are decoded a few at a time. */
function holdSlices(file: AsyncBuffer): AsyncBuffer {
  const slices = new Map<string, Promise<ArrayBuffer>>();
  return {
    byteLength: file.byteLength,
    async slice(start, end) {
      const key = `${start}-${end}`;
      const slice = slices.get(key) ?? Promise.resolve(file.slice(start, end));
      slices.set(key, slice);
      return await slice;
    },
  };
}

/** Where a file can be cut, and whether it has the text column. */
export async function inspectParquet(source: ByteSource, fields: FieldMapping): Promise<Inspection> {
  const { parquetSchema } = await import("hyparquet");
  const metadata = await readMetadata(asyncBuffer(source), source);
  const problem = textProblem(parquetSchema(metadata).children, fields.text);
  let row = 0;
  const borders = metadata.row_groups.map((group) => {
    const border = { start: startOf(group), row };
    row += Number(group.num_rows);
    return border;
  });
  return { borders, ...(problem !== undefined && { problem }) };
}

function takeRow(
  context: PartContext,
  collect: Collector,
  values: Readonly<Record<string, unknown>>,
  row: number,
  byteOffset: number,
): void {
  const { fields, part } = context;
  const text = values[fields.text];
  if (!(text instanceof Uint8Array)) {
    const message = `the column "${fields.text}" is null`;
    collect.quarantine(quarantineEntry(part.uri, "field-missing", message, { row, byteOffset }));
    return;
  }
  const record = {
    id: collect.identify(part.uri, row),
    text,
    row,
    byteOffset,
    url: fieldText(values[fields.url]),
    date: fieldText(values[fields.date]),
    language: fieldText(values[fields.language]),
    meta: metaText(fields.meta, (name) => values[name]),
  };
  takeRecord(context, collect, record, "text/plain");
}

async function readMetadata(file: AsyncBuffer, source: ByteSource): Promise<FileMetaData> {
  const { parquetMetadataAsync } = await import("hyparquet");
  try {
    if (file.byteLength < 12) throw new Error("it is too short");
    return await parquetMetadataAsync(file);
  } catch (error) {
    if (error instanceof ForgeError) throw error;
    throw new DataError(
      "parquet-unreadable",
      `${source.uri} cannot be read as Parquet: ${reasonOf(error)}`,
      { file: source.uri },
      { cause: error, hint: "Its end is missing or damaged: fetch or build it again." },
    );
  }
}

/** What is wrong with the text column, and which columns there are; undefined when it is fine. */
function textProblem(columns: readonly SchemaTree[], name: string): string | undefined {
  const found = columns.find(({ element }) => element.name === name)?.element;
  const names = columns.map(({ element }) => element.name).join(", ");
  if (found === undefined) return `has no column "${name}"; its columns: ${names}`;
  const { type, repetition_type: repetition, converted_type: converted } = found;
  const isText = type === "BYTE_ARRAY" && (converted === undefined || converted === "UTF8" || converted === "ENUM");
  if (isText && repetition !== "REPEATED") return undefined;
  const kind = type === undefined ? "nested" : (converted ?? type).toLowerCase();
  return `has a column "${name}" that is no text but ${kind}; its columns: ${names}`;
}

/** Where the first page of a row group begins. */
function startOf(group: RowGroup): number {
  const starts = group.columns.flatMap(({ meta_data: chunk }) =>
    chunk === undefined
      ? []
      : [chunk.data_page_offset, chunk.dictionary_page_offset]
          // Some writers put 0 where there is no dictionary.
          .filter((offset) => offset !== undefined && offset > 0n)
          .map(Number),
  );
  return Math.min(...starts);
}

function asyncBuffer(source: ByteSource): AsyncBuffer {
  return {
    byteLength: source.size,
    async slice(start, end = source.size) {
      const bytes = await readBytes(source, start < 0 ? source.size + start : start, end);
      // hyparquet takes whole ArrayBuffers; a small read may be a view of a shared one.
      const { buffer, byteOffset, byteLength } = bytes;
      if (buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength) return buffer;
      return Uint8Array.from(bytes).buffer;
    },
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
