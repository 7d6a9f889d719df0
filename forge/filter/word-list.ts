/**
 * Occurrences of listed words and phrases, for instance adult words (C4's bad-words rule: one occurrence rejects).
 *
 * Whole words are compared in the normal form of deduplication (lower case, no punctuation, digits as 0), so `B-a.d`
 * is not `bad` but `BAD,` is. Without word bounds the text is searched in lower case, as C4 does for Chinese.
 */
import type { WordListFilterConfig } from "../../schemas/config/filter.ts";
import { DataError } from "../base/index.ts";
import type { TextColumn, TextKernels } from "../kernels/index.ts";
import { readLists, type ListEntry } from "./lists.ts";

/** Counts occurrences in every text of a column. */
export type WordCounter = (column: TextColumn) => Uint32Array;

/** @throws DataError `list-empty`, `list-entry-empty`, or when a file cannot be read */
export async function loadWordCounter(
  config: WordListFilterConfig,
  kernels: Pick<TextKernels, "normalizeForDedup">,
): Promise<WordCounter> {
  const entries = await readLists(config.files);
  return config.wholeWords ? wholeWordCounter(entries, kernels) : substringCounter(entries);
}

function substringCounter(entries: readonly ListEntry[]): WordCounter {
  // Texts are NFC where they were repaired; a list may not be.
  const escaped = entries.map(({ text }) =>
    text
      .normalize("NFC")
      .toLowerCase()
      .replaceAll(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`),
  );
  const any = new RegExp(escaped.sort((a, b) => b.length - a.length).join("|"), "g");
  return ({ values, offsets, length }) => {
    const counts = new Uint32Array(length);
    for (let i = 0; i < length; i++) {
      const text = Buffer.from(values.buffer, values.byteOffset + (offsets[i] as number), lengthAt(offsets, i));
      counts[i] = text.toString("utf8").toLowerCase().match(any)?.length ?? 0;
    }
    return counts;
  };
}

const space = 0x20;

function wholeWordCounter(entries: readonly ListEntry[], kernels: Pick<TextKernels, "normalizeForDedup">): WordCounter {
  /** Phrases by the hash of their first word. */
  const phrases = new Map<number, Uint8Array[]>();
  const listed = kernels.normalizeForDedup(columnOf(entries.map(({ text }) => text)));
  for (const [i, entry] of entries.entries()) {
    const phrase = listed.values.slice(listed.offsets[i], listed.offsets[i + 1]);
    if (phrase.length === 0) throw noWord(entry);
    const end = phrase.indexOf(space);
    const hash = hashOf(phrase, 0, end < 0 ? phrase.length : end);
    const known = phrases.get(hash) ?? [];
    if (!known.some((other) => Buffer.compare(other, phrase) === 0)) known.push(phrase);
    phrases.set(hash, known);
  }
  return (column) => {
    const { values, offsets, length } = kernels.normalizeForDedup(column);
    const counts = new Uint32Array(length);
    for (let i = 0; i < length; i++) {
      const end = offsets[i + 1] as number;
      let count = 0;
      let start = offsets[i] as number;
      while (start < end) {
        let stop = start;
        let hash = fnvOffset;
        for (; stop < end && values[stop] !== space; stop++)
          hash = Math.imul(hash ^ (values[stop] as number), fnvPrime);
        for (const phrase of phrases.get(hash >>> 0) ?? []) if (stands(values, start, end, phrase)) count++;
        start = stop + 1;
      }
      counts[i] = count;
    }
    return counts;
  };
}

function noWord({ text, file, line }: ListEntry): DataError {
  return new DataError(
    "list-entry-empty",
    `${file}:${line}: "${text}" has no letter and no digit, so it cannot be found as a whole word`,
    { file, row: line - 1, sample: text },
    { hint: "Take the line out, or set wholeWords: false." },
  );
}

/** FNV-1a, 32 bits (Fowler, Noll and Vo): good enough to find candidates, which are then compared. */
const fnvOffset = 0x811c_9dc5;
const fnvPrime = 0x0100_0193;

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = fnvOffset;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), fnvPrime);
  return hash >>> 0;
}

/** Whether a phrase stands at `start`, with a word's end behind it. */
function stands(values: Uint8Array, start: number, end: number, phrase: Uint8Array): boolean {
  const stop = start + phrase.length;
  if (stop > end || (stop < end && values[stop] !== space)) return false;
  for (let i = 0; i < phrase.length; i++) if (values[start + i] !== phrase[i]) return false;
  return true;
}

function columnOf(texts: readonly string[]): TextColumn {
  const parts = texts.map((text) => Buffer.from(text, "utf8"));
  const offsets = new Int32Array(parts.length + 1);
  for (const [i, part] of parts.entries()) offsets[i + 1] = (offsets[i] as number) + part.length;
  return { values: Buffer.concat(parts), offsets, length: parts.length };
}

function lengthAt(offsets: Int32Array, row: number): number {
  return (offsets[row + 1] as number) - (offsets[row] as number);
}
