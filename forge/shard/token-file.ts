/**
 * One token shard as an Arrow IPC file: a single record batch whose values are the flat token stream.
 *
 * Built by hand from typed arrays (apache-arrow's builders would copy every token); uncompressed, so that a reader can
 * map it without a copy. Contract: `schemas/record/tokens.ts`.
 */
import { readFile } from "node:fs/promises";
import type * as Arrow from "apache-arrow";
import type { Data, Schema, Utf8 } from "apache-arrow";
import {
  maxTokensPerShard,
  tokenShardColumns,
  tokenShardMetadataKey,
  tokenShardMetadataSchema,
  type TokenShardMetadata,
} from "../../schemas/record/tokens.ts";
import { assert, DataError, utf8Column, wrapFileError, writeFileAtomic, type FileDigest } from "../base/index.ts";

export type TokenArray = Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** The content of a shard. Document `i` is `values[offsets[i] .. offsets[i + 1])`, its BOS and EOS included. */
export interface TokenShard {
  readonly values: TokenArray;
  readonly offsets: Int32Array;
  /** 32 hex digits each. */
  readonly ids: readonly string[];
  readonly sources: readonly string[];
}

/** Writes a shard; equal content gives equal bytes. */
export async function writeTokenFile(
  path: string,
  shard: TokenShard,
  metadata: TokenShardMetadata,
): Promise<FileDigest> {
  const { values, offsets } = shard;
  assert(values.length <= maxTokensPerShard, `${values.length} tokens in a shard`);
  assert(offsets[0] === 0 && offsets.at(-1) === values.length, "offsets span the values");
  const arrow = await import("../../schemas/arrow.ts");
  const item = arrow.Field.new({
    name: "item",
    type: values instanceof Uint16Array ? new arrow.Uint16() : new arrow.Uint32(),
    nullable: false,
  });
  const length = offsets.length - 1;
  const tokens = arrow.makeData({
    type: new arrow.List(item),
    length,
    nullCount: 0,
    valueOffsets: offsets,
    child: arrow.makeData({
      type: item.type,
      length: values.length,
      nullCount: 0,
      data: values as Uint16Array<ArrayBuffer>,
    }),
  });
  const children = [tokens, textData(arrow, shard.ids), textData(arrow, shard.sources)];
  const names = [tokenShardColumns.tokens, tokenShardColumns.id, tokenShardColumns.source];
  const schema = new arrow.Schema(
    children.map(({ type }, i) => arrow.Field.new({ name: names[i] as string, type, nullable: false })),
    new Map([[tokenShardMetadataKey, JSON.stringify(tokenShardMetadataSchema.parse(metadata))]]),
  );
  const struct = arrow.makeData({ type: new arrow.Struct(schema.fields), length, nullCount: 0, children });
  const table = new arrow.Table(schema, [new arrow.RecordBatch(schema, struct)]);
  return await writeFileAtomic(path, arrow.tableToIPC(table, "file"));
}

/** A shard read back; `values` and `offsets` are views of the file's bytes, not copies. */
export interface OpenTokenShard {
  readonly path: string;
  readonly metadata: TokenShardMetadata;
  readonly values: TokenArray;
  readonly offsets: Int32Array;
  /** Document ids and sources, made on demand. */
  readonly id: (document: number) => string;
  readonly source: (document: number) => string;
}

/**
 * Reads and validates a shard: shape, counts, offsets, every id below the vocabulary's size, and the BOS/EOS contract.
 *
 * @throws DataError `token-shard-invalid` when any of it does not hold or the file is truncated; `file-not-found`
 */
