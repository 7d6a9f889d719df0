/**
 * The stages of deduplication in a plan: `planDedup` knows its tasks and files, here they get keys and what they wait
 * for.
 */
import type { CorpusConfig } from "../../schemas/config/corpus.ts";
import type { Dependency, Stage } from "../../schemas/run/plan.ts";
import {
  indexSettings,
  pathsOf,
  planDedup,
  settingsOf,
  type DedupStage,
  type DedupTask,
  type NumberedFiles,
} from "../dedup/index.ts";
import type { CorpusInputs } from "./inputs.ts";
import { hashJson } from "./keys.ts";
import { draft, makeStage, type Draft } from "./plan-stage.ts";
import type { DedupInput } from "./tasks/inputs.ts";

/** Counts up when a stage would write other bytes for the same input. */
const version = 6;

export function planDedupStages(config: CorpusConfig, inputs: CorpusInputs, ingest: Stage): readonly Stage[] {
  const keyOfFile = new Map<string, string>();
  const scopes = scopesOf(config);
  const partitions = inputs.splits.map((split) => {
    const sourceRank = config.sources.findIndex((source) => source.name === split.source);
    return { sourceRank, scope: scopes[sourceRank] ?? 0 };
  });
  const all = [...partitions, ...inputs.existing.map(({ folder: _folder, ...part }) => part)];
  const shared = {
    config: config.dedup,
    partitions: runsOf(partitions),
    existing: runsOf(inputs.existing.map(({ corpus, rank }) => ({ corpus, rank }))),
  };
  const keyOf = (path: string): string => keyOfFile.get(path) ?? "";
  // Of files that many tasks read, looked up and hashed once.
  const keysOfFiles = new Map<string, string>();
  const keyOfAll = (files: NumberedFiles): string => {
    const key = keysOfFiles.get(files.folder) ?? hashJson(pathsOf(files).map(keyOf));
    keysOfFiles.set(files.folder, key);
    return key;
  };
  const toDraft = (task: DedupTask): Draft => {
    const reads = task.partition === null ? undefined : inputs.existing[task.partition - partitions.length];
    const input: DedupInput = { ...shared, task, reads: reads ?? null };
    const partition = task.partition === null ? null : all[task.partition];
    const matters = { task, config: settingsFor(task.stage, config.dedup), partition };
    const needs = task.inputs.map((input) => (typeof input === "string" ? keyOf(input) : keyOfAll(input)));
    if (task.partition !== null) needs.push(ingest.tasks[task.partition]?.key ?? "");
    return { ...draft(task.name, input, needs), matters };
  };
  const planned = planDedup(inputs.splits.length, config.dedup, inputs.existing.length);
  const dependencies = dedupDependencies(planned, ingest);
  return planned.map((stage) => {
    const drafts = stage.tasks.map(toDraft);
    const after = dependencies.get(stage.name) ?? [];
    const made = makeStage(stage.name, dedupSummaries[stage.name], version, drafts, after);
    for (const [index, task] of stage.tasks.entries()) {
      for (const path of task.outputs) keyOfFile.set(path, made.tasks[index]?.key ?? "");
    }
    return made;
  });
}

/** What each stage of deduplication waits for, by the files that its tasks read: those of all tasks, or of the same. */
function dedupDependencies(stages: readonly DedupStage[], ingest: Stage): ReadonlyMap<string, readonly Dependency[]> {
  const writers = new Map<string, { readonly stage: string; readonly index: number }>();
  const found = new Map<string, readonly Dependency[]>();
  for (const { name, tasks } of stages) {
    const waitsFor = new Map<string, Dependency["tasks"]>();
    for (const [index, { inputs, partition }] of tasks.entries()) {
      if (partition !== null) waitsFor.set(ingest.name, "same");
      for (const input of inputs) {
        const isOne = typeof input === "string";
        if (!isOne && input.count === 0) continue;
        const writer = writers.get(isOne ? input : `${input.folder}/`);
        if (writer === undefined) throw new Error(`${name} reads what no earlier stage writes`);
        const isSame = isOne && writer.index === index && waitsFor.get(writer.stage) !== "all";
        waitsFor.set(writer.stage, isSame ? "same" : "all");
      }
    }
    for (const [index, { outputs }] of tasks.entries()) {
      for (const path of outputs) {
        writers.set(path, { stage: name, index });
        writers.set(path.slice(0, path.lastIndexOf("/") + 1), { stage: name, index });
      }
    }
    found.set(
      name,
      [...waitsFor].map(([stage, which]) => ({ stage, tasks: which })),
    );
  }
  return found;
}

/** Equal neighbours as one, with their number. */
function runsOf<Item extends object>(items: readonly Item[]): (Item & { readonly count: number })[] {
  const runs: { item: Item; json: string; count: number }[] = [];
  for (const item of items) {
    const json = JSON.stringify(item);
    const last = runs.at(-1);
    if (last?.json === json) last.count++;
    else runs.push({ item, json, count: 1 });
  }
  return runs.map(({ item, count }) => ({ ...item, count }));
}

/** Of the settings those that decide what a stage writes. */
export function settingsFor(
  stage: DedupStage["name"] | "index",
  config: CorpusConfig["dedup"],
): Readonly<Record<string, unknown>> {
  const names = stage === "index" ? [...indexSettings, "url" as const, "normalForm" as const] : settingsOf[stage];
  return Object.fromEntries(names.map((name) => [name, config[name]]));
}

/** For each source the scope in which its documents are compared, as a number. */
function scopesOf({ sources, dedup }: CorpusConfig): readonly number[] {
  if (dedup.scope === "global") return sources.map(() => 0);
  const names = sources.map(({ name, snapshot }) => (dedup.scope === "snapshot" ? (snapshot ?? name) : name));
  return names.map((name) => names.indexOf(name) + 1);
}

const dedupSummaries = {
  fingerprint: "hash every document",
  exact: "find exact copies and number the others in keep order",
  sign: "sign documents with MinHash",
  match: "find candidates for near duplicates",
  candidates: "collect candidate pairs",
  gather: "gather n-grams of candidates",
  verify: "compare candidates by their true Jaccard",
  choose: "choose which document stays",
  decide: "write the fate of each document",
  lines: "hash the lines of kept documents",
  "repeated-lines": "find lines that many documents repeat",
  "cut-lines": "take repeated lines out of documents",
} as const satisfies Record<DedupStage["name"], string>;
