/** Finds, in a column of texts, every place where a gram of the index stands. */
import { growingUint32, sortRows } from "../base/index.ts";
import type { ShingleSequences, TextColumn } from "../kernels/index.ts";
import { coverHash, coverSequences } from "./cover.ts";
import type { ContaminationIndex } from "./index-files.ts";
import type { ContaminationKernels, Hits } from "./types.ts";

/** All hits of a column. The texts are normalised and hashed once. */
export function findHits(column: TextColumn, index: ContaminationIndex, kernels: ContaminationKernels): Hits {
  const hits = new HitCollector();
  const { short, ngramTable, endTable } = index;
  if (ngramTable.index !== undefined || endTable.index !== undefined) {
    const sequences = kernels.shingles(column, short, { borrow: true });
    addNgramHits(sequences, index, hits);
    addWholeHits(sequences, index, hits);
  }
  return hits.finish();
}

function addNgramHits(sequences: ShingleSequences, index: ContaminationIndex, hits: HitCollector): void {
  const { short, ngramTable } = index;
  if (ngramTable.index === undefined) return;
  const ngrams = coverSequences(sequences, index.words(0), short);
  const found = ngramTable.index.lookup(ngrams);
  for (const [i, text] of found.texts.entries()) {
    const position = found.positions[i] as number;
    const at = 2 * ((ngrams.offsets[text] as number) + position);
    const hash = { low: ngrams.hashes[at] as number, high: ngrams.hashes[at + 1] as number };
    ngramTable.candidates(found.items[i] as number, (gram) => {
      if (index.equals(gram, hash)) hits.add(text, position, gram);
    });
  }
}

/** Short examples end where their last words stand; their hash tells whether the words before are theirs, too. */
function addWholeHits({ hashes, offsets }: ShingleSequences, index: ContaminationIndex, hits: HitCollector): void {
  const { short, endTable } = index;
  if (endTable.index === undefined) return;
  const found = endTable.index.lookup({ hashes, offsets });
  for (const [i, text] of found.texts.entries()) {
    const end = (found.positions[i] as number) + short;
    endTable.candidates(found.items[i] as number, (gram) => {
      const words = index.words(gram);
      const start = end - words;
      if (start < 0) return;
      const hash = coverHash(hashes, (offsets[text] as number) + start, words, short);
      if (index.equals(gram, hash)) hits.add(text, start, gram);
    });
  }
}

class HitCollector {
  readonly #texts = growingUint32(64);
  readonly #positions = growingUint32(64);
  readonly #grams = growingUint32(64);

  add(text: number, position: number, gram: number): void {
    this.#texts.push(text);
    this.#positions.push(position);
    this.#grams.push(gram);
  }

  finish(): Hits {
    const [texts, positions, grams] = [this.#texts.finish(), this.#positions.finish(), this.#grams.finish()];
    const order = sortRows([texts, positions, grams]);
    const sorted = (values: Uint32Array): Uint32Array => Uint32Array.from(order, (row) => values[row] as number);
    return { texts: sorted(texts), positions: sorted(positions), grams: sorted(grams) };
  }
}
