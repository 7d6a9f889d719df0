/**
 * Line rules of RefinedWeb (Penedo et al. 2023, appendix G.2) as DCLM reproduced them (mlfoundations/dclm 361714b,
 * baselines/mappers/modifiers.py and dclm_baseline_refinedweb.yaml): lines that are mostly upper case, all digits or
 * mere counters go, one-word lines go, three phrases are cut out of short lines; a document that loses more than 5 % of
 * its words is rejected.
 *
 * Two differences: the dots of `Read more...` are dots here (there a regular expression), and a word is what stands
 * between white space and has a letter or digit in it.
 */
import type { RefinedwebLinesFilterConfig } from "../../schemas/config/filter.ts";
import type { TextColumn } from "../kernels/types.ts";

export interface LineEdit {
  readonly text: TextColumn;
  /** 1 for each document that the edit changed. */
  readonly changed: Uint8Array;
  /** Lines that were dropped whole, blank ones not counted. */
  readonly droppedLines: Uint32Array;
  /** Part of the document's words that went, 0..1. */
  readonly removedWords: Float32Array;
}

const counter =
  /^[^\p{L}\p{N}_]*\p{Nd}[\p{Nd},.]*[kmb]?\s+(?:likes|shares|comments|retweets|reposts|quotes|bookmarks|upvotes|downvotes|downloads|views|followers)[^\p{L}\p{N}_]*$/u;
const cart = /\s?items in cart/gi;
const readMore = /\s?read more\.\.\.$/i;
const signIn = /^sign-in\s?/i;

/** Applies the rules to every text of a column of valid UTF-8. */
export function editRefinedwebLines(column: TextColumn, config: RefinedwebLinesFilterConfig): LineEdit {
  const { values, offsets, length } = column;
  const changed = new Uint8Array(length);
  const droppedLines = new Uint32Array(length);
  const removedWords = new Float32Array(length);
  const parts: Uint8Array[] = [];
  const to = new Int32Array(length + 1);
  for (let i = 0; i < length; i++) {
    const original = values.subarray(offsets[i], offsets[i + 1]);
    const text = Buffer.from(original.buffer, original.byteOffset, original.byteLength).toString("utf8");
    const kept: string[] = [];
    let dropped = 0;
    for (const line of text.split("\n")) {
      const edited = editLine(line, config);
      if (edited === null) dropped++;
      else kept.push(edited);
    }
    const edited = kept.join("\n").trim();
    const same = edited === text;
    const bytes = same ? original : Buffer.from(edited, "utf8");
    if (!same) {
      changed[i] = 1;
      const before = countWords(text);
      removedWords[i] = before === 0 ? 0 : (before - countWords(edited)) / before;
    }
    droppedLines[i] = dropped;
    parts.push(bytes);
    to[i + 1] = (to[i] as number) + bytes.length;
  }
  return { text: { values: Buffer.concat(parts), offsets: to, length }, changed, droppedLines, removedWords };
}

/** The line as it stays, or null when it is dropped. Blank lines stay. */
function editLine(line: string, config: RefinedwebLinesFilterConfig): string | null {
  if (line.trim() === "") return line;
  if (config.maxUppercase !== null && share(line, /\p{Uppercase}/gu) > config.maxUppercase) return null;
  if (config.maxDigits !== null && share(line, /\p{Nd}/gu) > config.maxDigits) return null;
  if (config.counters && counter.test(line.toLowerCase())) return null;
  const words = line.split(/\s+/).filter((word) => word !== "").length;
  if (config.minWordsPerLine !== null && words < config.minWordsPerLine) return null;
  if (!config.phrases || words > config.maxWordsOfPhraseLine) return line;
  const cut = line.replaceAll(cart, "").replace(readMore, "").replace(signIn, "");
  return cut.trim() === "" ? null : cut;
}

/** Part of the line's code points that a pattern matches. */
function share(line: string, pattern: RegExp): number {
  let characters = 0;
  for (const _ of line) characters++;
  return (line.match(pattern)?.length ?? 0) / characters;
}

function countWords(text: string): number {
  let words = 0;
  for (const [word] of text.matchAll(/\S+/g)) if (/[\p{L}\p{N}]/u.test(word)) words++;
  return words;
}
