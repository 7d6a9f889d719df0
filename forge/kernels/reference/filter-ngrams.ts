/** Plain twin of assembly/filter-top.ts and filter-duplicates.ts: every n-gram of words goes through a table, once for each n. */
import type { FilterStatisticName } from "../filter-types.ts";
import type { Counts } from "./filter-lines.ts";
import { baseA, baseB } from "./filter-text.ts";
import type { Words } from "./filter-words.ts";
import { GenerationTable } from "./hash-table.ts";

const table = new GenerationTable();

/** Most frequent 2- to 4-grams, repeated 5- to 10-grams. */
export function countNGrams(words: Words): Counts {
  const counts: Partial<Record<FilterStatisticName, number>> = {};
  for (const n of [2, 3, 4] as const) counts[`top${n}GramCharacters`] = topNGram(words, n);
  for (const n of [5, 6, 7, 8, 9, 10] as const) counts[`duplicate${n}GramCharacters`] = duplicateNGrams(words, n);
  return counts;
}

function topNGram(words: Words, n: number): number {
  let best = 0;
  let bestAt = 0;
  table.reset(Math.max(0, words.count - n + 1));
  for (let i = 0; i + n <= words.count; i++) {
    let a = words.hashA[i] as number;
    let b = words.hashB[i] as number;
    for (let k = i + 1; k < i + n; k++) {
      // One more multiplication stands for the space between two words.
      a = (Math.imul(Math.imul(a, baseA) + 33, words.powerA[k] as number) + (words.hashA[k] as number)) | 0;
      b = (Math.imul(Math.imul(b, baseB) + 33, words.powerB[k] as number) + (words.hashB[k] as number)) | 0;
    }
    const slot = table.add(a, b, i);
    const count = table.counts[slot] as number;
    const first = table.first[slot] as number;
    if (count > best || (count === best && first < bestAt)) {
      best = count;
      bestAt = first;
    }
  }
  if (best === 0) return 0;
  let length = n - 1;
  for (let k = bestAt; k < bestAt + n; k++) length += words.lengths[k] as number;
  return length * best;
}

function duplicateNGrams(words: Words, n: number): number {
  let characters = 0;
  table.reset(Math.max(0, words.count - n + 1));
  for (let i = 0; i + n <= words.count;) {
    let a = words.hashA[i] as number;
    let b = words.hashB[i] as number;
    let length = words.lengths[i] as number;
    for (let k = i + 1; k < i + n; k++) {
      a = (Math.imul(a, words.powerA[k] as number) + (words.hashA[k] as number)) | 0;
      b = (Math.imul(b, words.powerB[k] as number) + (words.hashB[k] as number)) | 0;
      length += words.lengths[k] as number;
    }
    if (table.counts[table.add(a, b, i)] === 1) i++;
    else {
      characters += length;
      i += n;
    }
  }
  return characters;
}
