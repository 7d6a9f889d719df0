/**
 * Repair of Unicode and white space, in this order: mojibake decoded again, line separators to LF, control and invisible characters out, blanks
 * at line ends out, runs of empty lines to two, empty lines around the text out, then canonical composition (NFC).
 *
 * Indentation stays: Markdown and code mean something by it. Joiners (U+200C, U+200D) stay: scripts and emoji need them.
 */
import type { RepairConfig } from "../../schemas/config/extract.ts";
import type { TextColumn } from "../kernels/types.ts";
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

/** Most line feeds in a row: two empty lines. */
const maxLineFeeds = 3;
const lineFeed = 0x0a;

/** Repairs every text of a column of valid UTF-8. Repairing twice changes nothing more. */
export function repairTexts(column: TextColumn, config: RepairConfig): RepairedTexts {
  const { length } = column;
  const counts: RepairCounts = { bytesIn: 0, bytesOut: 0, changed: 0, composed: 0, controls: 0, mojibake: 0 };
  const offsets = new Int32Array(length + 1);
  // NFC can make a text longer, so room is made text by text.
  let values = new Uint8Array((column.offsets[length] as number) - (column.offsets[0] as number));
  let to = 0;
  const reserve = (bytes: number): void => {
    if (bytes <= values.length) return;
    const larger = new Uint8Array(Math.max(bytes, values.length * 2));
    larger.set(values.subarray(0, to));
    values = larger;
  };
  for (let row = 0; row < length; row++) {
    const original = column.values.subarray(column.offsets[row], column.offsets[row + 1]);
    const begin = to;
    let source = config.mojibake ? decodeMojibake(original) : original;
    if (source !== original) counts.mojibake++;
    for (;;) {
      reserve(begin + source.length);
      to = cleanText(source, values, begin, config, counts);
      if (config.unicode === "nfc") {
        const cleaned = values.subarray(begin, to);
        const composed = compose(cleaned);
        if (composed !== cleaned) {
          counts.composed++;
          to = begin + composed.length;
          reserve(to);
          values.set(composed, begin);
        }
      }
      if (!config.mojibake) break;
      // An invisible character may have stood within a sequence.
      const repaired = values.subarray(begin, to);
      const decoded = decodeMojibake(repaired);
      if (decoded === repaired) break;
      if (source === original) counts.mojibake++;
      source = decoded;
    }
    offsets[row + 1] = to;
    counts.bytesIn += original.length;
    if (Buffer.compare(original, values.subarray(begin, to)) !== 0) counts.changed++;
  }
  counts.bytesOut = to;
  return { text: { values: values.subarray(0, to), offsets, length }, counts };
}

/** NFC of a text; the same bytes when it already is. */
function compose(bytes: Uint8Array): Uint8Array {
  // Nothing below U+0300 composes with anything: its lead bytes are below 0xcc.
  let plain = true;
  for (let at = 0; at < bytes.length && plain; at++) plain = (bytes[at] as number) < 0xcc;
  if (plain) return bytes;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  const composed = text.normalize("NFC");
  return composed === text ? bytes : Buffer.from(composed, "utf8");
}

/** Copies a text without what does not belong there; returns where it ends. */
function cleanText(
  bytes: Uint8Array,
  output: Uint8Array,
  begin: number,
  config: RepairConfig,
  counts: RepairCounts,
): number {
  const { controls, whitespace } = config;
  let to = begin;
  /** End of the last character that is no blank; line feeds written since then. */
  let contentEnd = begin;
  let lineFeeds = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte > 0x20 && byte < 0x7f) {
      output[to++] = byte;
      contentEnd = to;
      lineFeeds = 0;
      continue;
    }
    if (whitespace) {
      const separator = separatorLength(bytes, at);
      if (separator > 0) {
        at += separator - 1;
        // Before the first line with content there is nothing to keep.
        to = contentEnd;
        if (contentEnd === begin) continue;
        lineFeeds = Math.min(lineFeeds + 1, maxLineFeeds);
        for (let i = 0; i < lineFeeds; i++) output[to++] = lineFeed;
        continue;
      }
    }
    if (controls) {
      const invisible = invisibleLength(bytes, at);
      if (invisible > 0) {
        counts.controls++;
        at += invisible - 1;
        continue;
      }
    }
    output[to++] = byte;
    if (byte !== 0x20 && byte !== 0x09) {
      contentEnd = to;
      lineFeeds = 0;
    }
  }
  return whitespace ? contentEnd : to;
}

/** Bytes of a line separator: LF, CR LF, CR, VT, FF, NEL, U+2028, U+2029; else 0. */
function separatorLength(bytes: Uint8Array, at: number): number {
  const byte = bytes[at] as number;
  if (byte >= 0x0a && byte <= 0x0d) return byte === 0x0d && bytes[at + 1] === lineFeed ? 2 : 1;
  if (byte === 0xc2) return bytes[at + 1] === 0x85 ? 2 : 0;
  if (byte === 0xe2 && bytes[at + 1] === 0x80) return bytes[at + 2] === 0xa8 || bytes[at + 2] === 0xa9 ? 3 : 0;
  return 0;
}

/** Bytes of a control character (tab, LF and CR are none), soft hyphen, zero-width space or byte order mark; else 0. */
function invisibleLength(bytes: Uint8Array, at: number): number {
  const byte = bytes[at] as number;
  if (byte < 0x20) return byte === 0x09 || byte === 0x0a || byte === 0x0d ? 0 : 1;
  if (byte === 0x7f) return 1;
  if (byte === 0xc2) {
    const next = bytes[at + 1] as number;
    return next < 0xa0 || next === 0xad ? 2 : 0;
  }
  if (byte === 0xe2) return bytes[at + 1] === 0x80 && bytes[at + 2] === 0x8b ? 3 : 0;
  return byte === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf ? 3 : 0;
}
