/**
 * Exact copies, found before anything is signed: equal bytes first, then equal normal forms.
 *
 * Most duplicates of the web end here, and they would be hubs of the near matching later. What survives gets dense ids
 * in keep order, so that from here on "comes first in keep order" is "has the smaller number".
 */
import { signalPrefix } from "../../schemas/record/document.ts";
import {
  DataError,
  forEachGroup,
  formatId,
  idBytes,
  idColumn,
  openColumns,
  signalColumn,
  sortRows,
  utf8Column,
  writeColumns,
} from "../base/index.ts";
import { wordColumns } from "./documents.ts";
import { noDocument, reasonCode, type DedupContext, type DedupTask, type DedupTaskResult } from "./types.ts";
import { inputPath, outputPath, partitionOf } from "./work.ts";

export const fingerprintKind = "dedup-fingerprints-1";
export const survivorKind = "dedup-survivors-1";
export const documentKind = "dedup-documents-1";

/** Keys and keep order of a partition's documents, row by row. */
export async function fingerprint(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const { config, kernels, signal } = context;
  const partition = partitionOf(task, context);
  const ids: Uint8Array[] = [];
  const exact: Uint8Array[] = [];
  const normal: Uint8Array[] = [];
  const bytes: Uint32Array[] = [];
  const quality: Float32Array[] = [];
  let documents = 0;
  for await (const batch of partition.open()) {
    signal?.throwIfAborted();
    const column = utf8Column(batch, "text", partition.key);
    const { offsets, length } = column;
    ids.push(idColumn(batch, partition.key, documents));
    // Copied: a kernel may reuse the memory that its result lies in.
    exact.push(kernels.hashTexts(column).slice());
    if (config.normalForm) normal.push(kernels.hashTexts(kernels.normalizeForDedup(column)).slice());
    bytes.push(Uint32Array.from({ length }, (_, i) => (offsets[i + 1] as number) - (offsets[i] as number)));
    if (config.quality !== undefined) {
      quality.push(signalColumn(batch, `${signalPrefix}${config.quality}`, partition.key));
    }
    documents += length;
  }
  const digest = await writeColumns(
    outputPath(task, 0, context),
    fingerprintKind,
    {
      id: concatBytes(ids),
      exact: concatBytes(exact),
      normal: concatBytes(normal),
      bytes: concat(Uint32Array, bytes),
      quality: concat(Float32Array, quality),
    },
    { documents, sourceRank: partition.sourceRank },
  );
  return { outputs: [digest], counts: { documents } };
}

/**
 * Resolves exact copies over all partitions and numbers the survivors in keep order: source rank, quality, length, id.
 *
 * Memory: about 150 bytes a document.
 *
 * @throws DataError `document-id-repeated` when two documents have the same id
 */
export async function resolveExact(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const all = await loadFingerprints(task, context);
  const order = keepOrder(all);
  // For each row the row that it copies (itself when kept), and why.
  const original = Uint32Array.from({ length: all.documents }, (_, row) => row);
  const reason = new Uint8Array(all.documents);
  removeCopies(all.exact, order, original, reason, reasonCode.exact);
  if (context.config.normalForm) {
    const left = order.filter((row) => original[row] === row);
    removeCopies(all.normal, left, original, reason, reasonCode.normalForm);
  }
  const denseOf = new Uint32Array(all.documents).fill(noDocument);
  const survivors = order.filter((row) => original[row] === row);
  survivors.forEach((row, dense) => {
    denseOf[row] = dense;
  });

  const copies = new Uint32Array(survivors.length);
  const partner = new Uint32Array(all.documents).fill(noDocument);
  const counts = { documents: all.documents, survivors: survivors.length, exact: 0, normalForm: 0 };
  for (let row = 0; row < all.documents; row++) {
    let kept = row;
    // A copy of a copy: the reason is the weaker of the two relations, for it must hold to the one that is kept.
    while (original[kept] !== kept) {
      reason[row] = Math.max(reason[row] as number, reason[kept] as number);
      kept = original[kept] as number;
    }
    if (kept === row) continue;
    const dense = denseOf[kept] as number;
    partner[row] = dense;
    copies[dense] = (copies[dense] as number) + 1;
    if (reason[row] === reasonCode.exact) counts.exact++;
    else counts.normalForm++;
  }

  const ids = new Uint8Array(survivors.length * idBytes);
  survivors.forEach((row, dense) => ids.set(all.ids.subarray(row * idBytes, (row + 1) * idBytes), dense * idBytes));
  const outputs = [await writeColumns(outputPath(task, 0, context), documentKind, { id: ids, copies })];
  for (const [index, start] of all.starts.entries()) {
    const end = all.starts[index + 1] ?? all.documents;
    outputs.push(
      await writeColumns(outputPath(task, index + 1, context), survivorKind, {
        dense: denseOf.subarray(start, end),
        reason: reason.subarray(start, end),
        partner: partner.subarray(start, end),
        id: all.ids.subarray(start * idBytes, end * idBytes),
      }),
    );
  }
  return { outputs, counts };
}

