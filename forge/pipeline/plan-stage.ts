/** From drafts of tasks to a stage of the plan: names, keys and plain JSON. */
import type { Stage, Task } from "../../schemas/run/plan.ts";
import { version as program } from "../base/version.ts";
import { hashJson } from "./keys.ts";

/** A task before it has a key. */
export interface Draft {
  readonly name: string;
  readonly input: unknown;
  readonly needs: readonly string[];
  /** Part of the input that decides the bytes, when it is not all of it. */
  readonly matters?: unknown;
  readonly bytes?: number;
}

export function draft(name: string, input: unknown, needs: readonly string[]): Draft {
  return { name, input, needs };
}

export function makeStage(name: string, summary: string, version: number, drafts: readonly Draft[]): Stage {
  const tasks = drafts.map((one): Task => ({
    id: `${name}/${one.name}`,
    key: hashJson({ program, stage: name, version, input: one.matters ?? one.input, needs: one.needs }),
    inputBytes: one.bytes ?? 0,
    input: toJson(one.input),
  }));
  return { name, version, summary, tasks };
}

export function keysOf(stage: Stage | undefined): readonly string[] {
  return stage?.tasks.map((task) => task.key) ?? [];
}

/** Plain JSON: what a task will see after it crossed a thread or a file. */
export function toJson(value: unknown): Task["input"] {
  return JSON.parse(JSON.stringify(value ?? null)) as Task["input"];
}
