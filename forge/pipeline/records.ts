/**
 * Completion records: which tasks are done, under which key. One small JSON file a task, written after its files.
 *
 * A record counts only while its key is the planned one and its files stand there with their sizes. Before a task
 * starts its old record is removed, so a record never vouches for files that a newer attempt began to replace.
 */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { completionRecordSchema, type CompletionRecord, type Task } from "../../schemas/run/plan.ts";
import { formatJson, readJsonIfThere, temporaryName, wrapFileError } from "../base/index.ts";

/** Where records lie in an output folder. */
export const recordsFolder = ".work/done";

export function recordPath(folder: string, taskId: string): string {
  return join(folder, recordsFolder, `${taskId}.json`);
}

/** The record of a task if it is done under its present key, else undefined. */
export async function findRecord(folder: string, task: Task): Promise<CompletionRecord | undefined> {
  const record = await readRecord(folder, task.id);
  if (record === undefined || record.key !== task.key) return undefined;
  for (const file of record.files) {
    const size = await stat(join(folder, file.path)).then(
      (found) => found.size,
      () => -1,
    );
    if (size !== file.bytes) return undefined;
  }
  return record;
}

/** A record as it stands, whatever its key; undefined when there is none or it cannot be read. */
async function readRecord(folder: string, taskId: string): Promise<CompletionRecord | undefined> {
  // Written by rename, so an unreadable one was damaged from outside: the task is then redone.
  const json = await readJsonIfThere(recordPath(folder, taskId)).catch(() => undefined);
  const parsed = completionRecordSchema.safeParse(json);
  return parsed.success ? parsed.data : undefined;
}

/**
 * Writes a record whole or not at all, and does not flush it: lost or cut short, it only lets its task be done again.
 *
 * Synchronously, since a trip to another thread for each step would cost several times as much as all of them.
 */
export function writeRecord(folder: string, record: CompletionRecord): void {
  const path = recordPath(folder, record.id);
  const temporary = temporaryName(path);
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, formatJson(record));
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw wrapFileError(error, path);
  }
}

export async function removeRecord(folder: string, taskId: string): Promise<void> {
  await rm(recordPath(folder, taskId), { force: true });
}

/** Ids of all tasks that have a record, planned or not, sorted. */
export async function listRecords(folder: string): Promise<readonly string[]> {
  const root = join(folder, recordsFolder);
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".json"))
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(root.length + 1, -".json".length)
        .replaceAll("\\", "/"),
    )
    .sort();
}
