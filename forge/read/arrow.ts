/**
 * Arrow IPC to documents: the file format by its footer, batch by batch; the stream format, and whatever is compressed
 * as a whole, from front to back.
 *
 * A file whose footer is lost is read as the stream that it contains, so a truncated file gives what it still holds.
 * A document's id is made of its row in the file.
 */
import { zstdDecompressSync } from "node:zlib";
import {
  compressionRegistry,
  CompressionType,
  DataType,
  MessageReader,
  RecordBatchReader,
  RecordBatchStreamWriter,
  Type,
  type Data,
  type RecordBatch,
  type Schema,
} from "apache-arrow";
import { Footer } from "apache-arrow/ipc/metadata/file";
import type { FieldMapping } from "../../schemas/config/corpus.ts";
import { DataError, ForgeError } from "../base/index.ts";
import { readBytes, type ByteSource } from "./byte-source.ts";
import { decodeLz4Frame } from "./lz4.ts";
import { DamagedStream } from "./decoder.ts";
import { openBytes } from "./open.ts";
import type { Collector, PartContext } from "./read.ts";
import { fieldText, mappedColumns, metaText, quarantineEntry, takeRecord, type CellValue } from "./records.ts";
import type { Compression, Inspection } from "./types.ts";

const magic = "ARROW1";
/** The magic bytes and two of padding; behind them a file is a stream. */
const fileStart = 8;

/** Reads the record batches of a part; hands out after each one. */
export async function* readArrow(context: PartContext, collect: Collector): AsyncGenerator<void, void, undefined> {
  const { source, part } = context;
  const footer = part.compression === "none" ? await readFooter(source) : undefined;
  if (footer === undefined) yield* readStream(context, collect);
  else yield* readBlocks(context, collect, footer);
}

/** Where a file can be cut, and whether it has the text column. */
export async function inspectArrow(
  source: ByteSource,
  compression: Compression,
  fields: FieldMapping,
): Promise<Inspection> {
  const footer = compression === "none" ? await readFooter(source) : undefined;
  if (footer === undefined) return { borders: [] };
  const problem = textProblem(footer.schema, fields.text);
  let row = 0;
  const borders = [];
  for (const { offset, metaDataLength } of footer.batches) {
    borders.push({ start: offset, row });
    row += await rowsOf(source, offset, metaDataLength);
  }
  return { borders, ...(problem !== undefined && { problem }) };
}

interface Block {
  readonly offset: number;
  readonly metaDataLength: number;
  readonly bodyLength: number;
}

interface FileFooter {
  readonly schema: Schema;
  readonly dictionaries: readonly Block[];
  readonly batches: readonly Block[];
}

/** Undefined when it is no file format, or its end is lost. */
async function readFooter(source: ByteSource): Promise<FileFooter | undefined> {
  if (source.size < fileStart + magic.length + 4) return undefined;
  const head = await readBytes(source, 0, fileStart);
  const tail = await readBytes(source, source.size - magic.length - 4, source.size);
  if (head.toString("latin1", 0, magic.length) !== magic || tail.toString("latin1", 4) !== magic) return undefined;
  const length = tail.readInt32LE(0);
  const end = source.size - tail.length;
  if (length <= 0 || length > end - fileStart) return undefined;
  try {
    const footer = Footer.decode(await readBytes(source, end - length, end));
    const plain = ({ offset, metaDataLength, bodyLength }: Block): Block => ({ offset, metaDataLength, bodyLength });
    return {
      schema: footer.schema,
      dictionaries: [...footer.dictionaryBatches()].map(plain),
      batches: [...footer.recordBatches()].map(plain).sort((a, b) => a.offset - b.offset),
    };
  } catch (error) {
    if (error instanceof ForgeError) throw error;
    return undefined;
  }
}

async function rowsOf(source: ByteSource, offset: number, length: number): Promise<number> {
  try {
    const header = new MessageReader(await readBytes(source, offset, offset + length)).readMessage()?.header();
    return (header as { readonly length?: number } | undefined)?.length ?? 0;
  } catch (error) {
    if (error instanceof ForgeError) throw error;
    // The batch is quarantined when it is read.
    return 0;
  }
}

