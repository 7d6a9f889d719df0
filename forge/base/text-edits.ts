/**
 * What stages behind deduplication do to the documents of a partition, as files: ranges to take out of some texts, and
 * documents to turn away. The documents themselves are never written again; whoever reads them applies the files in
 * the stages' order, so the byte ranges of a stage count in the text that the stages before it left.
 */
import type { Utf8Column } from "./arrow.ts";
import { openColumns, writeColumns } from "./column-file.ts";
import { assert } from "./errors.ts";
import type { FileDigest } from "./files.ts";
import { lowerBound } from "./radix.ts";

export const textEditsKind = "text-edits-1";
export const turnedAwayKind = "turned-away-1";

/** Byte ranges to take out: those of row `rows[i]` are `[starts[k], ends[k])` for `k` in `[offsets[i], offsets[i + 1])`. */
export interface TextEdits {
  /** Rows of the partition, ascending. */
  readonly rows: Uint32Array;
  readonly offsets: Uint32Array;
  /** Ascending and disjoint within a row. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** Put between the pieces that are left, nowhere else: `""` for whole lines, `"\n\n"` for cuts within a text. */
  readonly separator: string;
}

/** Documents that a stage turns away; it must not edit them, too. */
export interface TurnedAway {
  /** Rows of the partition, ascending. */
  readonly rows: Uint32Array;
  /** Of each row, an index into `reasons`. */
  readonly reason: Uint8Array;
  readonly reasons: readonly string[];
  /** The measured value that missed the limit; NaN where there is none. */
  readonly value: Float32Array;
}

export async function writeTextEdits(path: string, edits: TextEdits): Promise<FileDigest> {
  const { rows, offsets, starts, ends, separator } = edits;
  return await writeColumns(path, textEditsKind, { rows, offsets, starts, ends }, { separator });
}

/** @throws DataError `column-file-invalid` */
export async function readTextEdits(path: string): Promise<TextEdits> {
  await using file = await openColumns(path, textEditsKind);
  return {
    rows: await file.u32("rows"),
    offsets: await file.u32("offsets"),
    starts: await file.u32("starts"),
    ends: await file.u32("ends"),
    separator: String(file.meta["separator"]),
  };
}

export async function writeTurnedAway(path: string, turnedAway: TurnedAway): Promise<FileDigest> {
  const { rows, reason, reasons, value } = turnedAway;
  return await writeColumns(path, turnedAwayKind, { rows, reason, value }, { reasons: JSON.stringify(reasons) });
}

/** @throws DataError `column-file-invalid` */
export async function readTurnedAway(path: string): Promise<TurnedAway> {
  await using file = await openColumns(path, turnedAwayKind);
  return {
    rows: await file.u32("rows"),
    reason: await file.u8("reason"),
    reasons: JSON.parse(String(file.meta["reasons"])) as string[],
    value: await file.f32("value"),
  };
}

/**
 * The texts of some neighbouring rows with their ranges taken out; the column itself when none of them is edited.
 *
 * @param firstRow number of the column's first row in its partition
 */
export function applyTextEdits(column: Utf8Column, firstRow: number, edits: TextEdits): Utf8Column {
  const first = lowerBound(edits.rows, firstRow);
  const last = lowerBound(edits.rows, firstRow + column.length);
  if (first === last) return column;
  const separator = Buffer.from(edits.separator, "utf8");
  const before = (column.offsets[column.length] as number) - (column.offsets[0] as number);
  // Each range may leave one separator more and take out as little as one byte.
  const ranges = (edits.offsets[last] as number) - (edits.offsets[first] as number);
  const values = new Uint8Array(before + ranges * separator.length);
  const offsets = new Int32Array(column.length + 1);
  let written = 0;
  const copy = (source: Uint8Array, start: number, end: number): void => {
    values.set(source.subarray(start, end), written);
    written += end - start;
  };
  let next = first;
  for (let row = 0; row < column.length; row++) {
    const from = column.offsets[row] as number;
    const end = column.offsets[row + 1] as number;
    const begin = written;
    let at = from;
    const copyPiece = (to: number): void => {
      if (at < to && written > begin) copy(separator, 0, separator.length);
      copy(column.values, at, to);
    };
    if (next < last && edits.rows[next] === firstRow + row) {
      for (let range = edits.offsets[next] as number; range < (edits.offsets[next + 1] as number); range++) {
        const cut = from + (edits.starts[range] as number);
        const resume = from + (edits.ends[range] as number);
        assert(at <= cut && cut <= resume && resume <= end, `row ${firstRow + row} has the range of its edit`);
        copyPiece(cut);
        at = resume;
      }
      next++;
    }
    copyPiece(end);
    offsets[row + 1] = written;
  }
  return { values: values.subarray(0, written), offsets, length: column.length };
}
