/**
 * JSON Lines to documents: a file, or the records that begin in a byte range of it.
 *
 * The range's borders need not be known to lie at line feeds: a reader passes over the record that it begins in or at,
 * and takes all up to the one that begins at its end or reaches beyond it. So neighbouring ranges share no record and
 * lose none, without a look at what stands before the range, which may have to be decompressed first.
 */
import type { FieldMapping } from "../../schemas/config/corpus.ts";
import type { DocumentBatchBuilder } from "../../schemas/record/document.ts";
import type { Quarantine, QuarantineReason } from "../../schemas/record/reject.ts";
import {
  jsonFieldState,
  type JsonColumn,
  type JsonLineFault,
  type JsonLines,
  type TextKernels,
} from "../kernels/index.ts";
import { DamagedStream } from "./decoder.ts";
import { openPart, rangeOf } from "./open.ts";
import { PendingBytes } from "./pending-bytes.ts";
import type { Collector, PartContext } from "./read.ts";
import { mappedColumns, sampleOf } from "./records.ts";

/** Bytes that are given to the kernel at once. */
const chunkBytes = 1 << 20;
const lineFeed = 0x0a;
const byteOrderMark = [0xef, 0xbb, 0xbf];

/** Reads one part; what it finds goes to the collector, which hands out batches. */
export async function* readJsonLines(context: PartContext, collect: Collector): AsyncGenerator<void, void, undefined> {
  const { source, part, read } = context;
  const [rangeStart, rangeEnd] = rangeOf(part);
  const reader = new LineReader(context, collect);
  /** What was not worked off yet. */
  using pending = new PendingBytes(3 * chunkBytes);
  /** Position of its first byte in the stream. */
  let base = rangeStart;
  /** Where a line began whose rest is being skipped: too long, or begun before the range. */
  let skippingFrom: number | null = rangeStart > 0 && part.piece === undefined ? -1 : null;
  let ended = false;
  /** Bytes at the beginning of `pending` among which no line ends: a long line is looked at once, not as often as it grows. */
  let searched = 0;

  const drop = (bytes: number): void => {
    base += bytes;
    searched = Math.max(0, searched - bytes);
    pending.drop(bytes);
  };

  const finishSkipping = (end: number): void => {
    if (skippingFrom !== null && skippingFrom >= 0) {
      collect.quarantine(reader.tooLong(skippingFrom, end - skippingFrom));
    }
    skippingFrom = null;
  };

  /** Works off what is complete in `pending`. */
  const work = (final: boolean): void => {
    if (base === 0 && byteOrderMark.every((byte, index) => pending.bytes[index] === byte)) {
      // Editors on Windows put it there; it belongs to no record.
      drop(byteOrderMark.length);
    }
    if (skippingFrom !== null) {
      const at = pending.bytes.indexOf(lineFeed);
      drop(at < 0 ? pending.length : at + 1);
      ended = skippingFrom < 0 && base > rangeEnd;
      if ((at < 0 && !final) || ended) return;
      finishSkipping(at < 0 ? base : base - 1);
    }
    if (base > rangeEnd) {
      ended = true;
      return;
    }
    let usable = pending.bytes;
    let last = final;
    if (base + usable.length > rangeEnd) {
      const at = usable.indexOf(lineFeed, Math.max(rangeEnd - base, searched));
      if (at >= 0) {
        usable = usable.subarray(0, at + 1);
        last = true;
      }
    }
    if (last || usable.indexOf(lineFeed, searched) >= 0) drop(reader.take(usable, base, last));
    searched = pending.length;
    if (last) ended = true;
    if (!ended && pending.length > read.maxRecordBytes) {
      skippingFrom = base;
      collect.markSkipped(pending.bytes);
      drop(pending.length);
    }
  };

  /** Bytes that came since the last work: batches end at the same records, however the bytes come. */
  let fresh = 0;
  try {
    for await (const chunk of openPart(source, part, { borrow: true })) {
      for (let at = 0; at < chunk.length;) {
        const next = chunk.subarray(at, at + chunkBytes - fresh);
        pending.append(next);
        at += next.length;
        fresh += next.length;
        if (fresh < chunkBytes) break;
        fresh = 0;
        work(false);
        if (collect.full) yield;
        if (ended) return;
      }
    }
    work(true);
  } catch (error) {
    if (!(error instanceof DamagedStream)) throw error;
    // Whole records that came before the damage are good.
    work(false);
    collect.quarantine(reader.damaged(error, skippingFrom ?? base, pending.bytes));
  }
  if (collect.full) yield;
}

