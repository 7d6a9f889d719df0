/** Runs one task of the dedup room on the partitions that `ingest` left, and on those of existing corpora. */
import { join } from "node:path";
import type { TaskContext, TaskOutcome } from "../executor.ts";
import { runDedupTask, type DedupPartition, type DedupStageName } from "../../dedup/index.ts";
import { loadKernels } from "../../kernels/index.ts";
import { readBatches } from "../batches.ts";
import { partitionFiles, workFolder } from "../layout.ts";
import { existingPartition, refuseChanged, unreadPartition } from "./existing.ts";
import type { DedupInput } from "./inputs.ts";

/** Stages that read the index of an existing corpus' partition in place of its documents. */
const readsIndex: ReadonlySet<string> = new Set<DedupStageName>(["fingerprint", "sign"]);

export async function dedup(input: DedupInput, context: TaskContext): Promise<TaskOutcome> {
  const { task, config, reads } = input;
  if (reads !== null && readsIndex.has(task.stage)) await refuseChanged(reads.folder, reads.index);
  const done = await runDedupTask(task, {
    folder: join(context.folder, workFolder),
    config,
    kernels: await loadKernels(),
    partitions: partitionsOf(input, context.folder),
  });
  const files = task.outputs.map((path, i) => {
    const { bytes, sha256 } = done.outputs[i] ?? { bytes: -1, sha256: "" };
    return { path: `${workFolder}/${path}`, bytes, sha256 };
  });
  return { files, result: { ...done.counts } };
}

function partitionsOf({ task, partitions, existing, reads }: DedupInput, folder: string): readonly DedupPartition[] {
  const all: DedupPartition[] = [];
  for (const { sourceRank, scope, count } of partitions) {
    for (let i = 0; i < count; i++) {
      const { documents } = partitionFiles(all.length);
      all.push({ key: documents, sourceRank, scope, open: () => readBatches(join(folder, documents)) });
    }
  }
  for (const { corpus, rank, count } of existing) {
    for (let i = 0; i < count; i++) {
      all.push(
        all.length === task.partition && reads !== null ? existingPartition(reads) : unreadPartition(corpus, rank),
      );
    }
  }
  return all;
}
