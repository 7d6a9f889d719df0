/** The dataset card of an answers folder: what it holds, who answered, what the checks found, honestly. */
import type { TeachConfig } from "../../schemas/config/teach.ts";
import type { Answer, AnswersManifest, CheckResult } from "../../schemas/record/answer.ts";
import type { PlannedRow } from "./plan.ts";
import type { TeacherIdentity } from "./providers/types.ts";

export interface CardInput {
  readonly config: TeachConfig;
  readonly manifest: AnswersManifest;
  readonly identity: TeacherIdentity;
  readonly rows: readonly PlannedRow[];
  readonly examples: readonly Answer[];
}

/** Markdown with Hugging Face front matter. Pure: no date, no path, so that the same run gives the same card. */
export function renderCard({ config, manifest, identity, rows, examples }: CardInput): string {
  const { planned, accepted, rejected, acceptedBy, acceptedBytes } = manifest;
  const used = new Set(rows.map((row) => row.system.id));
  const share = (count: number): string => `${((100 * count) / Math.max(1, planned)).toFixed(1)} %`;
  const reasons = Object.entries(rejected);
  return [
    frontMatter(identity.provider === "replay" ? config.license : undefined, config, accepted),
    `# ${config.title}`,
    ...(config.description === "" ? [] : ["", config.description.trim()]),
    "",
    "## Origin",
    "",
    identity.provider === "replay"
      ? `Recorded answers, replayed: ${identity.origin}.`
      : `Answers of \`${identity.model}\` (${identity.provider}${optional(", server ", identity.serverVersion)}${optional(", digest ", identity.digest)}): ${identity.origin}.`,
    ...(identity.emptySystem === undefined ? [] : ["", `Empty system message: ${identity.emptySystem}.`]),
    "",
    "## Counts",
    "",
    `${planned} answers planned = ${accepted} accepted (${acceptedBytes} bytes of text) + ${planned - accepted} rejected.`,
    "",
    table(
      ["outcome", "rows", "share"],
      [
        ["accepted", String(accepted), share(accepted)],
        ...reasons.map(([reason, count]) => [`rejected: ${reason}`, String(count), share(count)]),
      ],
    ),
    "",
    ...(["collection", "task", "system"] as const).flatMap((kind) => [
      table(
        [kind, "accepted"],
        Object.entries(acceptedBy[kind]).map(([name, count]) => [name, String(count)]),
      ),
      "",
    ]),
    "Each row keeps the verdict of every check in `checks`; the reason of a rejection is that of the first check failed.",
    "Rejected rows have the same columns, in `rejects/`.",
    "",
    "## System messages",
    "",
    `Messages that were drawn in this output, out of ${config.systems.length}. ${eraseSentence(config)}`,
    "",
    table(
      ["id", "purpose", "message"],
      config.systems
        .filter(({ id }) => used.has(id))
        .map(({ id, purpose, text }) => [id, purpose, text === "" ? "*(empty)*" : text]),
    ),
    "",
    "## Settings",
    "",
    "```json",
    JSON.stringify(
      { seed: config.seed, samples: config.samples, sampling: config.sampling, checks: config.checks },
      null,
      2,
    ),
    "```",
    "",
    "## Examples",
    ...examples.flatMap(renderExample),
    "",
  ].join("\n");
}

function frontMatter(license: string | undefined, config: TeachConfig, accepted: number): string {
  const size =
    accepted < 1000 ? "n<1K" : accepted < 10_000 ? "1K<n<10K" : accepted < 100_000 ? "10K<n<100K" : "100K<n<1M";
  return [
    "---",
    ...(license === undefined ? [] : [`license: ${license}`]),
    "language:",
    "  - en",
    "task_categories:",
    "  - text-generation",
    "  - question-answering",
    `pretty_name: ${JSON.stringify(config.title)}`,
    "size_categories:",
    `  - ${size}`,
    "configs:",
    "  - config_name: default",
    "    data_files:",
    "      - split: train",
    "        path: answers/*.parquet",
    "---",
    "",
  ].join("\n");
}

function eraseSentence(config: TeachConfig): string {
  if (config.erase.mode === "keep") return "The student is trained with the message that the teacher saw.";
  return config.erase.with === ""
    ? "Prompt erasure: the student is trained without any system message."
    : `Prompt erasure: the student is trained with “${config.erase.with.trim()}” instead.`;
}

function renderExample(row: Answer): string[] {
  const failed = row.checks.find(({ passed }: CheckResult) => !passed);
  const verdict =
    failed === undefined ? "accepted" : `rejected: ${row.reason ?? ""} (${failed.name}: ${clip(failed.detail, 120)})`;
  return [
    "",
    `### ${row.query_id}, ${row.system_id}: ${verdict}`,
    "",
    fence(clip(row.query, 600)),
    "",
    fence(clip(row.answer === "" ? "(no text)" : row.answer, 1200)),
  ];
}

/** A fence longer than any in the text. */
function fence(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const marks = "`".repeat(longest + 1);
  return `${marks}text\n${text}\n${marks}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function optional(label: string, value: string | null): string {
  return value === null ? "" : `${label}${value}`;
}

function clip(text: string, characters: number): string {
  return text.length <= characters ? text : `${text.slice(0, characters)} …`;
}