const faults: Readonly<Record<JsonLineFault, { readonly reason: QuarantineReason; readonly message: string }>> = {
  "too-long": { reason: "record-too-long", message: "the line is longer than read.maxRecordBytes" },
  "invalid-utf8": { reason: "invalid-utf8", message: "the line is not valid UTF-8" },
  "invalid-json": { reason: "malformed-json", message: "the line is not valid JSON" },
  "not-an-object": { reason: "malformed-json", message: "the line is valid JSON but no object" },
};

/** Turns chunks of whole lines into documents and quarantine entries, in the order of the lines. */
class LineReader {
  readonly #context: PartContext;
  readonly #collect: Collector;
  readonly #fields: readonly string[];
  #row = 0;

  constructor(context: PartContext, collect: Collector) {
    this.#context = context;
    this.#collect = collect;
    this.#fields = mappedColumns(context.fields);
    collect.begin("text/plain");
  }

  /** Reads the complete lines of a chunk that begins at `base`; returns how many bytes are done. */
  take(chunk: Uint8Array, base: number, final: boolean): number {
    const { kernels, read } = this.#context;
    const { maxRecordBytes, onInvalidUtf8 } = read;
    let lines = kernels.extractJsonLines(chunk, { fields: this.#fields, maxRecordBytes, final, borrow: true });
    const repairs = onInvalidUtf8 === "replace" && lines.quarantined.some(({ reason }) => reason === "invalid-utf8");
    // The kernel that repairs takes back what this one lent.
    if (repairs) lines = withOwnValues(lines);
    let next = 0;
    for (const line of lines.quarantined) {
      next = this.#appendBefore(lines, next, line.byteOffset, base, chunk);
      const bytes = chunk.subarray(line.byteOffset, line.byteOffset + line.byteLength);
      if (line.reason === "invalid-utf8" && repairs) {
        this.#repaired(bytes, base + line.byteOffset, kernels);
        continue;
      }
      const { reason, message } = faults[line.reason];
      const isFirst = this.#row === 0 && base + line.byteOffset <= byteOrderMark.length;
      const isDocument = isFirst && beginsDocument(bytes);
      const whole = isDocument ? `${message}: ${wholeDocument}` : message;
      this.#collect.quarantine(this.#entry(reason, whole, base + line.byteOffset, bytes));
      this.#row++;
    }
    this.#appendBefore(lines, next, Number.POSITIVE_INFINITY, base, chunk);
    return lines.consumed;
  }

  tooLong(byteOffset: number, byteLength: number): Quarantine {
    const { reason, message } = faults["too-long"];
    const entry = this.#entry(reason, message, byteOffset, this.#collect.skipped);
    this.#row++;
    return { ...entry, byteLength };
  }

  damaged(error: DamagedStream, byteOffset: number, rest: Uint8Array): Quarantine {
    return { ...this.#entry(error.reason, error.message, byteOffset, rest), row: null, byteLength: null };
  }

  #entry(reason: QuarantineReason, message: string, byteOffset: number, bytes: Uint8Array): Quarantine {
    const { uri, row: before } = this.#context.part;
    return {
      source: uri,
      reason,
      message,
      row: before === undefined ? null : before + this.#row,
      byteOffset,
      byteLength: bytes.length,
      sample: sampleOf(bytes),
    };
  }

  #repaired(bytes: Uint8Array, byteOffset: number, kernels: TextKernels): void {
    const { maxRecordBytes } = this.#context.read;
    const repaired = kernels.repairUtf8(bytes);
    // Replacement characters are longer than what they replace: the limit was checked on the bytes as they were.
    const lines = kernels.extractJsonLines(repaired.bytes, {
      fields: this.#fields,
      maxRecordBytes: maxRecordBytes * 3,
      final: true,
    });
    this.#collect.addReplacements(repaired.replacements);
    this.#appendBefore(lines, 0, Number.POSITIVE_INFINITY, byteOffset, repaired.bytes);
    for (const line of lines.quarantined) {
      const { reason, message } = faults[line.reason];
      this.#collect.quarantine(this.#entry(reason, message, byteOffset, bytes));
      this.#row++;
    }
  }

  /** Appends good records from `next` on that begin before `limit` in a chunk; returns the first that does not. */
  #appendBefore(lines: JsonLines, next: number, limit: number, base: number, chunk: Uint8Array): number {
    const { fields, part, language } = this.#context;
    const text = column(lines, fields.text);
    let row = next;
    for (; row < lines.length && (lines.recordOffsets[row] as number) < limit; row++, this.#row++) {
      const byteOffset = base + (lines.recordOffsets[row] as number);
      const state = text.states[row];
      if (state !== jsonFieldState.string) {
        const absent = state === jsonFieldState.absent;
        const message = absent ? `there is no field "${fields.text}"` : `the field "${fields.text}" is no string`;
        // Of a record without the field all is shown: its fields tell what to write into the config.
        const sample = absent
          ? lineAt(chunk, lines.recordOffsets[row] as number)
          : text.values.subarray(text.offsets[row], text.offsets[row + 1]);
        this.#collect.quarantine(this.#entry(absent ? "field-missing" : "field-not-text", message, byteOffset, sample));
        continue;
      }
      const { columns } = this.#collect.builder;
      columns.id.appendString(this.#collect.identify(part.uri, byteOffset));
      columns.text.append(text.values, text.offsets[row], text.offsets[row + 1]);
      columns.source.appendString(part.uri);
      if (lines.replacements !== null) this.#collect.addReplacements(lines.replacements[row] as number);
      appendField(columns.url, column(lines, fields.url), row);
      appendField(columns.date, column(lines, fields.date), row);
      if (language === undefined) appendField(columns.language, column(lines, fields.language), row);
      else columns.language.appendString(language);
      const meta = metaOf(lines, fields, row);
      if (meta === null) columns.meta.appendNull();
      else columns.meta.appendString(meta);
    }
    return row;
  }
}

function withOwnValues(lines: JsonLines): JsonLines {
  const own = (column: JsonColumn): JsonColumn => ({ ...column, values: column.values.slice() });
  return { ...lines, columns: new Map([...lines.columns].map(([name, column]) => [name, own(column)])) };
}

/** A line without what ends it. */
function lineAt(chunk: Uint8Array, start: number): Uint8Array {
  const end = chunk.indexOf(lineFeed, start);
  return chunk.subarray(start, end < 0 ? chunk.length : end);
}

const wholeDocument = "the file looks like one JSON document, not one object a line (`jq -c '.[]'` makes lines)";

/** True for the first line of a document that is laid out for people, or of an array. */
function beginsDocument(line: Uint8Array): boolean {
  const text = Buffer.from(line.subarray(0, 64)).toString("latin1").trim();
  return text === "{" || text.startsWith("[");
}

type ColumnBuilder = DocumentBatchBuilder["columns"]["text"];

function appendField(builder: ColumnBuilder, values: JsonColumn, row: number): void {
  if (values.states[row] === jsonFieldState.absent) builder.appendNull();
  else builder.append(values.values, values.offsets[row], values.offsets[row + 1]);
}

/** JSON of the wanted further fields that are there. */
function metaOf(lines: JsonLines, fields: FieldMapping, row: number): string | null {
  const members: string[] = [];
  for (const name of fields.meta) {
    const values = column(lines, name);
    const state = values.states[row];
    if (state === jsonFieldState.absent) continue;
    const text = Buffer.from(values.values.subarray(values.offsets[row], values.offsets[row + 1])).toString("utf8");
    members.push(`${JSON.stringify(name)}:${state === jsonFieldState.string ? JSON.stringify(text) : text}`);
  }
  return members.length === 0 ? null : `{${members.join(",")}}`;
}

function column(lines: JsonLines, name: string): JsonColumn {
  const found = lines.columns.get(name);
  if (found === undefined) throw new Error(`The kernel returned no column "${name}"`);
  return found;
}
