/**
 * The local executor: stage after stage, the tasks of a stage on worker threads.
 *
 * It knows keys, records and threads; what a task does is the business of the module that the worker loads. A task
 * whose thread crashes is tried once more; a second crash ends the run with an error that names the task.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { wholeTask, type CompletionRecord, type Stage, type Task } from "../../schemas/run/plan.ts";
import {
  collectByBatches,
  createWorkerPool,
  ForgeError,
  mapConcurrent,
  moduleUrl,
  readShared,
  wrapFileError,
  WorkerCrash,
  type Reporter,
  type WorkerPool,
} from "../base/index.ts";
import { runJob, type WorkerJob } from "./job.ts";
import {
  findRecord,
  removeRecord,
  writeRecord,
  type Executor,
  type TaskContext,
  type TaskOutcome,
  type TaskProgress,
} from "../pipeline/index.ts";

export interface LocalExecutorOptions {
  /** Worker threads; 0 runs the tasks in this thread, one after the other: for debugging and quick tests. */
  readonly workers: number;
  /** Module that exports `runTask`; the pipeline's by default. Another one serves tests. */
  readonly module?: URL;
}

/** Runs plans on this machine. The caller holds the lock of the output folder. */
export function localExecutor(options: LocalExecutorOptions): Executor {
  const { workers } = options;
  const module = (options.module ?? moduleUrl(import.meta.url, "../pipeline/run-task.ts")).href;
  // Already here: inputs are read before the first plan runs, too.
  collectByBatches();
  return async (plan, { folder, reporter, signal, afterStage }) => {
    const entry = moduleUrl(import.meta.url, "./worker.ts");
    const files = sharedFiles(folder);
    const provide = (path: string): Promise<SharedArrayBuffer> => files.read(path);
    await using pool =
      workers === 0
        ? thisThread(provide)
        : createWorkerPool<WorkerJob, TaskOutcome>({ entry, workers, signal, provide });
    const records: CompletionRecord[] = [];
    for (const stage of plan.stages) {
      const done = await runStage(stage, { pool, module, folder, reporter, workers, signal });
      records.push(...done);
      files.release();
      await afterStage?.(stage.name, done);
    }
    return records;
  };
}

