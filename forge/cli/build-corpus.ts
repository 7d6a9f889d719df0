/** `forge build-corpus`: raw text to a corpus on disk. */
import { availableParallelism } from "node:os";
import { basename, join, resolve } from "node:path";
import { corpusConfigSchema, type CorpusConfig } from "../../schemas/config/corpus.ts";
import type { Plan } from "../../schemas/run/plan.ts";
import { UsageError } from "../base/index.ts";
import { standardOptions, type CommandInput, type CommandResult, type CommandSpec } from "../console/command.ts";
import { formatConfig, loadConfig, type LoadedConfig } from "../console/config.ts";
import { localExecutor } from "../execute/index.ts";
import { buildCorpus, planBuild } from "../pipeline/index.ts";
import { describeOutput, megabytes } from "./describe-corpus.ts";

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
    standardOptions.workers,
    standardOptions.seed,
    standardOptions.set,
    standardOptions.showConfig,
  ],
  run,
};

async function run(input: CommandInput): Promise<CommandResult> {
  const { flags, reporter, signal, cwd } = input;
  const loaded = await load(input);
  const { config } = loaded;
  const out = config.out ?? join("shards", config.name);
  if (flags.on("show-config")) return { text: formatConfig(loaded), json: loaded };
  if (flags.on("dry-run")) {
    const plan = await planBuild(config, { cwd, signal });
    return { text: describePlan(plan, config, out), json: { out, ...plan } };
  }
  const manifest = await buildCorpus(config, {
    out: resolve(cwd, out),
    executor: localExecutor({ workers: flags.integer("workers", 1) ?? availableParallelism() }),
    update: flags.on("update"),
    force: flags.on("force"),
    cwd,
    reporter,
    signal,
  });
  return { text: describeOutput(manifest, out), json: { out, ...manifest }, next: `forge verify ${out}` };
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
  });
}

function describePlan(plan: Plan, config: CorpusConfig, out: string): string {
  const bytes = plan.stages.flatMap((stage) => stage.tasks).reduce((sum, task) => sum + task.inputBytes, 0);
  const width = Math.max(...plan.stages.map((stage) => stage.name.length));
  const stages = plan.stages.map(
    (stage) => `  ${stage.name.padEnd(width)}  ${String(stage.tasks.length).padStart(5)} tasks  ${stage.summary}`,
  );
  const first = plan.stages.find(({ name }) => name === "split")?.tasks ?? [];
  const [copied, cut] = [true, false].map((copies) => first.filter(({ input }) => isCopy(input) === copies)) as [
    typeof first,
    typeof first,
  ];
  const cutBytes = cut.reduce((sum, task) => sum + task.inputBytes, 0);
  // Text compresses to a quarter, about.
  const pieces = Math.max(cut.length, Math.round((cutBytes * 4) / config.read.pieceBytes));
  const estimate = [
    ...(cut.length === 0
      ? []
      : [
          `  (estimated: ${cut.length} compressed files are cut into about ${pieces} pieces, each a task of its own then)`,
        ]),
    ...(copied.length === 0
      ? []
      : [
          `  (${copied.length} files are copied first: their servers deliver no parts or do not vouch for the content)`,
        ]),
  ];
  const copiedBytes = copied.reduce((sum, task) => sum + task.inputBytes, 0);
  const total = `${megabytes(bytes - cutBytes - copiedBytes)} of ${config.sources.length} sources would become ${out}/:`;
  // The quickstart takes 1.3 times its input; JSON Lines with long texts up to three times.
  return [
    total,
    ...stages,
    ...estimate,
    `Disk needed: up to ${megabytes(bytes * 3)}, more for compressed input. Nothing was written.`,
  ].join("\n");
}

function isCopy(input: Plan["stages"][number]["tasks"][number]["input"]): boolean {
  return typeof input === "object" && input !== null && "copy" in input;
}
