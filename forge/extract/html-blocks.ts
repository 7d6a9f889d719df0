/**
 * A page of HTML as a list of text blocks, in one pass over htmlparser2's tokenizer; no tree is built.
 *
 * Every block carries what the classifier needs to know of the place where it stands. Time is linear in the page's
 * length whatever is in it: the stack of open elements has a fixed depth, and what is nested deeper counts as text of
 * its ancestor there. Which tags end which elements: html-open-elements.ts; what attributes mean: html-tag.ts.
 */
import { Tokenizer, type TokenizerCallbacks } from "htmlparser2";
import { Element, isBoilerplateRole, knownElement, Mark, marksOf, type ElementKind } from "./html-elements.ts";
import { OpenElements, type OpenElement } from "./html-open-elements.ts";
import { TagReader } from "./html-tag.ts";
import { collapse, isBlank, lineBreak, trimLines, trimmedLength } from "./html-white-space.ts";

/** Where a block stands: bits that elements hand down to what they contain. */
export const Place = {
  hidden: 1,
  /** Inside navigation, footer, consent layer and so on, by element or role. */
  boilerplate: 2,
  /** Inside something whose class or id sounds like boilerplate. */
  hint: 4,
  /** Inside `<main>`, role=main or itemprop=articleBody. */
  main: 8,
  article: 16,
  link: 32,
  preformatted: 64,
  /** Inside a page header that is not an article's. */
  header: 128,
  /** Inside the element whose text is the page's title. */
  title: 256,
} as const;

export type BlockKind = "text" | "heading" | "item" | "row" | "preformatted";

export interface HtmlBlock {
  readonly text: string;
  readonly kind: BlockKind;
  /** 1 to 6 for headings, else 0. */
  readonly level: number;
  /** Bits of {@link Place}. */
  readonly place: number;
  /** Characters of it that are in links. */
  readonly linkLength: number;
  /** Which list (the outermost one) or table (the innermost one) it is in, or -1. */
  readonly group: number;
  /** Which article it is in (the outermost one, counted from 1), or 0. */
  readonly article: number;
  /** The block elements around the one that it is the text of, the inner one first; 0 for the page's body. */
  readonly containers: readonly [inner: number, outer: number];
  /** "- " or "3. " for the first block of a list item. */
  readonly marker: string;
}

export interface HtmlBlocks {
  readonly blocks: readonly HtmlBlock[];
  /** Text of `<title>`; empty when there is none. */
  readonly title: string;
  /** `lang` of the outermost element that has one. */
  readonly language: string;
  readonly elements: number;
  /** Elements, comments and pieces of text, each counted by its depth squared and {@link stepsOfNode}. */
  readonly steps: number;
  /** Deepest nesting seen. */
  readonly depth: number;
  /** The page has more elements than it may: the rest was not read. */
  readonly cut: boolean;
}

/** What a node costs whoever builds a tree of the page, in steps, before the square of its depth. */
const stepsOfNode = 2000;

export interface HtmlBudget {
  readonly maxElements: number;
  readonly maxDepth: number;
}

/** Reads a page. Never throws, whatever the text is. */
export function readHtmlBlocks(html: string, budget: HtmlBudget): HtmlBlocks {
  const reader = new BlockReader(html, budget);
  const tokenizer = new Tokenizer({ xmlMode: false, decodeEntities: true }, reader);
  reader.stop = () => tokenizer.pause();
  tokenizer.write(html);
  if (!reader.cut) tokenizer.end();
  return reader.finish();
}

/** Longest cell that may stand in a line with its neighbours. */
const maxCellLength = 300;

const elementA = knownElement("a");
const elementBr = knownElement("br");
const elementP = knownElement("p");
const elementTable = knownElement("table");
const elementTr = knownElement("tr");

class BlockReader implements TokenizerCallbacks {
  stop: () => void = () => undefined;
  cut = false;
  readonly #html: string;
  readonly #budget: HtmlBudget;
  readonly #tag: TagReader;
  readonly #open = new OpenElements();
  #blocks: HtmlBlock[] = [];
  /** Cell of each block, for joining rows; same length as the blocks. */
  #cellOf: number[] = [];
  /** What the tag being read opens. */
  #kind: ElementKind = elementP;
  /** Elements opened beyond the greatest depth. */
  #beyond = 0;
  #place = 0;
  #text = "";
  #linkLength = 0;
  #marker = "";
  #breaks = 0;
  #groups = 0;
  #articles = 0;
  #elements = 0;
  #steps = 0;
  #depth = 0;
  #title = "";
  #language = "";

  constructor(html: string, budget: HtmlBudget) {
    this.#html = html;
    this.#budget = budget;
    this.#tag = new TagReader(html);
  }

