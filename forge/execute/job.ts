/** One task as it is sent to whoever runs it, and how it is run there. */
import { taskPassed, withoutFlushing } from "../base/index.ts";
import type { Task } from "../../schemas/run/plan.ts";
import type { TaskContext, TaskOutcome } from "../pipeline/index.ts";

export interface WorkerJob {
  /** URL of the module that exports `runTask`. */
  readonly module: string;
  readonly task: Task;
  readonly folder: string;
}

interface TaskModule {
  readonly runTask: (task: Task, context: TaskContext) => Promise<TaskOutcome>;
}

/** What a task left, and for how many milliseconds it kept its thread busy. */
export interface JobOutcome {
  readonly outcome: TaskOutcome;
  readonly busyMs: number;
}

export async function runJob(
  { module, task, folder }: WorkerJob,
  offers: Pick<TaskContext, "report" | "shared">,
): Promise<JobOutcome> {
  const started = performance.now();
  const { runTask } = (await import(module)) as TaskModule;
  // A record vouches for the files; who writes it flushes them, while this thread has the next task.
  const outcome = await withoutFlushing(async () => await runTask(task, { folder, ...offers }));
  taskPassed();
  return { outcome, busyMs: performance.now() - started };
}
