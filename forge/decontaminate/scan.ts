/** Finds, in a column of texts, every place where a gram of the index stands. */
import { growingUint32, sortRows } from "../base/index.ts";
import type { TextColumn } from "../kernels/index.ts";
import { normalWords } from "./build.ts";
import type { ContaminationIndex } from "./index-files.ts";
import type { ContaminationKernels, Hits } from "./types.ts";

/**
 * All hits of a column. Each table costs one pass over the text; short examples are compared word by word in those few
 * texts in which their last words stand.
 */
export function findHits(column: TextColumn, index: ContaminationIndex, kernels: ContaminationKernels): Hits {
  const texts = growingUint32(64);
  const positions = growingUint32(64);
  const grams = growingUint32(64);
  const add: AddHit = (text, position, gram) => {
    texts.push(text);
    positions.push(position);
    grams.push(gram);
  };
  const wordsOf = lazyWords(column, kernels);
  for (const table of index.tables) {
    const sequences = kernels.shingles(column, table.words);
    const found = table.index.lookup(sequences);
    for (const [i, text] of found.texts.entries()) {
      const position = found.positions[i] as number;
      for (const gram of table.candidates(found.items[i] as number)) {
        if (gram < index.ngrams) {
          const at = 2 * ((sequences.offsets[text] as number) + position);
          const [low, high] = index.hash(gram);
          if (sequences.hashes[at] === low && sequences.hashes[at + 1] === high) add(text, position, gram);
        } else {
          const start = standsBefore(wordsOf(text), index.whole(gram), position + table.words);
          if (start >= 0) add(text, start, gram);
        }
      }
    }
  }
  const columns = [texts.finish(), positions.finish(), grams.finish()] as const;
  const order = sortRows(columns);
  const [sortedTexts, sortedPositions, sortedGrams] = columns.map((values) =>
    Uint32Array.from(order, (row) => values[row] as number),
  ) as [Uint32Array, Uint32Array, Uint32Array];
  return { texts: sortedTexts, positions: sortedPositions, grams: sortedGrams };
}

type AddHit = (text: number, position: number, gram: number) => void;

/** Index of the first word of `whole` when it ends right before word `end` of the text, else -1. */
function standsBefore(words: readonly string[], whole: string, end: number): number {
  const wanted = whole.split(" ");
  const start = end - wanted.length;
  return start >= 0 && wanted.every((word, i) => words[start + i] === word) ? start : -1;
}

/** Words of a text's normal form, made when they are first asked for. */
function lazyWords(column: TextColumn, kernels: ContaminationKernels): (text: number) => readonly string[] {
  let lastText = -1;
  let lastWords: readonly string[] = [];
  return (text) => {
    if (text === lastText) return lastWords;
    const only = { values: column.values, offsets: column.offsets.subarray(text, text + 2), length: 1 };
    lastText = text;
    lastWords = normalWords(only, kernels)[0] ?? [];
    return lastWords;
  };
}
