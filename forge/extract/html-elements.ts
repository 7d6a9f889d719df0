/**
 * What the elements of HTML mean to the extractor, and which names, roles and classes mark boilerplate.
 *
 * Element groups after the HTML standard (WHATWG, "Rendering" and "Optional tags"); class words are those that content
 * systems of many makers use.
 */

/** What an element is, as bits of {@link ElementKind}. */
export const Element = {
  /** Begins and ends a block of text. */
  block: 1,
  /** Its content is never shown as text. */
  hidden: 2,
  /** Navigation and other matter around the text. */
  boilerplate: 4,
  /** Has no content and no end tag. */
  empty: 8,
  preformatted: 16,
  /** A list or table, whose short parts are judged together. */
  group: 32,
  /** `<p>` ends where it begins. */
  endsParagraph: 64,
  /** Implied end tags are not looked for beyond it. */
  scope: 128,
} as const;

const { block, hidden, boilerplate, empty, preformatted, group, endsParagraph, scope } = Element;

const groups: readonly (readonly [number, string])[] = [
  [block | endsParagraph, "address article blockquote center details dir div fieldset figcaption figure form"],
  [block | endsParagraph, "h1 h2 h3 h4 h5 h6 header hgroup main p section search summary dt dd li"],
  [block | endsParagraph | group, "ul ol dl menu"],
  [block | endsParagraph | group | scope, "table"],
  [block | scope, "caption td th"],
  [block, "body html legend tbody tfoot thead tr title"],
  [block | preformatted | endsParagraph, "pre listing plaintext xmp"],
  [block | boilerplate | endsParagraph, "nav footer aside dialog menuitem"],
  [hidden, "head script style template noscript noembed noframes iframe object applet audio video canvas svg map"],
  [hidden, "select datalist textarea button option optgroup meter progress rt rp annotation annotation-xml"],
  [empty | block | endsParagraph, "hr"],
  [empty, "area base br col embed img input link meta param source track wbr frame keygen basefont bgsound"],
];

/** Open elements that a start tag ends by being there, and what the search for them does not pass. */
const impliedEnds: Readonly<Record<string, readonly [ends: string, within: string]>> = {
  li: ["li", "ul ol menu dir"],
  dt: ["dt dd", "dl"],
  dd: ["dt dd", "dl"],
  tr: ["tr", "table"],
  td: ["td th", "table tr"],
  th: ["td th", "table tr"],
  tbody: ["tbody thead tfoot", "table"],
  thead: ["tbody thead tfoot", "table"],
  tfoot: ["tbody thead tfoot", "table"],
  body: ["head", "html"],
};

/** An element by its name; one object for each name, so that names are compared as objects. */
export interface ElementKind {
  readonly name: string;
  /** Bits of {@link Element}; 0 for inline and unknown elements. */
  readonly bits: number;
  /** 1 to 6 for headings, else 0. */
  readonly level: number;
  readonly ends: readonly ElementKind[];
  readonly within: readonly ElementKind[];
}

/** Kinds of elements by lower-case name. Unknown names are remembered: use one table for each page. */
export class ElementTable {
  readonly #unknown = new Map<string, ElementKind>();

  kindOf(name: string): ElementKind {
    let kind = known.get(name) ?? this.#unknown.get(name);
    if (kind === undefined) {
      kind = { name, bits: 0, level: 0, ends: [], within: [] };
      this.#unknown.set(name, kind);
    }
    return kind;
  }
}

/** The kind of an element that HTML knows. */
export function knownElement(name: string): ElementKind {
  return known.get(name) as ElementKind;
}

const known: ReadonlyMap<string, ElementKind> = makeKnown();

function makeKnown(): ReadonlyMap<string, ElementKind> {
  const kinds = new Map<string, { -readonly [Key in keyof ElementKind]: ElementKind[Key] }>();
  const add = (name: string, bits: number): void => {
    kinds.set(name, { name, bits, level: /^h[1-6]$/.test(name) ? Number(name[1]) : 0, ends: [], within: [] });
  };
  for (const [bits, names] of groups) for (const name of names.split(" ")) add(name, bits);
  for (const name of ["a", "br", "span", "sup"]) if (!kinds.has(name)) add(name, 0);
  const find = (names: string): ElementKind[] => names.split(" ").map((name) => kinds.get(name) as ElementKind);
  for (const [name, [ends, within]] of Object.entries(impliedEnds)) {
    const kind = kinds.get(name);
    if (kind !== undefined) Object.assign(kind, { ends: find(ends), within: find(within) });
  }
  return kinds;
}

