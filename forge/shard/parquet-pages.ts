/**
 * Pages of a column chunk: bodies are compressed as soon as they are full, headers are written with their row group.
 *
 * Data pages are of version 2: definition levels stand before the body, uncompressed. Thrift and run lengths are
 * hyparquet-writer's.
 */
import { constants, zstdCompressSync } from "node:zlib";
import type { ColumnChunk, Encoding, OffsetIndex, SchemaElement } from "hyparquet";
import { ByteWriter } from "hyparquet-writer/src/bytewriter.js";
import { writePageHeader } from "hyparquet-writer/src/datapage.js";
import { writeRleBitPackedHybrid } from "hyparquet-writer/src/encoding.js";
import type { ChunkStatistics } from "hyparquet-writer/src/types.js";
import { freeBuffer } from "../base/index.ts";

/** Bytes of values at which a page ends: they still lie in the cache when they are compressed. */
export const pageBytes: number = 2 ** 20;

/**
 * Bodies below this stay as they are. A frame of its own costs 20 to 50 µs to set up: at the fastest level that is more
 * than a few KB of floats are worth (2 % of a file of rejects), and for 100 bytes it would be longer than they are.
 */
const leastCompressed = (zstdLevel: number): number => (zstdLevel === 1 ? 8192 : 128);

/** Everything about a page but its header. */
interface Page {
  readonly encoding: Encoding;
  readonly rows: number;
  readonly nulls: number;
  readonly levels: Uint8Array;
  /** Uncompressed length of the body. */
  readonly bytes: number;
  readonly body: Uint8Array;
  readonly isCompressed: boolean;
}

/** Whether the rows of a page have a value: 1 or 0 for each. */
export class RowLevels {
  #levels = new Uint8Array(1024);
  rows = 0;
  nulls = 0;

  push(level: 0 | 1): void {
    if (this.rows === this.#levels.length) {
      const grown = new Uint8Array(this.rows * 2);
      grown.set(this.#levels);
      this.#levels = grown;
    }
    this.#levels[this.rows++] = level;
    this.nulls += 1 - level;
  }

  hasValue(row: number): boolean {
    return this.#levels[row] === 1;
  }

  nullsIn(start: number, end: number): number {
    if (start === 0 && end === this.rows) return this.nulls;
    let nulls = 0;
    for (let row = start; row < end; row++) nulls += 1 - (this.#levels[row] as number);
    return nulls;
  }

  /** A view of rows `[start, end)`. */
  view(start: number, end: number): Uint8Array {
    return this.#levels.subarray(start, end);
  }

  clear(): void {
    this.rows = 0;
    this.nulls = 0;
  }
}

/** The pages of one column in one row group after the other. */
export class ColumnPages {
  readonly #nullable: boolean;
  readonly #zstdLevel: number;
  readonly #leastCompressed: number;
  #dictionary: { readonly values: number; readonly bytes: number; readonly body: Uint8Array } | undefined;
  #pages: Page[] = [];

  constructor(nullable: boolean, zstdLevel: number) {
    this.#nullable = nullable;
    this.#zstdLevel = zstdLevel;
    this.#leastCompressed = leastCompressed(zstdLevel);
  }

  /** The values to which later pages' indexes point. The body may be overwritten afterwards. */
  addDictionary(values: number, body: Uint8Array): void {
    // A dictionary page cannot say that it is not compressed.
    this.#dictionary = { values, bytes: body.length, body: this.#compress(body) };
  }

  /**
   * @param levels of the page's rows; this and the body may be overwritten afterwards
   * @param nulls how many of the levels are 0
   * @param body of the rows that have a value
   */
  add(encoding: Encoding, levels: Uint8Array, nulls: number, body: Uint8Array): void {
    const compressed = body.length < this.#leastCompressed ? body : this.#compress(body);
    const isCompressed = compressed.length < body.length;
    this.#pages.push({
      encoding,
      rows: levels.length,
      nulls,
      levels: this.#nullable ? encodeLevels(levels, nulls) : noLevels,
      bytes: body.length,
      body: isCompressed ? compressed : new Uint8Array(body),
      isCompressed,
    });
  }

