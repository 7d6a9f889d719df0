/**
 * Which hits count, over the whole corpus: n-grams that too many documents have are common phrases, and every other hit
 * flags the duplicate cluster of its document. Clusters count once, however many copies they have.
 *
 * Memory: documents with hits, and for each gram found at most `maxCorpusFrequency` clusters.
 */
import { join } from "node:path";
import { growingUint32, openColumns, writeColumns, type FileDigest } from "../base/index.ts";
import type { ContaminationIndex } from "./index-files.ts";
import type { Hits } from "./types.ts";

const hitsKind = "contamination-hits-1";
const flagsKind = "contamination-flags-1";
export const flagsPath = "decontaminate/flags.col";

/** Hits of a partition; `texts` are its rows. */
export async function writeHits(path: string, { texts, positions, grams }: Hits): Promise<FileDigest> {
  return await writeColumns(path, hitsKind, { texts, positions, grams });
}

/** @throws DataError `column-file-invalid` */
export async function readHits(path: string): Promise<Hits> {
  await using file = await openColumns(path, hitsKind);
  return { texts: await file.u32("texts"), positions: await file.u32("positions"), grams: await file.u32("grams") };
}

/** Puts the hits of batches one behind the other. */
export function joinHits(parts: readonly { readonly firstRow: number; readonly hits: Hits }[]): Hits {
  const texts = growingUint32(64);
  const positions = growingUint32(64);
  const grams = growingUint32(64);
  for (const { firstRow, hits } of parts) {
    texts.append(hits.texts.map((text) => text + firstRow));
    positions.append(hits.positions);
    grams.append(hits.grams);
  }
  return { texts: texts.finish(), positions: positions.finish(), grams: grams.finish() };
}

/** Hits of one partition with the cluster of each row: the id of the document that is kept for it. */
export interface PartitionHits {
  readonly hits: Hits;
  readonly cluster: (row: number) => string;
}

/** What became of an evaluation set, and of each of its examples. */
export interface SetOutcome {
  /** Examples found in a flagged document. */
  readonly contaminated: number;
  /** Examples found, but by common phrases only. */
  readonly frequent: number;
  /** Flagged clusters that hold something of the set. */
  readonly documents: number;
}

export const exampleStatuses = ["clean", "contaminated", "frequent", "too-short"] as const;
export type ExampleStatus = (typeof exampleStatuses)[number];

export interface ExampleOutcome {
  readonly set: number;
  readonly id: string;
  readonly status: ExampleStatus;
  readonly words: number;
  /** n-grams (or whole texts) that are looked for, those found, those found too often; each part counts its own. */
  readonly ngrams: number;
  readonly ngramsFound: number;
  readonly ngramsFrequent: number;
  /** Flagged clusters that hold something of it. */
  readonly documents: number;
}

export interface Flags {
  /** Clusters that have each gram; one more than `maxCorpusFrequency` stands for all above it. */
  readonly documents: Uint32Array;
  readonly clusters: ReadonlySet<string>;
  readonly examples: readonly ExampleOutcome[];
  readonly sets: readonly SetOutcome[];
}

/** Counts and flags; the result does not depend on the order of the partitions. */
export async function flagClusters(
  partitions: Iterable<PartitionHits> | AsyncIterable<PartitionHits>,
  index: ContaminationIndex,
  { maxCorpusFrequency, sets }: { readonly maxCorpusFrequency: number; readonly sets: number },
): Promise<Flags> {
  const documents = new Uint32Array(index.grams);
  const clustersOf = new Map<number, Set<string>>();
  for await (const { hits, cluster } of partitions) {
    for (const [i, gram] of hits.grams.entries()) {
      if ((documents[gram] as number) > maxCorpusFrequency) continue;
      const clusters = clustersOf.get(gram) ?? new Set();
      clustersOf.set(gram, clusters.add(cluster(hits.texts[i] as number)));
      documents[gram] = clusters.size;
      if (clusters.size > maxCorpusFrequency) clustersOf.delete(gram);
    }
  }
  return { documents, ...summarise(clustersOf, documents, index, sets) };
}

function summarise(
  clustersOf: ReadonlyMap<number, ReadonlySet<string>>,
  documents: Uint32Array,
  index: ContaminationIndex,
  setCount: number,
): Omit<Flags, "documents"> {
  const flagged = new Set<string>();
  const ofSet = Array.from({ length: setCount }, () => new Set<string>());
  const ofExample = new Map<number, Set<string>>();
  const found = new Uint32Array(index.exampleCount);
  const frequent = new Uint32Array(index.exampleCount);
  const wanted = new Uint32Array(index.exampleCount);
  for (let unit = 0; unit < index.unitCount; unit++) {
    const { example, grams } = index.unit(unit);
    wanted[example] = (wanted[example] as number) + grams;
  }
  for (const [gram, count] of documents.entries()) {
    if (count === 0) continue;
    const clusters = clustersOf.get(gram);
    for (const cluster of clusters ?? []) flagged.add(cluster);
    for (const unit of index.units(gram)) {
      const { example } = index.unit(unit);
      const counts = clusters === undefined ? frequent : found;
      counts[example] = (counts[example] as number) + 1;
      if (clusters === undefined) continue;
      const own = ofExample.get(example) ?? new Set();
      ofExample.set(example, own);
      for (const cluster of clusters) {
        own.add(cluster);
        ofSet[index.example(example).set]?.add(cluster);
      }
    }
  }
  const examples = Array.from({ length: index.exampleCount }, (_, example): ExampleOutcome => {
    const counts = { wanted: wanted[example] ?? 0, found: found[example] ?? 0, frequent: frequent[example] ?? 0 };
    return {
      ...index.example(example),
      status: statusOf(counts),
      ngrams: counts.wanted,
      ngramsFound: counts.found,
      ngramsFrequent: counts.frequent,
      documents: ofExample.get(example)?.size ?? 0,
    };
  });
  const sets = ofSet.map((clusters, set): SetOutcome => {
    const own = examples.filter((example) => example.set === set);
    return {
      contaminated: own.filter(({ status }) => status === "contaminated").length,
      frequent: own.filter(({ status }) => status === "frequent").length,
      documents: clusters.size,
    };
  });
  return { clusters: flagged, examples, sets };
}

function statusOf(counts: {
  readonly wanted: number;
  readonly found: number;
  readonly frequent: number;
}): ExampleStatus {
  if (counts.wanted === 0) return "too-short";
  if (counts.found > 0) return "contaminated";
  return counts.frequent > 0 ? "frequent" : "clean";
}

/** Writes what `mark` needs to know; clusters are sorted. */
export async function writeFlags(folder: string, { documents, clusters }: Flags): Promise<FileDigest> {
  const ids = Buffer.from([...clusters].sort().join(""), "hex");
  return await writeColumns(join(folder, flagsPath), flagsKind, { documents, clusters: new Uint8Array(ids) });
}

/** @throws DataError `column-file-invalid` */
export async function readFlags(folder: string): Promise<Pick<Flags, "documents" | "clusters">> {
  await using file = await openColumns(join(folder, flagsPath), flagsKind);
  const ids = Buffer.from((await file.u8("clusters")).buffer).toString("hex");
  const clusters = new Set(Array.from({ length: ids.length / 32 }, (_, i) => ids.slice(32 * i, 32 * (i + 1))));
  return { documents: await file.u32("documents"), clusters };
}