/** Runs jobs right here. */
function thisThread(shared: TaskContext["shared"]): WorkerPool<WorkerJob, TaskOutcome> {
  return {
    run: async (job, report = () => undefined) => await runJob(job, { report, shared }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/**
 * Files of the output folder that tasks of a stage read as shared memory, each read once. They are let go with the
 * stage: a later one may write them anew.
 */
function sharedFiles(folder: string): { read: TaskContext["shared"]; release: () => void } {
  const held = new Map<string, Promise<SharedArrayBuffer>>();
  return {
    read(path) {
      const reading = held.get(path) ?? readShared(join(folder, path));
      held.set(path, reading);
      return reading;
    },
    release: () => held.clear(),
  };
}

interface StageContext {
  readonly pool: WorkerPool<WorkerJob, TaskOutcome>;
  readonly module: string;
  readonly folder: string;
  readonly reporter: Reporter;
  readonly workers: number;
  readonly signal: AbortSignal | undefined;
}

async function runStage(stage: Stage, context: StageContext): Promise<CompletionRecord[]> {
  const { folder, reporter, workers, signal } = context;
  const started = performance.now();
  reporter({ type: "stage-start", stage: stage.name, tasks: stage.tasks.length, message: stage.summary });
  const progress = trackProgress(stage, reporter);
  const records: CompletionRecord[] = [];
  const run = async (task: Task): Promise<CompletionRecord> => {
    const done = await findRecord(folder, task);
    if (done !== undefined) {
      reporter({ type: "task-skip", stage: stage.name, task: task.id, reason: "already done" });
      progress.finish(task);
      return done;
    }
    const record = await runTask(stage, task, context, progress.add);
    progress.finish(task);
    return record;
  };
  // Twice as many as threads: while one writes its record, its thread already has the next task.
  for await (const record of mapConcurrent(
    stage.tasks,
    Math.max(1, workers * 2),
    run,
    signal === undefined ? {} : { signal },
  )) {
    records.push(record);
  }
  const steps = progress.steps();
  reporter({
    type: "stage-end",
    stage: stage.name,
    elapsedMs: performance.now() - started,
    ...(Object.keys(steps).length > 0 && { steps }),
  });
  return records;
}

async function runTask(
  stage: Stage,
  task: Task,
  context: StageContext,
  report: (task: Task, progress: TaskProgress) => void,
): Promise<CompletionRecord> {
  const { pool, module, folder, reporter, signal } = context;
  await removeRecord(folder, task.id);
  for (let attempt = 1; ; attempt++) {
    try {
      const job = { module, task: wholeTask(stage, task), folder };
      const outcome = await pool.run(job, (progress) => report(task, progress as TaskProgress));
      signal?.throwIfAborted();
      await checkFiles(folder, task, outcome);
      const record: CompletionRecord = { id: task.id, key: task.key, files: outcome.files, result: outcome.result };
      await writeRecord(folder, record);
      return record;
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof WorkerCrash)) throw wrapFileError(error, folder);
      if (attempt === 2) {
        throw new ForgeError("task-crashed", `Task ${task.id} crashed its worker twice: ${error.message}`, {
          hint: "If memory ran out, use fewer --workers; finished tasks are kept.",
          details: { task: task.id },
          cause: error,
        });
      }
      reporter({ type: "warning", message: `Task ${task.id} crashed its worker and is tried again: ${error.message}` });
    }
  }
}

/** A task that claims files it did not write would poison every later run. */
async function checkFiles(folder: string, task: Task, outcome: TaskOutcome): Promise<void> {
  for (const file of outcome.files) {
    const size = await stat(join(folder, file.path)).then(
      (found) => found.size,
      () => -1,
    );
    if (size !== file.bytes) {
      throw new Error(`Task ${task.id} says that ${file.path} has ${file.bytes} bytes; it has ${size}`);
    }
  }
}

/** Adds up what tasks report: bytes where a stage reads sources, finished tasks elsewhere. */
function trackProgress(
  stage: Stage,
  reporter: Reporter,
): {
  add: (task: Task, progress: TaskProgress) => void;
  finish: (task: Task) => void;
  steps: () => Readonly<Record<string, number>>;
} {
  const totalBytes = stage.tasks.reduce((sum, task) => sum + task.inputBytes, 0);
  const bytesOf = new Map<string, number>();
  let bytes = 0;
  let tasks = 0;
  let documents = 0;
  let kept = 0;
  const started = performance.now();
  const steps: Record<string, number> = {};
  const figures = (): Record<string, string> => {
    const perSecond = (documents / Math.max(1, performance.now() - started)) * 1000;
    return documents === 0
      ? {}
      : { documents: `${Math.round(perSecond)}/s`, kept: `${Math.round((100 * kept) / documents)} %` };
  };
  const emit = (): void => {
    if (totalBytes > 0) {
      const done = { done: bytes, total: totalBytes, unit: "bytes" as const };
      reporter({ type: "stage-progress", stage: stage.name, ...done, figures: figures() });
    } else
      reporter({ type: "stage-progress", stage: stage.name, done: tasks, total: stage.tasks.length, unit: "tasks" });
  };
  return {
    add(task, progress) {
      const before = bytesOf.get(task.id) ?? 0;
      const after = Math.min(task.inputBytes, before + progress.bytes);
      bytesOf.set(task.id, after);
      bytes += after - before;
      documents += progress.documents ?? 0;
      kept += progress.kept ?? 0;
      for (const [name, ms] of Object.entries(progress.steps ?? {})) steps[name] = (steps[name] ?? 0) + ms;
      if (totalBytes > 0) emit();
    },
    finish(task) {
      bytes += task.inputBytes - (bytesOf.get(task.id) ?? 0);
      bytesOf.set(task.id, task.inputBytes);
      tasks++;
      emit();
    },
    steps: () => steps,
  };
}
