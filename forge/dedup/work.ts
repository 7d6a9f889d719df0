/** Where a task finds its files. */
import { assert } from "../base/index.ts";
import { join } from "node:path";
import type { DedupContext, DedupPartition, DedupTask } from "./types.ts";

export function inputPath(task: DedupTask, index: number, context: DedupContext): string {
  const path = task.inputs[index];
  assert(path !== undefined, `${task.name} has no input ${index}`);
  return join(context.folder, path);
}

export function outputPath(task: DedupTask, index: number, context: DedupContext): string {
  const path = task.outputs[index];
  assert(path !== undefined, `${task.name} has no output ${index}`);
  return join(context.folder, path);
}

export function partitionOf(task: DedupTask, context: DedupContext): DedupPartition {
  const partition = task.partition === null ? undefined : context.partitions[task.partition];
  assert(partition !== undefined, `${task.name} has no partition`);
  return partition;
}

/** How runs are merged in a task. */
export function mergeOptions({ blocks, signal }: DedupContext): {
  blockRows?: number;
  signal: AbortSignal | undefined;
} {
  return { ...(blocks?.rows !== undefined && { blockRows: blocks.rows }), signal };
}
