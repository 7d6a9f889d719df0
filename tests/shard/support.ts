/** Documents and a byte tokenizer for the shard tests: every byte is its own id, 256 ends a document. */
import { Table, Utf8, vectorFromArray, type RecordBatch } from "apache-arrow";
import type { ShardTokenizer } from "../../forge/shard/index.ts";

export interface TestDocument {
  readonly id: string;
  readonly text: string;
  readonly source: string;
}

export function documentBatch(documents: readonly TestDocument[]): RecordBatch {
  const column = (values: readonly string[]) => vectorFromArray(values, new Utf8());
  const table = new Table({
    id: column(documents.map(({ id }) => id)),
    text: column(documents.map(({ text }) => text)),
    source: column(documents.map(({ source }) => source)),
  });
  return table.batches[0] as RecordBatch;
}

export const byteTokenizer: ShardTokenizer = {
  name: "bytes",
  sha256: "b".repeat(64),
  vocabularySize: 257,
  bosId: null,
  eosId: 256,
  encodeColumn({ values, offsets, length }) {
    const first = offsets[0] as number;
    return {
      ids: Uint32Array.from(values.subarray(first, offsets[length])),
      offsets: offsets.slice(0, length + 1).map((offset) => offset - first),
    };
  },
};

export function decodeBytes(ids: Uint32Array): string {
  return Buffer.from(Uint8Array.from(ids)).toString("utf8");
}