interface Fingerprints {
  readonly documents: number;
  /** First row of each partition. */
  readonly starts: readonly number[];
  readonly ids: Uint8Array;
  readonly idWords: readonly Uint32Array[];
  readonly exact: readonly Uint32Array[];
  readonly normal: readonly Uint32Array[];
  readonly bytes: Uint32Array;
  readonly quality: Float32Array;
  readonly sourceRank: Uint32Array;
}

async function loadFingerprints(task: DedupTask, context: DedupContext): Promise<Fingerprints> {
  const ids: Uint8Array[] = [];
  const exact: Uint8Array[] = [];
  const normal: Uint8Array[] = [];
  const bytes: Uint32Array[] = [];
  const quality: Float32Array[] = [];
  const ranks: Uint32Array[] = [];
  const starts: number[] = [];
  let documents = 0;
  for (const index of task.inputs.keys()) {
    context.signal?.throwIfAborted();
    await using file = await openColumns(inputPath(task, index, context), fingerprintKind);
    const rows = file.length("bytes");
    ids.push(await file.u8("id"));
    exact.push(await file.u8("exact"));
    normal.push(await file.u8("normal"));
    bytes.push(await file.u32("bytes"));
    quality.push(await file.f32("quality"));
    ranks.push(new Uint32Array(rows).fill(Number(file.meta["sourceRank"])));
    starts.push(documents);
    documents += rows;
  }
  const allIds = concatBytes(ids);
  const idWords = wordColumns(allIds);
  const byId = sortRows(idWords);
  forEachGroup(idWords, byId, (start) => {
    const row = byId[start] as number;
    throw new DataError("document-id-repeated", `Two documents have the id ${formatId(allIds, row)}`, {
      column: "id",
      sample: formatId(allIds, row),
    });
  });
  return {
    documents,
    starts,
    ids: allIds,
    idWords,
    exact: wordColumns(concatBytes(exact)),
    normal: wordColumns(concatBytes(normal)),
    bytes: concat(Uint32Array, bytes),
    quality: concat(Float32Array, quality),
    sourceRank: concat(Uint32Array, ranks),
  };
}

/** Rows in keep order, the best first: a total order, since ids are unique. */
function keepOrder(all: Fingerprints): Uint32Array {
  const descending = all.bytes.map((bytes) => ~bytes >>> 0);
  const quality = all.quality.length === 0 ? [] : [descendingKey(all.quality)];
  return sortRows([all.sourceRank, ...quality, descending, ...all.idWords]);
}

/** Unsigned keys that ascend as the floats descend; NaN comes last. */
function descendingKey(values: Float32Array): Uint32Array {
  const words = new Uint32Array(values.slice().buffer);
  return words.map((word, i) => {
    const value = values[i] as number;
    if (Number.isNaN(value)) return 0xffff_ffff;
    // IEEE floats order as signed magnitudes; -0 equals 0.
    const bits = value === 0 ? 0 : word;
    const ascending = bits >>> 31 === 1 ? ~bits >>> 0 : (bits | 0x8000_0000) >>> 0;
    return ~ascending >>> 0;
  });
}

function removeCopies(
  keys: readonly Uint32Array[],
  rowsInKeepOrder: Uint32Array,
  original: Uint32Array,
  reason: Uint8Array,
  code: number,
): void {
  // The sort is stable, so each group begins with its first document in keep order.
  const sorted = sortRows(keys, rowsInKeepOrder);
  forEachGroup(keys, sorted, (start, end) => {
    for (let i = start + 1; i < end; i++) {
      const row = sorted[i] as number;
      original[row] = sorted[start] as number;
      reason[row] = code;
    }
  });
}

function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  return concat(Uint8Array, parts);
}

function concat<T extends Uint8Array | Uint32Array | Float32Array>(
  type: new (length: number) => T,
  parts: readonly T[],
): T {
  const whole = new type(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
