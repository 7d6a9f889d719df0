/** One sample file for every format and compression, made of the same texts. */
import { gzipSync, zstdCompressSync } from "node:zlib";
import {
  Field,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  Utf8,
  vectorFromArray,
  type Data,
} from "apache-arrow";
import { ByteWriter, ParquetWriter, schemaFromColumnData } from "hyparquet-writer";

export interface Sample {
  /** Ends as the format's files do. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Whether a file that lost its tail still gives the records before it. */
  readonly readsTruncated: boolean;
  /** Whether one large file becomes several splits. */
  readonly splits: boolean;
  /** What the quarantine says of a record without text. @default field-missing */
  readonly reasonOfNull?: string;
}

/** Null stands for a record without text. */
export type Texts = readonly (string | null)[];

export async function samplesOf(texts: Texts): Promise<readonly Sample[]> {
  const jsonl = Buffer.from(texts.map((text) => `${JSON.stringify(text === null ? {} : { text })}\n`).join(""));
  const stream = arrowStream(texts);
  const records = texts.map((text, i) => warcOf(text, i));
  const members = records.map((record) => gzipSync(record));
  return [
    { name: "a.jsonl", bytes: jsonl, readsTruncated: true, splits: true },
    { name: "a.jsonl.gz", bytes: gzipSync(jsonl), readsTruncated: true, splits: false },
    // One block of zstd: nothing of it can be read before it is whole.
    { name: "a.jsonl.zst", bytes: zstdCompressSync(jsonl), readsTruncated: false, splits: false },
    { name: "a.parquet", bytes: await parquetFile(texts), readsTruncated: false, splits: true },
    // This writer puts the schema into the footer only; pyarrow's files begin with it and are read without the end.
    { name: "a.arrow", bytes: arrowFile(texts), readsTruncated: false, splits: true },
    // A file that lost its footer, but not its last bytes.
    { name: "b.arrow", bytes: Buffer.concat([arrowMagic, stream, noFooter]), readsTruncated: true, splits: false },
    { name: "a.feather.gz", bytes: gzipSync(stream), readsTruncated: true, splits: false },
    { name: "a.ipc", bytes: stream, readsTruncated: true, splits: false },
    { name: "a.wet", bytes: Buffer.concat(records), readsTruncated: true, splits: true, ...noResponse },
    { name: "a.warc.gz", bytes: Buffer.concat(members), readsTruncated: true, splits: true, ...noResponse },
    { name: "b.warc.gz", bytes: gzipSync(Buffer.concat(records)), readsTruncated: true, splits: true, ...noResponse },
    {
      name: "a.warc.zst",
      bytes: zstdCompressSync(Buffer.concat(records)),
      readsTruncated: false,
      splits: false,
      ...noResponse,
    },
  ];
}

const noResponse = { reasonOfNull: "damaged-data" };

function warcOf(text: string | null, i: number): Buffer {
  const uri = { "WARC-Target-URI": `https://example.org/${i}` };
  if (text !== null) return warcRecord("conversion", text, { ...uri, "Content-Type": "text/plain" });
  return warcRecord("response", "no response", { ...uri, "Content-Type": "application/http; msgtype=response" });
}

/** A record as crawlers write it, with what must stand behind it. */
export function warcRecord(
  type: string,
  block: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  const bytes = Buffer.from(block);
  const fields = { "WARC-Type": type, "WARC-Date": "2024-05-01T10:00:00Z", ...headers, "Content-Length": bytes.length };
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`WARC/1.0\r\n${head.join("")}\r\n`), bytes, Buffer.from("\r\n\r\n")]);
}

const rowsPerGroup = 25;
/** What a file in Arrow's file format begins with. */
export const arrowMagic = Buffer.from("ARROW1\0\0");
const noFooter = Buffer.from("\0\0\0\0ARROW1");

export async function parquetFile(texts: Texts): Promise<Uint8Array> {
  const writer = new ByteWriter(1 << 16);
  const column = { name: "text", type: "STRING" as const, nullable: true };
  const parquet = new ParquetWriter({
    writer,
    schema: schemaFromColumnData({ columnData: [{ ...column, data: [] }] }),
    codec: "UNCOMPRESSED",
  });
  for (const group of groupsOf(texts)) {
    await parquet.write({ columnData: [{ name: "text", data: [...group] }], rowGroupSize: group.length });
  }
  await parquet.finish();
  return new Uint8Array(writer.getBuffer());
}

export function arrowFile(texts: Texts): Uint8Array {
  const writer = new RecordBatchFileWriter();
  for (const batch of batchesOf(texts)) writer.write(batch);
  writer.finish();
  return writer.toUint8Array(true);
}

export function arrowStream(texts: Texts): Uint8Array {
  const writer = new RecordBatchStreamWriter();
  for (const batch of batchesOf(texts)) writer.write(batch);
  writer.finish();
  return writer.toUint8Array(true);
}

const schema = new Schema([new Field("text", new Utf8(), true)]);

function batchesOf(texts: Texts): RecordBatch[] {
  return groupsOf(texts).map((group) => {
    const children = [vectorFromArray([...group], new Utf8()).data[0] as Data];
    const type = new Struct(schema.fields);
    return new RecordBatch(schema, makeData({ type, length: group.length, nullCount: 0, children }));
  });
}

function groupsOf(texts: Texts): Texts[] {
  const groups: Texts[] = [];
  for (let at = 0; at < texts.length; at += rowsPerGroup) groups.push(texts.slice(at, at + rowsPerGroup));
  return groups;
}
