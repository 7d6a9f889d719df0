/** Where a task finds its files. */
import { assert } from "../base/index.ts";
import { join } from "node:path";
import type { DedupContext, DedupPartition, DedupTask, NumberedFiles } from "./types.ts";

/** As file names have it. */
export function numbered(index: number): string {
  return String(index).padStart(5, "0");
}

export function pathsOf({ folder, extension, count }: NumberedFiles): string[] {
  return Array.from({ length: count }, (_, i) => `${folder}/${numbered(i)}.${extension}`);
}

/** All inputs of a task, one by one. */
export function inputPaths({ inputs }: DedupTask, context: DedupContext): string[] {
  const paths = inputs.flatMap((input) => (typeof input === "string" ? [input] : pathsOf(input)));
  return paths.map((path) => join(context.folder, path));
}

/** The input of a task that has one path for each. */
export function inputPath(task: DedupTask, index: number, context: DedupContext): string {
  const path = task.inputs[index];
  assert(typeof path === "string", `${task.name} has no input ${index}`);
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
