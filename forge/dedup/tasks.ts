/**
 * Deduplication as tasks: a pure plan of plain JSON, and a function that runs one task wherever it is.
 *
 * Who schedules them is not known here. Results depend on neither the number of workers, nor the order of tasks within
 * a stage, nor how documents are spread over partitions.
 */
import type { DedupConfig } from "../../schemas/config/dedup.ts";
import { choose, decide } from "./choose.ts";
import { resolveExact } from "./exact.ts";
import type { IndexSources } from "./existing.ts";
import { fingerprint } from "./fingerprint.ts";
import { cutLines, findRepeatedLines, hashLines } from "./lines.ts";
import { match, sign, unite, verificationGroups } from "./near.ts";
import type { DedupContext, DedupStage, DedupStageName, DedupTask, DedupTaskResult } from "./types.ts";
import { gather, verify } from "./verify.ts";

/**
 * Plans the stages for some number of partitions. Paths lie below `dedup/` in the work folder, but for the edits of
 * repeated lines: `lines/<partition>-edits.col` and `lines/<partition>-turned-away.col`, see base/text-edits.ts.
 *
 * @param existing partitions of existing corpora; they stand behind the others, and nothing is decided about them
 */
export function planDedup(partitions: number, config: DedupConfig, existing = 0): readonly DedupStage[] {
  const indices = [...Array(partitions + existing).keys()];
  const own = indices.slice(0, partitions);
  const documents = "dedup/documents.col";
  const unresolved = "dedup/unresolved.col";
  const perPartition = (folder: string, extension = "col"): string[] =>
    indices.map((i) => `dedup/${folder}/${number(i)}.${extension}`);
  const ids = perPartition("ids");
  const keys = perPartition("keys", "run");
  const survivors = perPartition("survivors");
  const signatures = perPartition("signatures", "run");
  const groupsOf = perPartition("groups");
  const shingles = perPartition("shingles");
  const fates = perPartition("fates");
  const decisions = indices.map(decisionsPath);
  const bands = [...Array(config.bands).keys()];
  const groups = [...Array(verificationGroups(indices.length, config)).keys()];
  const pairs = bands.map((band) => `dedup/pairs/${number(band)}.run`);
  const candidates = groups.map((group) => `dedup/candidates/${number(group)}.run`);
  const verified = groups.map((group) => `dedup/verified/${number(group)}.run`);

  const forPartitions = (
    name: DedupStageName,
    outputs: readonly (readonly string[])[],
    inputs: (index: number) => readonly string[],
    chosen: readonly number[] = indices,
  ): DedupStage => ({
    name,
    tasks: chosen.map((i) =>
      task(name, i, { partition: i, inputs: inputs(i), outputs: outputs.map((paths) => paths[i] as string) }),
    ),
  });
  const single = (name: DedupStageName, inputs: readonly string[], outputs: readonly string[]): DedupStage => ({
    name,
    tasks: [task(name, 0, { inputs, outputs })],
  });
  const near: readonly DedupStage[] = [
    forPartitions("sign", [signatures], (i) => [survivors[i] as string]),
    {
      name: "match",
      tasks: bands.map((band) =>
        task("match", band, { part: band, inputs: [documents, ...signatures], outputs: [pairs[band] as string] }),
      ),
    },
    single("candidates", [documents, ...survivors, ...pairs], [unresolved, ...candidates, ...groupsOf]),
    forPartitions("gather", [shingles], (i) => [survivors[i] as string, groupsOf[i] as string]),
    {
      name: "verify",
      tasks: groups.map((group) =>
        task("verify", group, {
          part: group,
          inputs: [candidates[group] as string, ...shingles],
          outputs: [verified[group] as string],
        }),
      ),
    },
  ];
  const lineKeys = perPartition("lines", "run");
  const repeatedLines = perPartition("repeated-lines");
  const lines: readonly DedupStage[] = [
    forPartitions("lines", [lineKeys], (i) => [survivors[i] as string, decisions[i] as string], own),
    single("repeated-lines", lineKeys.slice(0, partitions), [
      "dedup/repeated-lines.run",
      ...repeatedLines.slice(0, partitions),
    ]),
    forPartitions(
      "cut-lines",
      [indices.map((i) => `lines/${number(i)}-edits.col`), indices.map((i) => `lines/${number(i)}-turned-away.col`)],
      (i) => [survivors[i] as string, decisions[i] as string, repeatedLines[i] as string],
      own,
    ),
  ];
  return [
    forPartitions("fingerprint", [ids, keys], () => []),
    single("exact", [...ids, ...keys], [documents, ...survivors]),
    ...(config.near ? near : []),
    single("choose", [documents, ...survivors, ...(config.near ? [unresolved, ...verified] : [])], fates),
    forPartitions("decide", [decisions], (i) => [survivors[i] as string, documents, fates[i] as string], own),
    ...(config.lines === undefined ? [] : lines),
  ];
}

/** Settings that decide what a stage writes: a change of others must not redo it. */
export const settingsOf: Readonly<Record<DedupStageName, readonly (keyof DedupConfig)[]>> = {
  fingerprint: ["keep", "quality", "url", "normalForm"],
  exact: ["url", "normalForm"],
  sign: ["shingleWords", "bands", "rows", "seed"],
  match: ["leaders", "maxPairsPerBand"],
  candidates: ["verifyGroups"],
  gather: ["shingleWords", "verifyGroups"],
  verify: ["threshold"],
  choose: ["near"],
  decide: [],
  lines: ["lines"],
  "repeated-lines": ["lines"],
  "cut-lines": ["lines"],
};

/** Files of a partition that its index is made from, relative to the work folder. */
export function indexSources(partition: number, config: DedupConfig): IndexSources {
  const name = number(partition);
  return {
    survivors: `dedup/survivors/${name}.col`,
    keys: `dedup/keys/${name}.run`,
    signatures: config.near ? `dedup/signatures/${name}.run` : undefined,
  };
}

/** Path of a partition's decisions, relative to the work folder. */
export function decisionsPath(partition: number): string {
  return `dedup/decisions/${number(partition)}.col`;
}

/**
 * Runs one task; safe to run again.
 *
 * @throws DataError when an input is damaged, EnvironmentError when the disk is full
 */
export async function runDedupTask(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  return await runners[task.stage](task, context);
}

const runners: Readonly<Record<DedupStageName, (task: DedupTask, context: DedupContext) => Promise<DedupTaskResult>>> =
  {
    fingerprint,
    exact: resolveExact,
    sign,
    match,
    candidates: unite,
    gather,
    verify,
    choose,
    decide,
    lines: hashLines,
    "repeated-lines": findRepeatedLines,
    "cut-lines": cutLines,
  };

function task(
  stage: DedupStageName,
  index: number,
  rest: Pick<DedupTask, "inputs" | "outputs"> & Partial<Pick<DedupTask, "partition" | "part">>,
): DedupTask {
  return { stage, name: `${stage}-${number(index)}`, partition: null, part: null, ...rest };
}

function number(index: number): string {
  return String(index).padStart(5, "0");
}
