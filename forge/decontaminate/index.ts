/**
 * Finds parts of evaluation sets in documents, says whose they are, and plans how to cut them out.
 *
 * The way: `writeContaminationIndex` once, `findHits` for each batch of texts, `flagClusters` over the whole corpus,
 * `attributeHits` and `planCut` for each document with hits. Reads no evaluation file and applies nothing.
 */
export { attributeHits, type Attribution, type DocumentHit, type Finding } from "./attribute.ts";
export { cutReasons, planCut, type Cut, type CutOptions } from "./cut.ts";
export {
  flagClusters,
  flagsPath,
  joinHits,
  readFlags,
  readHits,
  writeFlags,
  writeHits,
  type ExampleOutcome,
  type Flags,
  type PartitionHits,
  type SetOutcome,
} from "./flag.ts";
export {
  openContaminationIndex,
  writeContaminationIndex,
  type ContaminationIndex,
  type WrittenIndex,
} from "./index-files.ts";
export { findHits } from "./scan.ts";
export type { EvaluationExample, Hits } from "./types.ts";
