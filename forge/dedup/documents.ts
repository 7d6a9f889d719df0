/** Documents picked by row, and their keys as words to sort by. */
import { idBytes, type GrowingUint32 } from "../base/index.ts";
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

/** Bytes of each text. */
export function textLengths({ offsets, length }: TextColumn): Uint32Array {
  return Uint32Array.from({ length }, (_, row) => (offsets[row + 1] as number) - (offsets[row] as number));
}

/**
 * Appends 16-byte keys as four columns of words; big-endian words order as the bytes do.
 *
 * @param scope mixed into every key, so that keys of different scopes are never equal; 0 leaves them as they are
 */
export function appendKeyWords(target: readonly GrowingUint32[], keys: Uint8Array, scope = 0): void {
  const rows = keys.byteLength / idBytes;
  const view = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
  for (const [index, column] of target.entries()) {
    const mixed = mixScope(scope, index);
    column.append(
      Uint32Array.from({ length: rows }, (_, row) => (view.getUint32(row * idBytes + index * 4) ^ mixed) >>> 0),
    );
  }
}

/** A word that differs between scopes; 0 for scope 0. */
export function mixScope(scope: number, index: number): number {
  if (scope === 0) return 0;
  let word = Math.imul(scope + index * 0x9e37_79b9, 0x85eb_ca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2_ae35);
  return (word ^ (word >>> 16)) >>> 0;
}
