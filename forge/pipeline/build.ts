/** `build-corpus` from end to end: look at the inputs, plan, make the folder ready, execute, seal. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import type { CorpusConfig } from "../../schemas/config/corpus.ts";
import type { CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import { tasksOf, type CompletionRecord, type Plan } from "../../schemas/run/plan.ts";
import {
  formatJson,
  lockFolder,
  removeTemporaries,
  silentReporter,
  UsageError,
  wrapFileError,
  writeFileAtomic,
  type Reporter,
} from "../base/index.ts";
import type { Execution, Executor } from "./executor.ts";
import { describeInputs, storedInputs, type CorpusInputs } from "./inputs.ts";
import { inputsPath } from "./layout.ts";
import { prepareOutput, removeUnplanned, type OutputOptions } from "./output.ts";
import { findLostPieces, isRead, removePieces } from "./pieces.ts";
import { planCorpus } from "./plan.ts";
import { withoutLaterStages, withoutPieces, withPieces } from "./plan-pieces.ts";
import { checkReading } from "./quarantine.ts";
import { removeRecord } from "./records.ts";
import { seal } from "./seal.ts";
import { writeSecrets } from "./secrets.ts";
import type { IngestInput } from "./tasks/ingest.ts";

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
  const { cwd = process.cwd(), signal } = options;
  return await build(config, await describeInputs(config, cwd, signal), options);
}

/**
 * Applies changed filters to what an earlier run read, and redoes all that depends on them; sources are not read.
 *
 * The output is the one that `buildCorpus` would make of the same sources with this config.
 *
 * @throws UsageError `corpus-not-there`; `refilter-needs-source` when more than filters, deduplication and what comes
 *   behind them changed
 */
export async function refilterCorpus(config: CorpusConfig, options: BuildOptions): Promise<CorpusManifest> {
  const { out, cwd = process.cwd() } = options;
  const inputs = await storedInputs(out, config, cwd);
  await refuseOtherReading(out, planCorpus(config, inputs));
  return await build(config, inputs, { ...options, update: true, force: false });
}

/** Before anything is touched: every split must be there as this config would read it. */
async function refuseOtherReading(folder: string, plan: Plan): Promise<void> {
  for (const task of tasksOf(plan, "ingest")) {
    if (await isRead(folder, task)) continue;
    const { partition, split } = task.input as unknown as IngestInput;
    const uri = split.parts[0]?.uri ?? split.source;
    throw new UsageError("refilter-needs-source", `${uri} would have to be read again: it was read otherwise`, {
      hint: "Only filters, deduplication and what follows can change here; else: forge build-corpus CONFIG --update",
      details: { partition, source: split.source },
    });
  }
}

async function build(config: CorpusConfig, found: CorpusInputs, options: BuildOptions): Promise<CorpusManifest> {
  const { out, signal, reporter = silentReporter } = options;
  try {
    await using _lock = await lockFolder(out, signal === undefined ? {} : { signal });
    const whole = planCorpus(config, found);
    const first = withoutLaterStages(whole);
    const report = alsoToFile(reporter, join(out, "events.ndjson"));
    let cut: readonly CompletionRecord[] = [];
    let inputs = found;
    if (first.stages.length > 0) {
      await prepareOutput(out, first, options);
      cut = await execute(first, options, report, found.secrets);
      inputs = withPieces(found, config, cut);
    }
    const plan = inputs === found ? whole : planCorpus(config, inputs);
    // In a second step --force has done its work.
    await prepareOutput(out, plan, { ...options, force: options.force === true && cut.length === 0 });
    const { root, files, splits, uncut } = inputs;
    await writeFileAtomic(join(out, inputsPath), formatJson({ root, files, splits, uncut }));
    const lost = await findLostPieces(out, plan);
    for (const { id } of lost) await removeRecord(out, id);
    if (lost.length > 0) cut = await execute(first, options, report, found.secrets);
    const records = [...cut, ...(await execute(withoutPieces(plan), options, report, found.secrets, cut))];
    await removeUnplanned(out, plan, records);
    return await seal(out, config, inputs, records);
  } catch (error) {
    signal?.throwIfAborted();
    throw wrapFileError(error, out);
  }
}

async function execute(
  plan: Plan,
  { executor, out, signal }: BuildOptions,
  reporter: Reporter,
  secrets: CorpusInputs["secrets"],
  cut: readonly CompletionRecord[] = [],
): Promise<Execution> {
  try {
    await writeSecrets(out, secrets);
    const ingest = async (records: readonly CompletionRecord[]): Promise<void> => {
      await checkReading(out, records, reporter);
      await removePieces(out, cut);
    };
    return await executor(plan, { folder: out, reporter, signal, afterStage: { ingest } });
  } finally {
    await writeSecrets(out, {});
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
