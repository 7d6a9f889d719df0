/**
 * The elements of a page that are open where the reader stands, and which of them a tag ends.
 *
 * Tags that do not match are treated roughly as browsers do. Each search passes over the stack once at most; the stack
 * is as deep as the reader's budget allows, so a page takes linear time.
 */
import { Element, knownElement, type ElementKind } from "./html-elements.ts";

export interface OpenElement {
  readonly kind: ElementKind;
  /** Bits of `Place`. */
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

const elementA = knownElement("a");
const elementP = knownElement("p");
/** Their end tags end the cells and tables that are open in them. */
const pageParts: ReadonlySet<ElementKind> = new Set(
  ["html", "body", "main", "article", "table", "tr", "td", "th"].map((name) => knownElement(name)),
);

export class OpenElements {
  readonly #elements: OpenElement[] = [];
  /** Elements by name, so that most searches end before they begin. */
  readonly #counts = new Map<ElementKind, number>();

  get depth(): number {
    return this.#elements.length;
  }

  get last(): OpenElement | undefined {
    return this.#elements.at(-1);
  }

  push(element: OpenElement): void {
    this.#elements.push(element);
    this.#counts.set(element.kind, (this.#counts.get(element.kind) ?? 0) + 1);
  }

  pop(): void {
    const kind = this.#elements.pop()?.kind;
    if (kind !== undefined) this.#counts.set(kind, (this.#counts.get(kind) ?? 1) - 1);
  }

  isOpen(kind: ElementKind): boolean {
    return (this.#counts.get(kind) ?? 0) > 0;
  }

  /** The nearest open element of a kind, not looked for beyond another. */
  nearest(kind: ElementKind, within: ElementKind): OpenElement | undefined {
    for (let at = this.#elements.length - 1; at >= 0; at--) {
      const element = this.#elements[at] as OpenElement;
      if (element.kind === kind) return element;
      if (element.kind === within) return undefined;
    }
    return undefined;
  }

  /** The depth to which an end tag takes back; -1 when it ends nothing. An inline element does not end blocks. */
  endedBy(kind: ElementKind): number {
    if (!this.isOpen(kind)) return -1;
    const isInline = (kind.bits & (Element.block | Element.hidden)) === 0 && kind !== elementA;
    const leavesCells = pageParts.has(kind);
    for (let at = this.#elements.length - 1; at >= 0; at--) {
      const open = (this.#elements[at] as OpenElement).kind;
      if (open === kind) return at;
      if (isInline && open.bits & Element.block) return -1;
      // A stray </div> in a cell must not end the table.
      if (open.bits & Element.scope && !leavesCells) return -1;
    }
    return -1;
  }

  /** The depth to which a start tag takes back: `<li>` ends the item before; -1 when it ends nothing. */
  endedByStart({ ends, within }: ElementKind): number {
    if (!ends.some((end) => this.isOpen(end))) return -1;
    for (let at = this.#elements.length - 1; at >= 0; at--) {
      const { kind } = this.#elements[at] as OpenElement;
      if (ends.includes(kind)) return at;
      if (within.includes(kind)) return -1;
    }
    return -1;
  }

  /** The paragraph that the next block ends, for it cannot contain blocks; -1 when none is open. */
  paragraph(): number {
    if (!this.isOpen(elementP)) return -1;
    for (let at = this.#elements.length - 1; at >= 0; at--) {
      const { kind } = this.#elements[at] as OpenElement;
      if (kind === elementP) return at;
      if (kind.bits & Element.block) return -1;
    }
    return -1;
  }

  /** The link that the next one ends: a forgotten end tag must not make the rest of the page a link. */
  link(): number {
    for (let at = this.#elements.length - 1; at >= 0; at--) {
      const { kind } = this.#elements[at] as OpenElement;
      if (kind === elementA) return at;
      if (kind.bits & Element.scope) return -1;
    }
    return -1;
  }

  /** Of the heading around, 1 to 6, or 0. */
  headingLevel(): number {
    for (let at = this.#elements.length - 1; at >= 0; at--) {
      const { level, bits } = (this.#elements[at] as OpenElement).kind;
      if (level > 0) return level;
      if (bits & Element.block) return 0;
    }
    return 0;
  }

  /** Number of the cell around, from 1; 0 outside of tables and where a list or another block lies between. */
  cellNumber(): number {
    for (let at = this.#elements.length - 1; at >= 0; at--) {
      const { kind, cells } = this.#elements[at] as OpenElement;
      if (kind.name === "td" || kind.name === "th") return cells;
      if (kind.bits & Element.block && kind !== elementP && kind.name !== "div") return 0;
    }
    return 0;
  }

  /** Counts an item of the list around and gives what stands before it. */
  itemMarker(): string {
    for (let at = this.#elements.length - 1; at >= 0; at--) {
      const element = this.#elements[at] as OpenElement;
      if (element.items >= 0) return `${++element.items}. `;
      if (element.kind.bits & Element.group) return "- ";
    }
    return "- ";
  }

  /** Ids of the two block elements around the innermost one. */
  containers(): readonly [number, number] {
    const found: number[] = [];
    for (let at = this.#elements.length - 1; at >= 0 && found.length < 3; at--) {
      const { kind, id } = this.#elements[at] as OpenElement;
      if (kind.bits & Element.block) found.push(id);
    }
    return [found[1] ?? 0, found[2] ?? 0];
  }
}
