/** What stages of a run tell: that they began and ended, and how far they are. */
import type { Stage, Task } from "../../schemas/run/plan.ts";
import type { Reporter } from "../base/index.ts";
import type { TaskProgress } from "../pipeline/index.ts";

/**
 * Progress of all stages of a plan. Stages overlap: of those that began, the earliest that is not over is told, so that
 * one line can show it.
 */
export class PlanProgress {
  readonly #stages: readonly StageProgress[];
  readonly #reporter: Reporter;
  #front = 0;

  constructor(stages: readonly Stage[], reporter: Reporter) {
    this.#reporter = reporter;
    this.#stages = stages.map((stage) => new StageProgress(stage));
  }

  /** A task of the stage is about to begin. */
  begin(stage: number): void {
    this.#at(stage).begin(this.#reporter);
  }

  add(stage: number, task: Task, progress: TaskProgress): void {
    const one = this.#at(stage);
    one.add(task, progress);
    if (one.totalBytes > 0) this.#tell(stage);
  }

  finish(stage: number, task: Task, busyMs: number): void {
    this.#at(stage).finish(task, busyMs);
    this.#tell(stage);
  }

  end(stage: number): void {
    this.#at(stage).end(this.#reporter);
    while (this.#stages[this.#front]?.isOver === true) this.#front++;
  }

  #tell(stage: number): void {
    if (this.#stages.findIndex((one, i) => i >= this.#front && one.isRunning) === stage)
      this.#at(stage).tell(this.#reporter);
  }

  #at(stage: number): StageProgress {
    return this.#stages[stage] as StageProgress;
  }
}

/** Adds up what tasks report: bytes where a stage reads sources, finished tasks elsewhere. */
class StageProgress {
  readonly totalBytes: number;
  readonly #stage: Stage;
  readonly #bytesOf = new Map<string, number>();
  readonly #steps: Record<string, number> = {};
  #bytes = 0;
  #tasks = 0;
  #documents = 0;
  #kept = 0;
  #busyMs = 0;
  #started: number | undefined;
  isOver = false;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.totalBytes = stage.tasks.reduce((sum, task) => sum + task.inputBytes, 0);
  }

  get isRunning(): boolean {
    return this.#started !== undefined && !this.isOver;
  }

  begin(reporter: Reporter): void {
    if (this.#started !== undefined) return;
    this.#started = performance.now();
    const { name, summary, tasks } = this.#stage;
    reporter({ type: "stage-start", stage: name, tasks: tasks.length, message: summary });
  }

  add(task: Task, progress: TaskProgress): void {
    const before = this.#bytesOf.get(task.id) ?? 0;
    const after = Math.min(task.inputBytes, before + progress.bytes);
    this.#bytesOf.set(task.id, after);
    this.#bytes += after - before;
    this.#documents += progress.documents ?? 0;
    this.#kept += progress.kept ?? 0;
    for (const [name, ms] of Object.entries(progress.steps ?? {})) this.#steps[name] = (this.#steps[name] ?? 0) + ms;
  }

  finish(task: Task, busyMs: number): void {
    this.#bytes += task.inputBytes - (this.#bytesOf.get(task.id) ?? 0);
    this.#bytesOf.delete(task.id);
    this.#tasks++;
    this.#busyMs += busyMs;
  }

  tell(reporter: Reporter): void {
    const { name, tasks } = this.#stage;
    if (this.totalBytes === 0) {
      reporter({ type: "stage-progress", stage: name, done: this.#tasks, total: tasks.length, unit: "tasks" });
      return;
    }
    const done = { done: this.#bytes, total: this.totalBytes, unit: "bytes" as const };
    reporter({ type: "stage-progress", stage: name, ...done, figures: this.#figures() });
  }

  end(reporter: Reporter): void {
    this.isOver = true;
    reporter({
      type: "stage-end",
      stage: this.#stage.name,
      elapsedMs: this.#elapsedMs(),
      busyMs: this.#busyMs,
      ...(Object.keys(this.#steps).length > 0 && { steps: this.#steps }),
    });
  }

  #figures(): Record<string, string> {
    if (this.#documents === 0) return {};
    const perSecond = (this.#documents / Math.max(1, this.#elapsedMs())) * 1000;
    const kept = Math.round((100 * this.#kept) / this.#documents);
    return { documents: `${Math.round(perSecond)}/s`, kept: `${kept} %` };
  }

  #elapsedMs(): number {
    return performance.now() - (this.#started ?? performance.now());
  }
}
