/** JSON Lines by JSON.parse, one line at a time: the oracle and plain twin of `assembly/jsonl.ts`. */
import {
  jsonFieldState,
  type JsonColumn,
  type JsonLineFault,
  type JsonLines,
  type JsonLinesOptions,
  type QuarantinedLine,
} from "../types.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

interface FieldValue {
  readonly state: number;
  readonly bytes: Uint8Array;
  readonly replacements: number;
}

const absent: FieldValue = { state: jsonFieldState.absent, bytes: new Uint8Array(0), replacements: 0 };

export function extractJsonLines(chunk: Uint8Array, options: JsonLinesOptions): JsonLines {
  const { fields, maxRecordBytes, final } = options;
  const rows: FieldValue[][] = [];
  const recordOffsets: number[] = [];
  const quarantined: QuarantinedLine[] = [];
  let start = 0;
  while (start < chunk.length) {
    let end = chunk.indexOf(10, start);
    if (end < 0) {
      if (!final) break;
      end = chunk.length;
    }
    const line = chunk.subarray(start, end);
    if (!isBlank(line)) {
      const row = line.length > maxRecordBytes ? "too-long" : parseLine(line, fields);
      if (typeof row === "string") {
        quarantined.push({ byteOffset: start, byteLength: line.length, reason: row });
      } else {
        rows.push(row);
        recordOffsets.push(start);
      }
    }
    start = end + 1;
  }
  const replacements = rows.map((row) => row.reduce((sum, value) => sum + value.replacements, 0));
  return {
    length: rows.length,
    replacements: replacements.some((count) => count > 0) ? Uint32Array.from(replacements) : null,
    columns: new Map(fields.map((field, i) => [field, toColumn(rows.map((row) => row[i] ?? absent))])),
    recordOffsets: Int32Array.from(recordOffsets),
    quarantined,
    consumed: Math.min(start, chunk.length),
  };
}

function parseLine(line: Uint8Array, fields: readonly string[]): FieldValue[] | JsonLineFault {
  let text: string;
  try {
    text = decoder.decode(line);
  } catch {
    return "invalid-utf8";
  }
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    return "invalid-json";
  }
  if (typeof record !== "object" || record === null || Array.isArray(record)) return "not-an-object";
  let sources: Map<string, string> | undefined;
  return fields.map((field) => {
    if (!Object.hasOwn(record, field)) return absent;
    const value = (record as Record<string, unknown>)[field];
    if (value === null) return absent;
    if (typeof value === "string") {
      const replacements = value.match(/\p{Surrogate}/gu)?.length ?? 0;
      return { state: jsonFieldState.string, bytes: encoder.encode(value), replacements };
    }
    sources ??= sourcesOf(text);
    return { state: jsonFieldState.json, bytes: encoder.encode(sources.get(field)), replacements: 0 };
  });
}

/** The source text of each top-level value of a valid JSON object. */
function sourcesOf(text: string): Map<string, string> {
  const sources = new Map<string, string>();
  let depth = 0;
  let key: string | undefined;
  let valueStart = -1;
  let at = 0;
  while (at < text.length) {
    const character = text[at] as string;
    if (character === '"') {
      const start = at++;
      while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
      if (depth === 1 && key === undefined) key = JSON.parse(text.slice(start, at + 1)) as string;
    } else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    else if (character === ":" && depth === 1) valueStart = at + 1;
    const ends = (depth === 1 && character === ",") || (depth === 0 && character === "}");
    if (ends && key !== undefined) {
      sources.set(key, trimSpace(text.slice(valueStart, at)));
      key = undefined;
    }
    at++;
  }
  return sources;
}

function trimSpace(text: string): string {
  return text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
}

function isBlank(line: Uint8Array): boolean {
  for (const byte of line) if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  return true;
}

function toColumn(cells: readonly FieldValue[]): JsonColumn {
  const offsets = new Int32Array(cells.length + 1);
  for (const [i, cell] of cells.entries()) offsets[i + 1] = (offsets[i] as number) + cell.bytes.length;
  const values = new Uint8Array(offsets[cells.length] as number);
  for (const [i, cell] of cells.entries()) values.set(cell.bytes, offsets[i]);
  return { values, offsets, length: cells.length, states: Uint8Array.from(cells, (cell) => cell.state) };
}
