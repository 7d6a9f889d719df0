/** Runs one task of the dedup room on the partitions that `ingest` left, and on those of existing corpora. */
import { join } from "node:path";
import type { TaskContext, TaskOutcome } from "../executor.ts";
import { runDedupTask, type DedupStageName } from "../../dedup/index.ts";
import { loadKernels } from "../../kernels/index.ts";
import { readBatches } from "../batches.ts";
import { partitionFiles, workFolder } from "../layout.ts";
import { existingPartition, refuseChanged } from "./existing.ts";
import type { DedupInput } from "./inputs.ts";

/** Stages that read the index of an existing corpus' partition in place of its documents. */
const readsIndex: ReadonlySet<string> = new Set<DedupStageName>(["fingerprint", "sign"]);

export async function dedup(input: DedupInput, context: TaskContext): Promise<TaskOutcome> {
  const { task, config } = input;
  const partitions = input.partitions.map(({ sourceRank, scope }, partition) => {
    const { documents } = partitionFiles(partition);
    return { key: documents, sourceRank, scope, open: () => readBatches(join(context.folder, documents)) };
  });
  const existing = task.partition === null ? undefined : input.existing[task.partition - partitions.length];
  if (existing !== undefined && readsIndex.has(task.stage)) await refuseChanged(existing.folder, existing.index);
  const done = await runDedupTask(task, {
    folder: join(context.folder, workFolder),
    config,
    kernels: await loadKernels(),
    partitions: [...partitions, ...input.existing.map(existingPartition)],
  });
  const files = task.outputs.map((path, i) => {
    const { bytes, sha256 } = done.outputs[i] ?? { bytes: -1, sha256: "" };
    return { path: `${workFolder}/${path}`, bytes, sha256 };
  });
  return { files, result: { ...done.counts } };
}
