/**
 * The proof: candidates are compared by the true Jaccard of their word n-grams.
 *
 * A second sequential pass over the documents gathers the n-gram sets of all candidates, sorted by group; each group of
 * pairs then reads its own range of every file. Components only group the work: what counts is each pair by itself. A
 * group too large for memory is worked through in blocks of documents, every block against every other that it has
 * pairs with.
 */
import {
  createRunFile,
  growingUint32,
  lowerBound,
  mergeRuns,
  openColumns,
  sortRows,
  utf8Column,
  writeColumns,
  type RunFileWriter,
} from "../base/index.ts";
import { pickTexts } from "./documents.ts";
import { survivorKind } from "./exact.ts";
import { groupKind, pairKind, survivingRows, verificationGroups } from "./near.ts";
import { noDocument, type DedupContext, type DedupTask, type DedupTaskResult } from "./types.ts";
import type { ShingleSets } from "../kernels/index.ts";
import { inputPath, inputPaths, mergeOptions, outputPath, partitionOf } from "./work.ts";

export const shingleKind = "dedup-shingles-2";
/** Section `pairs`: second, first, and the Jaccard as the two words of a 64-bit float. */
export const verifiedKind = "dedup-verified-2";

/** n-grams of a block of documents: 8 bytes each, and two blocks are in memory. */
const blockShingles = 1 << 22;

/** N-gram sets of a partition's candidates, by group, then in keep order. */
export async function gather(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const { config, kernels, signal, partitions } = context;
  const partition = partitionOf(task, context);
  await using survivors = await openColumns(inputPath(task, 0, context), survivorKind);
  await using groups = await openColumns(inputPath(task, 1, context), groupKind);
  const denseOf = await survivors.u32("dense");
  const groupOf = await groups.u32("group");
  const group = growingUint32();
  const dense = growingUint32();
  const offsets = growingUint32();
  const hashes = growingUint32();
  let firstRow = 0;
  offsets.push(0);
  // The texts of an existing corpus are read for candidates only.
  const isNeeded = groupOf.some((one) => one !== noDocument);
  for await (const batch of isNeeded ? partition.open() : []) {
    signal?.throwIfAborted();
    const start = firstRow;
    const picked = survivingRows(denseOf, start, batch.numRows).filter((row) => groupOf[start + row] !== noDocument);
    firstRow += batch.numRows;
    if (picked.length === 0) continue;
    const sets = kernels.shingleSets(pickTexts(utf8Column(batch, "text", partition.key), picked), config.shingleWords);
    const base = hashes.length / 2;
    const origin = sets.offsets[0] as number;
    for (const [i, row] of picked.entries()) {
      group.push(groupOf[start + row] as number);
      dense.push(denseOf[start + row] as number);
      offsets.push(base + (sets.offsets[i + 1] as number) - origin);
    }
    hashes.append(sets.hashes.subarray(2 * origin, 2 * (sets.offsets[picked.length] as number)));
  }
  const order = sortRows([group.finish(), dense.finish()]);
  const from = offsets.finish();
  const sortedOffsets = new Uint32Array(order.length + 1);
  const sortedHashes = new Uint32Array(hashes.length);
  const groupOffsets = new Uint32Array(verificationGroups(partitions.length, config) + 1);
  for (const [to, at] of order.entries()) {
    const start = sortedOffsets[to] as number;
    const [first, end] = [from[at] as number, from[at + 1] as number];
    sortedHashes.set(hashes.finish().subarray(2 * first, 2 * end), 2 * start);
    sortedOffsets[to + 1] = start + end - first;
    groupOffsets[(group.finish()[at] as number) + 1] = to + 1;
  }
  // A group without a document begins where it ends.
  for (let i = 1; i < groupOffsets.length; i++) {
    groupOffsets[i] = Math.max(groupOffsets[i] as number, groupOffsets[i - 1] as number);
  }
  const sortedDense = order.map((at) => dense.finish()[at] as number);
  const digest = await writeColumns(outputPath(task, 0, context), shingleKind, {
    dense: sortedDense,
    offsets: sortedOffsets,
    hashes: sortedHashes,
    groupOffsets,
  });
  return { outputs: [digest], counts: { candidates: dense.length, shingles: hashes.length / 2 } };
}

/** True Jaccard of one group of candidate pairs; pairs at or above the threshold are written. */
export async function verify(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const files = inputPaths(task, context).slice(1);
  const group = await openGroup(files, task.part ?? 0, context.blocks?.shingles ?? blockShingles);
  const counts = { pairs: 0, verified: 0 };
  await using runs = await createRunFile(outputPath(task, 0, context), verifiedKind);
  for await (const { columns, order } of mergeRuns(
    [inputPath(task, 0, context)],
    pairKind,
    "pairs",
    mergeOptions(context),
  )) {
    const [first, second] = columns as [Uint32Array, Uint32Array];
    const sorted = { first: order.map((at) => first[at] as number), second: order.map((at) => second[at] as number) };
    counts.pairs += order.length;
    counts.verified += await verifyPairs(sorted, group, runs, context);
  }
  return { outputs: [await runs.commit()], counts };
}