async function* readBlocks(
  context: PartContext,
  collect: Collector,
  footer: FileFooter,
): AsyncGenerator<void, void, undefined> {
  const { source, part } = context;
  registerDecoders();
  const prefix = [schemaMessage(footer.schema)];
  for (const block of footer.dictionaries) prefix.push(await readBlock(source, block));
  let row = part.row ?? 0;
  for (const [index, block] of footer.batches.entries()) {
    if (block.offset < part.start || block.offset >= part.end) continue;
    try {
      for (const batch of RecordBatchReader.from(Buffer.concat([...prefix, await readBlock(source, block)]))) {
        takeBatch(context, collect, batch, row, block.offset);
        row += batch.numRows;
      }
    } catch (error) {
      if (error instanceof ForgeError) throw error;
      const rows = await rowsOf(source, block.offset, block.metaDataLength);
      const message = `record batch ${index} (${rows} rows) cannot be read: ${reasonOf(error)}`;
      collect.quarantine(quarantineEntry(part.uri, "damaged-data", message, { row, byteOffset: block.offset }));
      row += rows;
    }
    yield;
  }
}

/** The schema as a stream's first message: files of Arrow's JavaScript writer have it in the footer only. */
function schemaMessage(schema: Schema): Buffer {
  const writer = new RecordBatchStreamWriter();
  writer.reset(undefined, schema);
  writer.finish();
  const endOfStream = 8;
  return Buffer.from(writer.toUint8Array(true)).subarray(0, -endOfStream);
}

async function readBlock(source: ByteSource, block: Block): Promise<Buffer> {
  return await readBytes(source, block.offset, block.offset + block.metaDataLength + block.bodyLength);
}

async function* readStream(context: PartContext, collect: Collector): AsyncGenerator<void, void, undefined> {
  const { part, source } = context;
  registerDecoders();
  let row = 0;
  let delivered = 0;
  let isFile = false;
  /** The last bytes so far, of a file its magic bytes. */
  let tail: Buffer = Buffer.alloc(0);
  let damage: DamagedStream | undefined;
  const bytes = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    let head: Uint8Array | undefined = new Uint8Array(0);
    try {
      for await (const chunk of openBytes(source, part.compression)) {
        delivered += chunk.length;
        tail = Buffer.concat([tail, chunk.subarray(-magic.length)]).subarray(-magic.length);
        if (head === undefined) yield chunk;
        else {
          head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
          if (head.length < fileStart) continue;
          isFile = Buffer.from(head.subarray(0, magic.length)).toString("latin1") === magic;
          yield isFile ? head.subarray(fileStart) : head;
          head = undefined;
        }
      }
    } catch (error) {
      if (!(error instanceof DamagedStream)) throw error;
      // To the reader of batches the stream just ends; what is missing is reported below.
      damage = error;
    }
  };
  let ended: string | undefined;
  const stream = bytes();
  try {
    const reader = await RecordBatchReader.from(stream);
    const open = { autoDestroy: false };
    await reader.open(open);
    if (reader.schema === undefined) ended = "there is no schema at the beginning";
    while (!reader.closed) {
      for await (const batch of reader) {
        takeBatch(context, collect, batch, row, delivered);
        row += batch.numRows;
        yield;
      }
      // Behind a file stands its footer; behind a stream another one, where files were joined.
      if (isFile) break;
      await reader.reset().open(open);
    }
    if (isFile) {
      for await (const _ of stream);
      if (tail.toString("latin1") !== magic) ended ??= "the end of the file is missing";
    }
  } catch (error) {
    if (error instanceof ForgeError) throw error;
    ended = reasonOf(error);
  } finally {
    // Leaving the library's reader early does not close what it reads from.
    await stream.return();
  }
  if (damage === undefined && ended === undefined) return;
  const message = damage?.message ?? `the record batches end too early or are damaged: ${ended}`;
  const place = { row: null, byteOffset: delivered };
  collect.quarantine(quarantineEntry(part.uri, damage?.reason ?? "damaged-data", message, place));
  yield;
}

