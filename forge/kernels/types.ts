/** Shapes that all text kernels share. Bytes are UTF-8; offsets are half-open. */

/**
 * A column of texts, as Arrow's Utf8 lays it out: text `i` is `values[offsets[i] .. offsets[i + 1])`.
 *
 * `offsets` has `length + 1` entries and need not start at 0 (a sliced batch); never use `values.length`.
 */
export interface TextColumn {
  readonly values: Uint8Array;
  readonly offsets: Int32Array;
  /** Number of texts. */
  readonly length: number;
}
