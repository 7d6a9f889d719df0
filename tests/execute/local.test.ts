import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  DataError,
  ForgeError,
  moduleUrl,
  silentReporter,
  type ForgeEvent,
  type Reporter,
} from "../../forge/base/index.ts";
import { localExecutor } from "../../forge/execute/index.ts";
import type { Execution } from "../../forge/pipeline/index.ts";
import type { Plan, Task } from "../../schemas/run/plan.ts";
import type { TestInput } from "./fixtures/tasks.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-execute-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const module = moduleUrl(import.meta.url, "./fixtures/tasks.ts");

function task(id: string, input: TestInput, key = "0"): Task {
  return { id, key: key.repeat(64), inputBytes: input.text.length, input: { ...input } };
}

function planOf(...stages: readonly (readonly Task[])[]): Plan {
  return {
    version: 1,
    madeFrom: {},
    stages: stages.map((tasks, i) => ({ name: `stage${i}`, version: 1, summary: "", tasks: [...tasks] })),
  };
}

async function execute(
  plan: Plan,
  options: { workers?: number; reporter?: Reporter; signal?: AbortSignal } = {},
): Promise<Execution> {
  const { workers = 2, reporter = silentReporter, signal } = options;
  return await localExecutor({ workers, module })(plan, { folder, reporter, signal });
}

async function started(): Promise<string[]> {
  return (await readFile(join(folder, "log"), "utf8")).trim().split("\n");
}

describe("the local executor", () => {
  it("returns the records in the plan's order whatever the number of workers", async () => {
    const tasks = ["a", "b", "c", "d", "e"].map((name) => task(`stage0/${name}`, { text: name }));
    const records = await execute(planOf(tasks, [task("stage1/z", { text: "last" })]), { workers: 3 });
    expect(records.map((record) => record.id)).toEqual([
      "stage0/a",
      "stage0/b",
      "stage0/c",
      "stage0/d",
      "stage0/e",
      "stage1/z",
    ]);
    expect((await started()).at(-1)).toBe("stage1/z");
  });

  it("skips a task that is done, and redoes one whose key changed or whose file was cut short", async () => {
    const tasks = ["a", "b", "c"].map((name) => task(`stage0/${name}`, { text: name }));
    await execute(planOf(tasks));
    await truncate(join(folder, "stage0-c.txt"), 0);
    const events: ForgeEvent[] = [];
    const changed = [
      task("stage0/a", { text: "a" }),
      task("stage0/b", { text: "B" }, "1"),
      task("stage0/c", { text: "c" }),
    ];
    await execute(planOf(changed), { reporter: (event) => void events.push(event) });
    expect(events.flatMap((event) => (event.type === "task-skip" ? [event.task] : []))).toEqual(["stage0/a"]);
    expect((await started()).slice(3).sort()).toEqual(["stage0/b", "stage0/c"]);
    expect(await readFile(join(folder, "stage0-b.txt"), "utf8")).toBe("B");
    expect(await readFile(join(folder, "stage0-c.txt"), "utf8")).toBe("c");
  });

  it("tries a task once more when its thread crashes, and says so", async () => {
    const events: ForgeEvent[] = [];
    const plan = planOf([task("stage0/a", { text: "a", fault: "crash-once" }), task("stage0/b", { text: "b" })]);
    const records = await execute(plan, { reporter: (event) => void events.push(event) });
    expect(records).toHaveLength(2);
    expect(events.filter((event) => event.type === "warning")).toHaveLength(1);
  });

  it("ends with an error that names the task when its thread crashes twice", async () => {
    const error = await execute(planOf([task("stage0/a", { text: "a", fault: "crash" })])).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ForgeError);
    expect(error).toMatchObject({ code: "task-crashed", details: { task: "stage0/a" } });
    expect(await started()).toEqual(["stage0/a", "stage0/a"]);
  });

  it("brings a user's mistake out of the thread as what it was, without a retry", async () => {
    const error = await execute(planOf([task("stage0/a", { text: "a", fault: "throw" })])).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(DataError);
    expect(error).toMatchObject({ code: "row-bad", exitCode: 3, position: { file: "a.jsonl", row: 7 } });
    expect(await started()).toEqual(["stage0/a"]);
  });

  it("does not record a task that names a file it did not write", async () => {
    await expect(execute(planOf([task("stage0/a", { text: "a", fault: "lie" })]))).rejects.toThrow(/says that/);
    await execute(planOf([task("stage0/a", { text: "a" })]));
    expect(await started()).toHaveLength(2);
  });

  it("stops at the signal with its reason, and resumes with what was not done", async () => {
    const controller = new AbortController();
    const reason = new Error("stop");
    const done = task("stage0/a", { text: "a" });
    const events: ForgeEvent[] = [];
    const reporter: Reporter = (event) => {
      events.push(event);
      if (event.type === "stage-end") setTimeout(() => controller.abort(reason), 50);
    };
    const plan = planOf([done], [task("stage1/b", { text: "b", fault: "hang" })]);
    await expect(execute(plan, { reporter, signal: controller.signal })).rejects.toBe(reason);
    await execute(planOf([done], [task("stage1/b", { text: "b" })]));
    expect((await started()).filter((id) => id === "stage0/a")).toHaveLength(1);
    expect(await readFile(join(folder, "stage1-b.txt"), "utf8")).toBe("b");
  });

  it("holds a shared file once for all workers, and reads it anew in the next stage", async () => {
    await writeFile(join(folder, "shared.bin"), Uint8Array.of(7, 0));
    const stage = (name: string): Task[] =>
      ["a", "b", "c", "d"].map((one) => task(`${name}/${one}`, { text: one, shared: "shared.bin" }));
    const records = await execute(planOf(stage("stage0"), stage("stage1")), { workers: 3 });
    const seen = records.map((record) => (record.result as { before: number }).before);
    expect([seen.slice(0, 4).sort(), seen.slice(4).sort()]).toEqual([[7, 8, 9, 10].sort(), [7, 8, 9, 10].sort()]);
  });

  it("gives a worker the error of a shared file that is not there", async () => {
    const missing = planOf([task("stage0/a", { text: "a", shared: "no.bin" })]);
    await expect(execute(missing)).rejects.toMatchObject({ code: "file-not-found" });
  });
});
