/**
 * Repair of Unicode and white space, in this order: mojibake decoded again, line separators to LF, control and invisible
 * characters out, blanks at line ends out, runs of empty lines to two, empty lines around the text out, then canonical
 * composition (NFC). The loop over bytes is a kernel; the rest concerns few texts.
 *
 * Indentation stays: Markdown and code mean something by it. Joiners (U+200C, U+200D) stay: scripts and emoji need them.
 */
import type { RepairConfig } from "../../schemas/config/extract.ts";
import { giveMemoryBack, takeMemory } from "../base/index.ts";
import { cleanNote, type CleanedTexts, type TextColumn, type TextKernels } from "../kernels/index.ts";
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
  /** The input itself when nothing was changed, else memory that can be given back; the input is left alone. */
  readonly text: TextColumn;
  readonly counts: RepairCounts;
}

/** The loop over bytes; `loadKernels` gives the fast one. */
export type RepairKernels = Pick<TextKernels, "cleanTexts">;

/** Repairs every text of a column of valid UTF-8. Repairing twice changes nothing more. */
export function repairTexts(column: TextColumn, config: RepairConfig, kernels: RepairKernels): RepairedTexts {
  const counts: RepairCounts = {
    bytesIn: bytesOf(column),
    bytesOut: 0,
    changed: 0,
    composed: 0,
    controls: 0,
    mojibake: 0,
  };
  let cleaned = kernels.cleanTexts(column, { ...config, borrow: true });
  /** Rows that are other texts than the cleaned ones. */
  const others = new Map<number, Uint8Array>();
  /** Rows with mojibake, decoded: they are cleaned anew. */
  const decoded = new Map<number, Uint8Array>();
  for (let row = 0; row < cleaned.length; row++) {
    // Most texts were clean, or are by now.
    if (cleaned.notes[row] !== 0) repairRow(row, column, cleaned, config, { others, decoded, counts });
  }
  counts.mojibake = decoded.size;
  // The next call of the kernel takes back what it lent.
  const own = decoded.size > 0 ? copyOf(cleaned) : undefined;
  if (own !== undefined) cleaned = { ...cleaned, values: own };
  for (const [row, bytes] of decoded) others.set(row, settle(bytes, config, kernels, counts));
  const text = withOthers(column, cleaned, others);
  counts.bytesOut = bytesOf(text);
  for (let row = 0; row < cleaned.length; row++) {
    if (others.has(row)) counts.changed += Buffer.compare(textAt(column, row), textAt(text, row)) === 0 ? 0 : 1;
    else if (((cleaned.notes[row] as number) & cleanNote.changed) !== 0) counts.changed++;
  }
  if (own !== undefined) giveMemoryBack(own);
  return { text, counts };
}

interface Findings {
  readonly others: Map<number, Uint8Array>;
  readonly decoded: Map<number, Uint8Array>;
  readonly counts: RepairCounts;
}

/** What the kernel cannot do to a text of which it noted something. */
function repairRow(
  row: number,
  column: TextColumn,
  cleaned: CleanedTexts,
  config: RepairConfig,
  { others, decoded, counts }: Findings,
): void {
  const note = cleaned.notes[row] as number;
  const controls = cleaned.controls[row] as number;
  const mayBeMojibake = config.mojibake && (note & cleanNote.mayBeMojibake) !== 0;
  if (mayBeMojibake) {
    const original = textAt(column, row);
    const other = decodeMojibake(original);
    if (other !== original) return void decoded.set(row, other);
  }
  counts.controls += controls;
  const text = textAt(cleaned, row);
  const isComposed = config.unicode === "nfc" && (note & cleanNote.mayCompose) !== 0;
  const repaired = isComposed ? compose(text) : text;
  if (repaired !== text) {
    counts.composed++;
    others.set(row, repaired);
  }
  // An invisible character that is gone now may have stood within a sequence.
  const mayHide = repaired !== text || controls > 0 || (mayBeMojibake && (note & cleanNote.changed) !== 0);
  if (!config.mojibake || !mayHide) return;
  const other = decodeMojibake(repaired);
  if (other !== repaired) decoded.set(row, other);
}

/** Cleans and composes a text until no mojibake is left to decode. */
function settle(bytes: Uint8Array, config: RepairConfig, kernels: RepairKernels, counts: RepairCounts): Uint8Array {
  let repaired = cleanOne(bytes, config, kernels, counts);
  for (let other = decodeMojibake(repaired); other !== repaired; other = decodeMojibake(repaired)) {
    repaired = cleanOne(other, config, kernels, counts);
  }
  return repaired;
}

/** Cleans and composes a single text. */
function cleanOne(bytes: Uint8Array, config: RepairConfig, kernels: RepairKernels, counts: RepairCounts): Uint8Array {
  const column = { values: bytes, offsets: Int32Array.of(0, bytes.length), length: 1 };
  const cleaned = kernels.cleanTexts(column, config);
  counts.controls += cleaned.controls[0] as number;
  const text = textAt(cleaned, 0);
  if (config.unicode !== "nfc" || ((cleaned.notes[0] as number) & cleanNote.mayCompose) === 0) return text;
  const composed = compose(text);
  if (composed !== text) counts.composed++;
  return composed;
}

/** The cleaned column with other texts in some rows, in memory of its own; the input when it is the same. */
function withOthers(input: TextColumn, cleaned: TextColumn, others: ReadonlyMap<number, Uint8Array>): TextColumn {
  const { values, offsets, length } = cleaned;
  if (others.size === 0) {
    return values === input.values ? input : { values: copyOf(cleaned), offsets, length };
  }
  const to = new Int32Array(length + 1);
  for (let row = 0; row < length; row++) {
    const bytes = others.get(row)?.length ?? (offsets[row + 1] as number) - (offsets[row] as number);
    to[row + 1] = (to[row] as number) + bytes;
  }
  const bytes = to[length] as number;
  const output = takeMemory(bytes).subarray(0, bytes);
  let next = 0;
  for (const [row, other] of [...others].sort(([a], [b]) => a - b)) {
    output.set(values.subarray(offsets[next], offsets[row]), to[next]);
    output.set(other, to[row]);
    next = row + 1;
  }
  output.set(values.subarray(offsets[next], offsets[length]), to[next]);
  return { values: output, offsets: to, length };
}

/** The bytes up to the last text's end. */
function copyOf({ values, offsets, length }: TextColumn): Uint8Array {
  const bytes = offsets[length] as number;
  const copy = takeMemory(bytes).subarray(0, bytes);
  copy.set(values.subarray(0, bytes));
  return copy;
}

function textAt({ values, offsets }: TextColumn, row: number): Uint8Array {
  return values.subarray(offsets[row], offsets[row + 1]);
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
