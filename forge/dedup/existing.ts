/**
 * What a finished corpus keeps so that a later one can be deduplicated against it: for each of its documents the id, the
 * keys of copies and the band keys. Texts are not in it: n-grams of candidates are taken from the documents again.
 *
 * Rows stand in the order of the documents' own files. An index is of use only under the settings it was made with;
 * see `indexSettings`.
 */
import {
  assert,
  createRunFile,
  DataError,
  growingUint32,
  idBytes,
  mergeRuns,
  openColumns,
  writeColumns,
  type Column,
  type ColumnFile,
  type FileDigest,
  type GrowingUint32,
} from "../base/index.ts";
import { survivorKind } from "./exact.ts";
import { bandSection, copyRelations, fingerprintKind, keyKind, signatureKind } from "./keys.ts";
import { keepWidth } from "./keep-order.ts";
import { noDocument, type DedupContext, type DedupPartition, type DedupTask, type DedupTaskResult } from "./types.ts";
import { outputPath } from "./work.ts";
import type { DedupConfig } from "../../schemas/config/dedup.ts";

/** Counts up with the hashes that it holds, not only with its layout: keys of other hashes would meet nothing. */
const indexKind = "dedup-index-2";

/** Settings that two corpora must share for the index of one to say something about the other. */
export const indexSettings = ["near", "shingleWords", "bands", "rows", "seed"] as const satisfies (keyof DedupConfig)[];

export interface IndexSources {
  /** Paths of the partition's files that `planDedup` names. */
  readonly survivors: string;
  readonly keys: string;
  /** Absent without near matching. */
  readonly signatures?: string | undefined;
}

/**
 * Writes the index of one partition.
 *
 * @param rows rows of the partition that became part of the corpus, ascending
 */
export async function writeIndex(
  output: string,
  rows: readonly number[],
  sources: IndexSources,
  config: DedupConfig,
): Promise<FileDigest> {
  await using survivors = await openColumns(sources.survivors, survivorKind);
  const denseOf = await survivors.u32("dense");
  const ids = await survivors.u8("id");
  const positionOf = new Uint32Array(denseOf.length).fill(noDocument);
  const positionOfDense = new Map<number, number>();
  for (const [position, row] of rows.entries()) {
    positionOf[row] = position;
    positionOfDense.set(denseOf[row] as number, position);
  }
  const id = new Uint8Array(rows.length * idBytes);
  for (const [position, row] of rows.entries())
    id.set(ids.subarray(row * idBytes, (row + 1) * idBytes), position * idBytes);
  const columns: Record<string, Column> = { id, order: Uint32Array.from(rows, (row) => denseOf[row] as number) };
  const relations = copyRelations(config);
  for (const relation of relations) {
    const found = await collect([sources.keys], keyKind, relation, 4, (row) => positionOf[row] ?? noDocument);
    Object.assign(columns, { [`${relation}.key`]: found.words, [`${relation}.row`]: found.positions });
  }
  if (sources.signatures !== undefined) {
    for (let band = 0; band < config.bands; band++) {
      const position = (dense: number): number => positionOfDense.get(dense) ?? noDocument;
      const found = await collect([sources.signatures], signatureKind, bandSection(band), 2, position);
      Object.assign(columns, { [`band${band}.key`]: found.words, [`band${band}.row`]: found.positions });
    }
  }
  return await writeColumns(output, indexKind, columns);
}

/** Key words of a section's rows, row by row, for those whose last word has a position in the index. */
async function collect(
  paths: readonly string[],
  kind: string,
  section: string,
  width: number,
  positionOf: (last: number) => number,
): Promise<{ readonly words: Uint32Array; readonly positions: Uint32Array }> {
  const words = growingUint32();
  const positions = growingUint32();
  for await (const { columns, order } of mergeRuns(paths, kind, section)) {
    const last = columns[width] as Uint32Array;
    for (const at of order) {
      const position = positionOf(last[at] as number);
      if (position === noDocument) continue;
      positions.push(position);
      for (let word = 0; word < width; word++) words.push(columns[word]?.[at] as number);
    }
  }
  return { words: words.finish(), positions: positions.finish() };
}

/** False when another version of the program wrote an index. @throws DataError `file-not-found` */
export async function isCurrentIndex(path: string): Promise<boolean> {
  try {
    await (await openColumns(path, indexKind))[Symbol.asyncDispose]();
    return true;
  } catch (error) {
    if (error instanceof DataError && error.code === "column-file-invalid") return false;
    throw error;
  }
}

/** What `fingerprint` does for a partition of an existing corpus: nothing is read but its index. */
export async function fingerprintExisting(
  task: DedupTask,
  context: DedupContext,
  partition: DedupPartition,
  path: string,
): Promise<DedupTaskResult> {
  await using file = await openColumns(path, indexKind);
  const id = await file.u8("id");
  const order = await file.u32("order");
  const documents = order.length;
  const rows = Uint32Array.from({ length: documents }, (_, row) => row);
  const view = new DataView(id.buffer, id.byteOffset, id.byteLength);
  const idWords = [0, 1, 2, 3].map((word) => rows.map((row) => view.getUint32(row * idBytes + 4 * word)));
  // First of all comes the corpus, then its own keep order; the words between are those of other partitions.
  const keep = Array.from({ length: keepWidth(context.config) }, (): Uint32Array => new Uint32Array(documents));
  keep[1] = new Uint32Array(documents).fill(partition.sourceRank);
  keep[keep.length - 1] = order;
  await using runs = await createRunFile(outputPath(task, 1, context), keyKind);
  await runs.append("keep", [...keep, ...idWords, rows]);
  for (const relation of copyRelations(context.config)) {
    await runs.append(relation, [...(await keyColumns(file, relation, 4)), await file.u32(`${relation}.row`)]);
  }
  const digest = await writeColumns(outputPath(task, 0, context), fingerprintKind, { id });
  return { outputs: [digest, await runs.commit()], counts: { documents } };
}

/** What `sign` does for a partition of an existing corpus. */
export async function signExisting(
  task: DedupTask,
  context: DedupContext,
  path: string,
  denseOf: Uint32Array,
): Promise<DedupTaskResult> {
  await using file = await openColumns(path, indexKind);
  await using runs = await createRunFile(outputPath(task, 0, context), signatureKind);
  let signed = 0;
  for (let band = 0; band < context.config.bands; band++) {
    const rows = await file.u32(`band${band}.row`);
    signed = rows.length;
    const dense = rows.map((row) => denseOf[row] as number);
    assert(!dense.includes(noDocument), `no document of ${path} is removed`);
    await runs.append(bandSection(band), [...(await keyColumns(file, `band${band}`, 2)), dense]);
  }
  return { outputs: [await runs.commit()], counts: { signed } };
}

async function keyColumns(file: ColumnFile, name: string, width: number): Promise<readonly Uint32Array[]> {
  const words = await file.u32(`${name}.key`);
  const columns = Array.from({ length: width }, (): GrowingUint32 => growingUint32(words.length / width + 1));
  for (const [at, word] of words.entries()) columns[at % width]?.push(word);
  return columns.map((column) => column.finish());
}
