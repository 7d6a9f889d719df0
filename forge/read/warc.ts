/**
 * WARC and WET to documents: plain, zstd, or gzip with a member for each record.
 *
 * `response`, `resource` and `conversion` records are documents: text as it is, pages decoded to UTF-8 but not yet
 * extracted. What is of another media type or has another status than 2xx is rejected with that reason. `warcinfo`,
 * `request`, `metadata`, `revisit` and `continuation` records hold no document of their own and are passed over.
 */
import type { MediaType } from "../../schemas/record/document.ts";
import { charsetOf, decodeText } from "./charset.ts";
import { readMembers } from "./gzip-members.ts";
import { BodyError, decodeBody, parseHttpResponse } from "./http-message.ts";
import { DamagedStream } from "./decoder.ts";
import { openBytes, rangeOf } from "./open.ts";
import type { Collector, PartContext } from "./read.ts";
import { metaText, quarantineEntry, takeRecord } from "./records.ts";
import { startsRecord, WarcParser, type Headers, type WarcEvent } from "./warc-records.ts";

const documentTypes = new Set(["response", "resource", "conversion"]);

/** Reads the records that begin in a part. */
export async function* readWarc(context: PartContext, collect: Collector): AsyncGenerator<void, void, undefined> {
  if (context.part.compression === "gzip") yield* readMemberRecords(context, collect);
  else yield* readStreamRecords(context, collect);
}

/** Where a record is: `byteOffset` for people, `place` for its id. */
interface Place {
  readonly byteOffset: number;
  readonly place: number | string;
  readonly row: number | null;
}

async function* readStreamRecords(context: PartContext, collect: Collector): AsyncGenerator<void, void, undefined> {
  const { source, part } = context;
  const [start, end] = rangeOf(part);
  const parser = newParser(context, { start, inside: start > 0, row: part.row ?? 0 });
  /** False when the record belongs to the next part, whose reader begins at a good record: damage before it is ours. */
  const take = (event: WarcEvent): boolean => {
    if (event.offset >= end && event.kind !== "damaged") return false;
    takeEvent(context, collect, event, { byteOffset: event.offset, place: event.offset, row: rowIn(context, event) });
    return true;
  };
  let position = start;
  try {
    for await (const chunk of openBytes(source, part.compression, { start: part.start })) {
      position += chunk.length;
      for (const event of parser.push(chunk)) if (!take(event)) return;
      // What may begin behind the end is not ours, and one record can be as long as many parts.
      if (parser.seekingFrom >= end) return;
      if (collect.full) yield;
    }
  } catch (error) {
    if (!(error instanceof DamagedStream)) throw error;
    // The record that the damage cuts is reported by its own entry, below.
    collect.quarantine(quarantineEntry(part.uri, error.reason, error.message, { row: null, byteOffset: position }));
  }
  for (const event of parser.finish()) if (!take(event)) break;
  yield;
}

async function* readMemberRecords(context: PartContext, collect: Collector): AsyncGenerator<void, void, undefined> {
  const { source, part } = context;
  let rows = part.row ?? 0;
  let anchor = part.start;
  let last = -1;
  let parser: WarcParser | undefined;
  const take = (event: WarcEvent): void => {
    const place = event.offset === 0 ? anchor : `${anchor}+${event.offset}`;
    takeEvent(context, collect, event, { byteOffset: anchor, place, row: rowIn(context, event) });
  };
  const finish = (): void => {
    for (const event of parser?.finish() ?? []) take(event);
    rows = parser?.rows ?? rows;
    parser = undefined;
  };
  for await (const found of readMembers(source, part.start, { isAnchor: startsRecord, end: part.end })) {
    if ("damage" in found) {
      // What came of this very member before the damage is no whole record, or was taken.
      if (found.member === last) parser = undefined;
      finish();
      if (found.member >= part.end && found.anchor) break;
      const { reason, message } = found.damage;
      collect.quarantine(quarantineEntry(part.uri, reason, message, { row: null, byteOffset: found.member }));
      continue;
    }
    last = found.member;
    if (found.first && (startsRecord(found.bytes) || parser === undefined)) {
      finish();
      if (found.member >= part.end) break;
      anchor = found.member;
      parser = newParser(context, { row: rows });
    }
    for (const event of parser?.push(found.bytes) ?? []) take(event);
    if (collect.full) yield;
  }
  finish();
  yield;
}

