/**
 * `npm run quickstart`: the main job from end to end on the text that lies on this disk after the install.
 *
 * corpus → teacher's answers → pretraining → fine-tuning → GGUF → words. It runs the same commands that a user would
 * type, in this process, and ends with a summary read from the files they wrote. Every step resumes.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createStyle } from "../forge/console/style.ts";
import { formatBytes, formatCount, formatDuration, formatTable } from "../forge/console/format.ts";
import { runProgram, type ProgramIo, type ProgramSpec } from "../forge/console/program.ts";
import { listenForSignals } from "../forge/console/signals.ts";
import { forgeProgram } from "../forge/cli/index.ts";
import { trainerProgram } from "../trainer/cli/index.ts";
import { packageRoot } from "../forge/base/locate.ts";
import { answersManifestSchema } from "../schemas/record/answer.ts";
import { corpusManifestSchema } from "../schemas/run/corpus-manifest.ts";

const started = performance.now();
process.chdir(packageRoot);
const style = createStyle({ terminal: process.stdout.isTTY, env: process.env });
const signals = listenForSignals();

const teacherFlag = process.argv.indexOf("--teacher");
const teacher = teacherFlag < 0 ? "replay" : (process.argv[teacherFlag + 1] ?? "replay");
const corpus = "shards/quickstart";
const answers = "shards/quickstart-answers";
const run = "runs/quickstart";

await step("1/6  corpus", forgeProgram, ["build-corpus", "docs/recipes/quickstart.yaml", "--out", corpus, "--update"]);
await step("2/6  teacher", forgeProgram, [
  "teach",
  "--prompts",
  "prompts/orca.yaml",
  "--teacher",
  teacher,
  "--out",
  answers,
]);
await step("3/6  pretrain", trainerProgram, ["run", "docs/recipes/quickstart-pretrain.yaml"]);
await step("4/6  fine-tune", trainerProgram, ["run", "docs/recipes/quickstart-finetune.yaml"]);
await step("5/6  export", trainerProgram, ["export", `${run}/finetune`, "--type", "f32", "--out", `${run}/export`]);
const question = "What is a software licence?";
const spoken = await step("6/6  talk", trainerProgram, [
  "chat",
  `${run}/export/model.gguf`,
  "--prompt",
  question,
  "--max-tokens",
  "60",
  "--temperature",
  "0.7",
  "--seed",
  "3",
]);
await summary(spoken);

/** Runs one command and returns what it printed on stdout; ends the quickstart when it fails. */
async function step(title: string, program: ProgramSpec, argv: readonly string[]): Promise<string> {
  process.stderr.write(`\n${style.bold(title)}  ${style.dim(`${program.name} ${argv.join(" ")}`)}\n`);
  let printed = "";
  const io: ProgramIo = {
    stdout: (text) => {
      printed += text;
    },
    stderr: (text) => void process.stderr.write(text),
    stdoutIsTerminal: false,
    stderrIsTerminal: process.stderr.isTTY,
    stdinIsTerminal: false,
    columns: process.stderr.columns ?? 100,
    env: process.env,
    cwd: packageRoot,
    signal: signals.signal,
  };
  const code = await runProgram(program, argv, io);
  if (code !== 0) {
    process.stderr.write(`\n${style.red("quickstart stopped")} at ${title.trim()}; run it again to resume.\n`);
    process.exit(code);
  }
  return printed;
}

async function summary(words: string): Promise<void> {
  const { conservation, figures } = corpusManifestSchema.parse(await json(join(corpus, "manifest.json")));
  const rejected = Object.entries(conservation.rejected).sort(([, a], [, b]) => b - a);
  const total = rejected.reduce((sum, [, count]) => sum + count, 0);
  const told = answersManifestSchema.parse(await json(join(answers, "manifest.json")));
  const losses = await Promise.all(["pretrain", "finetune"].map((name) => lossesOf(join(run, name))));
  const rows: (readonly string[])[] = [
    ["documents in", formatCount(conservation.documentsIn)],
    ["  kept", `${formatCount(conservation.kept)}  (${formatBytes(figures.keptTextBytes)})`],
    ["  rejected", formatCount(total)],
    ...rejected.map(([reason, count]) => [`    ${reason}`, formatCount(count)]),
    ["  quarantined", formatCount(conservation.quarantined)],
    ...Object.entries(figures.tokens).map(([split, { tokens }]) => [`tokens, ${split}`, formatCount(tokens)]),
    ["answers accepted", `${formatCount(told.accepted)} of ${formatCount(told.planned)}`],
    ["loss, pretraining", losses[0] as string],
    ["loss, fine-tuning", losses[1] as string],
  ];
  const files: (readonly string[])[] = [
    ["dataset card", `${corpus}/README.md`],
    ["documents (Parquet)", `${corpus}/documents/`],
    ["answers (Parquet)", `${answers}/answers/`],
    ["checkpoint", `${run}/finetune/checkpoints/`],
    ["GGUF", `${run}/export/model.gguf`],
  ];
  process.stdout.write(
    [
      "",
      style.bold("Summary"),
      formatTable(rows),
      "",
      style.bold("The model says"),
      `  > ${question}`,
      `  ${words.trim().replaceAll("\n", "\n  ")}`,
      style.dim("  (2.6 million parameters, a few minutes on a CPU: words and their order, no facts.)"),
      "",
      style.bold("Files"),
      formatTable(files),
      "",
      `Done in ${formatDuration(performance.now() - started)}. Next: npx trainer chat ${run}/export/model.gguf`,
      "",
    ].join("\n"),
  );
  signals.stop();
}

/** First and last training loss of a run, from its events. */
async function lossesOf(folder: string): Promise<string> {
  const lines = (await readFile(join(folder, "events.ndjson"), "utf8")).trim().split("\n");
  const losses = lines
    .map((line) => JSON.parse(line) as { type: string; loss?: number })
    .flatMap((event) => (event.type === "step-end" && event.loss !== undefined ? [event.loss] : []));
  return `${losses[0]?.toFixed(2) ?? "?"} → ${losses.at(-1)?.toFixed(2) ?? "?"}`;
}

async function json(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, "utf8"));
}
