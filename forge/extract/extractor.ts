/**
 * Pages of a batch to texts, or to a reason why a page has none.
 *
 * Every page comes out as a text or with a reason; bytes that are not read because of a budget are counted.
 */
import type { ExtractConfig } from "../../schemas/config/extract.ts";
import type { TextColumn } from "../kernels/types.ts";
import type { ExtractedText } from "./html.ts";
import type { ExtractByReadability, ReadabilityFault } from "./html-readability.ts";

/** Why a page gives no text, and what was measured: bytes of the page, its elements or its depth. */
export interface ExtractRejection {
  readonly reason: "no-main-text" | ReadabilityFault;
  readonly value: number;
}

export interface ExtractCounts {
  pages: number;
  /** Bytes of the pages, and of the texts that came of them. */
  bytesIn: number;
  bytesOut: number;
  /** Pages of which only the beginning was read, because they exceed `maxBytes` or `maxElements`. */
  cut: number;
}

export interface ExtractedTexts {
  /** One text a page, in new buffers; a rejected page stays as it is. */
  readonly text: TextColumn;
  /** One entry a page. */
  readonly titles: readonly (string | null)[];
  readonly rejections: readonly (ExtractRejection | null)[];
  readonly counts: ExtractCounts;
}

/** Extracts a column of pages, valid UTF-8. The same page gives the same text in any batch. */
export type Extractor = (pages: TextColumn) => ExtractedTexts;

/** Makes the extractor that the config asks for. What reads HTML is loaded here: most corpora have no pages. */
export async function createExtractor(config: ExtractConfig): Promise<Extractor> {
  const { extractHtml } = await import("./html.ts");
  if (config.html !== "readability") return (pages) => extractPages(pages, config, extractHtml);
  const { loadReadability } = await import("./html-readability.ts");
  const readability = await loadReadability();
  return (pages) => extractPages(pages, config, extractHtml, readability);
}

function extractPages(
  pages: TextColumn,
  config: ExtractConfig,
  extractHtml: (html: string, config: ExtractConfig) => ExtractedText,
  readability?: ExtractByReadability,
): ExtractedTexts {
  const { values, offsets, length } = pages;
  const counts: ExtractCounts = { pages: length, bytesIn: 0, bytesOut: 0, cut: 0 };
  const titles: (string | null)[] = [];
  const rejections: (ExtractRejection | null)[] = [];
  const texts: Uint8Array[] = [];
  for (let row = 0; row < length; row++) {
    const page = values.subarray(offsets[row], offsets[row + 1]);
    counts.bytesIn += page.length;
    const read = config.html === "density" ? page.subarray(0, characterEnd(page, config.maxBytes)) : page;
    const html = Buffer.from(read.buffer, read.byteOffset, read.byteLength).toString("utf8");
    const extracted =
      readability?.(html, config.readability) ??
      (config.html === "none" ? { text: html, title: null, language: null, cut: false } : extractHtml(html, config));
    let rejection: ExtractRejection | null = null;
    if ("reason" in extracted) rejection = extracted;
    else if (extracted.text.trim() === "") rejection = { reason: "no-main-text", value: page.length };
    const text = "reason" in extracted || rejection !== null ? page : Buffer.from(extracted.text, "utf8");
    texts.push(text);
    titles.push("reason" in extracted ? null : extracted.title);
    rejections.push(rejection);
    counts.bytesOut += text.length;
    if (read.length < page.length || (!("reason" in extracted) && extracted.cut)) counts.cut++;
  }
  return { text: columnOf(texts), titles, rejections, counts };
}

/** The last character border at or before a byte. */
function characterEnd(bytes: Uint8Array, most: number): number {
  if (bytes.length <= most) return bytes.length;
  let end = most;
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end--;
  return end;
}

function columnOf(texts: readonly Uint8Array[]): TextColumn {
  const offsets = new Int32Array(texts.length + 1);
  for (const [i, text] of texts.entries()) offsets[i + 1] = (offsets[i] as number) + text.length;
  return { values: Buffer.concat(texts), offsets, length: texts.length };
}
