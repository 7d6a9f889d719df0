/**
 * The proof: candidates are compared by the true Jaccard of their word n-grams.
 *
 * A second sequential pass over the documents gathers the n-gram sets of all candidates; groups of pairs then read only
 * the sets they need. Components only group the work: what counts is each pair by itself.
 */
import { growingUint32, openColumns, utf8Column, writeColumns } from "../base/index.ts";
import { pickTexts } from "./documents.ts";
import { survivorKind } from "./exact.ts";
import { candidateKind, survivingRows } from "./near.ts";
import { noDocument, type DedupContext, type DedupTask, type DedupTaskResult } from "./types.ts";
import type { ShingleSets } from "../kernels/index.ts";
import { inputPath, outputPath, partitionOf } from "./work.ts";

export const shingleKind = "dedup-shingles-1";
export const verifiedKind = "dedup-verified-1";

/** N-gram sets of a partition's candidates. */
export async function gather(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const { config, kernels, signal } = context;
  const partition = partitionOf(task, context);
  await using survivors = await openColumns(inputPath(task, 0, context), survivorKind);
  await using candidates = await openColumns(inputPath(task, 1, context), candidateKind);
  const denseOf = await survivors.u32("dense");
  const isCandidate = await candidates.u8("isCandidate");
  const dense = growingUint32();
  const offsets = growingUint32();
  const hashes = growingUint32();
  let firstRow = 0;
  offsets.push(0);
  for await (const batch of partition.open()) {
    signal?.throwIfAborted();
    const start = firstRow;
    const picked = survivingRows(denseOf, start, batch.numRows).filter(
      (row) => isCandidate[denseOf[start + row] as number] === 1,
    );
    firstRow += batch.numRows;
    if (picked.length === 0) continue;
    const texts = pickTexts(utf8Column(batch, "text", partition.key), picked);
    const sets = kernels.shingleSets(texts, config.shingleWords);
    const base = hashes.length / 2;
    const origin = sets.offsets[0] as number;
    for (const [i, row] of picked.entries()) {
      dense.push(denseOf[start + row] as number);
      offsets.push(base + (sets.offsets[i + 1] as number) - origin);
    }
    hashes.append(sets.hashes.subarray(2 * origin, 2 * (sets.offsets[picked.length] as number)));
  }
  const digest = await writeColumns(outputPath(task, 0, context), shingleKind, {
    dense: dense.finish(),
    offsets: offsets.finish(),
    hashes: hashes.finish(),
  });
  return { outputs: [digest], counts: { candidates: dense.length, shingles: hashes.length / 2 } };
}

/** True Jaccard of one group of candidate pairs; pairs at or above the threshold are written. */
export async function verify(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const { config, kernels, signal } = context;
  await using candidates = await openColumns(inputPath(task, 0, context), candidateKind);
  const group = task.part ?? 0;
  const [start, end] = await candidates.u32("groupOffsets", group, group + 2);
  const first = await candidates.u32("first", start, end);
  const second = await candidates.u32("second", start, end);
  const total = candidates.length("isCandidate");
  const { sets, slotOf } = await loadSets(task, context, first, second, total);
  const verified = { first: growingUint32(), second: growingUint32(), jaccard: [] as number[] };
  for (let pair = 0; pair < first.length; pair++) {
    if (pair % 65_536 === 0) signal?.throwIfAborted();
    const a = first[pair] as number;
    const b = second[pair] as number;
    const jaccard = kernels.jaccard(sets, slotOf[a] as number, sets, slotOf[b] as number);
    if (jaccard < config.threshold) continue;
    verified.first.push(a);
    verified.second.push(b);
    verified.jaccard.push(jaccard);
  }
  const digest = await writeColumns(outputPath(task, 0, context), verifiedKind, {
    first: verified.first.finish(),
    second: verified.second.finish(),
    jaccard: Float64Array.from(verified.jaccard),
  });
  return { outputs: [digest], counts: { pairs: first.length, verified: verified.first.length } };
}

/** The n-gram sets of the documents in some pairs, and where each document's set stands among them. */
async function loadSets(
  task: DedupTask,
  context: DedupContext,
  first: Uint32Array,
  second: Uint32Array,
  total: number,
): Promise<{ readonly sets: ShingleSets; readonly slotOf: Uint32Array }> {
  const slotOf = new Uint32Array(total).fill(noDocument);
  const needed = new Uint8Array(total);
  for (const document of first) needed[document] = 1;
  for (const document of second) needed[document] = 1;
  const offsets = growingUint32();
  const hashes = growingUint32();
  let slots = 0;
  offsets.push(0);
  for (let input = 1; input < task.inputs.length; input++) {
    context.signal?.throwIfAborted();
    await using file = await openColumns(inputPath(task, input, context), shingleKind);
    const dense = await file.u32("dense");
    const bounds = await file.u32("offsets");
    // Neighbours are read in one go.
    let row = 0;
    while (row < dense.length) {
      if (needed[dense[row] as number] === 0) {
        row++;
        continue;
      }
      const from = row;
      while (row < dense.length && needed[dense[row] as number] === 1) {
        slotOf[dense[row] as number] = slots++;
        offsets.push(hashes.length / 2 + (bounds[row + 1] as number) - (bounds[from] as number));
        row++;
      }
      hashes.append(await file.u32("hashes", 2 * (bounds[from] as number), 2 * (bounds[row] as number)));
    }
  }
  return { sets: { hashes: hashes.finish(), offsets: offsets.finish() }, slotOf };
}
