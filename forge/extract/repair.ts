/**
 * Repair of Unicode and white space, in this order: mojibake decoded again, line separators to LF, control and invisible
 * characters out, blanks at line ends out, runs of empty lines to two, empty lines around the text out, then canonical
 * composition (NFC). The loop over bytes is a kernel; the rest concerns few texts.
 *
 * Indentation stays: Markdown and code mean something by it. Joiners (U+200C, U+200D) stay: scripts and emoji need them.
 */
import type { RepairConfig } from "../../schemas/config/extract.ts";
import type { TextColumn, TextKernels } from "../kernels/types.ts";
import { decodeMojibake } from "./mojibake.ts";

/** What the repair did to a batch. */
export interface RepairCounts {
  bytesIn: number;
  bytesOut: number;
  /** Texts that are not the same bytes as before. */
  changed: number;
  /** Of these, texts that were not in NFC. */
  composed: number;
  /** Control and invisible characters taken out. */
  controls: number;
  /** Texts with lines that had been decoded wrongly. */
  mojibake: number;
}

export interface RepairedTexts {
  /** New buffers; the input is left alone. */
  readonly text: TextColumn;
  readonly counts: RepairCounts;
}

/** The loop over bytes; `loadKernels` gives the fast one. */
export type RepairKernels = Pick<TextKernels, "cleanTexts">;

/** Repairs every text of a column of valid UTF-8. Repairing twice changes nothing more. */
export function repairTexts(column: TextColumn, config: RepairConfig, kernels: RepairKernels): RepairedTexts {
  const { length } = column;
  const counts: RepairCounts = {
    bytesIn: bytesOf(column),
    bytesOut: 0,
    changed: 0,
    composed: 0,
    controls: 0,
    mojibake: 0,
  };
  const decoded = new Map<number, Uint8Array>();
  if (config.mojibake) forEachRow(column, (row, text) => keepOther(decoded, row, text, decodeMojibake(text)));
  const source = replaceSome(column, decoded);
  const cleaned = kernels.cleanTexts(source, config);
  counts.controls = cleaned.controls;
  const others = new Map<number, Uint8Array>();
  forEachRow(cleaned, (row, text) => {
    let repaired = config.unicode === "nfc" && cleaned.mayCompose[row] === 1 ? compose(text) : text;
    if (repaired !== text) counts.composed++;
    // An invisible character that is gone now may have stood within a sequence.
    const mayHide = repaired !== text || text.length !== lengthAt(source, row);
    for (let again = config.mojibake && mayHide ? decodeMojibake(repaired) : repaired; again !== repaired;) {
      if (!decoded.has(row)) decoded.set(row, again);
      repaired = cleanOne(again, config, kernels, counts);
      again = decodeMojibake(repaired);
    }
    keepOther(others, row, text, repaired);
  });
  counts.mojibake = decoded.size;
  const text = replaceSome(cleaned, others);
  counts.bytesOut = bytesOf(text);
  forEachRow(text, (row, after) => {
    const before = column.values.subarray(column.offsets[row], column.offsets[row + 1]);
    if (Buffer.compare(before, after) !== 0) counts.changed++;
  });
  return { text: { values: text.values, offsets: text.offsets, length }, counts };
}

/** Cleans and composes a single text. */
function cleanOne(bytes: Uint8Array, config: RepairConfig, kernels: RepairKernels, counts: RepairCounts): Uint8Array {
  const column = { values: bytes, offsets: Int32Array.of(0, bytes.length), length: 1 };
  const { values, mayCompose, controls } = kernels.cleanTexts(column, config);
  counts.controls += controls;
  if (config.unicode !== "nfc" || mayCompose[0] === 0) return values;
  const composed = compose(values);
  if (composed !== values) counts.composed++;
  return composed;
}

function forEachRow({ values, offsets, length }: TextColumn, visit: (row: number, text: Uint8Array) => void): void {
  for (let row = 0; row < length; row++) visit(row, values.subarray(offsets[row], offsets[row + 1]));
}

function keepOther(others: Map<number, Uint8Array>, row: number, before: Uint8Array, after: Uint8Array): void {
  if (after !== before) others.set(row, after);
}

/** The column with other texts in some rows; itself when there are none. */
function replaceSome(column: TextColumn, replaced: ReadonlyMap<number, Uint8Array>): TextColumn {
  if (replaced.size === 0) return column;
  const { values, offsets, length } = column;
  const textAt = (row: number): Uint8Array => replaced.get(row) ?? values.subarray(offsets[row], offsets[row + 1]);
  const to = new Int32Array(length + 1);
  for (let row = 0; row < length; row++) to[row + 1] = (to[row] as number) + textAt(row).length;
  const output = new Uint8Array(to[length] as number);
  for (let row = 0; row < length; row++) output.set(textAt(row), to[row]);
  return { values: output, offsets: to, length };
}

function lengthAt({ offsets }: TextColumn, row: number): number {
  return (offsets[row + 1] as number) - (offsets[row] as number);
}

function bytesOf({ offsets, length }: TextColumn): number {
  return (offsets[length] as number) - (offsets[0] as number);
}

/** NFC of a text; the same bytes when it already is. */
function compose(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  const composed = text.normalize("NFC");
  return composed === text ? bytes : Buffer.from(composed, "utf8");
}
