/** A planned build in words: stages and their tasks, what is done already, and estimates with what they rest on. */
import type { CorpusConfig } from "../../schemas/config/corpus.ts";
import type { Plan } from "../../schemas/run/plan.ts";
import { formatBytes, formatCount, formatDuration, formatTable } from "../console/format.ts";
import { estimateBasis, type BuildEstimate } from "../pipeline/index.ts";

export interface PlannedBuild {
  readonly plan: Plan;
  readonly config: CorpusConfig;
  /** Output folder as the user names it. */
  readonly out: string;
  readonly workers: number;
  readonly estimate: BuildEstimate;
  /** Tasks that are done already, by stage. */
  readonly done: ReadonlyMap<string, number>;
}

export function describePlan({ plan, config, out, workers, estimate, done }: PlannedBuild): string {
  const { inputBytes, textBytes, diskBytes, seconds, cut, copied } = estimate;
  const tasks = plan.stages.reduce((sum, stage) => sum + stage.tasks.length, 0);
  const finished = [...done.values()].reduce((sum, count) => sum + count, 0);
  const counted = (count: number, noun: string): string => `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
  const rows = plan.stages.map((stage) => {
    const bytes = stage.tasks.reduce((sum, task) => sum + task.inputBytes, 0);
    return [
      stage.name,
      counted(stage.tasks.length, "task"),
      finished === 0 ? "" : `${done.get(stage.name) ?? 0} done`,
      bytes === 0 ? "" : formatBytes(bytes),
      stage.summary,
    ];
  });
  const shown = rows.map((row) => row.filter((_, column) => column !== 2 || finished > 0));
  const { diskPerText, textBytesPerSecond } = estimateBasis;
  const rate = (bytesPerSecond: number): string => String(bytesPerSecond / 1e6);
  const isPacked = textBytes !== inputBytes;
  const duration = (value: number): string => formatDuration(Math.max(1, Math.round(value)) * 1000);
  return [
    `${formatBytes(inputBytes)} of ${counted(config.sources.length, "source")} would become ${out}/ in ${counted(tasks, "task")}${finished === 0 ? "" : `, of which ${formatCount(finished)} are done`}:`,
    formatTable(shown),
    ...(cut.files === 0
      ? []
      : [
          `Cut first: ${counted(cut.files, "compressed file")} into about ${counted(cut.pieces, "piece")}, each a task of its own then.`,
        ]),
    ...(copied.files === 0
      ? []
      : [
          `Copied first: ${counted(copied.files, "file")} (${formatBytes(copied.bytes)}) whose servers deliver no parts or do not vouch for the content.`,
        ]),
    "Estimated for all of it, from sizes alone:",
    formatTable([
      [
        "text",
        formatBytes(textBytes),
        isPacked ? "compressed input counted five times, Parquet two and a half times" : "",
      ],
      ["disk", `up to ${formatBytes(diskBytes)}`, `at ${diskPerText} times the text; less where much is rejected`],
      [
        "time",
        [...new Set([duration(seconds.least), duration(seconds.most)])].join(" to "),
        `by ${counted(workers, "worker")}, each ${rate(textBytesPerSecond.fast)} MB of text a second on a free core, ${rate(textBytesPerSecond.slow)} on a busy one`,
      ],
    ]),
    "Nothing was written.",
  ].join("\n");
}
