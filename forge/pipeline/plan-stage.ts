/** From drafts of tasks to a stage of the plan: names, keys and plain JSON. */
import type { Dependency, Stage, Task } from "../../schemas/run/plan.ts";
import { version as program } from "../base/version.ts";
import { canonicalJson, hashText } from "./keys.ts";

/** A task before it has a key. */
export interface Draft {
  readonly name: string;
  readonly input: object;
  readonly needs: readonly string[];
  /** Part of the input that decides the bytes, when it is not all of it. */
  readonly matters?: object;
  readonly bytes?: number;
}

export function draft(name: string, input: object, needs: readonly string[]): Draft {
  return { name, input, needs };
}

/** All tasks of a stage; nothing when there is no such stage. */
export function allOf(...stages: readonly (Pick<Stage, "name"> | undefined)[]): Dependency[] {
  return dependencies(stages, "all");
}

/** The task of the same place in a stage: of the same partition. */
export function sameOf(...stages: readonly (Pick<Stage, "name"> | undefined)[]): Dependency[] {
  return dependencies(stages, "same");
}

function dependencies(stages: readonly (Pick<Stage, "name"> | undefined)[], tasks: Dependency["tasks"]): Dependency[] {
  return stages.flatMap((stage) => (stage === undefined ? [] : [{ stage: stage.name, tasks }]));
}

/** @param after what tasks wait for: the stages whose files they read, as far as no other stage in it waits for those */
export function makeStage(
  name: string,
  summary: string,
  version: number,
  drafts: readonly Draft[],
  after: readonly Dependency[],
): Stage {
  const texts = new JsonTexts();
  const { common, inputs } = shareInputs(
    drafts.map((one) => one.input),
    texts,
  );
  const head = { program, stage: name, version };
  const tasks = drafts.map((one, i): Task => ({
    id: `${name}/${one.name}`,
    key: hashText(texts.objectOf({ ...head, input: texts.wrap(one.matters ?? one.input), needs: one.needs })),
    inputBytes: one.bytes ?? 0,
    ...(inputs[i] as (typeof inputs)[number]),
  }));
  return { name, version, summary, ...(common.length > 0 && { common }), after: [...after], tasks };
}

export function keysOf(stage: Stage | undefined): readonly string[] {
  return stage?.tasks.map((task) => task.key) ?? [];
}

/** Plain JSON: what a task will see after it crossed a thread or a file. */
export function toJson(value: unknown): Task["input"] {
  return JSON.parse(JSON.stringify(value ?? null)) as Task["input"];
}

/** So many tasks at least have a value in common before it is kept beside them. */
const tasksPerValue = 8;

/**
 * Takes what many inputs have in common out of them: properties that have few different values, which are put together
 * as they occur together (all of a source's splits have its fields, its filters, its language).
 */
function shareInputs(
  inputs: readonly object[],
  texts: JsonTexts,
): { readonly common: Record<string, Task["input"]>[]; readonly inputs: readonly Pick<Task, "input" | "common">[] } {
  const properties = inputs.map((input) => Object.entries(input).filter(([, value]) => value !== undefined));
  const values = new Map<string, Map<string, number>>();
  const numberOf = (name: string, value: unknown): number => {
    const known = values.get(name) ?? new Map<string, number>();
    values.set(name, known);
    const text = texts.of(value);
    const number = known.get(text) ?? known.size;
    known.set(text, number);
    return number;
  };
  for (const one of properties) for (const [name, value] of one) numberOf(name, value);
  const isShared = (name: string): boolean => (values.get(name)?.size ?? 0) * tasksPerValue <= inputs.length;
  const common: Record<string, Task["input"]>[] = [];
  const indices = new Map<string, number>();
  const rest = properties.map((one) => {
    const shared = one.filter(([name]) => isShared(name));
    const own = toJson(Object.fromEntries(one.filter(([name]) => !isShared(name))));
    if (shared.length === 0) return { input: own };
    const place = shared.map(([name, value]) => `${name} ${numberOf(name, value)}`).join(",");
    let index = indices.get(place);
    if (index === undefined) {
      index = common.push(toJson(Object.fromEntries(shared)) as Record<string, Task["input"]>) - 1;
      indices.set(place, index);
    }
    return { input: own, common: index };
  });
  return { common, inputs: rest };
}

/** Canonical JSON of values that many inputs hold, made once for each object. */
class JsonTexts {
  readonly #known = new WeakMap<object, string>();

  of(value: unknown): string {
    if (typeof value !== "object" || value === null) return JSON.stringify(value);
    const known = this.#known.get(value) ?? canonicalJson(value);
    this.#known.set(value, known);
    return known;
  }

  /** Of an object made anew for each task, whose values are not. */
  objectOf(object: object): string {
    const parts = Object.entries(object)
      .filter(([, value]) => value !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `${JSON.stringify(name)}:${value instanceof Wrapped ? value.json : this.of(value)}`);
    return `{${parts.join(",")}}`;
  }

  wrap(object: object): Wrapped {
    return new Wrapped(this.objectOf(object));
  }
}

/** Canonical JSON of a part of an object. */
class Wrapped {
  readonly json: string;
  constructor(json: string) {
    this.json = json;
  }
}
