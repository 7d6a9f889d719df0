/**
 * Finds copies and near copies of documents and decides which one stays. Nothing is removed without a kept partner.
 *
 * `planDedup` lists the tasks, `runDedupTask` runs one, `readDecisions` reads the fate of a partition's documents.
 */
export { readDecisions, type Decisions } from "./choose.ts";
export { indexSettings, isCurrentIndex, writeIndex } from "./existing.ts";
export { decisionsPath, indexSources, planDedup, runDedupTask, settingsOf } from "./tasks.ts";
export {
  dedupReasons,
  dedupStages,
  type DedupContext,
  type DedupKernels,
  type DedupPartition,
  type DedupReason,
  type DedupStage,
  type DedupStageName,
  type DedupTask,
  type DedupTaskResult,
  type NumberedFiles,
} from "./types.ts";
export { pathsOf } from "./work.ts";
