/** Entry of a worker thread: loads the module that knows the tasks, runs what it is given, answers with JSON. */
import { serveJobs } from "../base/index.ts";
import type { TaskContext, TaskOutcome } from "../pipeline/index.ts";
import type { Task } from "../../schemas/run/plan.ts";
import type { WorkerJob } from "./local.ts";

interface TaskModule {
  readonly runTask: (task: Task, context: TaskContext) => Promise<TaskOutcome>;
}

serveJobs(async (input, report) => {
  const { module, task, folder } = input as WorkerJob;
  const { runTask } = (await import(module)) as TaskModule;
  return await runTask(task, { folder, report });
});
