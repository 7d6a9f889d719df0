/** `trainer run`: pretrain, continue or fine-tune; the same command again resumes. */
import { formatConfig, loadConfig } from "../../forge/console/config.ts";
import { standardOptions, type CommandSpec } from "../../forge/console/command.ts";
import { formatBytes, formatCount, formatTable } from "../../forge/console/format.ts";
import { UsageError } from "../../forge/base/errors.ts";
import type { TrainingPlan } from "../plan/index.ts";
import type { TrainingSummary } from "../run.ts";

export const spec: CommandSpec = {
  name: "run",
  summary: "Pretrain, continue or fine-tune a model; resumes where it stopped",
  examples: [
    "trainer run docs/recipes/quickstart-pretrain.yaml",
    "trainer run train.yaml --dry-run",
    "trainer run train.yaml --set optimizer.learningRate=3e-4 --out runs/slower",
  ],
  argument: { name: "CONFIG", description: "YAML file; see docs/recipes", required: false },
  options: [
    { name: "config", value: "FILE", description: "The same as the argument" },
    standardOptions.out,
    standardOptions.seed,
    { ...standardOptions.workers, description: "Training threads; never changes the result" },
    standardOptions.set,
    standardOptions.dryRun,
    standardOptions.showConfig,
    standardOptions.force,
    { name: "resume", description: "Go on from the latest checkpoint: what happens anyway" },
  ],
  async run({ argument, flags, reporter, signal, env }) {
    const path = argument ?? flags.text("config");
    if (path === undefined)
      throw new UsageError("config-missing", "trainer run wants a config file", { hint: "trainer run train.yaml" });
    const { trainConfigSchema } = await import("../../schemas/config/train.ts");
    const overrides = {
      out: flags.text("out"),
      seed: flags.integer("seed"),
      "backend.threads": flags.integer("workers", 1),
    };
    const loaded = await loadConfig(trainConfigSchema, { path, sets: flags.list("set"), overrides, env });
    if (flags.on("show-config")) return { json: loaded, text: formatConfig(loaded) };
    if (flags.on("dry-run")) {
      const { plan, notes } = await (await import("../prepare.ts")).prepareRun(loaded.config);
      return { json: { plan, notes }, text: describePlan(plan, notes) };
    }
    const { runTraining } = await import("../run.ts");
    const summary = await runTraining(loaded.config, { reporter, signal, force: flags.on("force") });
    return { json: summary, text: describeSummary(summary), next: `trainer export ${summary.out}` };
  },
};

function describePlan(plan: TrainingPlan, notes: readonly string[]): string {
  const rows = [
    ["parameters", formatCount(plan.parameters)],
    ["steps", `${plan.steps} of ${formatCount(plan.tokensPerStep)} tokens`],
    ["tokens", `${formatCount(plan.tokens)}, ${plan.epochs.toFixed(2)} epochs`],
    ["memory", formatBytes(plan.memoryBytes)],
    ["each checkpoint", formatBytes(plan.checkpointBytes)],
    ["about", `${Math.ceil(plan.estimatedSeconds)} s`],
  ];
  return [formatTable(rows), ...notes].join("\n");
}

function describeSummary(summary: TrainingSummary): string {
  const loss = (value: number | null): string => (value === null ? "not measured" : value.toFixed(3));
  return formatTable([
    ["checkpoint", summary.checkpoint],
    ["training loss", loss(summary.trainLoss)],
    ["validation loss", loss(summary.validationLoss)],
    ["tokens", formatCount(summary.tokens)],
    [
      "speed",
      summary.tokensPerSecond === null ? "nothing was left to do" : `${formatCount(summary.tokensPerSecond)} tokens/s`,
    ],
  ]);
}