interface Pairs {
  readonly first: Uint32Array;
  readonly second: Uint32Array;
}

/** Where a group's sets lie: in each file a range, ascending by document. */
interface Group {
  readonly files: readonly {
    readonly path: string;
    readonly dense: Uint32Array;
    /** Of the range's sets, in n-grams from the beginning of the file. */
    readonly offsets: Uint32Array;
  }[];
  /** First document of each block, ascending; the first is 0. */
  readonly blocks: Uint32Array;
}

async function openGroup(paths: readonly string[], group: number, shinglesPerBlock: number): Promise<Group> {
  const files: { path: string; dense: Uint32Array; offsets: Uint32Array }[] = [];
  for (const path of paths) {
    await using file = await openColumns(path, shingleKind);
    const [start = 0, end = 0] = await file.u32("groupOffsets", group, group + 2);
    if (start === end) continue;
    const offsets = await file.u32("offsets", start, end + 1);
    files.push({ path, dense: await file.u32("dense", start, end), offsets });
  }
  const total = files.reduce((sum, { dense }) => sum + dense.length, 0);
  const dense = new Uint32Array(total);
  const sizes = new Uint32Array(total);
  let next = 0;
  for (const file of files) {
    for (const [i, document] of file.dense.entries()) {
      dense[next] = document;
      sizes[next++] = (file.offsets[i + 1] as number) - (file.offsets[i] as number);
    }
  }
  const blocks = growingUint32();
  blocks.push(0);
  let filled = 0;
  for (const at of sortRows([dense])) {
    if (filled > 0 && filled + (sizes[at] as number) > shinglesPerBlock) {
      blocks.push(dense[at] as number);
      filled = 0;
    }
    filled += sizes[at] as number;
  }
  return { files, blocks: blocks.finish() };
}

/** Returns how many pairs are at or above the threshold. */
async function verifyPairs(pairs: Pairs, group: Group, runs: RunFileWriter, context: DedupContext): Promise<number> {
  const { config, kernels, signal } = context;
  const firstBlock = pairs.first.map((document) => blockOf(group.blocks, document));
  const secondBlock = pairs.second.map((document) => blockOf(group.blocks, document));
  const verified = Array.from({ length: 4 }, () => growingUint32());
  const float = new Float64Array(1);
  const words = new Uint32Array(float.buffer);
  let left: Block | undefined;
  let right: Block | undefined;
  for (const [done, pair] of sortRows([firstBlock, secondBlock]).entries()) {
    if (done % 65_536 === 0) signal?.throwIfAborted();
    const a = firstBlock[pair] as number;
    const b = secondBlock[pair] as number;
    if (left?.index !== a) left = right?.index === a ? right : await loadBlock(group, a);
    if (right?.index !== b) right = a === b ? left : await loadBlock(group, b);
    const first = pairs.first[pair] as number;
    const second = pairs.second[pair] as number;
    const jaccard = kernels.jaccard(left.sets, slotOf(left, first), right.sets, slotOf(right, second));
    if (jaccard < config.threshold) continue;
    float[0] = jaccard;
    for (const [column, word] of [second, first, words[0] as number, words[1] as number].entries()) {
      verified[column]?.push(word);
    }
  }
  await runs.append(
    "pairs",
    verified.map((column) => column.finish()),
  );
  return verified[0]?.length ?? 0;
}

interface Block {
  readonly index: number;
  readonly sets: ShingleSets;
  /** The block's documents, ascending, and where each one's set stands among `sets`. */
  readonly documents: Uint32Array;
  readonly slots: Uint32Array;
}

async function loadBlock(group: Group, index: number): Promise<Block> {
  const from = group.blocks[index] as number;
  const end = group.blocks[index + 1] ?? noDocument;
  const documents = growingUint32();
  const offsets = growingUint32();
  const hashes = growingUint32(1 << 16);
  offsets.push(0);
  for (const { path, dense, offsets: bounds } of group.files) {
    const first = lowerBound(dense, from);
    const last = lowerBound(dense, end);
    if (first === last) continue;
    await using file = await openColumns(path, shingleKind);
    const base = hashes.length / 2 - (bounds[first] as number);
    hashes.append(await file.u32("hashes", 2 * (bounds[first] as number), 2 * (bounds[last] as number)));
    for (let row = first; row < last; row++) {
      documents.push(dense[row] as number);
      offsets.push(base + (bounds[row + 1] as number));
    }
  }
  const slots = sortRows([documents.finish()]);
  return {
    index,
    sets: { hashes: hashes.finish(), offsets: offsets.finish() },
    documents: slots.map((slot) => documents.finish()[slot] as number),
    slots,
  };
}

function slotOf({ documents, slots }: Block, document: number): number {
  return slots[lowerBound(documents, document)] as number;
}

/** Index of the last block that does not begin behind a document. */
function blockOf(blocks: Uint32Array, document: number): number {
  const index = lowerBound(blocks, document);
  return blocks[index] === document ? index : index - 1;
}