  /** Writes what was added as one column chunk, and forgets it. */
  write(
    writer: ByteWriter,
    element: SchemaElement,
    statistics: ChunkStatistics | undefined,
  ): { readonly chunk: ColumnChunk; readonly offsetIndex?: OffsetIndex } {
    const start = writer.offset;
    let uncompressed = 0;
    const dictionary = this.#dictionary;
    if (dictionary !== undefined) {
      const { values, bytes, body } = dictionary;
      uncompressed += bytes - body.length;
      writePageHeader(writer, {
        type: "DICTIONARY_PAGE",
        uncompressed_page_size: bytes,
        compressed_page_size: body.length,
        dictionary_page_header: { num_values: values, encoding: "PLAIN" },
      });
      writer.appendBytes(body);
    }
    const dataStart = writer.offset;
    const offsetIndex: OffsetIndex = { page_locations: [] };
    let rows = 0;
    for (const page of this.#pages) {
      const pageStart = writer.offset;
      const { levels, bytes, body } = page;
      uncompressed += bytes - body.length;
      writePageHeader(writer, {
        type: "DATA_PAGE_V2",
        uncompressed_page_size: levels.length + bytes,
        compressed_page_size: levels.length + body.length,
        data_page_header_v2: {
          num_values: page.rows,
          num_nulls: page.nulls,
          num_rows: page.rows,
          encoding: page.encoding,
          definition_levels_byte_length: levels.length,
          repetition_levels_byte_length: 0,
          is_compressed: page.isCompressed,
        },
      });
      writer.appendBytes(levels);
      writer.appendBytes(body);
      // The compressor gave room for more than the body.
      freeBuffer(body.buffer);
      offsetIndex.page_locations.push({
        offset: BigInt(pageStart),
        compressed_page_size: writer.offset - pageStart,
        first_row_index: BigInt(rows),
      });
      rows += page.rows;
    }
    const encoding = this.#pages[0]?.encoding ?? "PLAIN";
    const pages = this.#pages.length;
    this.#dictionary = undefined;
    this.#pages = [];
    const { type = "BYTE_ARRAY", name } = element;
    const chunk: ColumnChunk = {
      file_offset: BigInt(start),
      meta_data: {
        type,
        encodings: dictionary === undefined ? [encoding] : ["PLAIN", encoding],
        path_in_schema: [name],
        codec: "ZSTD",
        num_values: BigInt(rows),
        total_uncompressed_size: BigInt(writer.offset - start + uncompressed),
        total_compressed_size: BigInt(writer.offset - start),
        data_page_offset: BigInt(dataStart),
        ...(dictionary !== undefined && { dictionary_page_offset: BigInt(start) }),
        ...(statistics !== undefined && {
          statistics,
          encoding_stats: [
            ...(dictionary === undefined
              ? []
              : [{ page_type: "DICTIONARY_PAGE" as const, encoding: "PLAIN" as const, count: 1 }]),
            { page_type: "DATA_PAGE_V2" as const, encoding, count: pages },
          ],
        }),
      },
    };
    return { chunk, offsetIndex };
  }

  #compress(body: Uint8Array): Uint8Array {
    return zstdCompressSync(body, {
      // Room for all at once (zstd's own bound): it is compressed in one go, neither buffered within nor joined.
      chunkSize: body.length + (body.length >> 8) + 1024,
      params: { [constants.ZSTD_c_compressionLevel]: this.#zstdLevel },
    });
  }
}

const noLevels = new Uint8Array();

function encodeLevels(levels: Uint8Array, nulls: number): Uint8Array {
  const writer = new ByteWriter(16 + (levels.length >> 3));
  if (nulls === 0 || nulls === levels.length) {
    // One run of all rows.
    writer.appendVarInt(levels.length << 1);
    writer.appendUint8(nulls === 0 ? 1 : 0);
    return writer.getBytes();
  }
  // One bit for each row; runs would save little where they do not save all.
  const groups = Math.ceil(levels.length / 8);
  writer.appendVarInt((groups << 1) | 1);
  for (let row = 0; row < groups * 8; row += 8) {
    let bits = 0;
    for (let bit = 0; bit < 8; bit++) bits |= (levels[row + bit] ?? 0) << bit;
    writer.appendUint8(bits);
  }
  return writer.getBytes();
}

/** Parquet's hybrid of runs and packed bits. */
export function encodeRuns(values: Uint8Array | Int32Array, bitWidth: number): Uint8Array {
  const writer = new ByteWriter(64);
  writeRleBitPackedHybrid(writer, values, bitWidth);
  return writer.getBytes();
}
