/**
 * The start tag that is being read: what its attributes say of the element's place on the page.
 *
 * Attributes come piece by piece from the tokenizer; few are known, and of those no more than a set length is kept.
 */
import { ElementTable, isHidingStyle, type ElementKind } from "./html-elements.ts";

/** Longest attribute value that is looked at. */
const maxAttributeLength = 1000;
/** Longest list of classes of one element: attributes may be repeated without end. */
const maxMarksLength = 4000;
/** Longest element name that is known. */
const maxNameLength = 16;

export class TagReader {
  /** Classes and id, with blanks between. */
  marks = "";
  role = "";
  hides = false;
  /** A link to another page, or to a place on this one. */
  isLink = false;
  isFragment = false;
  /** itemprop=articleBody */
  isBody = false;
  /** Undefined when the tag has no `lang`. */
  language: string | undefined;
  readonly #html: string;
  readonly #elementTable = new ElementTable();
  #attribute = "";
  #value = "";

  constructor(html: string) {
    this.#html = html;
  }

  /** A start tag begins; returns what it opens. */
  begin(start: number, end: number): ElementKind {
    this.marks = "";
    this.role = "";
    this.hides = false;
    this.isLink = false;
    this.isFragment = false;
    this.isBody = false;
    this.language = undefined;
    return this.kindAt(start, end);
  }

  kindAt(start: number, end: number): ElementKind {
    const name = this.#html.slice(start, Math.min(end, start + maxNameLength));
    return this.#elementTable.kindOf(isLowerCase(name) ? name : name.toLowerCase());
  }

  attributeName(start: number, end: number): void {
    this.#value = "";
    const length = end - start;
    this.#attribute = length < 2 || length > 11 ? "" : knownAttribute(this.#html.slice(start, end));
    if (this.#attribute === "hidden") this.hides = true;
  }

  attributeData(start: number, end: number): void {
    if (this.#attribute !== "" && this.#value.length < maxAttributeLength) {
      this.#value += this.#html.slice(start, Math.min(end, start + maxAttributeLength));
    }
  }

  attributeEntity(code: number): void {
    if (this.#attribute !== "" && this.#value.length < maxAttributeLength) this.#value += String.fromCodePoint(code);
  }

  attributeEnd(): void {
    const value = this.#value;
    switch (this.#attribute) {
      case "class":
      case "id":
        if (this.marks.length < maxMarksLength) this.marks += `${value} `;
        break;
      case "role":
        this.role = value.trim().toLowerCase();
        break;
      case "aria-hidden":
        if (value === "true") this.hides = true;
        break;
      case "style":
        if (isHidingStyle(value)) this.hides = true;
        break;
      case "hidden":
        // Found by the browser's own search: it may be shown.
        if (value === "until-found") this.hides = false;
        break;
      case "href":
        this.isLink = true;
        this.isFragment = value.startsWith("#");
        break;
      case "itemprop":
        this.isBody = value === "articleBody";
        break;
      case "lang":
        this.language ||= value.trim();
        break;
      default:
    }
    this.#attribute = "";
  }
}

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
