/** Attributes the hits of one document: to which part of which example, how much of it, and where in the text. */
import { normalWordSpans } from "../kernels/normal-words.ts";
import { merge } from "./cut.ts";
import type { ContaminationIndex } from "./index-files.ts";
import type { ByteRange, ExamplePart } from "./types.ts";

/** A hit within a document: the gram that stands at a word of the normal form. */
export interface DocumentHit {
  readonly position: number;
  readonly gram: number;
}

/** One part of one example found in a document. */
export interface Finding {
  readonly set: number;
  readonly example: string;
  readonly part: ExamplePart;
  /** Distinct n-grams (or whole texts) found, and their share of those that the part has. */
  readonly ngrams: number;
  readonly share: number;
  /** The longest passage of the document that they cover. */
  readonly longest: ByteRange;
}

export interface Attribution {
  /** In the order of the evaluation sets' examples. */
  readonly findings: readonly Finding[];
  /** Passages covered by hits of any example, ascending and disjoint. */
  readonly matches: readonly ByteRange[];
}

/**
 * Looks up whose the hits are.
 *
 * @param text the bytes that were scanned
 * @param hits of grams that count, by position
 */
export function attributeHits(text: Uint8Array, hits: readonly DocumentHit[], index: ContaminationIndex): Attribution {
  const spans = normalWordSpans(text);
  const passage = ({ position, gram }: DocumentHit): ByteRange => {
    const last = position + index.words(gram) - 1;
    return { start: spans.starts[position] as number, end: spans.ends[last] as number };
  };
  const byUnit = new Map<number, { readonly grams: Set<number>; readonly passages: ByteRange[] }>();
  for (const hit of hits) {
    for (const unit of index.units(hit.gram)) {
      const own = byUnit.get(unit) ?? { grams: new Set(), passages: [] };
      byUnit.set(unit, own);
      own.grams.add(hit.gram);
      own.passages.push(passage(hit));
    }
  }
  const findings = [...byUnit]
    .sort(([a], [b]) => a - b)
    .map(([unit, { grams, passages }]): Finding => {
      const { example, part, grams: all } = index.unit(unit);
      const { set, id } = index.example(example);
      const [longest] = merge(passages).sort((a, b) => b.end - b.start - (a.end - a.start) || a.start - b.start);
      return { set, example: id, part, ngrams: grams.size, share: grams.size / all, longest: longest as ByteRange };
    });
  return { findings, matches: merge(hits.map(passage)) };
}
