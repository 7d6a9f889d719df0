/** `trainer export`: a checkpoint as GGUF or safetensors, proved equal to what was trained. */
import { UsageError } from "../../forge/base/errors.ts";
import { standardOptions, type CommandFlags, type CommandSpec } from "../../forge/console/command.ts";
import { formatBytes, formatTable } from "../../forge/console/format.ts";
import type { ExportFormat, ExportPlan, ExportResult, TensorTypeName } from "../export/index.ts";

export const spec: CommandSpec = {
  name: "export",
  summary: "Export a checkpoint as GGUF or safetensors and prove it equal",
  description:
    "Writes model.gguf and a Modelfile for Ollama, loads the file in llama.cpp and compares its tokens and its greedy " +
    "text with the checkpoint's. A quantised file is judged by the divergence of its distributions.",
  examples: [
    "trainer export runs/quickstart/finetune --out runs/quickstart/export",
    "trainer export runs/mine --type q8_0 --out runs/mine/export",
    "trainer export runs/mine/checkpoints/step-000200 --format safetensors --out hub/mine",
  ],
  argument: { name: "CHECKPOINT", description: "Checkpoint folder, or a run: then its latest", required: true },
  options: [
    standardOptions.out,
    { name: "format", value: "FORMAT", description: "gguf or safetensors", defaultText: "gguf" },
    {
      name: "type",
      value: "TYPE",
      description: "Type of the matrices in a GGUF: f32, f16 or q8_0",
      defaultText: "f16",
    },
    { name: "no-verify", description: "Do not load the file in llama.cpp to compare it" },
    standardOptions.dryRun,
  ],
  async run({ argument, flags, reporter, signal }) {
    const { exportFormats, planExport, runExport, tensorTypeNames } = await import("../export/index.ts");
    const checkpoint = argument as string;
    const options = {
      checkpoint,
      out: flags.text("out") ?? `${checkpoint.replace(/[/\\]+$/, "")}/export`,
      format: oneOf<ExportFormat>(flags, "format", exportFormats, "gguf"),
      type: oneOf<TensorTypeName>(flags, "type", tensorTypeNames, "f16"),
    };
    if (flags.on("dry-run")) {
      const plan = await planExport(options);
      return { json: plan, text: describePlan(plan) };
    }
    const result = await runExport({ ...options, verify: !flags.on("no-verify"), reporter, signal });
    const next = options.format === "gguf" ? { next: `trainer chat ${result.model}` } : {};
    return { json: result, text: describeResult(result), ...next };
  },
};

function oneOf<Name extends string>(flags: CommandFlags, flag: string, names: readonly Name[], otherwise: Name): Name {
  const given = flags.text(flag) ?? otherwise;
  const found = names.find((name) => name === given.toLowerCase());
  if (found !== undefined) return found;
  throw new UsageError("flag-value", `--${flag} ${given} is not known`, { hint: `Use one of ${names.join(", ")}` });
}

function describePlan(plan: ExportPlan): string {
  const what = plan.type === null ? plan.format : `${plan.format} ${plan.type}`;
  return formatTable([
    ["checkpoint", plan.checkpoint],
    ["would write", `${plan.files.join(", ")} to ${plan.out}`],
    ["weights", `${formatBytes(plan.weightBytes)} as ${what}`],
  ]);
}

function describeResult(result: ExportResult): string {
  return formatTable([
    ["model", `${result.model}, ${formatBytes(result.digest.bytes)}`],
    ["verified", describeVerification(result)],
    ...(result.verification === null ? [] : [["says", JSON.stringify(result.verification.sample.text)]]),
  ]);
}

function describeVerification({ format, verification }: ExportResult): string {
  if (format === "safetensors") return "the checkpoint's own bytes";
  if (verification === null) return "no (--no-verify)";
  const { method, texts, prompts, steps, nearTies, meanDivergence } = verification;
  const read = `${texts} texts read as the same tokens`;
  if (method === "divergence")
    return `${read}, ${steps} distributions differ by ${meanDivergence?.toFixed(5)} nats on average`;
  const ties = nearTies.map(({ step, gap }) => `step ${step}, gap ${gap.toFixed(4)}`).join("; ");
  return `${read}, ${steps} greedy tokens of ${prompts} prompts equal${ties === "" ? "" : `, near ties ended some at ${ties}`}`;
}