  finish(): HtmlBlocks {
    this.#closeBlock();
    this.#popTo(0);
    return {
      blocks: this.#blocks,
      title: collapse(this.#title),
      language: this.#language,
      elements: this.#elements,
      steps: this.#steps,
      depth: this.#depth,
      cut: this.cut,
    };
  }

  ontext(start: number, end: number): void {
    this.#countNode();
    if (this.#place & Place.hidden) {
      if (this.#place & Place.title) this.#title += this.#html.slice(start, end);
      return;
    }
    this.#text += this.#html.slice(start, end);
    if (this.#place & Place.link) this.#linkLength += trimmedLength(this.#html, start, end);
    if (this.#breaks > 0) this.#breaks = isBlank(this.#html, start, end) ? this.#breaks : 0;
  }

  ontextentity(code: number): void {
    this.#countNode();
    if (this.#place & Place.hidden) {
      if (this.#place & Place.title) this.#title += String.fromCodePoint(code);
      return;
    }
    this.#text += String.fromCodePoint(code);
    if (code === 0xa0) return;
    if (this.#place & Place.link) this.#linkLength++;
    this.#breaks = 0;
  }

  oncdata(start: number, end: number, endOffset: number): void {
    this.ontext(start, end - endOffset);
  }

  onopentagname(start: number, end: number): void {
    this.#kind = this.#tag.begin(start, end);
  }

  onattribname(start: number, end: number): void {
    this.#tag.attributeName(start, end);
  }

  onattribdata(start: number, end: number): void {
    this.#tag.attributeData(start, end);
  }

  onattribentity(code: number): void {
    this.#tag.attributeEntity(code);
  }

  onattribend(): void {
    this.#tag.attributeEnd();
  }

  onopentagend(): void {
    this.#begin(this.#kind);
  }

  onselfclosingtag(): void {
    // HTML ignores the slash but on elements without content.
    this.#begin(this.#kind);
  }

  onclosetag(start: number, end: number): void {
    const kind = this.#tag.kindAt(start, end);
    if (kind === elementBr) return this.#break();
    if (kind === elementP && !this.#open.isOpen(elementP)) return this.#closeBlock();
    if (this.#beyond > 0) {
      this.#beyond--;
      return;
    }
    this.#popTo(this.#open.endedBy(kind));
  }

  oncomment(): void {
    this.#countNode();
  }

  ondeclaration(): void {
    this.#countNode();
  }

  onprocessinginstruction(): void {
    this.#countNode();
  }

  onend(): void {}

  #countNode(): void {
    this.#steps += (this.#open.depth + this.#beyond) ** 2 + stepsOfNode;
  }

  #begin(kind: ElementKind): void {
    this.#countNode();
    if (++this.#elements > this.#budget.maxElements) {
      this.cut = true;
      this.stop();
      return;
    }
    const { bits } = kind;
    const { language } = this.#tag;
    if (language !== undefined && this.#language === "" && this.#open.depth <= 1) this.#language = language;
    if (kind === elementBr) return this.#break();
    if (bits & Element.endsParagraph) this.#popTo(this.#open.paragraph());
    if (this.#beyond === 0) {
      this.#popTo(this.#open.endedByStart(kind));
      if (kind === elementA && this.#place & Place.link) this.#popTo(this.#open.link());
    }
    if (bits & Element.block) this.#closeBlock();
    if (bits & Element.empty) return;
    if (this.#open.depth >= this.#budget.maxDepth) {
      this.#beyond++;
      this.#depth = Math.max(this.#depth, this.#open.depth + this.#beyond);
      return;
    }
    this.#push(kind);
  }

  #push(kind: ElementKind): void {
    const { name, bits } = kind;
    const parent = this.#open.last;
    let place = this.#place | this.#placeOf(kind);
    let group = parent?.group ?? -1;
    // Lists within a list belong to it; a table may hold the whole page.
    let inList = parent?.inList ?? false;
    if (bits & Element.group) {
      if (kind === elementTable || !inList) group = ++this.#groups;
      inList = kind !== elementTable;
    }
    let article = parent?.article ?? 0;
    if (name === "article") {
      if (article === 0) article = ++this.#articles;
      place |= Place.article;
    }
    if (name === "li" && !(this.#place & Place.hidden)) this.#marker = this.#open.itemMarker();
    let cells = 0;
    if (name === "td" || name === "th") {
      const row = this.#open.nearest(elementTr, elementTable);
      cells = row === undefined ? 0 : ++row.cells;
    }
    const items = name === "ol" ? 0 : -1;
    const id = name === "html" || name === "body" ? 0 : this.#elements;
    this.#open.push({ kind, id, place, group, inList, article, items, firstBlock: this.#blocks.length, cells });
    this.#place = place;
    this.#depth = Math.max(this.#depth, this.#open.depth);
  }

  /** What the tag being read adds to the place. */
  #placeOf({ name, bits }: ElementKind): number {
    const { hides, role, isLink, isFragment, isBody } = this.#tag;
    let place = 0;
    const isRoot = name === "html" || name === "body";
    if (bits & Element.hidden || (hides && !isRoot)) place |= Place.hidden;
    if (bits & Element.preformatted) place |= Place.preformatted;
    if (name === "title" && this.#title === "" && this.#open.last?.kind.name !== "svg") {
      place |= Place.title | Place.hidden;
    }
    // Headings link to themselves.
    if (name === "a" && isLink && !(isFragment && this.#open.headingLevel() > 0)) place |= Place.link;
    if (name === "main" || role === "main" || isBody) place |= Place.main;
    if (role !== "" && isBoilerplateRole(role)) place |= Place.boilerplate;
    if (name === "header" && (this.#place & (Place.main | Place.article)) === 0) place |= Place.header;
    const marks = this.#tag.marks === "" || isRoot || name === "main" ? 0 : marksOf(this.#tag.marks);
    if (bits & Element.boilerplate && !(name === "aside" && marks & Mark.note)) place |= Place.boilerplate;
    if (marks === 0) return place;
    if (marks & Mark.noise) place |= bits & Element.block ? Place.hint : Place.hidden;
    if (name === "sup" && this.#tag.marks.includes("reference")) place |= Place.hidden;
    if (bits & Element.block || name === "span") {
      if (marks & Mark.consent) place |= Place.boilerplate;
      if (marks & Mark.hint && name !== "article") place |= Place.hint;
    }
    return place;
  }

  /** Ends elements until so many are open; none for -1. */
  #popTo(depth: number): void {
    if (depth >= 0) while (this.#open.depth > depth) this.#pop();
  }

  #pop(): void {
    const element = this.#open.last as OpenElement;
    if (element.kind.bits & Element.block) this.#closeBlock();
    this.#open.pop();
    this.#place = this.#open.last?.place ?? 0;
    if (element.kind.name === "li") this.#marker = "";
    if (element.kind === elementTr) this.#joinRow(element);
  }

  #break(): void {
    if (this.#place & Place.hidden) return;
    if (this.#place & Place.preformatted) this.#text += "\n";
    // Two of them are how paragraphs were made before there was style.
    else if (++this.#breaks >= 2) this.#closeBlock();
    else this.#text += lineBreak;
  }

  #closeBlock(): void {
    const raw = this.#text;
    this.#breaks = 0;
    if (raw === "") return;
    this.#text = "";
    const linkLength = this.#linkLength;
    this.#linkLength = 0;
    const place = this.#place;
    const isPreformatted = (place & Place.preformatted) !== 0;
    let text = isPreformatted ? trimLines(raw) : collapse(raw);
    const around = this.#open.last;
    const level = this.#open.headingLevel();
    if (level > 0) text = text.replace(/\s*[#¶§]$/, "");
    if (text === "") return;
    const marker = this.#marker;
    this.#marker = "";
    let kind: BlockKind = marker === "" ? "text" : "item";
    if (level > 0) kind = "heading";
    if (isPreformatted) kind = "preformatted";
    const cell = this.#open.cellNumber();
    if (cell > 0 && kind === "text") kind = "row";
    const group = around?.group ?? -1;
    const article = around?.article ?? 0;
    const containers = this.#open.containers();
    this.#blocks.push({ text, kind, level, place, linkLength, group, article, containers, marker });
    this.#cellOf.push(cell);
  }

  /** Cells of a row that are one short block each become one line. */
  #joinRow(row: OpenElement): void {
    const from = row.firstBlock;
    const count = this.#blocks.length - from;
    if (count < 2) return;
    for (let at = from; at < this.#blocks.length; at++) {
      const { kind, text, place } = this.#blocks[at] as HtmlBlock;
      if (kind !== "row" || text.length > maxCellLength || place & Place.preformatted) return;
      const before = at > from ? (this.#cellOf[at - 1] as number) : 0;
      if ((this.#cellOf[at] as number) <= before) return;
    }
    const cells = this.#blocks.splice(from, count);
    this.#cellOf.length = from;
    this.#blocks.push({
      ...(cells[0] as HtmlBlock),
      text: cells.map((cell) => cell.text.replaceAll("\n", " ")).join(" | "),
      place: cells.reduce((place, cell) => place & cell.place, ~0),
      linkLength: cells.reduce((sum, cell) => sum + cell.linkLength, 0),
    });
    // Not a cell of the row around it.
    this.#cellOf.push(0);
  }
}
