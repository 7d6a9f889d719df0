/** `build-corpus` from end to end: look at the inputs, plan, make the folder ready, execute, seal. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import type { CorpusConfig } from "../../schemas/config/corpus.ts";
import type { CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import type { Plan } from "../../schemas/run/plan.ts";
import { lockFolder, removeTemporaries, silentReporter, wrapFileError, type Reporter } from "../base/index.ts";
import type { Execution, Executor } from "./executor.ts";
import { describeInputs } from "./inputs.ts";
import { prepareOutput, removeUnplanned, type OutputOptions } from "./output.ts";
import { planCorpus } from "./plan.ts";
import { seal } from "./seal.ts";

export interface BuildOptions extends OutputOptions {
  /** Output folder. */
  readonly out: string;
  /** Who runs the tasks: `localExecutor` of forge/execute. */
  readonly executor: Executor;
  /** Folder that `config.root` is relative to. @default the working directory */
  readonly cwd?: string;
  readonly reporter?: Reporter;
  readonly signal?: AbortSignal;
}

/**
 * Builds a corpus, or finishes one that was interrupted: what is done already is not done again.
 *
 * @returns the manifest as it was written
 * @throws UsageError `output-differs` when the folder holds an output of another config or other inputs;
 *   DataError for sources that are not there; EnvironmentError `disk-full`; `signal.reason` when aborted
 */
export async function buildCorpus(config: CorpusConfig, options: BuildOptions): Promise<CorpusManifest> {
  const { out, cwd = process.cwd(), signal, reporter = silentReporter } = options;
  try {
    const inputs = await describeInputs(config, cwd, signal);
    const plan = planCorpus(config, inputs);
    await using _lock = await lockFolder(out, signal === undefined ? {} : { signal });
    await prepareOutput(out, plan, options);
    const report = alsoToFile(reporter, join(out, "events.ndjson"));
    const records = await execute(plan, options, report);
    await removeUnplanned(out, plan, records);
    return await seal(out, config, inputs, records);
  } catch (error) {
    signal?.throwIfAborted();
    throw wrapFileError(error, out);
  }
}

async function execute(plan: Plan, { executor, out, signal }: BuildOptions, reporter: Reporter): Promise<Execution> {
  try {
    return await executor(plan, { folder: out, reporter, signal });
  } finally {
    // What tasks left half-written when one of them failed: on a full disk it would be in the way.
    await removeTemporaries(out);
  }
}

/** The plan alone: what `--dry-run` shows. Reads the inputs' names, sizes and hashes, writes nothing. */
export async function planBuild(
  config: CorpusConfig,
  options: Pick<BuildOptions, "cwd" | "signal"> = {},
): Promise<Plan> {
  return planCorpus(config, await describeInputs(config, options.cwd ?? process.cwd(), options.signal));
}

/** Keeps what matters later; progress is for whoever watches. */
function alsoToFile(reporter: Reporter, path: string): Reporter {
  return (event) => {
    if (event.type !== "stage-progress" && event.type !== "task-skip") {
      appendFileSync(path, `${JSON.stringify({ version: 1, at: new Date().toISOString(), ...event })}\n`);
    }
    reporter(event);
  };
}
