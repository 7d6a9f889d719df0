/**
 * One run of `build-corpus` in a process of its own, for tests/bench/build-corpus.ts: `ours.ts JOB.json RESULT.json`.
 *
 * The job names config, output folder and workers; the result gives times, peak memory and the steps' milliseconds.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { enableCompileCache } from "node:module";
import type { Conservation } from "../../../schemas/run/manifest.ts";

export interface OwnJob {
  readonly config: unknown;
  readonly out: string;
  readonly workers: number;
}

export interface OwnRun {
  /** Processor time of all threads of the process, from its start to its end, and wall time of the build. */
  readonly processorSeconds: number;
  readonly seconds: number;
  readonly peakMemoryBytes: number;
  /** Milliseconds of threads by stage, and by step of ingest under `ingest: step`. */
  readonly steps: Readonly<Record<string, number>>;
  readonly conservation: Conservation;
  readonly contaminated: number;
  readonly tokens: number;
  /** Of the names and SHA-256 of all output files. */
  readonly digest: string;
}

// As bin/run.js does for users: what was compiled once need not be again.
enableCompileCache();
const { localExecutor } = await import("../../../forge/execute/index.ts");
const { buildCorpus } = await import("../../../forge/pipeline/index.ts");
const { corpusConfigSchema } = await import("../../../schemas/config/corpus.ts");

const [jobPath = "", resultPath = ""] = process.argv.slice(2);
const job = JSON.parse(readFileSync(jobPath, "utf8")) as OwnJob;
const steps: Record<string, number> = {};
const start = performance.now();
const manifest = await buildCorpus(corpusConfigSchema.parse(job.config), {
  out: job.out,
  executor: localExecutor({ workers: job.workers }),
  reporter: (event) => {
    if (event.type !== "stage-end") return;
    steps[event.stage] = (steps[event.stage] ?? 0) + (event.busyMs ?? 0);
    for (const [name, ms] of Object.entries(event.steps ?? {})) steps[`${event.stage}: ${name}`] = ms;
  },
});
const seconds = (performance.now() - start) / 1000;
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
const { conservation, figures, files } = manifest;
const result: OwnRun = {
  processorSeconds: (userCPUTime + systemCPUTime) / 1e6,
  seconds,
  peakMemoryBytes: maxRSS * 1024,
  steps,
  conservation,
  contaminated: figures.contamination?.flagged ?? 0,
  tokens: Object.values(figures.tokens).reduce((sum, one) => sum + one.tokens, 0),
  digest: createHash("sha256")
    .update(files.map((file) => `${file.path} ${file.sha256}`).join("\n"))
    .digest("hex"),
};
writeFileSync(resultPath, JSON.stringify(result));
