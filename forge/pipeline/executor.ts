/** What the pipeline asks of whoever runs its tasks. `forge/execute` has the implementations. */
import type { CompletionRecord, Plan } from "../../schemas/run/plan.ts";
import type { Reporter } from "../base/index.ts";

export interface ExecuteOptions {
  /** Output folder; files of tasks lie in it, completion records in its `.work/done/`. */
  readonly folder: string;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
  /** Called, by stage, when all its records are written, before what waits for all of it; what it throws ends the run. */
  readonly afterStage?: Readonly<Record<string, (records: readonly CompletionRecord[]) => Promise<void>>>;
}

/** Completion records of all the plan's tasks, in the plan's order. */
export type Execution = readonly CompletionRecord[];

/**
 * Runs what is not done yet. Outputs may not depend on how many tasks run at once, in which order, or how often the
 * run was killed.
 *
 * @throws what a task throws; `signal.reason` when aborted
 */
export type Executor = (plan: Plan, options: ExecuteOptions) => Promise<Execution>;

/** What a task leaves: files (paths relative to the output folder) and a result for later tasks, both plain JSON. */
export type TaskOutcome = Pick<CompletionRecord, "files" | "result">;

/** What a task sees of the world. */
export interface TaskContext {
  /** Output folder. */
  readonly folder: string;
  /** Bytes of source data done since the last call, and whatever figures the progress line shows. */
  readonly report: (progress: TaskProgress) => void;
  /**
   * A file of the output folder as read-only memory, held once for all workers of a process for as long as the stage
   * runs. Costs the file's size once, however many workers ask.
   */
  readonly shared: (path: string) => Promise<SharedArrayBuffer>;
}

export interface TaskProgress {
  readonly bytes: number;
  /** Documents read since the last call, and how many of them were kept. */
  readonly documents?: number;
  readonly kept?: number;
  /** Milliseconds since the last call, by step. */
  readonly steps?: Readonly<Record<string, number>>;
}
