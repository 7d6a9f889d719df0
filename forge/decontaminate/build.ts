/**
 * From evaluation examples to what is looked for: n-grams of long parts, whole short examples, and who they belong to.
 *
 * A question, passage or answer of at least `ngram` words gives its n-grams. A shorter question or passage is matched
 * whole. A shorter answer alone would stand everywhere ("the second world war"), so it counts only behind its question,
 * and only when nothing else of the example can be matched. n-grams of nothing but numbers are left out: on the normal
 * form they are all the same.
 */
import { assert, growingUint32, sortRows } from "../base/index.ts";
import type { TextColumn } from "../kernels/index.ts";
import { coverHash, type GramHash } from "./cover.ts";
import { exampleParts, type ContaminationKernels, type EvaluationExample, type ExamplePart } from "./types.ts";

export interface GramOptions {
  /** Words of an n-gram. */
  readonly ngram: number;
  /** Fewest words of what is matched whole. */
  readonly minWords: number;
}

/** Everything that is looked for, and whose it is. Rows of one table name rows of the next. */
export interface GramTables {
  /** (low, high) of each gram: first the n-grams, ascending by high, then low; then whole short examples. */
  readonly hashes: Uint32Array;
  /** How many of them are n-grams. */
  readonly ngrams: number;
  /** Words of each whole short example. */
  readonly wholeWords: Uint32Array;
  /** (low, high) of the last `minWords` words of each. */
  readonly wholeEnds: Uint32Array;
  /** Units of gram `g`: `postings[postingOffsets[g] .. postingOffsets[g + 1])`, ascending. */
  readonly postingOffsets: Uint32Array;
  readonly postings: Uint32Array;
  /** A unit is a part of an example: its example, its part (index into `exampleParts`), its distinct grams. */
  readonly unitExample: Uint32Array;
  readonly unitPart: Uint8Array;
  readonly unitGrams: Uint32Array;
  readonly exampleSet: Uint32Array;
  readonly exampleIds: readonly string[];
  /** Words of all texts of an example. */
  readonly exampleWords: Uint32Array;
}

/** Examples that are normalised at a time. */
const batchLength = 1024;

/** Collects the grams of all examples; the result depends on the examples and their order only. */
export async function collectGrams(
  examples: Iterable<EvaluationExample> | AsyncIterable<EvaluationExample>,
  kernels: ContaminationKernels,
  options: GramOptions,
): Promise<GramTables> {
  const collector = new GramCollector(kernels, options);
  let batch: EvaluationExample[] = [];
  for await (const example of examples) {
    batch.push(example);
    if (batch.length < batchLength) continue;
    collector.add(batch);
    batch = [];
  }
  collector.add(batch);
  return collector.finish();
}

/** A text of an example, normalised and hashed with its batch. */
interface NormalText {
  readonly text: string;
  /** Which words of its normal form are more than a number. */
  readonly telling: readonly boolean[];
  /** Hashes of the batch's n-grams of `minWords` words, and the first of this text. */
  readonly hashes: Uint32Array;
  readonly first: number;
}

/** A short example that is matched whole. */
interface Whole extends GramHash {
  readonly words: number;
  readonly end: GramHash;
  readonly units: Set<number>;
}

class GramCollector {
  readonly #kernels: ContaminationKernels;
  readonly #options: GramOptions;
  readonly #low = growingUint32();
  readonly #high = growingUint32();
  readonly #unit = growingUint32();
  /** By words and hash. */
  readonly #wholes = new Map<string, Whole>();
  readonly #unitExample = growingUint32();
  readonly #unitPart: ExamplePart[] = [];
  readonly #exampleSet = growingUint32();
  readonly #exampleWords = growingUint32();
  readonly #exampleIds: string[] = [];

  constructor(kernels: ContaminationKernels, options: GramOptions) {
    this.#kernels = kernels;
    this.#options = options;
  }

