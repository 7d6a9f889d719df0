/**
 * The door of reading: from a config's sources to splits, from a split to record batches of documents.
 *
 * Knows files and formats; repairs nothing but invalid UTF-8, judges nothing.
 */
export { localSources, type ByteSource, type OpenSource } from "./byte-source.ts";
export { copyFile, describeCopy, needsCopying, type CopiedFile } from "./copies.ts";
export { cutFile, needsCutting, type CutFileOptions, type PieceFile } from "./pieces.ts";
export { planSources, type PlanSourcesOptions } from "./plan.ts";
export { readSplit, type ReadSplitOptions } from "./read.ts";
export { readObjects, type ReadObjectsOptions } from "./objects.ts";
export { datasetOf } from "./remote/hugging-face.ts";
export { probeRemote } from "./remote/probe.ts";
export type { RecordPlace } from "./identity.ts";
export { publicUri } from "./remote/uri.ts";
export { openSources, type SourcesOptions } from "./sources.ts";
export { splitSources } from "./splits.ts";
export type {
  Compression,
  InputFile,
  InputPlan,
  InputSplit,
  Piece,
  ReadItem,
  ReadRejection,
  RemoteFile,
  SplitPart,
} from "./types.ts";
