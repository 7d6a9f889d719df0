/** One task as it is sent to whoever runs it, and how it is run there. */
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

export async function runJob(
  { module, task, folder }: WorkerJob,
  offers: Pick<TaskContext, "report" | "shared">,
): Promise<TaskOutcome> {
  const { runTask } = (await import(module)) as TaskModule;
  return await runTask(task, { folder, ...offers });
}
