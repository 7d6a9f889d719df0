/** `forge refilter`: changed filters and deduplication on documents that were read already. */
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { corpusConfigSchema } from "../../schemas/config/corpus.ts";
import { UsageError } from "../base/index.ts";
import { standardOptions, type CommandSpec } from "../console/command.ts";
import { loadConfig } from "../console/config.ts";
import { localExecutor } from "../execute/index.ts";
import { checkCorpusConfig, refilterCorpus } from "../pipeline/index.ts";
import { describeOutput, exitCodeOf } from "./describe-corpus.ts";

export const spec: CommandSpec = {
  name: "refilter",
  summary: "Apply changed filters and deduplication without reading the sources again",
  description:
    "Takes the documents that build-corpus stored, kept and rejected, through the config's filters and all that " +
    "follows. The output is the one that build-corpus would make; sources may be gone.",
  examples: [
    "forge refilter my.yaml",
    "forge refilter my.yaml --set filters.2.minWords=20",
    "forge refilter my.yaml --set dedup.threshold=0.9",
  ],
  argument: { name: "CONFIG.yaml", description: "The config of the corpus, with other limits", required: true },
  options: [standardOptions.out, standardOptions.strict, standardOptions.workers, standardOptions.set],
  async run({ argument, flags, env, cwd, reporter, signal }) {
    if (argument === undefined) throw new UsageError("config-missing", "Name the config of the corpus");
    const { config } = await loadConfig(corpusConfigSchema, {
      path: resolve(cwd, argument),
      sets: flags.list("set"),
      overrides: { out: flags.text("out") },
      env,
      check: checkCorpusConfig,
    });
    const out = config.out ?? join("shards", config.name);
    const manifest = await refilterCorpus(config, {
      out: resolve(cwd, out),
      executor: localExecutor({ workers: flags.integer("workers", 1) ?? availableParallelism() }),
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
  },
};
