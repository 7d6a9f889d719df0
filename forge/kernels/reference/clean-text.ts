/**
 * White space and invisible characters of texts, put right, written plainly: the twin of `assembly/clean-text.ts`.
 *
 * Line separators become LF; blanks at line ends, all but two of several empty lines and empty lines around the text go;
 * so do control and invisible characters. Indentation stays. Besides it is noted which texts need more than that.
 */
import { cleanNote, type CleanedTexts, type CleanOptions, type TextColumn } from "../types.ts";

/** Most line feeds in a row: two empty lines. */
const maxLineFeeds = 3;
const lineFeed = 0x0a;

export function cleanTexts(column: TextColumn, options: CleanOptions): CleanedTexts {
  const { values, offsets, length } = column;
  const output = new Uint8Array((offsets[length] as number) - (offsets[0] as number));
  const to = new Int32Array(length + 1);
  const notes = new Uint8Array(length);
  const controls = new Uint32Array(length);
  for (let row = 0; row < length; row++) {
    const text = values.subarray(offsets[row], offsets[row + 1]);
    const begin = to[row] as number;
    const counts = { controls: 0 };
    const end = cleanText(text, output, begin, options, counts);
    to[row + 1] = end;
    controls[row] = counts.controls;
    const isChanged = Buffer.compare(text, output.subarray(begin, end)) !== 0;
    notes[row] = noteOf(text) + (isChanged ? cleanNote.changed : 0);
  }
  if (notes.every((note) => note < cleanNote.changed)) return { values, offsets, length, notes, controls };
  return { values: output.subarray(0, to[length]), offsets: to, length, notes, controls };
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

function noteOf(text: Uint8Array): number {
  let composes = false;
  let mojibake = false;
  for (let at = 0; at + 1 < text.length; at++) {
    const [lead, second, third] = [text[at] as number, text[at + 1] as number, text[at + 2] ?? 0];
    composes ||= mayCompose(lead, second, third);
    mojibake ||= lead === 0xc3 && second >= 0x82 && second <= 0xb4 && [0xc2, 0xc5, 0xc6, 0xcb, 0xe2].includes(third);
  }
  return (composes ? cleanNote.mayCompose : 0) + (mojibake ? cleanNote.mayBeMojibake : 0);
}

/**
 * May a character that begins with these bytes not be in NFC, or together with others? Those with a combining class and
 * those for which `NFC_Quick_Check` is not Yes begin so, and few others: the first two bytes decide but for E2 80
 * (U+2000 and U+2001), E3 80 (U+302A to U+302F), E3 82 (U+3099, U+309A) and EF B8 (U+FE20 to U+FE2F).
 */
function mayCompose(lead: number, second: number, third: number): boolean {
  if (lead < 0xcc || (second & 0xc0) !== 0x80) return false;
  if (lead > 0xf0) return true;
  if (lead === 0xe2 && second === 0x80) return third === 0x80 || third === 0x81;
  if (lead === 0xe3 && second === 0x80) return third >= 0xaa && third <= 0xaf;
  if (lead === 0xe3 && second === 0x82) return third === 0x99 || third === 0x9a;
  if (lead === 0xef && second === 0xb8) return third >= 0xa0 && third <= 0xaf;
  return (composing.get(lead) ?? []).some((range) => second >= range >> 8 && second <= (range & 0xff));
}

/** By lead byte, ranges of second bytes: the first of a range, then the last. */
const composing: ReadonlyMap<number, readonly number[]> = new Map([
  // Combining marks, Greek, Cyrillic, Hebrew, Arabic, and scripts from Syriac to Samaritan.
  [0xcc, [0x80bf]],
  [0xcd, [0x80bf]],
  [0xce, [0x8787]],
  [0xd2, [0x8387]],
  [0xd6, [0x91bf]],
  [0xd7, [0x8087]],
  [0xd8, [0x909a]],
  [0xd9, [0x8b9f, 0xb0b0]],
  [0xdb, [0x96ad]],
  [0xdc, [0x80bf]],
  [0xdd, [0x80bf]],
  [0xde, [0x80bf]],
  [0xdf, [0x80bf]],
  // India and beyond, Hangul in parts, Greek with accents.
  [0xe0, [0x80bf]],
  [0xe1, [0x80b9, 0xbdbf]],
  // Marks for symbols, letterlike symbols, angle brackets, Coptic, Tifinagh, Cyrillic.
  [0xe2, [0x8384, 0x8c8c, 0xabab, 0xb3b3, 0xb5b5, 0xb7b7]],
  [0xea, [0x999b, 0xa0af]],
  // Compatibility forms; scripts of the first plane, music, compatibility ideographs.
  [0xef, [0xa4ad]],
  [0xf0, [0x809e, 0xafaf]],
]);
