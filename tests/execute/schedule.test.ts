import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Schedule, type Place } from "../../forge/execute/schedule.ts";
import type { Stage, Task } from "../../schemas/run/plan.ts";

type Planned = Pick<Stage, "name" | "after" | "tasks">;

function stage(name: string, tasks: number, after?: Stage["after"]): Planned {
  const made = Array.from({ length: tasks }, (_, i): Task => ({
    id: `${name}/${i}`,
    key: "",
    inputBytes: 0,
    input: {},
  }));
  return { name, tasks: made, ...(after !== undefined && { after }) };
}

/** Begins whatever may begin, so many at a time, and ends what `choose` says. Names of the tasks as they began. */
function walk(
  stages: readonly Planned[],
  concurrency: number,
  choose: (running: number) => number = () => 0,
): string[] {
  const schedule = new Schedule(stages);
  const running: Place[] = [];
  const begun: string[] = [];
  while (true) {
    for (let place; running.length < concurrency && (place = schedule.next()) !== undefined;) {
      running.push(place);
      begun.push(`${stages[place.stage]?.name}/${place.task}`);
    }
    const [ended] = running.splice(choose(running.length), 1);
    if (ended === undefined) return begun;
    if (schedule.finish(ended)) schedule.release(ended.stage);
  }
}

const all = (...names: string[]): NonNullable<Stage["after"]> => names.map((name) => ({ stage: name, tasks: "all" }));
const same = (...names: string[]): NonNullable<Stage["after"]> => names.map((name) => ({ stage: name, tasks: "same" }));

describe("the order of tasks", () => {
  it("is that of the stages where nothing else is said", () => {
    expect(walk([stage("a", 2), stage("b", 1), stage("c", 2)], 9)).toEqual(["a/0", "a/1", "b/0", "c/0", "c/1"]);
  });

  it("fills what a stage of one task leaves free with what a later stage can do already", () => {
    const stages = [
      stage("read", 3, []),
      stage("one", 1, all("read")),
      stage("each", 3, all("one")),
      stage("scan", 3, same("read")),
    ];
    // On two threads; the task that began first ends first.
    expect(walk(stages, 2)).toEqual([
      ...["read/0", "read/1", "read/2"],
      // Beside the last of `read`, then beside `one`, which goes first when it may.
      ...["scan/0", "one/0", "scan/1"],
      ...["each/0", "each/1", "each/2", "scan/2"],
    ]);
  });

  it("ends a stage without tasks in its turn, and what waits for it follows", () => {
    const stages = [stage("a", 1, []), stage("none", 0, all("a")), stage("b", 1, all("none"))];
    expect(walk(stages, 4)).toEqual(["a/0", "none/0", "b/0"]);
  });

  it("waits for nothing in a stage that has fewer tasks, or that the plan leaves out", () => {
    expect(walk([stage("a", 1, []), stage("b", 2, same("a"))], 9)).toEqual(["a/0", "b/1", "b/0"]);
    expect(walk([stage("b", 2, all("gone"))], 9)).toEqual(["b/0", "b/1"]);
  });

  it("refuses a stage that waits for a later one, for it would never begin", () => {
    expect(() => new Schedule([stage("a", 1, all("b")), stage("b", 1, [])])).toThrow("Stage a waits for b");
  });

  it("begins every task once, and none before what it waits for is done, in whichever order tasks end", () => {
    const dependency = fc.record({ back: fc.integer({ min: 1, max: 4 }), tasks: fc.constantFrom("all", "same") });
    const drafts = fc.array(
      fc.record({ tasks: fc.nat(4), after: fc.option(fc.array(dependency, { maxLength: 3 }), { nil: undefined }) }),
      { maxLength: 7 },
    );
    fc.assert(
      fc.property(
        drafts,
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(fc.nat(9)),
        (draft, concurrency, choices) => {
          const stages = draft.map(({ tasks, after }, i) =>
            stage(
              `s${i}`,
              tasks,
              after?.filter(({ back }) => back <= i).map((one) => ({ stage: `s${i - one.back}`, tasks: one.tasks })),
            ),
          );
          const ended = new Set<string>();
          const running: string[] = [];
          const schedule = new Schedule(stages);
          const places = new Map<string, Place>();
          const sizeOf = (index: number): number => Math.max(1, stages[index]?.tasks.length ?? 0);
          const names = (index: number): string[] => Array.from({ length: sizeOf(index) }, (_, i) => `${index}/${i}`);
          const neededBy = ({ stage: at, task }: Place): string[] => {
            const after = stages[at]?.after ?? all(...stages.slice(0, at).map(({ name }) => name));
            return after.flatMap(({ stage: name, tasks }) => {
              const other = stages.findIndex((one) => one.name === name);
              return tasks === "all" ? names(other) : names(other).slice(task, task + 1);
            });
          };
          while (true) {
            for (let place; running.length < concurrency && (place = schedule.next()) !== undefined;) {
              const name = `${place.stage}/${place.task}`;
              expect(places.has(name)).toBe(false);
              expect(neededBy(place).filter((one) => !ended.has(one))).toEqual([]);
              places.set(name, place);
              running.push(name);
            }
            if (running.length === 0) break;
            const [name = ""] = running.splice((choices.next().value as number) % running.length, 1);
            ended.add(name);
            const place = places.get(name) as Place;
            if (schedule.finish(place)) schedule.release(place.stage);
          }
          expect(ended.size).toBe(stages.reduce((sum, _, i) => sum + sizeOf(i), 0));
        },
      ),
    );
  });
});
