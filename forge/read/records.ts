/**
 * One record of a columnar or archive format to a row of the batch, or to an entry of the quarantine.
 *
 * Such formats promise UTF-8 and bounded cells but do not hold it; here each text is checked as JSON Lines are.
 */
import type { FieldMapping } from "../../schemas/config/corpus.ts";
import type { MediaType } from "../../schemas/record/document.ts";
import type { Quarantine, QuarantineReason } from "../../schemas/record/reject.ts";
import type { Collector, PartContext } from "./read.ts";

/** A value of a cell, as a library decoded it. Bytes are UTF-8. */
export type CellValue = unknown;

export interface SourceRecord {
  readonly id: string;
  readonly text: Uint8Array;
  /** U+FFFD put in already, when another charset was decoded. @default 0 */
  readonly replacements?: number;
  /** Place in the file, for the quarantine. */
  readonly row: number | null;
  readonly byteOffset: number;
  readonly url?: string | null;
  readonly date?: string | null;
  readonly language?: string | null;
  readonly meta?: string | null;
}

/** Appends a record, repaired if it must be, or quarantines it. */
export function takeRecord(context: PartContext, collect: Collector, record: SourceRecord, type: MediaType): void {
  const { kernels, read, part, language } = context;
  const { text } = record;
  const quarantine = (reason: QuarantineReason, message: string): void => {
    collect.quarantine(quarantineEntry(part.uri, reason, message, { ...record, bytes: text }));
  };
  if (text.length > read.maxRecordBytes) {
    return quarantine("record-too-long", "the text is longer than read.maxRecordBytes");
  }
  const invalid = kernels.findInvalidUtf8(text);
  if (invalid >= 0 && read.onInvalidUtf8 === "quarantine") {
    return quarantine("invalid-utf8", `byte ${invalid} of the text is not valid UTF-8`);
  }
  collect.begin(type);
  collect.addReplacements(record.replacements ?? 0);
  let bytes = text;
  if (invalid >= 0) {
    const repaired = kernels.repairUtf8(text);
    collect.addReplacements(repaired.replacements);
    bytes = repaired.bytes;
  }
  collect.builder.append({
    id: record.id,
    text: bytes,
    source: part.uri,
    url: record.url ?? null,
    date: record.date ?? null,
    language: language ?? record.language ?? null,
    meta: record.meta ?? null,
  });
}

/** An entry of bad input with its place and first characters. */
export function quarantineEntry(
  source: string,
  reason: QuarantineReason,
  message: string,
  place: { readonly row: number | null; readonly byteOffset: number; readonly bytes?: Uint8Array },
): Quarantine {
  const { row, byteOffset, bytes } = place;
  return {
    source,
    reason,
    message,
    row,
    byteOffset,
    byteLength: bytes?.length ?? null,
    sample: sampleOf(bytes ?? new Uint8Array(0)),
  };
}

/** The first characters of bad input, for a message. */
export function sampleOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 200)).toString("utf8").slice(0, 120);
}

/** Columns that a mapping names, each once. */
export function mappedColumns(fields: FieldMapping): readonly string[] {
  const { text, url, date, language, meta } = fields;
  return [...new Set([text, url, date, language, ...meta])];
}

/** A small field as text: dates in ISO 8601, numbers as they print, what is nested as JSON. */
export function fieldText(value: CellValue): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  if (value instanceof Uint8Array) return utf8Text(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return String(value);
  return cellJson(value);
}

/** JSON of the wanted further columns that hold something. */
export function metaText(names: readonly string[], valueOf: (name: string) => CellValue): string | null {
  const members = names.flatMap((name) => {
    const value = valueOf(name);
    return value === null || value === undefined ? [] : [`${JSON.stringify(name)}:${cellJson(value)}`];
  });
  return members.length === 0 ? null : `{${members.join(",")}}`;
}

/** Node 24 has it, TypeScript's library does not know it yet. */
const exactJson = JSON as JSON & { rawJSON(text: string): unknown };

function cellJson(value: CellValue): string {
  // Integers beyond 2⁵³ keep their digits: JSON allows any number, only JavaScript does not.
  if (typeof value === "bigint") return String(value);
  return (
    JSON.stringify(value, (_key, inner: unknown) => {
      if (inner instanceof Uint8Array) return utf8Text(inner);
      return typeof inner === "bigint" ? exactJson.rawJSON(String(inner)) : inner;
    }) ?? "null"
  );
}

function utf8Text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}