/** ARIA roles of what surrounds the text. */
const boilerplateRoles =
  /^(?:navigation|banner|contentinfo|complementary|search|dialog|alertdialog|menu|menubar|toolbar|tablist)$/;

export function isBoilerplateRole(role: string): boolean {
  return boilerplateRoles.test(role);
}

/** Marks of consent layers, which often carry long and well-formed text. */
const consentMarks =
  /(?:^|[\s_-])(?:gdpr|consent|onetrust|didomi|usercentrics|cookie[s]?[_-]?(?:banner|bar|box|consent|notice|popup|law|policy|overlay|modal|message|warning|dialog|layer))(?:$|[\s_-])/i;

/** Marks of what never belongs to the sentence around it: heading anchors, edit links. */
const noiseMarks =
  /(?:^|\s)(?:headerlink|anchorjs-link|heading-anchor|header-anchor|mw-editsection|permalink|sr-only|visually-hidden|screen-reader-text|skip-link|noprint|doc-anchor|srclink|rightside|copy-path|line-numbers|lineno|linenos|linenodiv)(?:$|\s)/;

/** Marks of boilerplate that are believed unless too little text would be left. */
const hintMarks =
  /(?:^|[\s_-])(?:nav|navbar|navigation|navheader|navfooter|navlinks|menu|submenu|sidebar|sphinxsidebar|breadcrumbs?|footer|footnav|masthead|topbar|toolbar|share|sharing|sharedaddy|social|related|relatedposts|recommended|recommendations|trending|popular|newsletter|subscribe|subscription|signup|promo|promotion|sponsor|sponsored|ads?|advert|advertisement|banner|popup|modal|overlay|pagination|pager|paginator|toc|tablecontents|comments?|commentlist|disqus|respond|replies|tags|tagcloud|byline|author|meta|postmeta|stats|actions|widget|widgets|rating|ratings|paywall|login|copyright|disclaimer|legal|infobox|navbox|catlinks|printfooter|jumpbox|searchbox|search|cookies?)(?:$|[\s_-])/i;
/** Words that show a mark to speak of the text's own container or of its layout ("with-sidebar", "comment-body"). */
const contentMarks =
  /(?:^|[\s_-])(?:with|has|no|without|content|main|article|body|page|wrapper|layout|container)(?:$|[\s_-])/i;

/** Notes inside the text for which authors take `<aside>`. */
const noteMarks =
  /(?:^|[\s_-])(?:note|notes|notice|tip|hint|info|warning|caution|danger|important|admonition|callout|example|footnotes?|pullquote|definition)(?:$|[\s_-])/i;

/** Styles that hide an element. */
const hidingStyle = /display\s*:\s*none|visibility\s*:\s*hidden/i;

export function isHidingStyle(style: string): boolean {
  return hidingStyle.test(style);
}

/** What the classes and id of an element say about it, as bits. */
export const Mark = { consent: 1, noise: 2, hint: 4, note: 8 } as const;

/** Classes repeat: pages have few different ones, and the patterns are long. */
const maxRemembered = 4096;
/** Longer lists of classes are made by accident or malice, and would fill the memory. */
const maxRememberedLength = 500;
const remembered = new Map<string, number>();

/** Bits of {@link Mark}. */
export function marksOf(classes: string): number {
  let bits = remembered.get(classes);
  if (bits !== undefined) return bits;
  bits = 0;
  if (consentMarks.test(classes)) bits |= Mark.consent;
  if (noiseMarks.test(classes)) bits |= Mark.noise;
  const isHint = (name: string): boolean => hintMarks.test(name) && !contentMarks.test(name);
  if (hintMarks.test(classes) && classes.split(/\s+/).some(isHint)) bits |= Mark.hint;
  if (noteMarks.test(classes)) bits |= Mark.note;
  if (classes.length > maxRememberedLength) return bits;
  if (remembered.size >= maxRemembered) remembered.clear();
  remembered.set(classes, bits);
  return bits;
}
