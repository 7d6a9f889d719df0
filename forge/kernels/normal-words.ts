/**
 * Where the words of a text's normal form stand in the text itself: word `k` of `normalizeForDedup` came from the bytes
 * `[starts[k], ends[k])`. For the few texts in which something was found and must be shown or cut; not for all text.
 *
 * The normal form separates words exactly where the text has a run of white space, punctuation or control characters
 * that is not the separator within a number; a run of nothing but dropped marks makes no word.
 */
import { digitFlag, itself, separators, spaceFlag } from "./reference/normal-form.ts";
import { sequenceLength } from "./reference/utf8.ts";
import { unicodeTables } from "./unicode/tables.ts";

export interface NormalWordSpans {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** Word spans of one text of valid UTF-8; positions count from its first byte. */
export function normalWordSpans(text: Uint8Array): NormalWordSpans {
  const starts: number[] = [];
  const ends: number[] = [];
  let start = -1;
  let written = false;
  const close = (end: number): void => {
    if (written) {
      starts.push(start);
      ends.push(end);
    }
    start = -1;
    written = false;
  };
  for (let at = 0; at < text.length;) {
    const { codePoint, entry, size } = read(text, at);
    if ((entry & spaceFlag) !== 0) {
      close(at);
      at += size;
      continue;
    }
    if (start < 0) start = at;
    written ||= leavesBytes(codePoint, entry);
    at = (entry & digitFlag) === 0 ? at + size : skipNumber(text, at);
  }
  close(text.length);
  return { starts: Int32Array.from(starts), ends: Int32Array.from(ends) };
}

/** False for marks that the normal form drops. */
function leavesBytes(codePoint: number, entry: number): boolean {
  if ((entry & digitFlag) !== 0 || codePoint === 0xfffd) return true;
  if (codePoint >= 0xac00 && codePoint <= 0xd7a3) return true;
  const length = (entry >>> 24) & itself;
  return length === itself || length > 0;
}

/** A number with its decimal separator is one word; see `skipNumber` of the normal form. */
function skipNumber(text: Uint8Array, from: number): number {
  const at = skipDigits(text, from);
  if (at === text.length) return at;
  const { codePoint, size } = read(text, at);
  if (!separators.has(codePoint)) return at;
  const after = skipDigits(text, at + size);
  return after > at + size ? after : at;
}

function skipDigits(text: Uint8Array, from: number): number {
  let at = from;
  while (at < text.length) {
    const { entry, size } = read(text, at);
    if ((entry & digitFlag) === 0) break;
    at += size;
  }
  return at;
}

/** The code point at a byte with its entry in the tables of the normal form; invalid bytes count as U+FFFD. */
function read(text: Uint8Array, at: number): { codePoint: number; entry: number; size: number } {
  const { normalBlocks, normalIndex } = unicodeTables();
  const lead = text[at] as number;
  const size = lead < 0x80 ? 1 : sequenceLength(text, at, text.length);
  let codePoint = 0xfffd;
  if (size === 1) codePoint = lead;
  else if (size > 1) {
    codePoint = lead & (0xff >> (size + 1));
    for (let i = 1; i < size; i++) codePoint = (codePoint << 6) | ((text[at + i] as number) & 0x3f);
  }
  const block = normalIndex[codePoint >> 7] as number;
  return { codePoint, entry: normalBlocks[(block << 7) | (codePoint & 127)] as number, size: Math.abs(size) };
}
