/** `forge inspect`: documents, rejects with their reasons, and duplicates side by side, in the terminal. */
import { closest, UsageError } from "../base/index.ts";
import type { CommandInput, CommandResult, CommandSpec } from "../console/command.ts";
import { outputFolder } from "./folder.ts";
import {
  findRows,
  readCorpusManifest,
  sampleClusters,
  sampleRows,
  type CorpusRow,
  type DuplicateCluster,
} from "../pipeline/index.ts";

export const spec: CommandSpec = {
  name: "inspect",
  summary: "Look at documents, rejects with their reasons, or duplicates side by side",
  description: "A random sample, the same for the same --seed. Without a choice: kept documents.",
  examples: [
    "forge inspect shards/quickstart",
    "forge inspect shards/quickstart --rejected gopher_short_doc --count 3",
    "forge inspect shards/quickstart --duplicates",
    "forge inspect shards/quickstart --id 0123456789abcdef0123456789abcdef",
  ],
  argument: { name: "DIR", description: "Output folder of build-corpus", required: true },
  options: [
    { name: "rejected", value: "REASON", description: "Rejects with this reason or of this stage; `all` for any" },
    { name: "duplicates", description: "Removed duplicates beside the documents they were removed for" },
    { name: "id", value: "ID", description: "The document or reject with this id" },
    { name: "count", value: "N", description: "How many", defaultText: "5" },
    { name: "seed", value: "N", description: "Seed of the sample", defaultText: "1" },
  ],
  run,
};

/** Lines of a text that are shown. */
const shownLines = 12;

async function run({ argument, flags, cwd, env }: CommandInput): Promise<CommandResult> {
  const { folder, name } = await outputFolder({ argument, cwd });
  const width = Math.max(40, Number(env["COLUMNS"]) || 100);
  const count = flags.integer("count", 1) ?? 5;
  const seed = flags.integer("seed", 0) ?? 1;
  const id = flags.text("id");
  const reason = flags.text("rejected");
  const choices = [id !== undefined, reason !== undefined, flags.on("duplicates")].filter(Boolean).length;
  if (choices > 1) throw new UsageError("choice-unclear", "Choose one of --id, --rejected and --duplicates");
  if (flags.on("duplicates")) {
    const clusters = await sampleClusters(folder, { count, seed });
    const text = clusters.map((cluster) => describeCluster(cluster, width)).join("\n\n");
    return { text: text === "" ? "No document was removed as a duplicate." : text, json: { clusters } };
  }
  const rows =
    id === undefined
      ? await sample(folder, reason, { count, seed })
      : [
          ...(await findRows(folder, "documents", new Set([id]))),
          ...(await findRows(folder, "rejects", new Set([id]))),
        ];
  if (rows.length === 0) {
    throw await nothingFound({ folder, name, id, reason });
  }
  return { text: rows.map((row) => describeRow(row, width)).join("\n\n"), json: { rows } };
}

/** What was asked for is not there; for a reason, which ones there are. */
async function nothingFound(asked: {
  readonly folder: string;
  readonly name: string;
  readonly id: string | undefined;
  readonly reason: string | undefined;
}): Promise<UsageError> {
  const { folder, name, id, reason } = asked;
  if (id !== undefined) {
    return new UsageError("nothing-found", `${name} has no document or reject with the id ${id}`, {
      hint: "Ids are 32 hexadecimal digits, as in documents/, rejects/ and forge where; quarantined records have none.",
    });
  }
  if (reason === undefined) return new UsageError("nothing-found", `${name} has no kept document`);
  const { stages, figures } = await readCorpusManifest(folder);
  const reasons = stages.flatMap(({ rejected }) => Object.keys(rejected));
  const known = [...new Set(["all", ...Object.keys(figures.rejectedBy), ...reasons])];
  const near = closest(reason, known);
  return new UsageError("nothing-found", `${name} has no reject with the reason "${reason}"`, {
    hint: near === undefined ? `Known: ${known.join(", ")}` : `Did you mean ${near}?`,
  });
}

async function sample(
  folder: string,
  reason: string | undefined,
  options: { readonly count: number; readonly seed: number },
): Promise<readonly CorpusRow[]> {
  if (reason === undefined) return await sampleRows(folder, "documents", () => true, options);
  const wanted = (row: CorpusRow): boolean => reason === "all" || row["reason"] === reason || row["stage"] === reason;
  return await sampleRows(folder, "rejects", wanted, options);
}

function describeRow(row: CorpusRow, width: number): string {
  const facts = Object.entries(row)
    .filter(([name, value]) => name !== "text" && value !== null && !name.startsWith("signal_"))
    .map(([name, value]) => `${name}: ${typeof value === "number" ? round(value) : String(value)}`);
  const lines = wrap(String(row["text"]), width - 2);
  const more = lines.length > shownLines ? [`… ${lines.length - shownLines} more lines`] : [];
  return [facts.join(" · "), ...[...lines.slice(0, shownLines), ...more].map((line) => `  ${line}`)].join("\n");
}

function describeCluster({ kept, removed }: DuplicateCluster, width: number): string {
  const half = Math.floor((width - 3) / 2);
  return removed
    .map((one) => {
      const [left, right] = [wrap(String(kept["text"]), half), wrap(String(one["text"]), half)];
      const jaccard = typeof one["jaccard"] === "number" ? ` · Jaccard ${round(one["jaccard"])}` : "";
      const titles = [
        `kept ${String(kept["id"])} · cluster of ${String(kept["clusterSize"])}`,
        `removed ${String(one["id"])} · ${String(one["reason"])}${jaccard}`,
      ];
      // Look where they differ: the first lines that do not agree are shown with some before them.
      let from = 0;
      while (from < Math.min(left.length, right.length) && left[from] === right[from]) from++;
      from = from >= Math.max(left.length, right.length) ? 0 : Math.max(0, from - 3);
      const rows = Array.from({ length: Math.min(shownLines, Math.max(left.length, right.length) - from) }, (_, i) => {
        const [a, b] = [left[from + i] ?? "", right[from + i] ?? ""];
        return `${pad(a, half)} ${a === b ? "│" : "≠"} ${b}`;
      });
      return [...titles, ...(from > 0 ? [`… ${from} equal lines`] : []), ...rows].join("\n");
    })
    .join("\n\n");
}

/** Lines of at most so many characters, broken at blanks where there are any. */
function wrap(text: string, width: number): string[] {
  return text.split("\n").flatMap((line) => {
    const rows: string[] = [];
    let rest = [...line.replaceAll("\t", "  ")];
    while (rest.length > width) {
      const blank = rest.lastIndexOf(" ", width);
      const end = blank > width / 2 ? blank : width;
      rows.push(rest.slice(0, end).join(""));
      rest = rest.slice(rest[end] === " " ? end + 1 : end);
    }
    return [...rows, rest.join("")];
  });
}

function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - [...text].length));
}

function round(value: number): string {
  return String(Number(value.toPrecision(4)));
}
