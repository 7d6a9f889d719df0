/** `forge teach`: asks a teacher, checks every answer, stores what passes and what does not. */
import { dirname, join, relative, resolve } from "node:path";
import { teachConfigSchema, type TeachConfig } from "../../schemas/config/teach.ts";
import { standardOptions, type CommandInput, type CommandResult, type CommandSpec } from "../console/command.ts";
import { formatConfig, loadConfig } from "../console/config.ts";
import { formatTable } from "../console/format.ts";
import { planTeach, resolvePrompts, runTeach, type PlannedRow, type TeachResult } from "../teach/index.ts";

export const spec: CommandSpec = {
  name: "teach",
  summary: "Ask a teacher model, check every answer, store what passes and what does not",
  examples: [
    "forge teach --prompts prompts/orca.yaml --out shards/answers",
    "forge teach --prompts prompts/orca.yaml --teacher ollama:llama3.2:1b --limit 20 --out shards/ollama",
    "forge teach --prompts prompts/orca.yaml --teacher openai:qwen3@http://localhost:8000/v1 --samples 4",
  ],
  options: [
    {
      name: "prompts",
      value: "FILE",
      description: "System messages, queries and checks",
      defaultText: "prompts/orca.yaml",
    },
    {
      name: "teacher",
      value: "NAME",
      description: "replay, ollama:MODEL or openai:MODEL@URL",
      defaultText: "the prompts file's",
    },
    { ...standardOptions.out, defaultText: "shards/answers" },
    { name: "limit", value: "N", description: "Ask only the first N queries" },
    { name: "samples", value: "N", description: "Answers to each query" },
    { name: "concurrency", value: "N", description: "Requests under way at a time" },
    standardOptions.seed,
    standardOptions.dryRun,
    standardOptions.update,
    standardOptions.force,
    standardOptions.set,
    standardOptions.showConfig,
  ],
  async run(input) {
    const { flags, cwd, env } = input;
    const path = resolvePrompts(flags.text("prompts") ?? "prompts/orca.yaml", cwd);
    const overrides = {
      teacher: flags.text("teacher"),
      limit: flags.integer("limit", 1),
      samples: flags.integer("samples", 1),
      concurrency: flags.integer("concurrency", 1),
      seed: flags.integer("seed"),
    };
    const loaded = await loadConfig(teachConfigSchema, { path, sets: flags.list("set"), overrides, env });
    if (flags.on("show-config")) return { json: loaded, text: formatConfig(loaded) };
    const folder = dirname(path);
    if (flags.on("dry-run")) return describePlan(loaded.config, await planTeach(loaded.config, folder));
    return await teach(loaded.config, folder, input);
  },
};

async function teach(config: TeachConfig, folder: string, input: CommandInput): Promise<CommandResult> {
  const { flags, cwd, env, reporter, signal } = input;
  const out = resolve(cwd, flags.text("out") ?? join("shards", "answers"));
  const update = flags.on("update");
  const force = flags.on("force");
  const result = await runTeach(config, { folder, out, update, force, reporter, signal, env });
  return describeResult(result, relative(cwd, out) || ".");
}

function describePlan(config: TeachConfig, rows: readonly PlannedRow[]): CommandResult {
  const systems = countBy(rows.map(({ system }) => system.id));
  const collections = countBy(rows.map(({ query }) => query.collection));
  const text = [
    `${rows.length} answers would be asked of ${config.teacher}.`,
    formatTable([
      ...collections.map(([name, count]) => [`collection ${name}`, String(count)]),
      ...systems.map(([name, count]) => [name, String(count)]),
    ]),
  ].join("\n");
  const plan = rows.map(({ id, query, system, sample, seed, messagesSha256 }) => ({
    id,
    query: query.id,
    system: system.id,
    sample,
    seed,
    messagesSha256,
  }));
  return { text, json: { teacher: config.teacher, rows: plan } };
}

function describeResult({ manifest, asked, unchanged }: TeachResult, out: string): CommandResult {
  const { planned, accepted, rejected, acceptedBytes, teacher } = manifest;
  const text = [
    unchanged ? `${out} is complete already.` : `${asked} answers asked of ${teacher.provider}:${teacher.model}.`,
    formatTable([
      ["planned", String(planned)],
      ["accepted", String(accepted)],
      ...Object.entries(rejected).map(([reason, count]) => [`rejected: ${reason}`, String(count)]),
      ["bytes accepted", String(acceptedBytes)],
    ]),
    `Accepted rows: ${join(out, "answers")}; rejected rows: ${join(out, "rejects")}; card: ${join(out, "README.md")}`,
  ].join("\n");
  return {
    text,
    json: { out, asked, unchanged, ...manifest },
    next: "trainer run docs/recipes/quickstart-finetune.yaml",
  };
}

function countBy(names: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}
