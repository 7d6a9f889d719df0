/**
 * Columns of Arrow batches as raw bytes and numbers, without a string or an object for each row.
 *
 * Types of apache-arrow only: nothing is loaded.
 */
import type { RecordBatch } from "apache-arrow";
import { DataError } from "./errors.ts";

/** Bytes of a document id. */
export const idBytes = 16;

/** A Utf8 column: text `i` is `values[offsets[i] .. offsets[i + 1])`; the first offset need not be 0. */
export interface Utf8Column {
  readonly values: Uint8Array;
  readonly offsets: Int32Array;
  readonly length: number;
}

/**
 * A Utf8 column of a batch without a copy. Slices are respected: the first offset need not be 0.
 *
 * @throws DataError `column-missing` when the batch has no such column of that type
 */
export function utf8Column(batch: RecordBatch, name: string, file: string): Utf8Column {
  const data = childData(batch, name);
  const offsets = data?.valueOffsets as unknown;
  const values = data?.values as unknown;
  if (data === undefined || !(offsets instanceof Int32Array) || !(values instanceof Uint8Array)) {
    throw new DataError("column-missing", `${file} has no text column ${name}`, { file, column: name });
  }
  return { values, offsets, length: batch.numRows };
}

/**
 * A numeric signal of each row as 32-bit floats; null and missing become NaN.
 *
 * @throws DataError `column-missing`
 */
export function signalColumn(batch: RecordBatch, name: string, file: string): Float32Array {
  const vector = batch.getChild(name);
  if (vector === null) {
    throw new DataError("column-missing", `${file} has no signal ${name}`, { file, column: name });
  }
  return Float32Array.from({ length: batch.numRows }, (_, row) => {
    const value: unknown = vector.get(row);
    return typeof value === "number" ? value : Number.NaN;
  });
}

/**
 * Ids as bytes, 16 for each row.
 *
 * @param firstRow number of the batch's first row in its partition, for messages
 * @throws DataError `document-id-invalid` when one is not 32 hex digits
 */
export function idColumn(batch: RecordBatch, file: string, firstRow: number): Uint8Array {
  const { values, offsets, length } = utf8Column(batch, "id", file);
  const ids = new Uint8Array(length * idBytes);
  for (let row = 0; row < length; row++) {
    const start = offsets[row] as number;
    let valid = (offsets[row + 1] as number) - start === idBytes * 2;
    for (let i = 0; i < idBytes && valid; i++) {
      const high = hexDigit(values[start + 2 * i] as number);
      const low = hexDigit(values[start + 2 * i + 1] as number);
      valid = high >= 0 && low >= 0;
      ids[row * idBytes + i] = (high << 4) | low;
    }
    if (!valid) {
      throw new DataError("document-id-invalid", `${file} has a document whose id is not 32 hex digits`, {
        file,
        row: firstRow + row,
        column: "id",
      });
    }
  }
  return ids;
}

/** Lower-case hex of the id of a row. */
export function formatId(ids: Uint8Array, row: number): string {
  return Buffer.from(ids.buffer, ids.byteOffset + row * idBytes, idBytes).toString("hex");
}

function childData(batch: RecordBatch, name: string): RecordBatch["data"]["children"][number] | undefined {
  const index = batch.schema.fields.findIndex((field) => field.name === name);
  return index < 0 ? undefined : batch.data.children[index];
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  return code >= 65 && code <= 70 ? code - 55 : -1;
}
