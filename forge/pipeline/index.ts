/** Composes the rooms: a corpus config becomes a plan, a plan becomes an output folder that accounts for everything. */
export { buildCorpus, planBuild, refilterCorpus, type BuildOptions } from "./build.ts";
export { checkCorpusConfig } from "./check-config.ts";
export { copyCard, copyLayout, previewCard, readCorpusManifest, refreshCard } from "./card-files.ts";
export type { ExecuteOptions, Execution, Executor, TaskContext, TaskOutcome, TaskProgress } from "./executor.ts";
export { countDone, estimateBasis, estimateBuild, type BuildEstimate } from "./estimate.ts";
export { describeInputs, type CorpusInputs } from "./inputs.ts";
export {
  findRows,
  locateToken,
  sampleClusters,
  sampleRows,
  signalQuantiles,
  type CorpusRow,
  type DuplicateCluster,
  type SourceRecord,
} from "./look.ts";
export { outputEntries, tokenizerPath } from "./layout.ts";
export { planChanges } from "./output.ts";
export { planCorpus } from "./plan.ts";
export { findRecord, listRecords, recordPath, removeRecord, writeRecord } from "./records.ts";
