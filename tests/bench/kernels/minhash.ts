/**
 * Row `minhash-signature`: normalise, split, shingle, sign 14 × 8, against MinhashDedupSignature's own functions as
 * datatrove ships them (English spaCy words, xxhash64, 61-bit permutations).
 *
 * Verified means: ours equals its twin; with words at white space and datatrove's hash and permutations at least 99.9 %
 * of the documents have its normal form and its signature; and of the sample's documents, at least `keptBound` have the
 * same fate when each is deduplicated by its own signatures. Another splitter and other permutations make candidates of
 * other pairs near the threshold, so that this cannot be all of them.
 */
import { loadKernels, type TextColumn, type TextKernels } from "../../../forge/kernels/index.ts";
import { missingCorpus, type BenchRow } from "../harness.ts";
import { compareSignatures } from "./compatibility.ts";
import { corpusParts, everyNth, megabytesOf, oneBatch, stringsOf, type CorpusParts } from "./corpus.ts";
import { findDatatrove, type Datatrove } from "./datatrove.ts";

/** Least part of documents that both keep or both remove. */
const keptBound = 0.95;
/** Least part of equal values of the compatibility run, on every fourth document. */
export const compatibilityBound = 0.999;
export const compatibilityStep = 4;

const bands = 14;
const rows = 8;

export const minhashSignature: BenchRow = {
  name: "minhash-signature",
  unit: "MB/s",
  async prepare() {
    const parts = await corpusParts();
    if (parts === undefined) return missingCorpus;
    const fast = await loadKernels({ implementation: "wasm" });
    const datatrove = findDatatrove();
    return {
      kind: "sampled",
      sampleAmount: megabytesOf(parts.sample),
      doubleAmount: megabytesOf(parts.double),
      wholeAmount: megabytesOf(parts.whole),
      ours: { name: "wasm", run: (part) => parts[part].forEach((batch) => fast.signMinHash(batch)) },
      ...(typeof datatrove === "string"
        ? { missingPeer: datatrove }
        : {
            peer: {
              name: "datatrove",
              run: async (part) => (await datatrove.run("minhash", stringsOf(parts[part]))).seconds,
            },
          }),
      async verify() {
        const equalsTwin = await compareWithTwin(fast, parts.double);
        if (typeof datatrove === "string") return { verified: equalsTwin, details: { equalsTwin } };
        const compatibility = await compareSigned(fast, datatrove, parts);
        const kept = await compareKept(fast, datatrove, parts.double);
        const verified =
          equalsTwin && compatibility.equal >= compatibilityBound * compatibility.values && kept.sameFate >= keptBound;
        return { verified, details: { equalsTwin, compatibility, kept: { ...kept, bound: keptBound } } };
      },
    };
  },
};

async function compareWithTwin(fast: TextKernels, batches: readonly TextColumn[]): Promise<boolean> {
  const twin = await loadKernels({ implementation: "reference" });
  return batches.every((batch) => {
    const [ours, plain] = [fast.signMinHash(batch).signatures, twin.signMinHash(batch).signatures];
    return ours.length === plain.length && ours.every((value, i) => value === plain[i]);
  });
}

async function compareSigned(
  kernels: TextKernels,
  datatrove: Datatrove,
  { whole }: CorpusParts,
): Promise<ReturnType<typeof compareSignatures>> {
  const column = everyNth(whole, compatibilityStep);
  const { result } = await datatrove.run("minhash-whitespace", stringsOf([column]));
  return compareSignatures(kernels, column, result);
}

interface KeptComparison {
  readonly documents: number;
  readonly keptByDatatrove: number;
  /** By shared bands alone, as datatrove does it, and by pairs verified at a true Jaccard of 0.8. */
  readonly kept: number;
  readonly keptVerified: number;
  /** Part of the documents that both keep or both remove. */
  readonly sameFate: number;
  readonly sameFateVerified: number;
}

async function compareKept(
  kernels: TextKernels,
  datatrove: Datatrove,
  batches: readonly TextColumn[],
): Promise<KeptComparison> {
  const column = oneBatch(batches);
  const { result } = await datatrove.run("minhash-kept", stringsOf([column]));
  const theirs = new Set(result.removed);
  const ours = removedByBands(kernels, column, () => true);
  const sets = kernels.shingleSets(column, 5);
  const verified = removedByBands(kernels, column, (i, j) => kernels.jaccard(sets, i, sets, j) >= 0.8);
  const documents = column.length;
  const agree = (removed: ReadonlySet<number>): number => {
    let same = 0;
    for (let i = 0; i < documents; i++) if (theirs.has(i) === removed.has(i)) same++;
    return same / documents;
  };
  return {
    documents,
    keptByDatatrove: documents - theirs.size,
    kept: documents - ours.size,
    keptVerified: documents - verified.size,
    sameFate: agree(ours),
    sameFateVerified: agree(verified),
  };
}

/** Documents that are not the first of their component, where documents with an equal band are joined. */
function removedByBands(
  kernels: TextKernels,
  column: TextColumn,
  accept: (first: number, second: number) => boolean,
): Set<number> {
  const { signatures, shingleCounts } = kernels.signMinHash(column, { bands, rows });
  const keys = kernels.bandKeys(signatures, column.length, { bands, rows });
  const parents = Array.from({ length: column.length }, (_, i) => i);
  const root = (i: number): number => {
    let at = i;
    while (parents[at] !== at) at = parents[at] as number;
    return at;
  };
  for (let band = 0; band < bands; band++) {
    const buckets = new Map<string, number[]>();
    for (let i = 0; i < column.length; i++) {
      if (shingleCounts[i] === 0) continue;
      const key = keys.subarray(2 * (i * bands + band), 2 * (i * bands + band) + 2).join(" ");
      const members = buckets.get(key) ?? [];
      for (const other of members) {
        const [a, b] = [root(other), root(i)];
        if (a !== b && accept(other, i)) parents[Math.max(a, b)] = Math.min(a, b);
      }
      members.push(i);
      buckets.set(key, members);
    }
  }
  return new Set(parents.flatMap((parent, i) => (parent === i ? [] : [i])));
}
