/**
 * What stages say they wait for (`after` in the plan) must be all that their tasks read. Here tasks run one after the
 * other, each as soon as what it waits for is done and nothing more: a file that a task reads without saying so is
 * missing then.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { random, readShared } from "../../forge/base/index.ts";
import { writeRecord, type Executor } from "../../forge/pipeline/index.ts";
import { runTask } from "../../forge/pipeline/run-task.ts";
import type { CorpusConfig } from "../../schemas/config/corpus.ts";
import { wholeTask, type CompletionRecord, type Plan, type Stage } from "../../schemas/run/plan.ts";
import { richConfig, writeRichInputs } from "../e2e/rich-corpus.ts";
import { build, snapshot } from "./corpora.ts";

/** With all parts, and without those that hold others up: repeated lines. */
const configs = {
  all: richConfig(),
  "fewer stages": { ...richConfig(), dedup: { ...richConfig().dedup, lines: undefined } },
} satisfies Record<string, CorpusConfig>;

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "forge-order-"));
  await writeRichInputs(cwd, "as named");
});
afterAll(async () => {
  await rm(cwd, { recursive: true, force: true });
});

interface One {
  readonly stage: Stage;
  readonly index: number;
}

function needed(plan: Plan, { stage, index }: One): readonly One[] {
  const ones = (name: string): readonly One[] => {
    const found = plan.stages.find((other) => other.name === name);
    return found?.tasks.map((_, i) => ({ stage: found, index: i })) ?? [];
  };
  return (stage.after ?? []).flatMap(({ stage: name, tasks }) =>
    tasks === "all" ? ones(name) : ones(name).slice(index, index + 1),
  );
}

/** Takes tasks in an order of the seed's, and runs before each only what it waits for. Names of the tasks as they ran. */
function oneByOne(seed: number, ran: string[]): Executor {
  return async (plan, { folder, afterStage }) => {
    const records = new Map<string, CompletionRecord>();
    const run = async (one: One): Promise<void> => {
      const { stage, index } = one;
      const task = stage.tasks[index];
      if (task === undefined || records.has(task.id)) return;
      for (const other of needed(plan, one)) await run(other);
      const shared = async (path: string): Promise<SharedArrayBuffer> => await readShared(join(folder, path));
      const outcome = await runTask(wholeTask(stage, task), { folder, report: () => undefined, shared });
      const record = { id: task.id, key: task.key, ...outcome };
      records.set(task.id, record);
      ran.push(task.id);
      const done = stage.tasks.flatMap(({ id }) => records.get(id) ?? []);
      if (done.length === stage.tasks.length) await afterStage?.[stage.name]?.(done);
    };
    const stream = random("order-of-tasks", seed);
    const waiting = plan.stages.flatMap((stage) => stage.tasks.map((_, index) => ({ stage, index })));
    while (waiting.length > 0) await run(waiting.splice(stream.below(waiting.length), 1)[0] as One);
    // Only now: records are for who resumes a run, no task may need them.
    for (const record of records.values()) writeRecord(folder, record);
    return plan.stages.flatMap(({ tasks }) => tasks.map(({ id }) => records.get(id) as CompletionRecord));
  };
}

describe("tasks in any order that their dependencies allow", () => {
  it.each(Object.entries(configs))("leave the same bytes: %s", async (name, config) => {
    await build(config, join(cwd, name), { cwd });
    const expected = await snapshot(join(cwd, name));
    for (const seed of [1, 2]) {
      const out = join(cwd, `${name}-${seed}`);
      const ran: string[] = [];
      await build(config, out, { cwd, executor: oneByOne(seed, ran) });
      expect(await snapshot(out)).toEqual(expected);
      // Stages did not simply follow one another.
      const stages = ran.map((id) => id.slice(0, id.indexOf("/")));
      expect(stages.filter((stage, i) => stage !== stages[i - 1]).length).toBeGreaterThan(new Set(stages).size);
    }
  });
});
