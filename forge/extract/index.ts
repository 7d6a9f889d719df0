/**
 * The door of extraction: the text of a document as it should have been written.
 *
 * Pages of HTML to their main text, then repair of Unicode and white space; what a text says is not judged here.
 */
export {
  createExtractor,
  type ExtractCounts,
  type ExtractedTexts,
  type Extractor,
  type ExtractRejection,
} from "./extractor.ts";
export { redactTexts, type RedactCounts, type RedactedKind, type RedactedTexts } from "./redact.ts";
export { repairTexts, type RepairCounts, type RepairedTexts } from "./repair.ts";
