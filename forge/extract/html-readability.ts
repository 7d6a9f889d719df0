/**
 * The main text of a page by Mozilla's Readability over linkedom: what Firefox' reader view would show.
 *
 * Loaded only when a config asks for it. Its time and stack grow faster than the page, so pages beyond the budget are
 * rejected by counts that the linear reader makes first.
 */
import type { ReadabilityConfig } from "../../schemas/config/extract.ts";
import { readHtmlBlocks } from "./html-blocks.ts";
import { renderBlocks, type ExtractedText } from "./html.ts";

export type ReadabilityFault =
  | "html-too-large"
  | "html-too-many-elements"
  | "html-too-deep"
  | "html-too-many-steps"
  | "html-unreadable";

/** A page that readability is not asked about, or that it failed on, with the count that exceeded its budget. */
export interface ReadabilityRefusal {
  readonly reason: ReadabilityFault;
  readonly value: number;
}

export type ExtractByReadability = (html: string, config: ReadabilityConfig) => ExtractedText | ReadabilityRefusal;

/** Loads both packages. */
export async function loadReadability(): Promise<ExtractByReadability> {
  const [{ Readability }, { parseHTML }] = await Promise.all([import("@mozilla/readability"), import("linkedom")]);
  return (html, config) => {
    const bytes = Buffer.byteLength(html);
    if (bytes > config.maxBytes) return { reason: "html-too-large", value: bytes };
    const { maxElements, maxDepth, maxSteps } = config;
    const page = readHtmlBlocks(html, { maxElements, maxDepth });
    if (page.cut) return { reason: "html-too-many-elements", value: page.elements };
    if (page.depth > maxDepth) return { reason: "html-too-deep", value: page.depth };
    // Each node is looked at from every pair of elements around it; one element with too many children exceeds the stack.
    if (page.steps > maxSteps) return { reason: "html-too-many-steps", value: page.steps };
    const head = { title: page.title || null, language: page.language || null, cut: false };
    let article: ReturnType<InstanceType<typeof Readability>["parse"]>;
    try {
      // Its types say nothing of documents; Readability wants the browser's.
      const { document } = parseHTML(withBody(html)) as unknown as {
        readonly document: ConstructorParameters<typeof Readability>[0];
      };
      article = new Readability(document).parse();
    } catch {
      // It throws on text without markup and on what its parser makes no tree of.
      return { reason: "html-unreadable", value: bytes };
    }
    const content: unknown = article?.content;
    if (typeof content !== "string") return { text: "", ...head };
    const { blocks } = readHtmlBlocks(content, { maxElements, maxDepth });
    const body = renderBlocks(blocks);
    // The reader view shows the title above the text, from which Readability took it out.
    const title = article?.title?.trim() ?? "";
    return { text: body === "" || body.startsWith(title) ? body : `${title}\n\n${body}`, ...head };
  };
}

/** A page with the tags that HTML lets authors leave out: linkedom does not add them, and finds no body without. */
function withBody(html: string): string {
  const hasRoot = /<html[\s>]/i.test(html);
  if (/<body[\s>]/i.test(html)) return hasRoot ? html : `<html>${html}</html>`;
  if (!hasRoot) return `<html><body>${html}</body></html>`;
  const before = /<\/head\s*>/i.test(html) ? /<\/head\s*>/i : /<html(?:\s[^>]*)?>/i;
  return html.replace(before, (tag) => `${tag}<body>`);
}
