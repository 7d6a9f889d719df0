/**
 * The plan of a run and the records of what is done: all that resuming needs, all plain JSON.
 *
 * A plan is pure: the same config and inputs give the same plan. A task's key is the hash of everything that can change
 * what it writes, the keys of the tasks it depends on included; so a task whose key has a completion record is done.
 */
import { z } from "zod";
import { manifestFileSchema } from "./manifest.ts";

export const taskSchema = z.strictObject({
  /** `<stage>/<name>`: stable across plans, unique in one. */
  id: z.string().regex(/^[a-z0-9-]+\/[A-Za-z0-9._-]+$/),
  /** SHA-256 (hex) over stage, version, kernels, config that matters, inputs and the keys of `dependsOn`. */
  key: z.string().length(64),
  /** Bytes of source data the task reads, for progress and estimates; 0 when it reads intermediate files only. */
  inputBytes: z.int().nonnegative(),
  /** What the task's code needs to know, without what stands in `common`; its shape belongs to the stage. */
  input: z.json(),
  /** Index of the stage's common part that belongs to the input. */
  common: z.int().nonnegative().optional(),
});
export type Task = z.infer<typeof taskSchema>;

/** What a task waits for: all tasks of another stage, or the one of the same place in it (none, if it has fewer). */
export const dependencySchema = z.strictObject({ stage: z.string(), tasks: z.enum(["all", "same"]) });
export type Dependency = z.infer<typeof dependencySchema>;

export const stageSchema = z.strictObject({
  name: z.string(),
  /** Changes when the same config and inputs would give other bytes. */
  version: z.int().positive(),
  /** What one reads when asking what the stage does. */
  summary: z.string(),
  /** Parts of inputs that many tasks share, each once: a plan has a hundred thousand tasks and a few configs. */
  common: z.array(z.record(z.string(), z.json())).optional(),
  /** What the stage's tasks wait for, earlier stages all of them; absent: all that stand before it. */
  after: z.array(dependencySchema).optional(),
  tasks: z.array(taskSchema),
});
export type Stage = z.infer<typeof stageSchema>;

function inputOf({ common }: Stage, { input, common: index }: Task): Task["input"] {
  const shared = index === undefined ? undefined : common?.[index];
  return shared === undefined ? input : { ...shared, ...(input as typeof shared) };
}

/** The whole task: as whoever runs it gets it. */
export function wholeTask(stage: Stage, task: Task): Task {
  const { common: _, ...rest } = task;
  return { ...rest, input: inputOf(stage, task) };
}

/** Tasks run in any order, at the same time or not, behind what they wait for. */
export const planSchema = z.strictObject({
  version: z.literal(1),
  /** Everything the plan was made from, by name; compared to name what changed. */
  madeFrom: z.record(z.string(), z.json()),
  stages: z.array(stageSchema),
});
export type Plan = z.infer<typeof planSchema>;

/** Written by rename after the task's files: the task is done. */
export const completionRecordSchema = z.strictObject({
  id: z.string(),
  key: z.string().length(64),
  /** Paths relative to the output folder. */
  files: z.array(manifestFileSchema),
  /** What later tasks and the manifest want to know; its shape belongs to the stage. */
  result: z.json(),
});
export type CompletionRecord = z.infer<typeof completionRecordSchema>;

/** Whole tasks of a plan's stage; none when there is no such stage. */
export function tasksOf(plan: Pick<Plan, "stages">, name: string): readonly Task[] {
  const stage = plan.stages.find((one) => one.name === name);
  return stage?.tasks.map((task) => wholeTask(stage, task)) ?? [];
}