export async function readTokenFile(path: string): Promise<OpenTokenShard> {
  let bytes: Buffer<ArrayBuffer>;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw wrapFileError(error, path);
  }
  const magic = "ARROW1";
  if (bytes.toString("latin1", 0, 6) !== magic) throw invalid(path, "it is not an Arrow file");
  if (bytes.toString("latin1", bytes.length - 6) !== magic) throw invalid(path, "it is truncated");
  const { tableFromIPC, DataType } = await import("../../schemas/arrow.ts");
  let table: ReturnType<typeof tableFromIPC>;
  try {
    table = tableFromIPC(bytes);
  } catch (error) {
    throw invalid(path, "its Arrow structure is damaged", error);
  }
  const metadata = parseMetadata(path, table.schema);
  const [batch, ...more] = table.batches;
  if (batch === undefined || more.length > 0) throw invalid(path, "it does not have exactly one record batch");
  const column = batch.getChild(tokenShardColumns.tokens)?.data[0];
  if (column === undefined || !DataType.isList(column.type)) throw invalid(path, "it has no list column of tokens");
  const child = column.children[0];
  const values = child?.values as unknown;
  const type = metadata.dtype === "uint16" ? Uint16Array : Uint32Array;
  if (child === undefined || !(values instanceof type))
    throw invalid(path, `its tokens are not of type ${metadata.dtype}`);
  const shard = {
    metadata,
    // The buffer is padded to 8 bytes, so its length is not that of the column.
    values: values.subarray(0, child.length) as TokenArray,
    offsets: (column.valueOffsets as Int32Array).subarray(0, batch.numRows + 1),
  };
  checkTokens(path, shard, batch.numRows);
  const ids = utf8Column(batch, tokenShardColumns.id, path);
  const sources = utf8Column(batch, tokenShardColumns.source, path);
  return {
    ...shard,
    path,
    id: (document) => textAt(ids, document),
    source: (document) => textAt(sources, document),
  };
}

function parseMetadata(path: string, schema: Schema): TokenShardMetadata {
  const text = schema.metadata.get(tokenShardMetadataKey);
  if (text === undefined) throw invalid(path, `its schema metadata has no ${tokenShardMetadataKey}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(path, `${tokenShardMetadataKey} is not JSON`, error);
  }
  const parsed = tokenShardMetadataSchema.safeParse(value);
  if (!parsed.success) throw invalid(path, `${tokenShardMetadataKey} does not fit its schema`, parsed.error);
  return parsed.data;
}

function checkTokens(
  path: string,
  shard: Pick<OpenTokenShard, "metadata" | "values" | "offsets">,
  documents: number,
): void {
  const { metadata, values, offsets } = shard;
  const { bosId, eosId, vocabularySize } = metadata;
  if (documents !== metadata.documents) throw invalid(path, `${metadata.documents} documents are promised`);
  if (values.length !== metadata.tokens) throw invalid(path, `${metadata.tokens} tokens are promised`);
  if (offsets[0] !== 0 || offsets[documents] !== values.length) throw invalid(path, "its offsets miss the tokens");
  for (let document = 0; document < documents; document++) {
    const start = offsets[document] as number;
    const end = offsets[document + 1] as number;
    if (end < start) throw invalid(path, `document ${document} ends before it begins`);
    if (bosId !== null && values[start] !== bosId) throw invalid(path, `document ${document} does not begin with BOS`);
    if (eosId !== null && (end === start || values[end - 1] !== eosId)) {
      throw invalid(path, `document ${document} does not end with EOS`);
    }
  }
  for (let i = 0; i < values.length; i++) {
    if ((values[i] as number) >= vocabularySize) {
      throw invalid(path, `token ${i} is ${values[i]}, the vocabulary has ${vocabularySize}`);
    }
  }
}

function textData({ makeData, Utf8 }: Pick<typeof Arrow, "makeData" | "Utf8">, texts: readonly string[]): Data<Utf8> {
  const parts = texts.map((text) => Buffer.from(text, "utf8"));
  const valueOffsets = new Int32Array(texts.length + 1);
  parts.forEach((part, i) => {
    valueOffsets[i + 1] = (valueOffsets[i] as number) + part.byteLength;
  });
  const data = new Uint8Array(valueOffsets[texts.length] as number);
  parts.forEach((part, i) => data.set(part, valueOffsets[i]));
  return makeData({ type: new Utf8(), length: texts.length, nullCount: 0, valueOffsets, data });
}

function textAt(column: { readonly values: Uint8Array; readonly offsets: Int32Array }, row: number): string {
  const { values, offsets } = column;
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString(
    "utf8",
    offsets[row],
    offsets[row + 1],
  );
}

function invalid(path: string, problem: string, cause?: unknown): DataError {
  return new DataError(
    "token-shard-invalid",
    `${path} is not a valid token shard: ${problem}`,
    { file: path },
    { cause, hint: "Build the corpus again; `forge verify` names every damaged file." },
  );
}