  add(examples: readonly EvaluationExample[]): void {
    const texts = examples.flatMap(({ question, answer, passage }) => [...question, ...answer, ...passage]);
    const normal = this.#normalise(texts);
    let next = 0;
    const take = (count: number): readonly NormalText[] => normal.slice(next, (next += count));
    for (const { set, id, question, answer, passage } of examples) {
      this.#addExample(set, id, {
        question: take(question.length),
        answer: take(answer.length),
        passage: take(passage.length),
      });
    }
  }

  #normalise(texts: readonly string[]): readonly NormalText[] {
    const column = columnOf(texts);
    const { hashes, offsets } = this.#kernels.shingles(column, this.#options.minWords);
    const telling = tellingWords(column, this.#kernels);
    return texts.map((text, i) => ({ text, hashes, first: offsets[i] as number, telling: telling[i] ?? [] }));
  }

  #addExample(
    set: number,
    id: string,
    parts: Readonly<Record<"question" | "answer" | "passage", readonly NormalText[]>>,
  ): void {
    const { ngram } = this.#options;
    const example = this.#exampleIds.length;
    this.#exampleIds.push(id);
    this.#exampleSet.push(set);
    const all = [...parts.question, ...parts.answer, ...parts.passage];
    this.#exampleWords.push(all.reduce((sum, { telling }) => sum + telling.length, 0));
    let found = false;
    for (const part of ["question", "answer", "passage"] as const) {
      const unit = this.#beginUnit(example, part);
      for (const text of parts[part]) {
        const isLong = text.telling.length >= ngram;
        const isAdded = isLong ? this.#addNgrams(text, unit) : part !== "answer" && this.#addWhole(text, unit);
        found ||= isAdded;
      }
    }
    if (found) return;
    const unit = this.#beginUnit(example, "whole");
    for (const question of orNothing(parts.question)) {
      // No word of the normal form reaches across a line feed.
      const joined = orNothing(parts.answer).map((answer) => `${question}\n${answer}`);
      for (const text of this.#normalise(joined)) this.#addWhole(text, unit);
    }
  }

  #beginUnit(example: number, part: ExamplePart): number {
    this.#unitExample.push(example);
    this.#unitPart.push(part);
    return this.#unitPart.length - 1;
  }

  #addNgrams({ telling, hashes, first }: NormalText, unit: number): boolean {
    const { ngram, minWords } = this.#options;
    let isAdded = false;
    let lastTelling = -1;
    for (const [last, isTelling] of telling.entries()) {
      if (isTelling) lastTelling = last;
      const start = last - ngram + 1;
      if (start < 0 || lastTelling < start) continue;
      const { low, high } = coverHash(hashes, first + start, ngram, minWords);
      this.#low.push(low);
      this.#high.push(high);
      this.#unit.push(unit);
      isAdded = true;
    }
    return isAdded;
  }

  #addWhole({ telling, hashes, first }: NormalText, unit: number): boolean {
    const { minWords } = this.#options;
    const words = telling.length;
    if (words < minWords || !telling.includes(true)) return false;
    const hash = coverHash(hashes, first, words, minWords);
    const key = `${words} ${hash.low} ${hash.high}`;
    const end = coverHash(hashes, first + words - minWords, minWords, minWords);
    const whole = this.#wholes.get(key) ?? { ...hash, words, end, units: new Set() };
    this.#wholes.set(key, whole);
    whole.units.add(unit);
    return true;
  }

  finish(): GramTables {
    const [low, high, unit] = [this.#low.finish(), this.#high.finish(), this.#unit.finish()];
    const hashes = growingUint32();
    const postingOffsets = growingUint32();
    const postings = growingUint32();
    const unitGrams = new Uint32Array(this.#unitPart.length);
    const post = (owner: number): void => {
      postings.push(owner);
      unitGrams[owner] = (unitGrams[owner] as number) + 1;
    };
    let previous = -1;
    for (const row of sortRows([high, low, unit])) {
      const isSame = previous >= 0 && low[row] === low[previous] && high[row] === high[previous];
      if (!isSame) {
        hashes.push(low[row] as number);
        hashes.push(high[row] as number);
        postingOffsets.push(postings.length);
      }
      // Rows of one n-gram stand by unit, so a repeat within a unit follows at once.
      if (!isSame || unit[row] !== unit[previous]) post(unit[row] as number);
      previous = row;
    }
    const ngrams = hashes.length / 2;
    // In the order in which examples brought them.
    const wholes = [...this.#wholes.values()];
    for (const { low: wholeLow, high: wholeHigh, units } of wholes) {
      hashes.push(wholeLow);
      hashes.push(wholeHigh);
      postingOffsets.push(postings.length);
      for (const owner of units) post(owner);
    }
    postingOffsets.push(postings.length);
    return {
      hashes: hashes.finish(),
      ngrams,
      wholeWords: Uint32Array.from(wholes, ({ words }) => words),
      wholeEnds: Uint32Array.from(wholes.flatMap(({ end }) => [end.low, end.high])),
      postingOffsets: postingOffsets.finish(),
      postings: postings.finish(),
      unitExample: this.#unitExample.finish(),
      unitPart: Uint8Array.from(this.#unitPart, (part) => exampleParts.indexOf(part)),
      unitGrams,
      exampleSet: this.#exampleSet.finish(),
      exampleIds: this.#exampleIds,
      exampleWords: this.#exampleWords.finish(),
    };
  }
}

function orNothing(texts: readonly NormalText[]): readonly string[] {
  return texts.length === 0 ? [""] : texts.map(({ text }) => text);
}

const zero = 0x30;
const space = 0x20;

/** For each word of each text's normal form whether it is more than a number, all of which are `0` there. */
function tellingWords(column: TextColumn, kernels: ContaminationKernels): boolean[][] {
  const { values, offsets, length } = kernels.normalizeForDedup(column);
  return Array.from({ length }, (_, i) => {
    const words: boolean[] = [];
    const end = offsets[i + 1] as number;
    for (let at = offsets[i] as number; at < end; at++) {
      if (values[at] === space) continue;
      const start = at;
      while (at < end && values[at] !== space) at++;
      words.push(at - start > 1 || values[start] !== zero);
    }
    return words;
  });
}

function columnOf(texts: readonly string[]): TextColumn {
  const parts = texts.map((text) => Buffer.from(text, "utf8"));
  const offsets = new Int32Array(parts.length + 1);
  for (const [i, part] of parts.entries()) offsets[i + 1] = (offsets[i] as number) + part.length;
  const values = new Uint8Array(Buffer.concat(parts));
  assert(values.length === offsets[parts.length], "texts of examples stand one behind the other");
  return { values, offsets, length: parts.length };
}
