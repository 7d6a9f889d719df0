/** Documents picked by row, and their keys as words to sort by. */
import { idBytes } from "../base/index.ts";
import type { TextColumn } from "../kernels/types.ts";

/** The texts of some rows, copied into a column of their own. */
export function pickTexts(column: TextColumn, rows: readonly number[]): TextColumn {
  const offsets = new Int32Array(rows.length + 1);
  rows.forEach((row, i) => {
    offsets[i + 1] = (offsets[i] as number) + (column.offsets[row + 1] as number) - (column.offsets[row] as number);
  });
  const values = new Uint8Array(offsets[rows.length] as number);
  rows.forEach((row, i) => {
    values.set(column.values.subarray(column.offsets[row], column.offsets[row + 1]), offsets[i]);
  });
  return { values, offsets, length: rows.length };
}

/** Columns of 32-bit words from 16-byte keys; big-endian words order as the bytes do. */
export function wordColumns(keys: Uint8Array): [Uint32Array, Uint32Array, Uint32Array, Uint32Array] {
  const rows = keys.byteLength / idBytes;
  const view = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
  const word = (index: number): Uint32Array =>
    Uint32Array.from({ length: rows }, (_, row) => view.getUint32(row * idBytes + index * 4));
  return [word(0), word(1), word(2), word(3)];
}
