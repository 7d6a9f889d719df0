/**
 * Which task of a plan comes next: of those that wait for nothing any more, one of the earliest stage.
 *
 * So threads that a stage of one task leaves free, or the last tasks of a stage, work on what later stages can do
 * already, and no stage that others wait for stands behind one that nothing waits for.
 */
import type { Stage } from "../../schemas/run/plan.ts";

/** A task by the indices of its stage and of itself. A stage without tasks has one place: that of its end. */
export interface Place {
  readonly stage: number;
  readonly task: number;
}

interface Waiting {
  /** For each task how many stages and tasks it still waits for. */
  readonly counts: Uint32Array;
  /** Tasks that wait for nothing, from `taken` on not begun yet. */
  readonly ready: number[];
  taken: number;
  unfinished: number;
  /** Stages whose tasks wait for all of this one's, and for the one of the same place. */
  readonly forAll: number[];
  readonly forSame: number[];
}

export class Schedule {
  readonly #stages: readonly Waiting[];
  /** Before it no stage has a task that waits to be begun. */
  #first = 0;

  constructor(stages: readonly Pick<Stage, "name" | "after" | "tasks">[]) {
    this.#stages = stages.map(({ tasks }) => ({
      counts: new Uint32Array(Math.max(1, tasks.length)),
      ready: [],
      taken: 0,
      unfinished: Math.max(1, tasks.length),
      forAll: [],
      forSame: [],
    }));
    const indices = new Map(stages.map(({ name }, i) => [name, i]));
    for (const [index, { after, name }] of stages.entries()) {
      const { counts } = this.#at(index);
      const dependencies = after ?? stages.slice(0, index).map((stage) => ({ stage: stage.name, tasks: "all" }));
      for (const { stage, tasks } of dependencies) {
        const other = indices.get(stage);
        // A part of a plan leaves out what is done.
        if (other === undefined) continue;
        if (other >= index) throw new Error(`Stage ${name} waits for ${stage}, which is not before it`);
        const { forAll, forSame, unfinished } = this.#at(other);
        (tasks === "all" ? forAll : forSame).push(index);
        const waiting = tasks === "all" ? counts : counts.subarray(0, unfinished);
        for (let task = 0; task < waiting.length; task++) waiting[task] = (waiting[task] as number) + 1;
      }
      for (const [task, count] of counts.entries()) if (count === 0) this.#at(index).ready.push(task);
    }
  }

  /** Takes the next task; undefined when all others are taken or wait. */
  next(): Place | undefined {
    for (let stage = this.#first; stage < this.#stages.length; stage++) {
      const waiting = this.#at(stage);
      const task = waiting.ready[waiting.taken];
      if (task !== undefined) {
        waiting.taken++;
        return { stage, task };
      }
      if (stage === this.#first && waiting.taken === waiting.counts.length) this.#first++;
    }
    return undefined;
  }

  /**
   * A task is done: those of the same place may follow.
   *
   * @returns whether it was the last of its stage; what waits for all of it may follow `release` only
   */
  finish({ stage, task }: Place): boolean {
    const waiting = this.#at(stage);
    for (const other of waiting.forSame) this.#countDown(other, task);
    waiting.unfinished--;
    return waiting.unfinished === 0;
  }

  /** A stage is over, with all that had to be looked at behind it. */
  release(stage: number): void {
    for (const other of this.#at(stage).forAll) {
      for (let task = 0; task < this.#at(other).counts.length; task++) this.#countDown(other, task);
    }
  }

  #countDown(stage: number, task: number): void {
    const { counts, ready } = this.#at(stage);
    const count = counts[task];
    // The other stage may have fewer tasks.
    if (count === undefined) return;
    counts[task] = count - 1;
    if (count === 1) ready.push(task);
  }

  #at(stage: number): Waiting {
    return this.#stages[stage] as Waiting;
  }
}
