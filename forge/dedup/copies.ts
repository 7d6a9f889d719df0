/**
 * The walk that finds copies: documents in keep order, each asked whether one that is kept has its bytes, its normal form
 * or its URL. Whom a document names is related to it by itself, never through a third that is removed.
 *
 * A document with the URL alone in common only *waits*: the kept one of its URL may turn out to be a near copy of
 * another page, which says nothing about this text. So it goes on as a survivor, and `choose` decides (choose.ts).
 */
import { growingUint32, mergeRuns } from "../base/index.ts";
import { copyRelations, keyKind, type CopyRelation } from "./keys.ts";
import { noDocument, reasonCode, type DedupContext } from "./types.ts";
import { mergeOptions } from "./work.ts";

/** What became of each rank. Memory: 5 bytes a document, and while it is found 4 for each relation. */
export interface Copies {
  /** The rank itself when it is kept; of a copy the one that it copies, of one that waits the kept one of its URL. */
  readonly original: Uint32Array;
  /** `reasonCode`; `url` means that the document waits. */
  readonly reason: Uint8Array;
  /** First waiting document with the same text as a waiting one, by rank; itself when it is the first. */
  readonly twin: Uint32Array;
}

interface KeyedDocuments {
  readonly keyPaths: readonly string[];
  readonly starts: readonly number[];
  readonly rankOf: Uint32Array;
  /** Ranks below it belong to an existing corpus: never removed. */
  readonly existing: number;
}

/** Walks all ranks. */
export async function findCopies(documents: KeyedDocuments, context: DedupContext): Promise<Copies> {
  const { rankOf, existing } = documents;
  const total = rankOf.length;
  // The strongest evidence is named first.
  const relations = copyRelations(context.config).toSorted((a, b) => strength.indexOf(a) - strength.indexOf(b));
  const groups: Groups[] = [];
  for (const relation of relations) groups.push({ relation, leads: await groupByKey(relation, documents, context) });
  const original = Uint32Array.from({ length: total }, (_, rank) => rank);
  const reason = new Uint8Array(total);
  let waiting = 0;
  for (let rank = 0; rank < total; rank++) {
    const found = rank < existing ? undefined : groups.find(({ leads }) => leadOf(leads, rank) !== noDocument);
    if (found === undefined) {
      for (const { leads } of groups) lead(leads, rank);
      continue;
    }
    original[rank] = leadOf(found.leads, rank);
    reason[rank] = reasonCode[found.relation];
    if (found.relation === "url") waiting++;
  }
  const twin = waiting === 0 ? new Uint32Array(0) : resolveWaiting(groups, original, reason);
  return { original, reason, twin };
}

const strength: readonly CopyRelation[] = ["exact", "normalForm", "url"];

interface Groups {
  readonly relation: CopyRelation;
  /**
   * Of the first rank of a group the rank that leads it, `noDocument` while none is kept; of the others that first rank.
   * A lead is never below the first rank, and the first rank always below the others, so they are told apart.
   */
  readonly leads: Uint32Array;
}

function headOf(leads: Uint32Array, rank: number): number {
  const value = leads[rank] as number;
  return value < rank ? value : rank;
}

function leadOf(leads: Uint32Array, rank: number): number {
  return leads[headOf(leads, rank)] as number;
}

/** Makes a document lead its group unless another does. */
function lead(leads: Uint32Array, rank: number): void {
  const head = headOf(leads, rank);
  if (leads[head] === noDocument) leads[head] = rank;
}

/**
 * Documents that wait, in keep order once more: a kept document with the same text may stand behind them. Of those that
 * wait with the same text for the same URL the first one goes on.
 */
function resolveWaiting(groups: readonly Groups[], original: Uint32Array, reason: Uint8Array): Uint32Array {
  const byText = groups.filter(({ relation }) => relation !== "url");
  const isWaiting = (rank: number): boolean => reason[rank] === reasonCode.url;
  const twin = new Uint32Array(original.length).fill(noDocument);
  for (let rank = 0; rank < original.length; rank++) {
    if (!isWaiting(rank)) continue;
    const found = byText.map(({ relation, leads }) => ({ relation, lead: leadOf(leads, rank) }));
    const same =
      found.find((one) => one.lead !== noDocument && !isWaiting(one.lead)) ??
      found.find((one) => one.lead !== noDocument && original[one.lead] === original[rank]);
    if (same !== undefined) {
      original[rank] = same.lead;
      reason[rank] = reasonCode[same.relation];
      continue;
    }
    const before = found.find((one) => one.lead !== noDocument)?.lead;
    twin[rank] = before === undefined ? rank : (twin[before] as number);
    for (const { leads } of byText) lead(leads, rank);
  }
  return twin;
}

/** Documents with equal keys, as `Groups.leads` before anything is kept. */
async function groupByKey(
  relation: CopyRelation,
  { keyPaths, starts, rankOf }: KeyedDocuments,
  context: DedupContext,
): Promise<Uint32Array> {
  const leads = new Uint32Array(rankOf.length).fill(noDocument);
  // A group may go on in the next block.
  let ranks = growingUint32();
  let last: readonly number[] = [];
  const close = (): void => {
    if (ranks.length < 2) return;
    const group = ranks.finish();
    let first = group[0] as number;
    for (const rank of group) if (rank < first) first = rank;
    for (const rank of group) if (rank !== first) leads[rank] = first;
  };
  for await (const { columns, file, order } of mergeRuns(keyPaths, keyKind, relation, mergeOptions(context))) {
    const [w0, w1, w2, w3, rows] = columns as [Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array];
    for (const at of order) {
      if (last[0] !== w0[at] || last[1] !== w1[at] || last[2] !== w2[at] || last[3] !== w3[at]) {
        close();
        last = [w0[at] as number, w1[at] as number, w2[at] as number, w3[at] as number];
        if (ranks.length > 0) ranks = ranks.length > 1024 ? growingUint32() : ranks.clear();
      }
      ranks.push(rankOf[(starts[file[at] as number] as number) + (rows[at] as number)] as number);
    }
  }
  close();
  return leads;
}
