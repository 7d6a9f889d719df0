/**
 * The life of pieces: a task cuts them, the next stage reads them, and then they go, for they hold the whole text.
 *
 * The record of a task that cut does not vouch for them, so that a finished run stays finished. Should they be needed
 * again, their file is cut again. Pieces of files on servers stay: to fetch these anew would cost more than the space.
 */
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { tasksOf, type CompletionRecord, type Plan, type Task } from "../../schemas/run/plan.ts";
import { splitStageName } from "./plan-pieces.ts";
import { findRecord } from "./records.ts";
import type { IngestInput } from "./tasks/ingest.ts";
import type { SplitInput, SplitResult } from "./tasks/split.ts";
import { hasStore } from "./tasks/stored.ts";

/** Whether what an ingest task would read is known already: it is done, or its documents are stored. */
export async function isRead(folder: string, task: Task): Promise<boolean> {
  // The plan made it with this very type.
  const { partition, readKey } = task.input as unknown as IngestInput;
  return (await findRecord(folder, task)) !== undefined || (await hasStore(folder, partition, readKey));
}

/** Tasks whose pieces are gone although they have to be read. */
export async function findLostPieces(folder: string, plan: Plan): Promise<readonly Task[]> {
  const lost = new Set<string>();
  for (const task of tasksOf(plan, "ingest")) {
    const { split } = task.input as unknown as IngestInput;
    for (const { uri, piece, end } of split.parts) {
      if (piece === undefined || (await sizeOf(join(folder, piece.path))) === end) continue;
      if (!(await isRead(folder, task))) lost.add(uri);
    }
  }
  return tasksOf(plan, splitStageName).filter(({ input }) => lost.has((input as unknown as SplitInput).file.uri));
}

/** Removes the pieces for which the records of the tasks that made them do not vouch. */
export async function removePieces(folder: string, records: readonly CompletionRecord[]): Promise<void> {
  for (const { files, result } of records) {
    const made = result as unknown as SplitResult;
    if (!("pieces" in made)) continue;
    const kept = new Set(files.map(({ path }) => path));
    for (const { path } of made.pieces) if (!kept.has(path)) await rm(join(folder, path), { force: true });
  }
}

async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => -1,
  );
}
