/**
 * White space and invisible characters of texts, put right, written plainly: the twin of `assembly/clean-text.ts`.
 *
 * Line separators become LF; blanks at line ends, all but two of several empty lines and empty lines around the text go;
 * so do control and invisible characters. Indentation stays.
 */
import type { CleanedTexts, CleanOptions, TextColumn } from "../types.ts";

/** Most line feeds in a row: two empty lines. */
const maxLineFeeds = 3;
const lineFeed = 0x0a;

export function cleanTexts({ values, offsets, length }: TextColumn, options: CleanOptions): CleanedTexts {
  const output = new Uint8Array((offsets[length] as number) - (offsets[0] as number));
  const counts = { controls: 0 };
  const to = new Int32Array(length + 1);
  const mayCompose = new Uint8Array(length);
  for (let row = 0; row < length; row++) {
    const begin = to[row] as number;
    const end = cleanText(values.subarray(offsets[row], offsets[row + 1]), output, begin, options, counts);
    // Nothing below U+0300 composes with anything: its lead bytes are below 0xcc.
    mayCompose[row] = output.subarray(begin, end).some((byte) => byte >= 0xcc) ? 1 : 0;
    to[row + 1] = end;
  }
  return { values: output.subarray(0, to[length]), offsets: to, length, mayCompose, controls: counts.controls };
}

/** Copies a text without what does not belong there; returns where it ends. */
function cleanText(
  bytes: Uint8Array,
  output: Uint8Array,
  begin: number,
  { controls, whitespace }: CleanOptions,
  counts: { controls: number },
): number {
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
