/**
 * A page of HTML as a list of text blocks, in one pass over htmlparser2's tokenizer; no tree is built.
 *
 * Every block carries what the classifier needs to know of the place where it stands. Time is linear in the page's
 * length whatever is in it: the stack of open elements has a fixed depth, and what is nested deeper counts as text of
 * its ancestor there. Tags that do not match are treated roughly as browsers do.
 */
import { Tokenizer, type TokenizerCallbacks } from "htmlparser2";
import {
  Element,
  ElementTable,
  isBoilerplateRole,
  isHidingStyle,
  knownElement,
  Mark,
  marksOf,
  type ElementKind,
} from "./html-elements.ts";

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
  /** Deepest nesting seen. */
  readonly depth: number;
  /** The page has more elements than it may: the rest was not read. */
  readonly cut: boolean;
}

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

/** Longest attribute value that is looked at. */
const maxAttributeLength = 1000;
/** Longest element name that is known. */
const maxNameLength = 16;
/** Longest cell that may stand in a line with its neighbours. */
const maxCellLength = 300;

const elementA = knownElement("a");
const elementBr = knownElement("br");
const elementP = knownElement("p");
const elementTable = knownElement("table");
const elementTr = knownElement("tr");
/** Their end tags end the cells and tables that are open in them. */
const pageParts: ReadonlySet<ElementKind> = new Set(
  ["html", "body", "main", "article", "table", "tr", "td", "th"].map((name) => knownElement(name)),
);

interface Frame {
  readonly kind: ElementKind;
  readonly place: number;
  readonly group: number;
  readonly inList: boolean;
  readonly article: number;
  /** Unique on the page; 0 for what holds the whole page. */
  readonly id: number;
  /** Items so far, of an ordered list; -1 for others. */
  items: number;
  /** Of a row: where its blocks begin; cells so far; of a cell: its number. */
  readonly firstBlock: number;
  cells: number;
}

class BlockReader implements TokenizerCallbacks {
  stop: () => void = () => undefined;
  cut = false;
  readonly #html: string;
  readonly #budget: HtmlBudget;
  #blocks: HtmlBlock[] = [];
  /** Cell of each block, for joining rows; same length as the blocks. */
  #cellOf: number[] = [];
  readonly #frames: Frame[] = [];
  /** Frames by name, so that most searches end before they begin. */
  readonly #openCounts = new Map<ElementKind, number>();
  readonly #elementTable = new ElementTable();
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
  #depth = 0;
  #title = "";
  #language = "";
  /** The tag being read. */
  #tag: ElementKind = elementP;
  #attribute = "";
  #value = "";
  #marks = "";
  #role = "";
  #hides = false;
  /** A link to another page, or to a place on this one. */
  #isLink = false;
  #isFragment = false;
  #isBody = false;

  constructor(html: string, budget: HtmlBudget) {
    this.#html = html;
    this.#budget = budget;
  }

