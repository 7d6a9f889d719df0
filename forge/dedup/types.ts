/** The words of deduplication: partitions, tasks and what they share. Shapes only, no work. */
import type { RecordBatch } from "apache-arrow";
import type { DedupConfig } from "../../schemas/config/dedup.ts";
import type { FileDigest } from "../base/index.ts";
import type { TextKernels } from "../kernels/index.ts";

/**
 * A part of the documents, as an earlier stage left it. It must yield the same rows in the same order every time.
 *
 * Batches need the columns `id` (32 hex digits, unique in the corpus) and `text`, both Utf8, and what the config makes
 * use of: the quality signal, `url`, `date`. How documents are spread over partitions never changes the result.
 */
export interface DedupPartition {
  /** Name for messages, e.g. the file that holds it. */
  readonly key: string;
  /** Rank of its source: documents of lower rank are kept first. */
  readonly sourceRank: number;
  /** Only documents of one scope are compared; 0 for all when there is but one. */
  readonly scope: number;
  /** Of an existing corpus: such documents come first in keep order, and none of them is removed. */
  readonly existing?: ExistingPartition;
  open(): AsyncIterable<RecordBatch>;
}

/** A part of an existing corpus; its `sourceRank` is the rank of the corpus among those. */
export interface ExistingPartition {
  /** Name of the corpus. */
  readonly corpus: string;
  /** Path of the index that `writeIndex` left; row `i` of it is row `i` of the partition. */
  readonly index: string;
}

/** The kernels that deduplication needs. */
export type DedupKernels = Pick<
  TextKernels,
  "countCodePoints" | "hashTexts" | "normalizeForDedup" | "signMinHash" | "bandKeys" | "shingleSets" | "jaccard"
>;

export const dedupStages = [
  "fingerprint",
  "exact",
  "sign",
  "match",
  "candidates",
  "gather",
  "verify",
  "choose",
  "decide",
  "lines",
  "repeated-lines",
  "cut-lines",
] as const;
export type DedupStageName = (typeof dedupStages)[number];

/**
 * `FOLDER/00000.EXTENSION` and so on: files of all partitions. A path for each would make plans grow with the square of
 * the partitions, where many tasks read them all.
 */
export interface NumberedFiles {
  readonly folder: string;
  readonly extension: string;
  readonly count: number;
}

/** One unit of work as plain JSON: it reads `inputs` (and its partition) and writes `outputs`, nothing else. */
export interface DedupTask {
  readonly stage: DedupStageName;
  /** Unique name, stable across runs, e.g. `sign-00003`. */
  readonly name: string;
  /** Index of the partition that it reads, or null. */
  readonly partition: number | null;
  /** Band of a match, group of a verification, or null. */
  readonly part: number | null;
  /** Paths relative to the work folder, forward slashes. */
  readonly inputs: readonly (string | NumberedFiles)[];
  readonly outputs: readonly string[];
}

/** Tasks of a stage may run in any order and at the same time; stages follow one another. */
export interface DedupStage {
  readonly name: DedupStageName;
  readonly tasks: readonly DedupTask[];
}

/** What a task needs at hand besides its description. */
export interface DedupContext {
  /** Work folder that the paths of tasks are relative to. */
  readonly folder: string;
  readonly config: DedupConfig;
  readonly kernels: DedupKernels;
  /** In the order in which they were planned. */
  readonly partitions: readonly DedupPartition[];
  /** How much a task holds at a time: rows of a merge, n-grams of a block of documents. Never changes a result. */
  readonly blocks?: { readonly rows?: number; readonly shingles?: number };
  readonly signal?: AbortSignal;
}

export interface DedupTaskResult {
  /** One for each of the task's outputs, in their order. */
  readonly outputs: readonly FileDigest[];
  /** Named figures, whole numbers: documents, pairs, … */
  readonly counts: Readonly<Record<string, number>>;
}

/** Why a document was removed; each holds between it and the kept document that it names. */
export const dedupReasons = ["same-url", "exact-duplicate", "same-normal-form", "near-duplicate"] as const;
export type DedupReason = (typeof dedupReasons)[number];

/** Stored reasons: 0 is a kept document, `i + 1` is `dedupReasons[i]`. */
export const reasonCode = { kept: 0, url: 1, exact: 2, normalForm: 3, near: 4 } as const;

/** No document: stands where a dense id could. */
export const noDocument = 0xffff_ffff;
