/** What the tasks behind `ingest` are given. Plain JSON, made by the plan. */
import type { DedupConfig } from "../../../schemas/config/dedup.ts";
import type { TokenizerConfig } from "../../../schemas/config/shard.ts";
import type { DedupTask } from "../../dedup/index.ts";
import type { Revision } from "../layout.ts";
import type { ExistingPart } from "./existing.ts";

/** Every task has one: it must not grow with the number of partitions, of which there are as many as tasks. */
export interface DedupInput {
  readonly task: DedupTask;
  readonly config: DedupConfig;
  /** Partitions one behind the other, neighbours of a source together; then those of existing corpora. */
  readonly partitions: readonly PartitionRun[];
  readonly existing: readonly ExistingRun[];
  /** The existing corpus' partition that the task reads. */
  readonly reads: ExistingPart | null;
}

/** So many partitions of one source; see `DedupPartition`. */
export interface PartitionRun {
  readonly sourceRank: number;
  readonly scope: number;
  readonly count: number;
}

/** So many partitions of one existing corpus. */
export interface ExistingRun extends Pick<ExistingPart, "corpus" | "rank"> {
  readonly count: number;
}

export interface TokenizerInput {
  readonly partitions: number;
  /** Stages whose edits make the texts what they are. */
  readonly revisions: readonly Revision[];
  readonly config: TokenizerConfig;
  /** A tokenizer that exists already; null when one is trained. */
  readonly given: { readonly path: string; readonly sha256: string } | null;
}

export interface EncodeInput {
  readonly partition: number;
  readonly revisions: readonly Revision[];
  /** The tokenizer's name for people. */
  readonly tokenizer: string;
}

export interface DocumentsInput {
  readonly partition: number;
  readonly revisions: readonly Revision[];
  readonly rowGroupBytes: number;
  /** Signal columns of the whole corpus, so that all Parquet files have one schema. */
  readonly signals: readonly string[];
}

export interface ShardsInput {
  readonly partitions: number;
  /** The tokenizer's name for people. */
  readonly tokenizer: string;
  /** This task of so many. */
  readonly task: number;
  readonly tasks: number;
  readonly seed: number;
  readonly validationFraction: number;
  readonly tokensPerShard: number;
  readonly tokenBudget: number | null;
}
