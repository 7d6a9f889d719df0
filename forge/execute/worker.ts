/** Entry of a worker thread: runs the jobs it is given, answers with JSON. */
import { serveJobs } from "../base/index.ts";
import { runJob, type WorkerJob } from "./job.ts";

serveJobs(
  async (input, port) =>
    await runJob(input as WorkerJob, { report: (progress) => port.report(progress), shared: (path) => port.ask(path) }),
);