function takeBatch(
  context: PartContext,
  collect: Collector,
  batch: RecordBatch,
  firstRow: number,
  byteOffset: number,
): void {
  const { fields, part } = context;
  const problem = textProblem(batch.schema, fields.text);
  if (problem !== undefined) throw new DataError("column-missing", `${part.uri} ${problem}`, { file: part.uri });
  const cells = new Map(mappedColumns(fields).map((name) => [name, cellsOf(batch, name)]));
  const valueOf = (name: string, row: number): CellValue => cells.get(name)?.(row) ?? null;
  for (let i = 0; i < batch.numRows; i++) {
    const row = firstRow + i;
    const text = valueOf(fields.text, i);
    if (text === null) {
      const message = `the column "${fields.text}" is null`;
      collect.quarantine(quarantineEntry(part.uri, "field-missing", message, { row, byteOffset }));
      continue;
    }
    const record = {
      id: collect.identify(part.uri, row),
      text: text instanceof Uint8Array ? text : Buffer.from(fieldText(text) ?? "", "utf8"),
      row,
      byteOffset,
      url: fieldText(valueOf(fields.url, i)),
      date: fieldText(valueOf(fields.date, i)),
      language: fieldText(valueOf(fields.language, i)),
      meta: metaText(fields.meta, (name) => valueOf(name, i)),
    };
    takeRecord(context, collect, record, "text/plain");
  }
}

type Cells = (row: number) => CellValue;

/** Cells of a column: bytes where it holds strings one behind the other, else what the library makes of them. */
function cellsOf(batch: RecordBatch, name: string): Cells | undefined {
  const index = batch.schema.fields.findIndex((field) => field.name === name);
  const data = batch.data.children[index] as Data | undefined;
  if (data === undefined) return undefined;
  const offsets = data.valueOffsets as unknown;
  const values = data.values as unknown;
  if (
    isContiguous(data.type) &&
    values instanceof Uint8Array &&
    (offsets instanceof Int32Array || offsets instanceof BigInt64Array)
  ) {
    checkOffsets(offsets, data.length, values.length);
    return (row) => (data.getValid(row) ? values.subarray(Number(offsets[row]), Number(offsets[row + 1])) : null);
  }
  const vector = batch.getChildAt(index);
  if (DataType.isTimestamp(data.type) || DataType.isDate(data.type)) {
    return (row) => {
      const value: unknown = vector?.get(row);
      return value === null || value === undefined ? null : new Date(Number(value));
    };
  }
  if (DataType.isDecimal(data.type)) {
    const { scale, bitWidth } = data.type;
    return (row) => decimalText(vector?.get(row), scale, bitWidth);
  }
  return (row) => plainValue(vector?.get(row));
}

/** A decimal as it is written: the library gives its digits only, as words of 32 bits. */
function decimalText(words: unknown, scale: number, bitWidth: number): CellValue {
  if (!(words instanceof Uint32Array)) return null;
  const unsigned = words.reduceRight((value, word) => (value << 32n) | BigInt(word), 0n);
  const value = BigInt.asIntN(bitWidth, unsigned);
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0");
  const point = digits.length - scale;
  return `${value < 0n ? "-" : ""}${digits.slice(0, point)}${scale > 0 ? `.${digits.slice(point)}` : ""}`;
}

/** The library trusts offsets; damaged ones would give wrong texts without a word. */
function checkOffsets(offsets: Int32Array | BigInt64Array, rows: number, bytes: number): void {
  let before = 0;
  for (let row = 0; row <= rows; row++) {
    const offset = Number(offsets[row]);
    if (!(offset >= before && offset <= bytes)) throw new Error(`the offset of row ${row} is damaged`);
    before = offset;
  }
}

/** Structs and lists as plain JSON values. */
function plainValue(value: unknown): CellValue {
  const json = (value as { readonly toJSON?: () => unknown } | null | undefined)?.toJSON;
  return typeof json === "function" && !(value instanceof Date) ? json.call(value) : value;
}

/** Strings that lie one behind the other in one buffer. */
function isContiguous(type: DataType): boolean {
  return DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isBinary(type) || DataType.isLargeBinary(type);
}

/** What is wrong with the text column, and which columns there are; undefined when it is fine. */
function textProblem({ fields }: Schema, name: string): string | undefined {
  const names = fields.map((field) => field.name).join(", ");
  const type = fields.find((field) => field.name === name)?.type as DataType | undefined;
  if (type === undefined) return `has no column "${name}"; its columns: ${names}`;
  const held: DataType = DataType.isDictionary(type) ? type.dictionary : type;
  if (isContiguous(held) || DataType.isUtf8View(held) || DataType.isBinaryView(held)) return undefined;
  return `has a column "${name}" that is no text but ${Type[type.typeId]}; its columns: ${names}`;
}

/** The library leaves decompression to its users. */
function registerDecoders(): void {
  compressionRegistry.set(CompressionType.ZSTD, { decode: (input) => zstdDecompressSync(input) });
  compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: decodeLz4Frame });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
