/**
 * Trains byte-level BPE, written plainly: counts pre-tokens, then merges the most frequent pair again and again.
 *
 * Pair counts are kept up to date word by word (Sennrich et al. 2016, "Neural machine translation of rare words with
 * subword units", and the reference code to it), the next pair comes from a heap whose stale entries are corrected when
 * they surface, as in Hugging Face tokenizers' `BpeTrainer`. `bpe.ts` states the order of ties and of ids.
 */
import { learnMerges, type PairMerger } from "../bpe-learn.ts";
import type { BpeTrainer, BpeTrainerOptions } from "../bpe-types.ts";
import { bytesInAlphabetOrder } from "../byte-level.ts";
import type { TextColumn } from "../types.ts";
import { splitterOf } from "./bpe-split.ts";
import { popHeap, pushHeap } from "./heap.ts";

export function createReferenceBpeTrainer(options: BpeTrainerOptions): BpeTrainer {
  const split = splitterOf("gpt2");
  /** Occurrences of each pre-token, its bytes as Latin-1. */
  const occurrences = new Map<string, number>();
  return {
    add({ values, offsets, length }: TextColumn): void {
      const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
      for (let i = 0; i < length; i++) {
        const textEnd = offsets[i + 1] as number;
        for (let start = offsets[i] as number; start < textEnd;) {
          const end = split(bytes, start, textEnd);
          const word = bytes.toString("latin1", start, end);
          occurrences.set(word, (occurrences.get(word) ?? 0) + 1);
          start = end;
        }
      }
    },
    train: () => learnMerges(mergerOf(countedWords(occurrences), options), options),
  };
}

/** Distinct pre-tokens as bytes, with how often each occurs. */
interface CountedWords {
  readonly values: Uint8Array;
  /** One entry more than there are words. */
  readonly offsets: Uint32Array;
  readonly counts: Float64Array;
}

function countedWords(occurrences: ReadonlyMap<string, number>): CountedWords {
  const words = [...occurrences.keys()];
  const offsets = new Uint32Array(words.length + 1);
  words.forEach((word, i) => (offsets[i + 1] = (offsets[i] as number) + word.length));
  const values = Buffer.from(words.join(""), "latin1");
  return { values, offsets, counts: Float64Array.from(occurrences.values()) };
}

/** A pair of neighbours: how often it occurs now, and in which words it may (some are stale). */
interface Pair {
  readonly left: number;
  readonly right: number;
  count: number;
  readonly words: number[];
}

/** A place in the queue. Its count is the pair's when it was put there. */
interface Candidate {
  readonly pair: Pair;
  readonly count: number;
}

function mergerOf(words: CountedWords, { minFrequency = 2 }: BpeTrainerOptions): PairMerger {
  const state = startWords(words);
  const pairs = new Map<number, Pair>();
  const queue: Candidate[] = [];
  const enqueue = (pair: Pair): void => pushHeap(queue, { pair, count: pair.count }, isBefore);
  countPairs(state, pairs);
  for (const pair of pairs.values()) enqueue(pair);
  return {
    next() {
      while (queue.length > 0) {
        const { pair, count } = popHeap(queue, isBefore);
        if (pair.count === count) return count < Math.max(1, minFrequency) ? undefined : pair;
        if (pair.count > 0) enqueue(pair);
      }
      return undefined;
    },
    merge({ left, right }, result) {
      for (const grown of mergeInWords(state, pairs, pairOf(pairs, left, right), result)) enqueue(grown);
    },
  };
}

/** Most frequent first, then the lower left id, then the lower right id. */
function isBefore(a: Candidate, b: Candidate): boolean {
  if (a.count !== b.count) return a.count > b.count;
  if (a.pair.left !== b.pair.left) return a.pair.left < b.pair.left;
  return a.pair.right < b.pair.right;
}

/** Words as runs of ids that shrink in place. */
interface WordState {
  readonly ids: Uint32Array;
  readonly starts: Uint32Array;
  readonly lengths: Uint32Array;
  readonly counts: Float64Array;
}

function startWords({ values, offsets, counts }: CountedWords): WordState {
  const idOfByte = new Uint32Array(256);
  bytesInAlphabetOrder.forEach((byte, id) => (idOfByte[byte] = id));
  return {
    ids: Uint32Array.from(values, (byte) => idOfByte[byte] as number),
    starts: offsets,
    lengths: Uint32Array.from(counts, (_, i) => (offsets[i + 1] as number) - (offsets[i] as number)),
    counts,
  };
}

/** Ids stay below 2²¹, so a pair is one exact number. */
function pairOf(pairs: Map<number, Pair>, left: number, right: number): Pair {
  const key = left * 2 ** 21 + right;
  let pair = pairs.get(key);
  if (pair === undefined) {
    pair = { left, right, count: 0, words: [] };
    pairs.set(key, pair);
  }
  return pair;
}

function addTo(pair: Pair, count: number, word: number): void {
  pair.count += count;
  if (pair.words.at(-1) !== word) pair.words.push(word);
}

function countPairs({ ids, starts, lengths, counts }: WordState, pairs: Map<number, Pair>): void {
  for (let word = 0; word < counts.length; word++) {
    const start = starts[word] as number;
    for (let i = 1; i < (lengths[word] as number); i++) {
      addTo(pairOf(pairs, ids[start + i - 1] as number, ids[start + i] as number), counts[word] as number, word);
    }
  }
}

/** Replaces a pair by its result in every word that holds it; returns the pairs that became more frequent. */
function mergeInWords(state: WordState, pairs: Map<number, Pair>, pair: Pair, result: number): Set<Pair> {
  const { ids, starts, lengths, counts } = state;
  const grown = new Set<Pair>();
  const change = (left: number, right: number, count: number, word: number): void => {
    const changed = pairOf(pairs, left, right);
    if (count < 0) {
      changed.count += count;
      return;
    }
    addTo(changed, count, word);
    grown.add(changed);
  };
  for (const word of pair.words.splice(0)) {
    const start = starts[word] as number;
    const end = start + (lengths[word] as number);
    const count = counts[word] as number;
    let write = start;
    for (let read = start; read < end; read++) {
      const id = ids[read] as number;
      if (id !== pair.left || read + 1 === end || ids[read + 1] !== pair.right) {
        ids[write++] = id;
        continue;
      }
      if (write > start) {
        const before = ids[write - 1] as number;
        change(before, pair.left, -count, word);
        change(before, result, count, word);
      }
      if (read + 2 < end) {
        const after = ids[read + 2] as number;
        change(pair.right, after, -count, word);
        change(result, after, count, word);
      }
      pair.count -= count;
      ids[write++] = result;
      read++;
    }
    lengths[word] = write - start;
  }
  grown.delete(pair);
  return grown;
}