  finish(): HtmlBlocks {
    this.#closeBlock();
    while (this.#frames.length > 0) this.#pop();
    return {
      blocks: this.#blocks,
      title: collapse(this.#title),
      language: this.#language,
      elements: this.#elements,
      depth: this.#depth,
      cut: this.cut,
    };
  }

  ontext(start: number, end: number): void {
    if (this.#place & Place.hidden) {
      if (this.#place & Place.title) this.#title += this.#html.slice(start, end);
      return;
    }
    this.#text += this.#html.slice(start, end);
    if (this.#place & Place.link) this.#linkLength += trimmedLength(this.#html, start, end);
    if (this.#breaks > 0) this.#breaks = isBlank(this.#html, start, end) ? this.#breaks : 0;
  }

  ontextentity(code: number): void {
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
    this.#tag = this.#kindAt(start, end);
    this.#marks = "";
    this.#role = "";
    this.#hides = false;
    this.#isLink = false;
    this.#isFragment = false;
    this.#isBody = false;
  }

  onattribname(start: number, end: number): void {
    this.#value = "";
    const length = end - start;
    this.#attribute = length < 2 || length > 11 ? "" : knownAttribute(this.#html.slice(start, end));
    if (this.#attribute === "hidden") this.#hides = true;
  }

  onattribdata(start: number, end: number): void {
    if (this.#attribute !== "" && this.#value.length < maxAttributeLength) {
      this.#value += this.#html.slice(start, Math.min(end, start + maxAttributeLength));
    }
  }

  onattribentity(code: number): void {
    if (this.#attribute !== "" && this.#value.length < maxAttributeLength) this.#value += String.fromCodePoint(code);
  }

  onattribend(): void {
    const value = this.#value;
    switch (this.#attribute) {
      case "class":
      case "id":
        this.#marks += `${value} `;
        break;
      case "role":
        this.#role = value.trim().toLowerCase();
        break;
      case "aria-hidden":
        if (value === "true") this.#hides = true;
        break;
      case "style":
        if (isHidingStyle(value)) this.#hides = true;
        break;
      case "hidden":
        // Found by the browser's own search: it may be shown.
        if (value === "until-found") this.#hides = false;
        break;
      case "href":
        this.#isLink = true;
        this.#isFragment = value.startsWith("#");
        break;
      case "itemprop":
        this.#isBody = value === "articleBody";
        break;
      case "lang":
        if (this.#language === "" && this.#frames.length <= 1) this.#language = value.trim();
        break;
      default:
    }
    this.#attribute = "";
  }

  onopentagend(): void {
    this.#open(this.#tag);
  }

  onselfclosingtag(): void {
    // HTML ignores the slash but on elements without content.
    this.#open(this.#tag);
  }

  onclosetag(start: number, end: number): void {
    const kind = this.#kindAt(start, end);
    if (kind === elementBr) return this.#break();
    if (kind === elementP && !this.#isOpen(elementP)) return this.#closeBlock();
    if (this.#beyond > 0) {
      this.#beyond--;
      return;
    }
    this.#close(kind);
  }

  oncomment(): void {}
  ondeclaration(): void {}
  onend(): void {}
  onprocessinginstruction(): void {}

  #kindAt(start: number, end: number): ElementKind {
    const name = this.#html.slice(start, Math.min(end, start + maxNameLength));
    return this.#elementTable.kindOf(isLowerCase(name) ? name : name.toLowerCase());
  }

  #open(kind: ElementKind): void {
    if (++this.#elements > this.#budget.maxElements) {
      this.cut = true;
      this.stop();
      return;
    }
    const { bits } = kind;
    if (kind === elementBr) return this.#break();
    if (bits & Element.endsParagraph && this.#isOpen(elementP)) this.#endParagraph();
    if (this.#beyond === 0) {
      this.#endImplied(kind);
      if (kind === elementA) this.#endLink();
    }
    if (bits & Element.block) this.#closeBlock();
    if (bits & Element.empty) return;
    if (this.#frames.length >= this.#budget.maxDepth) {
      this.#beyond++;
      this.#depth = Math.max(this.#depth, this.#frames.length + this.#beyond);
      return;
    }
    this.#push(kind);
  }

  #push(kind: ElementKind): void {
    const { name, bits } = kind;
    const parent = this.#frames.at(-1);
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
    if (name === "li" && !(this.#place & Place.hidden)) this.#marker = this.#itemMarker();
    let cells = 0;
    if (name === "td" || name === "th") {
      const row = this.#nearest(elementTr, elementTable);
      cells = row === undefined ? 0 : ++row.cells;
    }
    const items = name === "ol" ? 0 : -1;
    const id = name === "html" || name === "body" ? 0 : this.#elements;
    this.#frames.push({ kind, id, place, group, inList, article, items, firstBlock: this.#blocks.length, cells });
    this.#openCounts.set(kind, (this.#openCounts.get(kind) ?? 0) + 1);
    this.#place = place;
    this.#depth = Math.max(this.#depth, this.#frames.length);
  }

  /** What the tag being read adds to the place. */
  #placeOf({ name, bits }: ElementKind): number {
    let place = 0;
    const isRoot = name === "html" || name === "body";
    if (bits & Element.hidden || (this.#hides && !isRoot)) place |= Place.hidden;
    if (bits & Element.preformatted) place |= Place.preformatted;
    if (name === "title" && this.#title === "" && this.#frames.at(-1)?.kind.name !== "svg") {
      place |= Place.title | Place.hidden;
    }
    // Headings link to themselves.
    if (name === "a" && this.#isLink && !(this.#isFragment && this.#headingLevel() > 0)) place |= Place.link;
    const role = this.#role;
    if (name === "main" || role === "main" || this.#isBody) place |= Place.main;
    if (role !== "" && isBoilerplateRole(role)) place |= Place.boilerplate;
    if (name === "header" && (this.#place & (Place.main | Place.article)) === 0) place |= Place.header;
    const marks = this.#marks === "" || isRoot || name === "main" ? 0 : marksOf(this.#marks);
    if (bits & Element.boilerplate && !(name === "aside" && marks & Mark.note)) place |= Place.boilerplate;
    if (marks === 0) return place;
    if (marks & Mark.noise) place |= bits & Element.block ? Place.hint : Place.hidden;
    if (name === "sup" && this.#marks.includes("reference")) place |= Place.hidden;
    if (bits & Element.block || name === "span") {
      if (marks & Mark.consent) place |= Place.boilerplate;
      if (marks & Mark.hint && name !== "article") place |= Place.hint;
    }
    return place;
  }

  #itemMarker(): string {
    for (let at = this.#frames.length - 1; at >= 0; at--) {
      const frame = this.#frames[at] as Frame;
      if (frame.items >= 0) return `${++frame.items}. `;
      if (frame.kind.bits & Element.group) return "- ";
    }
    return "- ";
  }

  /** The nearest open element of a kind, not looked for beyond another. */
  #nearest(kind: ElementKind, within: ElementKind): Frame | undefined {
    for (let at = this.#frames.length - 1; at >= 0; at--) {
      const frame = this.#frames[at] as Frame;
      if (frame.kind === kind) return frame;
      if (frame.kind === within) return undefined;
    }
    return undefined;
  }

  #isOpen(kind: ElementKind): boolean {
    return (this.#openCounts.get(kind) ?? 0) > 0;
  }

  /** A paragraph cannot contain blocks: the next one ends it. */
  #endParagraph(): void {
    for (let at = this.#frames.length - 1; at >= 0; at--) {
      const frame = this.#frames[at] as Frame;
      if (frame.kind === elementP) return this.#popTo(at);
      if (frame.kind.bits & Element.block) return;
    }
  }

  #endImplied({ ends, within }: ElementKind): void {
    if (!ends.some((end) => this.#isOpen(end))) return;
    for (let at = this.#frames.length - 1; at >= 0; at--) {
      const frame = this.#frames[at] as Frame;
      if (ends.includes(frame.kind)) return this.#popTo(at);
      if (within.includes(frame.kind)) return;
    }
  }

  /** Links do not nest: a forgotten end tag must not make the rest of the page a link. */
  #endLink(): void {
    if (!(this.#place & Place.link)) return;
    for (let at = this.#frames.length - 1; at >= 0; at--) {
      const frame = this.#frames[at] as Frame;
      if (frame.kind === elementA) return this.#popTo(at);
      if (frame.kind.bits & Element.scope) return;
    }
  }

  /** Ends the nearest element of a kind. An inline one is not looked for beyond the block that it is in. */
  #close(kind: ElementKind): void {
    if (!this.#isOpen(kind)) return;
    const isInline = (kind.bits & (Element.block | Element.hidden)) === 0 && kind !== elementA;
    const leavesCells = pageParts.has(kind);
    for (let at = this.#frames.length - 1; at >= 0; at--) {
      const open = (this.#frames[at] as Frame).kind;
      if (open === kind) return this.#popTo(at);
      if (isInline && open.bits & Element.block) return;
      // A stray </div> in a cell must not end the table.
      if (open.bits & Element.scope && !leavesCells) return;
    }
  }

  #popTo(at: number): void {
    while (this.#frames.length > at) this.#pop();
  }

  #pop(): void {
    const frame = this.#frames.at(-1) as Frame;
    if (frame.kind.bits & Element.block) this.#closeBlock();
    this.#frames.pop();
    this.#openCounts.set(frame.kind, (this.#openCounts.get(frame.kind) ?? 1) - 1);
    this.#place = this.#frames.at(-1)?.place ?? 0;
    if (frame.kind.name === "li") this.#marker = "";
    if (frame.kind === elementTr) this.#joinRow(frame);
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
    const frame = this.#frames.at(-1);
    const level = this.#headingLevel();
    if (level > 0) text = text.replace(/\s*[#¶§]$/, "");
    if (text === "") return;
    const marker = this.#marker;
    this.#marker = "";
    let kind: BlockKind = marker === "" ? "text" : "item";
    if (level > 0) kind = "heading";
    if (isPreformatted) kind = "preformatted";
    const cell = this.#cellNumber();
    if (cell > 0 && kind === "text") kind = "row";
    const group = frame?.group ?? -1;
    const article = frame?.article ?? 0;
    const containers = this.#containers();
    this.#blocks.push({ text, kind, level, place, linkLength, group, article, containers, marker });
    this.#cellOf.push(cell);
  }

  #containers(): readonly [number, number] {
    const found: number[] = [];
    for (let at = this.#frames.length - 1; at >= 0 && found.length < 3; at--) {
      const { kind, id } = this.#frames[at] as Frame;
      if (kind.bits & Element.block) found.push(id);
    }
    return [found[1] ?? 0, found[2] ?? 0];
  }

  #headingLevel(): number {
    for (let at = this.#frames.length - 1; at >= 0; at--) {
      const { level, bits } = (this.#frames[at] as Frame).kind;
      if (level > 0) return level;
      if (bits & Element.block) return 0;
    }
    return 0;
  }

  /** Number of the cell, from 1; 0 outside of tables and where a list or another block lies between. */
  #cellNumber(): number {
    for (let at = this.#frames.length - 1; at >= 0; at--) {
      const { kind, cells } = this.#frames[at] as Frame;
      if (kind.name === "td" || kind.name === "th") return cells;
      if (kind.bits & Element.block && kind !== elementP && kind.name !== "div") return 0;
    }
    return 0;
  }

  /** Cells of a row that are one short block each become one line. */
  #joinRow(row: Frame): void {
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

/** Stands for a line break until white space is collapsed: a code point that text cannot hold. */
const lineBreak = "\uFFFF";

const attributes: ReadonlySet<string> = new Set([
  "class",
  "id",
  "role",
  "aria-hidden",
  "style",
  "hidden",
  "href",
  "itemprop",
  "lang",
]);

function knownAttribute(raw: string): string {
  if (attributes.has(raw)) return raw;
  if (isLowerCase(raw)) return "";
  const name = raw.toLowerCase();
  return attributes.has(name) ? name : "";
}

function isLowerCase(name: string): boolean {
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    if (code >= 0x41 && code <= 0x5a) return false;
  }
  return true;
}

function isBlank(text: string, start: number, end: number): boolean {
  return trimmedLength(text, start, end) === 0;
}

/** Characters of a range without the blanks around it. */
function trimmedLength(text: string, start: number, end: number): number {
  while (start < end && text.charCodeAt(start) <= 0x20) start++;
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--;
  return end - start;
}

/** Non-breaking spaces but those that may be part of mojibake ("Ã\u00a0" for à), which repair decodes. */
const blanks = /[ \t\n\r\f]+|(?<![\u00c2-\u00f4])\u00a0[ \t\n\r\f\u00a0]*/g;

/** White space to single blanks, line breaks to line feeds, nothing around. */
function collapse(raw: string): string {
  let text = raw;
  if (/[\t\n\r\f\u00a0]| {2}/.test(text)) text = text.replace(blanks, " ");
  if (text.includes(lineBreak)) text = text.replace(/ ?\uFFFF ?/g, "\n");
  return text.trim();
}

/** Preformatted text without blanks at line ends and without empty lines around it. */
function trimLines(raw: string): string {
  return raw
    .replace(/\r\n?/g, "\n")
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
    .replace(/^\n+/, "")
    .trimEnd();
}