function newParser(
  { read }: PartContext,
  options: { readonly start?: number; readonly inside?: boolean; readonly row: number },
): WarcParser {
  const wants = (headers: Headers): boolean => documentTypes.has((headers.get("warc-type") ?? "").toLowerCase());
  return new WarcParser({ maxBlockBytes: read.maxRecordBytes, wants, ...options });
}

function rowIn({ part }: PartContext, event: WarcEvent): number | null {
  return part.row === undefined ? null : event.row;
}

function takeEvent(context: PartContext, collect: Collector, event: WarcEvent, at: Place): void {
  const { uri } = context.part;
  const { byteOffset, row } = at;
  switch (event.kind) {
    case "passed":
      return;
    case "record":
      return takeDocument(context, collect, event.headers, event.block, at);
    case "too-long": {
      const entry = quarantineEntry(uri, "record-too-long", "the record is longer than read.maxRecordBytes", {
        row,
        byteOffset,
        bytes: event.sample,
      });
      return collect.quarantine({ ...entry, byteLength: event.length });
    }
    case "damaged": {
      const place = { row, byteOffset, bytes: event.sample };
      return collect.quarantine({ ...quarantineEntry(uri, "damaged-data", event.message, place), byteLength: null });
    }
  }
}

function takeDocument(context: PartContext, collect: Collector, warc: Headers, block: Buffer, at: Place): void {
  const { part, read, kernels, fields } = context;
  const { byteOffset, row, place } = at;
  const id = collect.identify(part.uri, place);
  const url = warc.get("warc-target-uri")?.replace(/^<(.*)>$/, "$1") ?? null;
  const date = warc.get("warc-date") ?? null;
  const reject = (reason: "http-status" | "content-type", value: number): void => {
    collect.reject(reason, value, { id, source: part.uri, url, date });
  };
  let body: Uint8Array = block;
  let contentType = warc.get("content-type");
  let http: Headers | undefined;
  if (/^\s*application\/http\b/i.test(contentType ?? "")) {
    const response = parseHttpResponse(block);
    if (response === undefined) {
      const entry = { row, byteOffset, bytes: block };
      collect.quarantine(quarantineEntry(part.uri, "damaged-data", "the record holds no HTTP response", entry));
      return;
    }
    if (response.status < 200 || response.status > 299) return reject("http-status", response.status);
    http = response.headers;
    contentType = http.get("content-type") ?? warc.get("warc-identified-payload-type");
    // Pictures and archives are turned away before anything is decoded.
    if (contentType !== undefined && mediaTypeOf(contentType, block) === undefined)
      return reject("content-type", Number.NaN);
    try {
      body = decodeBody(response, read.maxRecordBytes);
    } catch (error) {
      if (!(error instanceof BodyError)) throw error;
      const reason = error.tooLong ? "record-too-long" : "damaged-data";
      collect.quarantine(quarantineEntry(part.uri, reason, error.message, { row, byteOffset, bytes: block }));
      return;
    }
  }
  const type = mediaTypeOf(contentType, body);
  if (type === undefined) return reject("content-type", Number.NaN);
  const decoded = decodeText(body, charsetOf(contentType), kernels);
  const record = {
    id,
    text: decoded.bytes,
    replacements: decoded.replacements,
    row,
    byteOffset,
    url,
    date,
    meta: metaText(fields.meta, (name) => warc.get(name.toLowerCase()) ?? http?.get(name.toLowerCase())),
  };
  takeRecord(context, collect, record, type);
}

/** Page or text by what the sender says, and by the first tag where nobody says anything; undefined for the rest. */
function mediaTypeOf(contentType: string | undefined, body: Uint8Array): MediaType | undefined {
  const [type = ""] = (contentType ?? "").toLowerCase().split(";");
  switch (type.trim()) {
    case "text/html":
    case "application/xhtml+xml":
      return "text/html";
    case "text/plain":
      return "text/plain";
    case "": {
      const head = Buffer.from(body.subarray(0, 512)).toString("latin1");
      return /^(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)*<(!doctype html|html|head|body)\b/is.test(head)
        ? "text/html"
        : undefined;
    }
    default:
      return undefined;
  }
}
