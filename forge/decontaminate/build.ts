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
import { exampleParts, type ContaminationKernels, type EvaluationExample, type ExamplePart } from "./types.ts";

export interface GramOptions {
  /** Words of an n-gram. */
  readonly ngram: number;
  /** Fewest words of what is matched whole. */
  readonly minWords: number;
}

/** Everything that is looked for, and whose it is. Rows of one table name rows of the next. */
export interface GramTables {
  /** (low, high) of each n-gram, ascending by high, then low: grams `[0, hashes.length / 2)`. */
  readonly hashes: Uint32Array;
  /** Normal forms of short examples, ascending: the grams behind the n-grams. */
  readonly wholes: readonly WholeText[];
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

/** A short example, looked for by its last words. */
export interface WholeText {
  /** Its normal form, one `latin1` character a byte, single spaces. */
  readonly text: string;
  /** Words of its anchor: `minWords`, or twice as many where it has them. */
  readonly anchorWords: number;
  /** Hash of the anchor. */
  readonly low: number;
  readonly high: number;
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

/** A text of an example with its normal form. */
interface NormalText {
  readonly text: string;
  readonly words: readonly string[];
  /** Index of its first n-gram among those of the batch. */
  readonly firstGram: number;
}

class GramCollector {
  readonly #kernels: ContaminationKernels;
  readonly #options: GramOptions;
  readonly #low = growingUint32();
  readonly #high = growingUint32();
  readonly #unit = growingUint32();
  /** By normal form. */
  readonly #wholes = new Map<string, { readonly text: WholeText; readonly units: Set<number> }>();
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
    const column = columnOf(texts);
    const { hashes, offsets } = this.#kernels.shingles(column, this.#options.ngram);
    const normal = normalWords(column, this.#kernels);
    let next = 0;
    const take = (count: number): NormalText[] =>
      Array.from({ length: count }, () => {
        const text = { text: texts[next] ?? "", words: normal[next] ?? [], firstGram: offsets[next] as number };
        next++;
        return text;
      });
    for (const example of examples) {
      const parts = {
        question: take(example.question.length),
        answer: take(example.answer.length),
        passage: take(example.passage.length),
      };
      this.#addExample(example, parts, hashes);
    }
  }

  #addExample(
    { set, id }: EvaluationExample,
    parts: Readonly<Record<"question" | "answer" | "passage", readonly NormalText[]>>,
    hashes: Uint32Array,
  ): void {
    const example = this.#exampleIds.length;
    this.#exampleIds.push(id);
    this.#exampleSet.push(set);
    const all = [...parts.question, ...parts.answer, ...parts.passage];
    this.#exampleWords.push(all.reduce((sum, { words }) => sum + words.length, 0));
    let found = false;
    for (const part of ["question", "answer", "passage"] as const) {
      const unit = this.#beginUnit(example, part);
      for (const text of parts[part]) {
        const isAdded =
          text.words.length >= this.#options.ngram
            ? this.#addNgrams(text, hashes, unit)
            : part !== "answer" && this.#addWhole([text], unit);
        found ||= isAdded;
      }
    }
    if (found) return;
    const unit = this.#beginUnit(example, "whole");
    for (const question of orNothing(parts.question)) {
      for (const answer of orNothing(parts.answer)) this.#addWhole([question, answer], unit);
    }
  }

  #beginUnit(example: number, part: ExamplePart): number {
    this.#unitExample.push(example);
    this.#unitPart.push(part);
    return this.#unitPart.length - 1;
  }

  #addNgrams({ words, firstGram }: NormalText, hashes: Uint32Array, unit: number): boolean {
    const { ngram } = this.#options;
    let isAdded = false;
    /** Last word that is no number. */
    let telling = -1;
    for (let last = 0; last < words.length; last++) {
      if (words[last] !== "0") telling = last;
      const first = last - ngram + 1;
      if (first < 0 || telling < first) continue;
      this.#low.push(hashes[2 * (firstGram + first)] as number);
      this.#high.push(hashes[2 * (firstGram + first) + 1] as number);
      this.#unit.push(unit);
      isAdded = true;
    }
    return isAdded;
  }

  #addWhole(parts: readonly Pick<NormalText, "text" | "words">[], unit: number): boolean {
    const { ngram, minWords } = this.#options;
    const words = parts.flatMap((part) => part.words);
    if (words.length < minWords || words.every((word) => word === "0")) return false;
    const key = words.join(" ");
    const known = this.#wholes.get(key);
    if (known !== undefined) {
      known.units.add(unit);
      return true;
    }
    const anchorWords = words.length >= 2 * minWords && 2 * minWords <= ngram ? 2 * minWords : minWords;
    // Taken from the text itself: the normal form of a normal form may be another one. No word ends across a line feed.
    const column = columnOf([parts.map((part) => part.text).join("\n")]);
    const { hashes } = this.#kernels.shingles(column, anchorWords);
    const [low = 0, high = 0] = hashes.subarray(hashes.length - 2);
    this.#wholes.set(key, { text: { text: key, anchorWords, low, high }, units: new Set([unit]) });
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
    const wholes = [...this.#wholes.values()].sort((a, b) => (a.text.text < b.text.text ? -1 : 1));
    for (const { units } of wholes) {
      postingOffsets.push(postings.length);
      for (const owner of [...units].sort((a, b) => a - b)) post(owner);
    }
    postingOffsets.push(postings.length);
    return {
      hashes: hashes.finish(),
      wholes: wholes.map(({ text }) => text),
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

function orNothing(texts: readonly NormalText[]): readonly Pick<NormalText, "text" | "words">[] {
  return texts.length === 0 ? [{ text: "", words: [] }] : texts;
}

/** Words of each text's normal form, one `latin1` character a byte: only compared, never shown. */
export function normalWords(column: TextColumn, kernels: ContaminationKernels): string[][] {
  const { values, offsets, length } = kernels.normalizeForDedup(column);
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return Array.from({ length }, (_, i) =>
    bytes
      .toString("latin1", offsets[i], offsets[i + 1])
      .split(" ")
      .filter((word) => word !== ""),
  );
}

function columnOf(texts: readonly string[]): TextColumn {
  const parts = texts.map((text) => Buffer.from(text, "utf8"));
  const offsets = new Int32Array(parts.length + 1);
  for (const [i, part] of parts.entries()) offsets[i + 1] = (offsets[i] as number) + part.length;
  const values = new Uint8Array(Buffer.concat(parts));
  assert(values.length === offsets[parts.length], "texts of examples stand one behind the other");
  return { values, offsets, length: parts.length };
}
