/**
 * Who may write to an output folder, and what is left in it: refusal of foreign or different outputs, `--update`,
 * `--force`, and the removal of what no plan names.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { corpusManifestSchema } from "../../schemas/run/corpus-manifest.ts";
import { planSchema, type CompletionRecord, type Plan } from "../../schemas/run/plan.ts";
import { exists, formatJson, readJsonIfThere, removeTemporaries, UsageError, writeFileAtomic } from "../base/index.ts";
import { canonicalJson } from "./keys.ts";
import { inputsPath, outputEntries, planPath } from "./layout.ts";
import { findRecord, listRecords, recordsFolder, removeRecord } from "./records.ts";

export interface OutputOptions {
  /** Redo what changed when the folder holds an output of another config or other inputs. */
  readonly update?: boolean;
  /** Remove an existing output first. */
  readonly force?: boolean;
}

/**
 * Makes a folder ready for a plan. The caller holds its lock.
 *
 * @throws UsageError `output-differs`, naming what changed; `output-foreign` when forge did not make what lies there
 */
export async function prepareOutput(folder: string, plan: Plan, options: OutputOptions = {}): Promise<void> {
  await refuseForeign(folder, options.force === true);
  if (options.force === true) {
    // `.work` goes last: while it is there, a run killed half-way still knows the folder as its own.
    const [work, ...others] = outputEntries;
    for (const entry of [...others, work]) await rm(join(folder, entry), { recursive: true, force: true });
  }
  await removeTemporaries(folder);
  const previous = await readPlan(folder);
  const changes = previous === undefined ? [] : planChanges(previous, plan);
  if (changes.length > 0 && options.update !== true) {
    throw new UsageError("output-differs", `${folder} was made otherwise: ${summarise(changes)}`, {
      hint: "Give --update to redo what depends on it, --force to start over, or another --out.",
      details: { changes },
    });
  }
  if (!(await isDone(folder, plan))) {
    // The manifest says that the output is whole; from here on it is not.
    await rm(join(folder, "manifest.json"), { force: true });
    await writeFileAtomic(join(folder, planPath), formatJson(plan));
  }
}

/** What differs between two plans, in words; empty when they are the same. */
export function planChanges(previous: Plan, plan: Plan): readonly string[] {
  const changes: string[] = [];
  const names = [...new Set([...Object.keys(previous.madeFrom), ...Object.keys(plan.madeFrom)])].sort();
  for (const name of names) {
    const before = previous.madeFrom[name];
    const after = plan.madeFrom[name];
    if (before === undefined) changes.push(`${name} is new`);
    else if (after === undefined) changes.push(`${name} is gone`);
    else if (canonicalJson(before) !== canonicalJson(after))
      changes.push(`${name} changed${leafChange(before, after)}`);
  }
  if (changes.length > 0) return changes;
  // Same config and inputs, other keys: the program itself works differently now.
  // A plan of the first step alone (see plan-pieces.ts) is compared as far as it goes.
  const keys = (one: Plan, other: Plan): string =>
    canonicalJson(commonStages(one, other).map((stage) => [stage.name, stage.tasks.map((task) => task.key)]));
  return keys(previous, plan) === keys(plan, previous) ? [] : ["the program changed"];
}

function commonStages(one: Plan, other: Plan): Plan["stages"] {
  return one.stages.filter(({ name }) => other.stages.some((stage) => stage.name === name));
}

/** Removes files and records that the plan does not name. Call when all tasks are done. */
export async function removeUnplanned(
  folder: string,
  plan: Plan,
  records: readonly CompletionRecord[],
): Promise<readonly string[]> {
  const planned = new Set(plan.stages.flatMap((stage) => stage.tasks.map((task) => task.id)));
  for (const id of await listRecords(folder)) if (!planned.has(id)) await removeRecord(folder, id);
  const named = new Set(records.flatMap((record) => record.files.map((file) => file.path)));
  const removed: string[] = [];
  for (const top of [".work", "decontamination", "documents", "index", "rejects", "tokens", "tokenizer"]) {
    const entries = await readdir(join(folder, top), { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll("\\", "/");
      if (
        !entry.isFile() ||
        named.has(path) ||
        path === planPath ||
        path === inputsPath ||
        path.startsWith(`${recordsFolder}/`)
      )
        continue;
      await rm(join(folder, path), { force: true });
      removed.push(path);
    }
  }
  return removed.sort();
}

async function readPlan(folder: string): Promise<Plan | undefined> {
  const parsed = planSchema.safeParse(await readJsonIfThere(join(folder, planPath)).catch(() => undefined));
  return parsed.success ? parsed.data : undefined;
}

/** Someone's files must not be mixed with ours, and never be removed by --force. */
async function refuseForeign(folder: string, force: boolean): Promise<void> {
  if (await exists(join(folder, planPath))) return;
  const entries = await readdir(folder).catch(() => []);
  const manifest = await readJsonIfThere(join(folder, "manifest.json")).catch(() => undefined);
  if (corpusManifestSchema.safeParse(manifest).success) {
    if (force) return;
    throw new UsageError("output-differs", `${folder} is a finished corpus, but how it was made is gone (.work/)`, {
      hint: "Give --force to build it again from the start, or another --out.",
    });
  }
  // A run killed before its plan was written leaves an empty `.work` and temporaries in it.
  const foreign = entries.filter(
    (entry) => !entry.startsWith(".lock") && entry !== ".work" && entry !== "events.ndjson",
  );
  if (foreign.length === 0) return;
  const shown = foreign.slice(0, 3).join(", ");
  throw new UsageError("output-foreign", `${folder} holds files that no run of build-corpus made: ${shown}`, {
    hint: "Name an empty or a new folder with --out.",
  });
}

async function isDone(folder: string, plan: Plan): Promise<boolean> {
  const previous = await readPlan(folder);
  if (previous === undefined || canonicalJson(previous.madeFrom) !== canonicalJson(plan.madeFrom)) return false;
  if (canonicalJson(commonStages(previous, plan)) !== canonicalJson(plan.stages)) return false;
  for (const stage of plan.stages) {
    for (const task of stage.tasks) if ((await findRecord(folder, task)) === undefined) return false;
  }
  return true;
}

function summarise(changes: readonly string[]): string {
  const shown = changes.slice(0, 4).join("; ");
  return changes.length > 4 ? `${shown}; and ${changes.length - 4} more` : shown;
}

/** For small changes: where in the value, and from what to what. */
function leafChange(before: unknown, after: unknown, path = ""): string {
  if (typeof before !== "object" || typeof after !== "object" || before === null || after === null) {
    const [from, to] = [JSON.stringify(before), JSON.stringify(after)];
    return from.length + to.length > 80 ? "" : ` ${path === "" ? "" : `(${path.slice(1)}) `}from ${from} to ${to}`;
  }
  const [left, right] = [before as Record<string, unknown>, after as Record<string, unknown>];
  const differing = [...new Set([...Object.keys(left), ...Object.keys(right)])].filter(
    (key) => canonicalJson(left[key] ?? null) !== canonicalJson(right[key] ?? null),
  );
  const [key] = differing;
  return differing.length === 1 && key !== undefined
    ? leafChange(left[key] ?? null, right[key] ?? null, `${path}.${key}`)
    : "";
}
