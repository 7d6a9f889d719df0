/**
 * The door of extraction: the text of a document as it should have been written.
 *
 * At this stage repair of text that is not HTML; what a text says is not judged here.
 */
export { repairTexts, type RepairCounts, type RepairedTexts } from "./repair.ts";
