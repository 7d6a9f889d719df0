/**
 * The local executor: tasks on worker threads, as soon as what they wait for is done (schedule.ts).
 *
 * It knows keys, records and threads; what a task does is the business of the module that the worker loads. A task
 * whose thread crashes is tried once more; a second crash ends the run with an error that names the task.
 */
import { dirname, join } from "node:path";
import { wholeTask, type CompletionRecord, type Stage, type Task } from "../../schemas/run/plan.ts";
import {
  collectByBatches,
  createWorkerPool,
  flushFile,
  flushFolder,
  ForgeError,
  moduleUrl,
  readShared,
  wrapFileError,
  WorkerCrash,
  type Reporter,
  type WorkerPool,
} from "../base/index.ts";
import { runJob, type JobOutcome, type WorkerJob } from "./job.ts";
import { PlanProgress } from "./progress.ts";
import { Schedule, type Place } from "./schedule.ts";
import {
  findRecord,
  listRecords,
  removeRecord,
  writeRecord,
  type Executor,
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
    const provide = (path: string, { task }: WorkerJob): Promise<SharedArrayBuffer> =>
      files.read(stageOf(task.id), path);
    await using pool =
      workers === 0
        ? thisThread(provide)
        : createWorkerPool<WorkerJob, JobOutcome>({ entry, workers, signal, provide });
    const schedule = new Schedule(plan.stages);
    const progress = new PlanProgress(plan.stages, reporter);
    const records = plan.stages.map((): CompletionRecord[] => []);
    const saves = plan.stages.map(() => new Set<Promise<void>>());
    const work = new Work();
    // Looked at once: most tasks of most runs have none.
    const recorded: ReadonlySet<string> = new Set(await listRecords(folder));
    const run = async (place: Place): Promise<void> => {
      const stage = plan.stages[place.stage] as Stage;
      const done = records[place.stage] as CompletionRecord[];
      const saving = saves[place.stage] as Set<Promise<void>>;
      const task = stage.tasks[place.task];
      progress.begin(place.stage);
      if (task !== undefined) {
        const report = (one: TaskProgress): void => progress.add(place.stage, task, one);
        const ran = await runOrFind(stage, task, { pool, module, folder, reporter, signal, recorded, report });
        done[place.task] = ran.record;
        if (ran.isNew) {
          const save = saveRecord(folder, ran.record).finally(() => saving.delete(save));
          saving.add(save);
          work.add("saving", save);
        }
        progress.finish(place.stage, task, ran.busyMs);
      }
      if (!schedule.finish(place)) return;
      progress.end(place.stage);
      files.release(stage.name);
      const behind = afterStage?.[stage.name];
      if (behind !== undefined) {
        await Promise.all(saving);
        await behind(done);
      }
      schedule.release(place.stage);
    };
    const begin = (): Promise<void> | undefined => {
      const place = schedule.next();
      return place === undefined ? undefined : run(place);
    };
    // Twice as many as threads: so the next task waits for a thread, no thread for a task.
    await work.all(begin, Math.max(1, workers * 2), signal);
    // The manifest will vouch for the names, too.
    const folders = new Set(records.flat().flatMap(({ files: written }) => written.map(({ path }) => dirname(path))));
    for (const one of folders) await flushFolder(join(folder, one));
    return records.flat();
  };
}

/** Records that are being written while their threads have other tasks; more wait for the disk. */
const savesAtOnce = 32;

/** Promises of tasks that run and of records that are saved behind them. */
class Work {
  readonly #running = { tasks: new Set<Promise<void>>(), saving: new Set<Promise<void>>() };

