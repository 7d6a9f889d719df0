/** Entry of a training thread: runs one task after the other and answers each. */
import { parentPort, workerData } from "node:worker_threads";
import { createTaskRunner, type Task, type ThreadOptions } from "./tasks.ts";

if (parentPort !== null) {
  const port = parentPort;
  const run = createTaskRunner(workerData as ThreadOptions);
  port.on("message", (task: Task) => port.postMessage(run(task)));
}
