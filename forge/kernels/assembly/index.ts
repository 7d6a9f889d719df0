/** What the host may call. One module holds all text kernels; `memory.ts` says how to add one. */
export { allocate, allocatePersistent, resetArena } from "./memory";
export { findCandidates } from "./candidates";
export { cleanTexts } from "./clean-text";
export { countCodePoints, findInvalidUtf8, repairUtf8, replacementCount } from "./utf8";
export { countLineFeeds, hashLines, hashTexts } from "./hash";
export { normalizeTexts, setUnicodeTables } from "./normal-form";
export { shingleTexts, signTexts } from "./minhash";
export {
  countRecordSurrogates,
  gatherColumn,
  jsonConsumed,
  jsonLineBound,
  jsonQuarantinedCount,
  jsonRecordCount,
  jsonSurrogateCount,
  scanJsonLines,
} from "./jsonl";
export { isSurelyNormal, setBpeClasses } from "./bpe-characters";
export { loadMerges } from "./bpe-pairs";
export { setRemembered } from "./bpe-remembered";
export {
  highestScannedId,
  indexVocabulary,
  scanMerges,
  scannedId,
  scannedMerges,
  scannedTokens,
  scanVocabulary,
} from "./bpe-scan";
export { encodeTexts, setBpeAddedTokens } from "./bpe-split";
export { beginCounting, countPreTokens } from "./bpe-count";
export { beginMerges, mergePair, nextPair } from "./bpe-train";
export { segmentWords } from "./words";
export { setC4Rules } from "./c4-lines";
export {
  editC4Lines,
  filterBufferBytes,
  filterStatistics,
  filterStatisticsWithin,
  measureC4,
} from "./filter-statistics";
export { setFilterTables } from "./filter-text";
export { addFastTextWords, embedTexts, setFastText } from "./fasttext";
export { multiplyRows } from "./fasttext-products";