  add(kind: "tasks" | "saving", one: Promise<void>): void {
    const ended = one.finally(() => this.#running[kind].delete(ended));
    // The rejection is seen where it is waited for; this keeps Node from calling it unhandled until then.
    ended.catch(() => undefined);
    this.#running[kind].add(ended);
  }

  /** Begins all there is to begin, so many tasks at a time. The first error wins, and waits for what still runs. */
  async all(
    begin: () => Promise<void> | undefined,
    concurrency: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { tasks, saving } = this.#running;
    try {
      while (true) {
        signal?.throwIfAborted();
        while (tasks.size < concurrency && saving.size < savesAtOnce) {
          const one = begin();
          if (one === undefined) break;
          this.add("tasks", one);
        }
        if (tasks.size + saving.size === 0) return;
        await Promise.race([...tasks, ...saving]);
      }
    } finally {
      await Promise.allSettled([...tasks, ...saving]);
    }
  }
}

function stageOf(taskId: string): string {
  return taskId.slice(0, taskId.indexOf("/"));
}

/** Runs jobs right here. */
function thisThread(
  provide: (path: string, job: WorkerJob) => Promise<SharedArrayBuffer>,
): WorkerPool<WorkerJob, JobOutcome> {
  return {
    run: async (job, report = () => undefined) =>
      await runJob(job, { report, shared: async (path) => await provide(path, job) }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/**
 * Files of the output folder that tasks of a stage read as shared memory, each read once. They are let go with the
 * stage: a later one may write them anew.
 */
function sharedFiles(folder: string): {
  read: (stage: string, path: string) => Promise<SharedArrayBuffer>;
  release: (stage: string) => void;
} {
  const held = new Map<string, Map<string, Promise<SharedArrayBuffer>>>();
  return {
    read(stage, path) {
      const ofStage = held.get(stage) ?? new Map<string, Promise<SharedArrayBuffer>>();
      held.set(stage, ofStage);
      const reading = ofStage.get(path) ?? readShared(join(folder, path));
      ofStage.set(path, reading);
      return reading;
    },
    release: (stage) => void held.delete(stage),
  };
}

interface TaskRun {
  readonly pool: WorkerPool<WorkerJob, JobOutcome>;
  readonly module: string;
  readonly folder: string;
  readonly reporter: Reporter;
  readonly signal: AbortSignal | undefined;
  /** Tasks that have a record, of whichever key. */
  readonly recorded: ReadonlySet<string>;
  readonly report: (progress: TaskProgress) => void;
}

/** A task's record, whether it has to be written, and for how many milliseconds the task kept its thread busy. */
interface Ran {
  readonly record: CompletionRecord;
  readonly isNew: boolean;
  readonly busyMs: number;
}

async function runOrFind(stage: Stage, task: Task, run: TaskRun): Promise<Ran> {
  const { folder, reporter, recorded } = run;
  if (!recorded.has(task.id)) return await runTask(stage, task, run);
  const record = await findRecord(folder, task);
  if (record === undefined) {
    await removeRecord(folder, task.id);
    return await runTask(stage, task, run);
  }
  reporter({ type: "task-skip", stage: stage.name, task: task.id, reason: "already done" });
  return { record, isNew: false, busyMs: 0 };
}

async function runTask(stage: Stage, task: Task, run: TaskRun): Promise<Ran> {
  const { pool, module, folder, reporter, signal, report } = run;
  for (let attempt = 1; ; attempt++) {
    try {
      const job = { module, task: wholeTask(stage, task), folder };
      const { outcome, busyMs } = await pool.run(job, (progress) => report(progress as TaskProgress));
      signal?.throwIfAborted();
      return { record: { id: task.id, key: task.key, ...outcome }, isNew: true, busyMs };
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

/**
 * Flushes what a task wrote, then writes the record that vouches for it.
 *
 * Tasks that read the files may run before that, even end: if the machine stops in between, this task is done again and
 * leaves the same bytes.
 *
 * @throws Error when the task claims files that it did not write: they would poison every later run
 */
async function saveRecord(folder: string, record: CompletionRecord): Promise<void> {
  for (const { path, bytes } of record.files) {
    const size = await flushFile(join(folder, path));
    if (size !== bytes) {
      throw new Error(`Task ${record.id} says that ${path} has ${bytes} bytes; it has ${size ?? "none"}`);
    }
  }
  writeRecord(folder, record);
}
