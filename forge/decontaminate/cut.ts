/**
 * Cuts matches out of a text as GPT-3 did (Brown et al. 2020, appendix C): so many characters on each side go with a
 * match, short pieces between matches are dropped, and a text that falls into too many pieces is given up.
 *
 * Pieces are counted before the short ones are dropped. What is left stays one document, its pieces separated by an
 * empty line. A character is a code point.
 */
import type { ByteRange } from "./types.ts";

export interface CutOptions {
  /** Characters taken out on each side of a match. */
  readonly window: number;
  readonly minPieceCharacters: number;
  readonly maxPieces: number;
}

export const cutReasons = ["contaminated-in-many-pieces", "contaminated-no-piece-left"] as const;

export type Cut =
  | {
      /** Bytes to take out, ascending and disjoint. */
      readonly ranges: readonly ByteRange[];
      readonly pieces: number;
      /** Characters taken out. */
      readonly characters: number;
    }
  | { readonly reason: (typeof cutReasons)[number]; readonly pieces: number };

/**
 * Plans the cut of one text.
 *
 * @param matches byte ranges, ascending by start; they may overlap
 */
export function planCut(text: Uint8Array, matches: readonly ByteRange[], options: CutOptions): Cut {
  const { window, minPieceCharacters, maxPieces } = options;
  const widened = merge(
    matches.map(({ start, end }) => ({ start: back(text, start, window), end: forward(text, end, window) })),
  );
  const pieces = between(widened, text.length);
  if (pieces.length > maxPieces) return { reason: "contaminated-in-many-pieces", pieces: pieces.length };
  const left = pieces.filter(({ start, end }) => countCharacters(text, start, end) >= minPieceCharacters);
  if (left.length === 0) return { reason: "contaminated-no-piece-left", pieces: pieces.length };
  const ranges = between(left, text.length);
  const characters = ranges.reduce((sum, { start, end }) => sum + countCharacters(text, start, end), 0);
  return { ranges, pieces: left.length, characters };
}

/** Unites ranges that touch or overlap; they must ascend by start. */
export function merge(ranges: readonly ByteRange[]): ByteRange[] {
  const merged: ByteRange[] = [];
  for (const range of ranges) {
    const last = merged.at(-1);
    if (last === undefined || range.start > last.end) merged.push(range);
    else merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, range.end) };
  }
  return merged;
}

/** What lies between disjoint ranges, before the first and behind the last; nothing empty. */
function between(ranges: readonly ByteRange[], length: number): ByteRange[] {
  const starts = [0, ...ranges.map(({ end }) => end)];
  const ends = [...ranges.map(({ start }) => start), length];
  return starts.map((start, i) => ({ start, end: ends[i] as number })).filter(({ start, end }) => start < end);
}

function back(text: Uint8Array, from: number, characters: number): number {
  let at = from;
  for (let left = characters; left > 0 && at > 0; left--) {
    do at--;
    while (at > 0 && isContinuation(text, at));
  }
  return at;
}

function forward(text: Uint8Array, from: number, characters: number): number {
  let at = from;
  for (let left = characters; left > 0 && at < text.length; left--) {
    do at++;
    while (at < text.length && isContinuation(text, at));
  }
  return at;
}

function countCharacters(text: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at++) if (!isContinuation(text, at)) count++;
  return count;
}

function isContinuation(text: Uint8Array, at: number): boolean {
  return ((text[at] as number) & 0xc0) === 0x80;
}
