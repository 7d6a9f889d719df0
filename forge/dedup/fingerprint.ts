/** What the exact stage needs to know of each document: its place in keep order, and the keys that make it a copy. */
import type { RecordBatch } from "apache-arrow";
import {
  createRunFile,
  growingUint32,
  idBytes,
  idColumn,
  utf8Column,
  writeColumns,
  type GrowingUint32,
} from "../base/index.ts";
import { appendKeyWords, pickTexts } from "./documents.ts";
import { keepWords } from "./keep-order.ts";
import { fingerprintExisting } from "./existing.ts";
import { copyRelations, fingerprintKind, keyKind, type CopyRelation } from "./keys.ts";
import type { DedupContext, DedupKernels, DedupTask, DedupTaskResult } from "./types.ts";
import { normalizeUrl } from "./url.ts";
import { outputPath, partitionOf } from "./work.ts";

/** Ids of a partition's documents, row by row, and their keys as sorted runs. */
export async function fingerprint(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const { config, kernels, signal } = context;
  const partition = partitionOf(task, context);
  if (partition.existing !== undefined) {
    return await fingerprintExisting(task, context, partition, partition.existing.index);
  }
  const ids: Uint8Array[] = [];
  const keep: GrowingUint32[] = [];
  const relations = copyRelations(config).map((name) => ({ name, ...keyColumns() }));
  let documents = 0;
  for await (const batch of partition.open()) {
    signal?.throwIfAborted();
    ids.push(idColumn(batch, partition.key, documents));
    for (const [index, words] of keepWords(batch, partition, config).entries()) {
      (keep[index] ??= growingUint32()).append(words);
    }
    for (const { name, key, row } of relations) {
      const { keys, rows } = copyKeys[name](batch, partition.key, kernels);
      appendKeyWords(key, keys, partition.scope);
      for (const one of rows) row.push(documents + one);
    }
    documents += batch.numRows;
  }
  const allIds = Buffer.concat(ids);
  const idColumns = keyColumns();
  appendKeyWords(idColumns.key, allIds);
  const idWords = idColumns.key.map((column) => column.finish());
  const rows = Uint32Array.from({ length: documents }, (_, row) => row);
  await using runs = await createRunFile(outputPath(task, 1, context), keyKind);
  await runs.append("keep", [...keep.map((column) => column.finish()), ...idWords, rows]);
  await runs.append("id", [...idWords, rows]);
  for (const { name, key, row } of relations) {
    await runs.append(name, [...key.map((column) => column.finish()), row.finish()]);
  }
  const digest = await writeColumns(outputPath(task, 0, context), fingerprintKind, { id: allIds });
  return { outputs: [digest, await runs.commit()], counts: { documents } };
}

interface CopyKeys {
  /** 16 bytes for each of `rows`. */
  readonly keys: Uint8Array;
  /** Rows of the batch that have a key. */
  readonly rows: readonly number[];
}

const copyKeys: Readonly<Record<CopyRelation, (batch: RecordBatch, file: string, kernels: DedupKernels) => CopyKeys>> =
  {
    url: urlKeys,
    exact: (batch, file, kernels) => ({
      keys: kernels.hashTexts(utf8Column(batch, "text", file)),
      rows: allRows(batch),
    }),
    normalForm: normalFormKeys,
  };

/** Of a text of nothing but punctuation no normal form is left: such texts are equal in bytes or not at all. */
function normalFormKeys(batch: RecordBatch, file: string, kernels: DedupKernels): CopyKeys {
  const normal = kernels.normalizeForDedup(utf8Column(batch, "text", file));
  const rows = allRows(batch).filter((row) => (normal.offsets[row + 1] as number) > (normal.offsets[row] as number));
  return { keys: kernels.hashTexts(rows.length === normal.length ? normal : pickTexts(normal, rows)), rows };
}

/** Documents without a URL are compared with none by it. */
function urlKeys(batch: RecordBatch, file: string, kernels: DedupKernels): CopyKeys {
  const column = utf8Column(batch, "url", file);
  const vector = batch.getChild("url");
  const urls: Uint8Array[] = [];
  const rows: number[] = [];
  for (let row = 0; row < batch.numRows; row++) {
    const url: unknown = vector?.get(row);
    if (typeof url !== "string" || url.trim() === "") continue;
    urls.push(Buffer.from(normalizeUrl(url), "utf8"));
    rows.push(row);
  }
  const offsets = new Int32Array(urls.length + 1);
  for (const [i, url] of urls.entries()) offsets[i + 1] = (offsets[i] as number) + url.byteLength;
  if (urls.length === 0) return { keys: new Uint8Array(), rows };
  return { keys: kernels.hashTexts({ ...column, values: Buffer.concat(urls), offsets, length: urls.length }), rows };
}

function allRows(batch: RecordBatch): readonly number[] {
  return Array.from({ length: batch.numRows }, (_, row) => row);
}

function keyColumns(): { readonly key: readonly GrowingUint32[]; readonly row: GrowingUint32 } {
  return { key: Array.from({ length: idBytes / 4 }, () => growingUint32()), row: growingUint32() };
}
