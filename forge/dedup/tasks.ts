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
import type { DedupContext, DedupStage, DedupStageName, DedupTask, DedupTaskResult, NumberedFiles } from "./types.ts";
import { gather, verify } from "./verify.ts";
import { numbered, pathsOf } from "./work.ts";

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
  const files = (folder: string, extension = "col", count = indices.length): NumberedFiles => ({
    folder: `dedup/${folder}`,
    extension,
    count,
  });
  const all = {
    ids: files("ids"),
    keys: files("keys", "run"),
    survivors: files("survivors"),
    signatures: files("signatures", "run"),
    groups: files("groups"),
    shingles: files("shingles"),
    fates: files("fates"),
    lines: files("lines", "run", partitions),
  };
  const survivors = pathsOf(all.survivors);
  const groupsOf = pathsOf(all.groups);
  const fates = pathsOf(all.fates);
  const decisions = indices.map(decisionsPath);
  const verification = verificationGroups(indices.length, config);
  const pairs = files("pairs", "run", config.bands);
  const candidates = files("candidates", "run", verification);
  const verified = files("verified", "run", verification);

  const forPartitions = (
    name: DedupStageName,
    outputs: readonly (readonly string[])[],
    inputs: (index: number) => DedupTask["inputs"],
    chosen: readonly number[] = indices,
  ): DedupStage => ({
    name,
    tasks: chosen.map((i) =>
      task(name, i, { partition: i, inputs: inputs(i), outputs: outputs.map((paths) => paths[i] as string) }),
    ),
  });
  const single = (name: DedupStageName, inputs: DedupTask["inputs"], outputs: readonly string[]): DedupStage => ({
    name,
    tasks: [task(name, 0, { inputs, outputs })],
  });
  const near: readonly DedupStage[] = [
    forPartitions("sign", [pathsOf(all.signatures)], (i) => [survivors[i] as string]),
    {
      name: "match",
      tasks: pathsOf(pairs).map((output, band) =>
        task("match", band, { part: band, inputs: [documents, all.signatures], outputs: [output] }),
      ),
    },
    single("candidates", [documents, all.survivors, pairs], [unresolved, ...pathsOf(candidates), ...groupsOf]),
    forPartitions("gather", [pathsOf(all.shingles)], (i) => [survivors[i] as string, groupsOf[i] as string]),
    {
      name: "verify",
      tasks: pathsOf(candidates).map((input, group) =>
        task("verify", group, {
          part: group,
          inputs: [input, all.shingles],
          outputs: [`dedup/verified/${numbered(group)}.run`],
        }),
      ),
    },
  ];
  const repeatedLines = pathsOf(files("repeated-lines"));
  const lines: readonly DedupStage[] = [
    forPartitions("lines", [pathsOf(all.lines)], (i) => [survivors[i] as string, decisions[i] as string], own),
    single("repeated-lines", [all.lines], ["dedup/repeated-lines.run", ...repeatedLines.slice(0, partitions)]),
    forPartitions(
      "cut-lines",
      [
        indices.map((i) => `lines/${numbered(i)}-edits.col`),
        indices.map((i) => `lines/${numbered(i)}-turned-away.col`),
      ],
      (i) => [survivors[i] as string, decisions[i] as string, repeatedLines[i] as string],
      own,
    ),
  ];
  return [
    forPartitions("fingerprint", [pathsOf(all.ids), pathsOf(all.keys)], () => []),
    single("exact", [all.ids, all.keys], [documents, ...survivors]),
    ...(config.near ? near : []),
    single("choose", [documents, all.survivors, ...(config.near ? [unresolved, verified] : [])], fates),
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
  const name = numbered(partition);
  return {
    survivors: `dedup/survivors/${name}.col`,
    keys: `dedup/keys/${name}.run`,
    signatures: config.near ? `dedup/signatures/${name}.run` : undefined,
  };
}

/** Path of a partition's decisions, relative to the work folder. */
export function decisionsPath(partition: number): string {
  return `dedup/decisions/${numbered(partition)}.col`;
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
  return { stage, name: `${stage}-${numbered(index)}`, partition: null, part: null, ...rest };
}
