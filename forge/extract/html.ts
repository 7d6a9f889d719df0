/**
 * The main text of a page of HTML, without what surrounds it.
 *
 * A page's text depends on the page and the config alone: budgets are counted in bytes, elements and depth, never in time.
 */
import type { ExtractConfig } from "../../schemas/config/extract.ts";
import { readHtmlBlocks, type HtmlBlock } from "./html-blocks.ts";
import { chooseMainText } from "./html-density.ts";

export interface ExtractedText {
  /** Empty when the page has no main text. */
  readonly text: string;
  /** Of the page's head; null when there is none. */
  readonly title: string | null;
  /** The language that the page claims to be in, as it stands there; null when it claims none. */
  readonly language: string | null;
  /** The page exceeded the budget of elements: the rest was not read. */
  readonly cut: boolean;
}

/**
 * Extracts the main text by block density. Never throws; time is linear in the page's length.
 *
 * Headings, lists ("- ", "1. "), tables (cells separated by " | ") and preformatted text keep their lines.
 */
export function extractHtml(html: string, config: ExtractConfig): ExtractedText {
  const page = readHtmlBlocks(html, config);
  const chosen = chooseMainText(page, config.density);
  return {
    text: renderBlocks(chosen.map((index) => page.blocks[index] as HtmlBlock)),
    title: page.title === "" ? null : page.title,
    language: page.language === "" ? null : page.language,
    cut: page.cut,
  };
}

/** Blocks as text: an empty line between them, a line feed between items and rows of one list or table. */
export function renderBlocks(blocks: readonly HtmlBlock[]): string {
  const parts: string[] = [];
  let previous: HtmlBlock | undefined;
  for (const block of blocks) {
    if (previous !== undefined) parts.push(isOneList(previous, block) ? "\n" : "\n\n");
    parts.push(block.kind === "item" ? `${block.marker}${block.text}` : block.text);
    previous = block;
  }
  return parts.join("");
}

function isOneList(before: HtmlBlock, after: HtmlBlock): boolean {
  return before.group >= 0 && before.group === after.group && before.kind === after.kind && before.kind !== "text";
}
