/** `forge build-corpus`: raw text to a corpus on disk. */
import { availableParallelism } from "node:os";
import { basename, join, resolve } from "node:path";
import { corpusConfigSchema, type CorpusConfig } from "../../schemas/config/corpus.ts";
import { DataError, UsageError } from "../base/index.ts";
import { standardOptions, type CommandInput, type CommandResult, type CommandSpec } from "../console/command.ts";
import { formatConfig, loadConfig, type LoadedConfig } from "../console/config.ts";
import { localExecutor } from "../execute/index.ts";
import { buildCorpus, checkCorpusConfig, countDone, estimateBuild, planBuild } from "../pipeline/index.ts";
import { describeOutput, exitCodeOf } from "./describe-corpus.ts";
import { describePlan } from "./describe-plan.ts";

export const spec: CommandSpec = {
  name: "build-corpus",
  summary: "Read, filter, deduplicate, tokenise and shard documents",
  description:
    "Writes documents, rejects with their reasons, token shards, a tokenizer and a dataset card. Run again after an " +
    "interruption: finished parts are kept.",
  examples: [
    "forge build-corpus docs/recipes/quickstart.yaml",
    "forge build-corpus --source 'texts/**/*.jsonl.zst' --source notes/ --out shards/mine",
    "forge build-corpus --source 'hf://datasets/OWNER/NAME/data/*.parquet' --out shards/mine --dry-run",
    "forge build-corpus docs/recipes/quickstart.yaml --dry-run",
    "forge build-corpus my.yaml --set dedup.threshold=0.9 --update",
  ],
  argument: { name: "CONFIG.yaml", description: "What to read and how; see docs/recipes/", required: false },
  options: [
    {
      name: "source",
      value: "URI",
      description: "Instead of a config: file, folder, glob, https://, s3:// or hf://datasets/ to read",
      repeatable: true,
    },
    standardOptions.out,
    standardOptions.dryRun,
    standardOptions.update,
    standardOptions.force,
    standardOptions.strict,
    standardOptions.workers,
    standardOptions.seed,
    standardOptions.set,
    standardOptions.showConfig,
  ],
  run,
};

async function run(input: CommandInput): Promise<CommandResult> {
  try {
    return await build(input);
  } catch (error) {
    throw input.flags.list("source").length === 0 ? error : asNamed(error);
  }
}

async function build(input: CommandInput): Promise<CommandResult> {
  const { flags, reporter, signal, cwd } = input;
  const loaded = await load(input);
  const { config } = loaded;
  const out = config.out ?? join("shards", config.name);
  const workers = flags.integer("workers", 1) ?? availableParallelism();
  if (flags.on("show-config")) return { text: formatConfig(loaded), json: loaded };
  if (flags.on("dry-run")) {
    const plan = await planBuild(config, { cwd, signal });
    const estimate = estimateBuild(plan, config, workers);
    const done = await countDone(resolve(cwd, out), plan);
    return {
      text: describePlan({ plan, config, out, workers, estimate, done }),
      json: { out, workers, estimate, done: Object.fromEntries(done), ...plan },
    };
  }
  const manifest = await buildCorpus(config, {
    out: resolve(cwd, out),
    executor: localExecutor({ workers }),
    update: flags.on("update"),
    force: flags.on("force"),
    cwd,
    reporter,
    signal,
  });
  return {
    text: describeOutput(manifest, out),
    json: { out, ...manifest },
    next: `forge verify ${out}`,
    exitCode: exitCodeOf(manifest, flags.on("strict")),
  };
}

async function load(input: CommandInput): Promise<LoadedConfig<CorpusConfig>> {
  const { argument, flags, env, cwd } = input;
  const paths = flags.list("source");
  const out = flags.text("out");
  if ((argument === undefined) === (paths.length === 0)) {
    throw new UsageError("source-missing", "Give either a config file or --source", {
      hint: "For example: forge build-corpus --source 'texts/*.jsonl' --out shards/mine",
    });
  }
  const quick = {
    name: basename(out ?? "corpus"),
    sources: paths.map((path, i) => ({ name: `source-${i + 1}`, path })),
  };
  return await loadConfig(corpusConfigSchema, {
    path: argument === undefined ? undefined : resolve(cwd, argument),
    sets: flags.list("set"),
    overrides: { ...(paths.length === 0 ? {} : quick), out, "shard.seed": flags.integer("seed", 0) },
    env,
    check: checkCorpusConfig,
  });
}

/** The command line names the sources: that one is not there is the command line's fault, and no bad data. */
function asNamed(error: unknown): unknown {
  if (!(error instanceof DataError) || error.code !== "sources-missing") return error;
  const { code, message, hint, details } = error;
  const missing = details?.["missing"];
  if (!Array.isArray(missing) || missing.length === 0) return error;
  return new UsageError(code, message, {
    cause: error,
    ...(hint !== undefined && { hint }),
    ...(details !== undefined && { details }),
  });
}
