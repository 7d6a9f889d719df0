/**
 * The walk that decides who stays: survivors in keep order, each removed if and only if it has a verified pair, or a URL,
 * in common with a document that is kept at that moment. So it names one that stays, and chains lose only what they must.
 */
import { growingUint32, mergeRuns, type ColumnFile } from "../base/index.ts";
import { noDocument, type DedupContext } from "./types.ts";
import { verifiedKind } from "./verify.ts";
import { mergeOptions } from "./work.ts";

export interface RemovedDocuments {
  /** For each document its index in the lists below; `noDocument` when it is kept. */
  readonly slotOf: Uint32Array;
  /** Ascending. */
  readonly documents: Uint32Array;
  readonly partners: Uint32Array;
  /** NaN where only the URL is the same. */
  readonly jaccard: Float64Array;
}

/**
 * Walks all survivors. Of several kept partners a removed document names the one most like it, of equals the first.
 *
 * @param documents what `exact` wrote
 * @param verified paths of the verified pairs; none without near matching
 */
export async function removeCopies(
  documents: ColumnFile,
  verified: readonly string[],
  context: DedupContext,
): Promise<RemovedDocuments> {
  const existing = (await documents.u32("existing")).at(-1) ?? 0;
  const removed = new Removal(documents.length("copies"));
  const waiting = new Waiting(
    await documents.u32("waiting"),
    await documents.u32("waitingFor"),
    await documents.u32("waitingTwin"),
    removed,
  );
  const float = new Float64Array(1);
  const halves = new Uint32Array(float.buffer);
  let current = noDocument;
  // By the later document, so that every earlier one is decided when it is asked.
  for await (const { columns, order } of mergeRuns(verified, verifiedKind, "pairs", mergeOptions(context))) {
    const [later, earlier, low, high] = columns as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
    for (const at of order) {
      const document = later[at] as number;
      const partner = earlier[at] as number;
      if (document !== current) waiting.decideUpTo(document);
      current = document;
      if (document < existing || removed.has(partner)) continue;
      halves[0] = low[at] as number;
      halves[1] = high[at] as number;
      removed.near(document, partner, float[0] as number);
    }
  }
  waiting.decideUpTo(noDocument);
  return removed.finish();
}

class Removal {
  readonly #slotOf: Uint32Array;
  readonly #documents = growingUint32();
  readonly #partners = growingUint32();
  /** Two words each. */
  readonly #jaccard = growingUint32();
  /** Of the document that was removed last. */
  #best = 0;

  constructor(total: number) {
    this.#slotOf = new Uint32Array(total).fill(noDocument);
  }

  has(document: number): boolean {
    return this.#slotOf[document] !== noDocument;
  }

  /** Removes a document; one for the same URL is not compared any more. */
  add(document: number, partner: number, jaccard: number): void {
    this.#slotOf[document] = this.#documents.length;
    this.#documents.push(document);
    this.#partners.push(partner);
    for (const word of wordsOf(jaccard)) this.#jaccard.push(word);
    this.#best = Number.isNaN(jaccard) ? Number.POSITIVE_INFINITY : jaccard;
  }

  /** Removes a document, or names a better partner of the one that was removed last: pairs of a document follow one another. */
  near(document: number, partner: number, jaccard: number): void {
    const slot = this.#slotOf[document] as number;
    if (slot === noDocument) {
      this.add(document, partner, jaccard);
    } else if (jaccard > this.#best) {
      this.#partners.finish()[slot] = partner;
      this.#jaccard.finish().set(wordsOf(jaccard), 2 * slot);
      this.#best = jaccard;
    }
  }

  finish(): RemovedDocuments {
    return {
      slotOf: this.#slotOf,
      documents: this.#documents.finish(),
      partners: this.#partners.finish(),
      jaccard: new Float64Array(this.#jaccard.finish().slice().buffer),
    };
  }
}

/**
 * Survivors that wait for the document that was kept of their URL. When that one is removed, the first of them that is
 * like no kept document takes its place.
 */
class Waiting {
  readonly #documents: Uint32Array;
  readonly #first: Uint32Array;
  readonly #twins: Uint32Array;
  readonly #removed: Removal;
  /** Kept in place of the first one of a URL, by that one; and by the first one that waits with the same text. */
  readonly #keptFor = new Map<number, number>();
  readonly #keptText = new Map<number, number>();
  #next = 0;
  #isBegun = false;

  constructor(documents: Uint32Array, first: Uint32Array, twins: Uint32Array, removed: Removal) {
    this.#documents = documents;
    this.#first = first;
    this.#twins = twins;
    this.#removed = removed;
  }

  /** Decides about all before a document, whose pairs are known now, and about its own URL, before its pairs come. */
  decideUpTo(document: number): void {
    for (;;) {
      const one = this.#documents[this.#next];
      if (one === undefined || one > document) return;
      if (!this.#isBegun) this.#removeForUrl(one);
      this.#isBegun = one === document;
      if (this.#isBegun) return;
      if (!this.#removed.has(one)) this.#keepUnlessTwin(one);
      this.#next++;
    }
  }

  #removeForUrl(document: number): void {
    const first = this.#first[this.#next] as number;
    const kept = this.#removed.has(first) ? this.#keptFor.get(first) : first;
    if (kept !== undefined) this.#removed.add(document, kept, Number.NaN);
  }

  /** Texts too short for n-grams have no pairs, but they may be equal. */
  #keepUnlessTwin(document: number): void {
    const twin = this.#twins[this.#next] as number;
    const same = this.#keptText.get(twin);
    if (same !== undefined) {
      this.#removed.add(document, same, 1);
      return;
    }
    this.#keptText.set(twin, document);
    this.#keptFor.set(this.#first[this.#next] as number, document);
  }
}

/** A 64-bit float as two words. */
function wordsOf(value: number): Uint32Array {
  return new Uint32Array(Float64Array.of(value).buffer);
}
