/**
 * Corpora that exist already: found by their manifests, read as partitions that deduplication compares with, and the
 * index that lets this one serve as such later.
 */
import { join, resolve } from "node:path";
import { z } from "zod";
import { makeData, RecordBatch, Schema, Field, Struct, Utf8 } from "../../../schemas/arrow.ts";
import type { DedupConfig } from "../../../schemas/config/dedup.ts";
import { Utf8ColumnBuilder } from "../../../schemas/record/document.ts";
import type { ManifestFile } from "../../../schemas/run/manifest.ts";
import { DataError, digestFile, UsageError } from "../../base/index.ts";
import { indexSettings, indexSources, isCurrentIndex, writeIndex, type DedupPartition } from "../../dedup/index.ts";
import { openParquet } from "../../shard/index.ts";
import type { TaskContext, TaskOutcome } from "../executor.ts";
import { readCorpusManifest } from "../card-files.ts";
import { partitionFiles, workFolder, type Revision } from "../layout.ts";
import { decidedBatches } from "./kept.ts";

/** One partition of an existing corpus. Plain JSON. */
export interface ExistingPart {
  /** Name of the corpus, and its place in the config's list. */
  readonly corpus: string;
  readonly rank: number;
  /** Absolute; where the corpus lies decides nothing. */
  readonly folder: string;
  readonly index: Pick<ManifestFile, "path" | "sha256">;
  readonly documents: Pick<ManifestFile, "path" | "sha256">;
}

/**
 * Finds the corpora to deduplicate against.
 *
 * @throws DataError `manifest-missing`, `index-outdated`, `corpus-changed`; UsageError `index-missing`, `index-differs`
 */
export async function describeExisting(config: DedupConfig, cwd: string): Promise<readonly ExistingPart[]> {
  const parts: ExistingPart[] = [];
  for (const [rank, name] of config.against.entries()) {
    const folder = resolve(cwd, name);
    const manifest = await readCorpusManifest(folder);
    const files = new Map(manifest.files.map(({ path, sha256 }) => [path, { path, sha256 }]));
    const indices = [...files.values()].filter(({ path }) => path.startsWith("index/"));
    if (indices.length === 0) {
      throw new UsageError("index-missing", `${folder} has no index to deduplicate against`, {
        hint: "Build it once more with `dedup.keepIndex: true` and --update: only the index is made.",
      });
    }
    refuseOtherSettings(folder, config, madeWith.parse(manifest.config).dedup);
    await refuseOldIndex(folder, indices[0]);
    for (const index of indices) {
      const documents = files.get(index.path.replace(/^index/, "documents").replace(/col$/, "parquet"));
      if (documents !== undefined) parts.push({ corpus: manifest.name, rank, folder, index, documents });
    }
  }
  return parts;
}

/** Looks at one of a corpus' indices, since one run makes them all. */
async function refuseOldIndex(folder: string, index: ExistingPart["index"] | undefined): Promise<void> {
  if (index === undefined || (await isCurrentIndex(join(folder, index.path)))) return;
  await refuseChanged(folder, index);
  const file = join(folder, index.path);
  throw new DataError(
    "index-outdated",
    `${file} was made by another version of Forge, whose hashes mean nothing to this one`,
    { file },
    { hint: "Build that corpus once more with --update: what depends on them is made anew." },
  );
}

/** The part of a corpus' config that its index depends on. */
const madeWith = z.object({ dedup: z.record(z.string(), z.json()) });

function refuseOtherSettings(folder: string, config: DedupConfig, made: Readonly<Record<string, unknown>>): void {
  for (const name of indexSettings) {
    // An index without band keys serves exact matching only, one with them serves both.
    if (made[name] === config[name] || (name === "near" && !config.near) || (name !== "near" && !config.near)) continue;
    throw indexDiffers(folder, name, made[name], config[name]);
  }
  for (const name of ["url", "normalForm"] as const) {
    if (config[name] && made[name] !== true) throw indexDiffers(folder, name, made[name], config[name]);
  }
}

function indexDiffers(folder: string, name: string, made: unknown, wanted: unknown): UsageError {
  return new UsageError(
    "index-differs",
    `${folder} was indexed with dedup.${name}: ${JSON.stringify(made)}, this corpus has ${JSON.stringify(wanted)}`,
    { hint: `Give both the same dedup.${name}.` },
  );
}

/** A part of an existing corpus as deduplication sees it. */
export function existingPartition({ corpus, rank, folder, index, documents }: ExistingPart): DedupPartition {
  const path = join(folder, documents.path);
  return {
    key: path,
    sourceRank: rank,
    scope: 0,
    existing: { corpus, index: join(folder, index.path) },
    async *open() {
      await refuseChanged(folder, documents);
      yield* readDocuments(path);
    },
  };
}

/** The same where nothing of it is read but to which corpus it belongs. */
export function unreadPartition(corpus: string, rank: number): DedupPartition {
  const refuse = (): never => {
    throw new Error(`No other task reads the partitions of ${corpus}`);
  };
  return {
    key: corpus,
    sourceRank: rank,
    scope: 0,
    existing: {
      corpus,
      get index(): string {
        return refuse();
      },
    },
    open: refuse,
  };
}

/**
 * Tasks of existing corpora have the hashes of its manifest in their keys, so it must be those files that they read.
 *
 * @throws DataError `corpus-changed`; `file-not-found`
 */
export async function refuseChanged(
  folder: string,
  { path, sha256 }: Pick<ManifestFile, "path" | "sha256">,
): Promise<void> {
  const file = join(folder, path);
  if ((await digestFile(file)).sha256 === sha256) return;
  throw new DataError(
    "corpus-changed",
    `${file} is not the file that the manifest beside it names: its SHA-256 differs`,
    { file },
    { hint: `forge verify ${folder} names every such file; build that corpus again.` },
  );
}

const textSchema = new Schema([new Field("id", new Utf8(), false), new Field("text", new Utf8(), false)]);

/** Ids and texts of a file of documents. */
async function* readDocuments(path: string): AsyncGenerator<RecordBatch, void, undefined> {
  const reader = await openParquet(path);
  for await (const rows of reader.rowGroups()) {
    const id = new Utf8ColumnBuilder();
    const text = new Utf8ColumnBuilder();
    for (const row of rows) {
      id.appendString(String(row["id"]));
      text.append(Buffer.from(String(row["text"]), "utf8"));
    }
    const children = [id.finish(), text.finish()];
    const type = new Struct(textSchema.fields);
    yield new RecordBatch(textSchema, makeData({ type, length: rows.length, nullCount: 0, children }));
  }
}

export interface IndexInput {
  readonly partition: number;
  readonly revisions: readonly Revision[];
  readonly config: DedupConfig;
}

/** The index of a partition's documents, row by row as in its Parquet file. */
export async function indexPartition(input: IndexInput, context: TaskContext): Promise<TaskOutcome> {
  const { partition, revisions, config } = input;
  const { folder } = context;
  const rows: number[] = [];
  for await (const { firstRow, kept } of decidedBatches(folder, partition, revisions)) {
    for (const row of kept) rows.push(firstRow + row);
  }
  const sources = indexSources(partition, config);
  const inWork = (path: string): string => join(folder, workFolder, path);
  const { index } = partitionFiles(partition);
  const digest = await writeIndex(
    join(folder, index),
    rows,
    {
      survivors: inWork(sources.survivors),
      keys: inWork(sources.keys),
      signatures: sources.signatures === undefined ? undefined : inWork(sources.signatures),
    },
    config,
  );
  return { files: [{ path: index, ...digest, rows: rows.length }], result: null };
}
