/**
 * Copies, found before anything is signed: equal bytes, equal normal forms and, where asked for, equal URLs (copies.ts).
 *
 * Most duplicates of the web end here, and they would be hubs of the near matching later. What survives gets dense ids
 * in keep order, so that from here on "comes first in keep order" is "has the smaller number". Everything is sorted
 * outside memory (base/sorted-runs.ts); what stays in it are numbers, 25 bytes a document, 29 with URLs.
 */
import {
  DataError,
  formatId,
  growingUint32,
  idBytes,
  mergeRuns,
  openColumns,
  writeColumns,
  type ColumnFile,
  type SortedBlock,
} from "../base/index.ts";
import { findCopies } from "./copies.ts";
import { fingerprintKind, keyKind } from "./keys.ts";
import { noDocument, reasonCode, type DedupContext, type DedupTask, type DedupTaskResult } from "./types.ts";
import { inputPaths, mergeOptions, outputPath } from "./work.ts";

export const survivorKind = "dedup-survivors-2";
export const documentKind = "dedup-documents-3";

/**
 * Resolves copies over all partitions and numbers the survivors in keep order.
 *
 * Inputs are the partitions' ids, then their keys; outputs the documents, then the partitions' survivors.
 *
 * @throws DataError `document-id-repeated` when two documents have the same id
 */
export async function resolveExact(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const { partitions, signal } = context;
  const paths = inputPaths(task, context);
  const idPaths = paths.slice(0, partitions.length);
  const keyPaths = paths.slice(partitions.length);
  const sizes: number[] = [];
  const starts: number[] = [];
  let total = 0;
  // One after the other: there may be more partitions than files that can be open.
  for (const path of idPaths) {
    const size = await lengthOf(path);
    sizes.push(size);
    starts.push(total);
    total += size;
  }
  await refuseRepeatedIds(
    keyPaths.filter((_, i) => partitions[i]?.existing === undefined),
    context,
  );

  const rankOf = await rankDocuments(keyPaths, starts, total, context);
  const existing = sizes.reduce((sum, size, i) => sum + (partitions[i]?.existing === undefined ? 0 : size), 0);
  const { original, reason, twin } = await findCopies({ keyPaths, starts, rankOf, existing }, context);
  const isWaiting = (rank: number): boolean => reason[rank] === reasonCode.url;

  const denseOf = new Uint32Array(total).fill(noDocument);
  let survivors = 0;
  for (let rank = 0; rank < total; rank++) {
    if (original[rank] === rank || isWaiting(rank)) denseOf[rank] = survivors++;
  }
  const counts = { documents: total, survivors, existing, waiting: 0, exact: 0, normalForm: 0 };
  const copies = new Uint32Array(survivors);
  const waiting = { document: growingUint32(), first: growingUint32(), twin: growingUint32() };
  for (let rank = 0; rank < total; rank++) {
    const kept = denseOf[original[rank] as number] as number;
    if (isWaiting(rank)) {
      waiting.document.push(denseOf[rank] as number);
      waiting.first.push(kept);
      waiting.twin.push(denseOf[twin[rank] as number] as number);
      counts.waiting++;
    } else if (original[rank] !== rank) {
      copies[kept] = (copies[kept] as number) + 1;
      counts[reason[rank] === reasonCode.exact ? "exact" : "normalForm"]++;
    }
  }

  const outputs = [
    await writeColumns(outputPath(task, 0, context), documentKind, {
      id: { type: "u8", length: survivors * idBytes, chunks: survivingIds(keyPaths, denseOf, context) },
      copies,
      existing: existingBounds(partitions, sizes),
      waiting: waiting.document.finish(),
      waitingFor: waiting.first.finish(),
      waitingTwin: waiting.twin.finish(),
    }),
  ];
  for (const [index, start] of starts.entries()) {
    signal?.throwIfAborted();
    await using ids: ColumnFile = await openColumns(idPaths[index] as string, fingerprintKind);
    const ranks = rankOf.subarray(start, start + (sizes[index] as number));
    outputs.push(
      await writeColumns(outputPath(task, index + 1, context), survivorKind, {
        dense: ranks.map((rank) => denseOf[rank] as number),
        reason: Uint8Array.from(ranks, (rank) => reason[rank] as number),
        partner: ranks.map((rank) =>
          denseOf[rank] === noDocument ? (denseOf[original[rank] as number] as number) : noDocument,
        ),
        id: await ids.u8("id"),
      }),
    );
  }
  return { outputs, counts };
}

async function lengthOf(path: string): Promise<number> {
  await using file = await openColumns(path, fingerprintKind);
  return file.length("id") / idBytes;
}

async function refuseRepeatedIds(paths: readonly string[], context: DedupContext): Promise<void> {
  let last: readonly number[] = [];
  for await (const { columns, order } of mergeRuns(paths, keyKind, "id", mergeOptions(context))) {
    for (const row of order) {
      const id = columns.slice(0, 4).map((column) => column[row] as number);
      if (id.every((word, i) => word === last[i])) {
        const bytes = Buffer.alloc(idBytes);
        for (const [i, word] of id.entries()) bytes.writeUInt32BE(word, i * 4);
        const sample = formatId(bytes, 0);
        throw new DataError("document-id-repeated", `Two documents have the id ${sample}`, { column: "id", sample });
      }
      last = id;
    }
  }
}

/** Number of each document (partition by partition, row by row) in keep order. */
async function rankDocuments(
  paths: readonly string[],
  starts: readonly number[],
  total: number,
  context: DedupContext,
): Promise<Uint32Array> {
  const rankOf = new Uint32Array(total);
  let rank = 0;
  for await (const { columns, file, order } of mergeRuns(paths, keyKind, "keep", mergeOptions(context))) {
    const rows = columns.at(-1) as Uint32Array;
    for (const at of order) rankOf[(starts[file[at] as number] as number) + (rows[at] as number)] = rank++;
  }
  return rankOf;
}

/** Ids of the survivors in keep order, block by block. */
async function* survivingIds(
  paths: readonly string[],
  denseOf: Uint32Array,
  context: DedupContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  let rank = 0;
  for await (const block of mergeRuns(paths, keyKind, "keep", mergeOptions(context))) yield idsOf(block);

  function idsOf({ columns, order }: SortedBlock): Uint8Array {
    const words = columns.slice(-5, -1);
    const bytes = Buffer.alloc(order.length * idBytes);
    let length = 0;
    for (const at of order) {
      if (denseOf[rank++] === noDocument) continue;
      for (const word of words) length = bytes.writeUInt32BE(word[at] as number, length);
    }
    return bytes.subarray(0, length);
  }
}

/** For each existing corpus the dense id behind its last document: all of them survive, and come first. */
function existingBounds(partitions: DedupContext["partitions"], sizes: readonly number[]): Uint32Array {
  const bounds: number[] = [];
  for (const [index, { existing, sourceRank }] of partitions.entries()) {
    if (existing !== undefined) bounds[sourceRank] = (bounds[sourceRank] ?? 0) + (sizes[index] as number);
  }
  let sum = 0;
  return Uint32Array.from(bounds, (size: number | undefined) => (sum += size ?? 0));
}
