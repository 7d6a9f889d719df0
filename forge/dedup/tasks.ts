/**
 * Deduplication as tasks: a pure plan of plain JSON, and a function that runs one task wherever it is.
 *
 * Who schedules them is not known here. Results depend on neither the number of workers, nor the order of tasks within
 * a stage, nor how documents are spread over partitions.
 */
import type { DedupConfig } from "../../schemas/config/dedup.ts";
import { choose, decide } from "./choose.ts";
import { fingerprint, resolveExact } from "./exact.ts";
import { match, sign, unite } from "./near.ts";
import type { DedupContext, DedupStage, DedupStageName, DedupTask, DedupTaskResult } from "./types.ts";
import { gather, verify } from "./verify.ts";

/** Plans the stages for some number of partitions. Paths lie below `dedup/` in the work folder. */
export function planDedup(partitions: number, config: DedupConfig): readonly DedupStage[] {
  const indices = [...Array(partitions).keys()];
  const documents = "dedup/documents.col";
  const candidates = "dedup/candidates.col";
  const choice = "dedup/choice.col";
  const survivors = indices.map((i) => `dedup/survivors/${number(i)}.col`);
  const fingerprints = indices.map((i) => `dedup/fingerprints/${number(i)}.col`);
  const shingles = indices.map((i) => `dedup/shingles/${number(i)}.col`);
  const signatures = indices.map((i) => `dedup/signatures/${number(i)}.col`);
  const bands = [...Array(config.bands).keys()];
  const groups = [...Array(config.verifyGroups).keys()];
  const verified = groups.map((group) => `dedup/verified/${number(group)}.col`);
  const pairs = bands.map((band) => `dedup/pairs/${number(band)}.col`);

  const forPartitions = (
    name: DedupStageName,
    outputs: readonly string[],
    inputs: (index: number) => readonly string[],
  ): DedupStage => ({
    name,
    tasks: indices.map((i) => task(name, i, { partition: i, inputs: inputs(i), outputs: [outputs[i] as string] })),
  });
  const single = (name: DedupStageName, inputs: readonly string[], outputs: readonly string[]): DedupStage => ({
    name,
    tasks: [task(name, 0, { inputs, outputs })],
  });
  const near: readonly DedupStage[] = [
    forPartitions("sign", signatures, (i) => [survivors[i] as string]),
    {
      name: "match",
      tasks: bands.map((band) =>
        task("match", band, { part: band, inputs: [documents, ...signatures], outputs: [pairs[band] as string] }),
      ),
    },
    single("candidates", [documents, ...pairs], [candidates]),
    forPartitions("gather", shingles, (i) => [survivors[i] as string, candidates]),
    {
      name: "verify",
      tasks: groups.map((group) =>
        task("verify", group, {
          part: group,
          inputs: [candidates, ...shingles],
          outputs: [verified[group] as string],
        }),
      ),
    },
  ];
  return [
    forPartitions("fingerprint", fingerprints, () => []),
    single("exact", fingerprints, [documents, ...survivors]),
    ...(config.near ? near : []),
    single("choose", [documents, ...(config.near ? [candidates, ...verified] : [])], [choice]),
    forPartitions("decide", indices.map(decisionsPath), (i) => [survivors[i] as string, documents, choice]),
  ];
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
  { fingerprint, exact: resolveExact, sign, match, candidates: unite, gather, verify, choose, decide };

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
