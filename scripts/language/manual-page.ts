/**
 * Plain paragraphs of a manual page's troff source (man or mdoc): what is needed to judge language, not a formatter.
 *
 * Only running text is taken: no headings, no tags of lists, no tables, no examples (`.nf`, `.EX`). Commands and options
 * that mdoc macros mark are left out, those that man's font macros mark are kept.
 */

/** Requests that end a paragraph. */
const breaks = new Set(
  "SH SS Sh Ss PP P LP Pp HP IP TP TQ It Bl El RS RE nf fi EX EE Bd Ed DS DE TS TE EQ EN TH Dd Dt Os sp UE".split(" "),
);
/** Requests whose arguments are text in a font, and those whose fonts alternate without a space between. */
const fonts = new Set(["B", "I", "SM", "SB", "Em", "Sy"]);
const alternating = new Set(["BR", "RB", "BI", "IB", "IR", "RI"]);
/** Requests that begin something that is no running text, and what ends it. */
const skipped = new Map([
  ["nf", ["fi"]],
  ["EX", ["EE"]],
  ["Bd", ["Ed"]],
  ["DS", ["DE"]],
  ["TS", ["TE"]],
  ["EQ", ["EN"]],
  ["PS", ["PE"]],
  ["de", ["."]],
  ["de1", ["."]],
  ["am", ["."]],
  ["ig", ["."]],
]);

const characters = new Map(
  Object.entries({
    lq: "“",
    rq: "”",
    oq: "‘",
    cq: "’",
    aq: "'",
    dq: '"',
    hy: "-",
    en: "–",
    em: "—",
    bu: "•",
    co: "©",
    ti: "~",
    ha: "^",
    rs: "\\",
    ga: "`",
    Fo: "«",
    Fc: "»",
    ss: "ß",
    ":a": "ä",
    ":o": "ö",
    ":u": "ü",
    ":A": "Ä",
    ":O": "Ö",
    ":U": "Ü",
    "'e": "é",
    "`e": "è",
    "'a": "á",
    "'i": "í",
    "'o": "ó",
    "'u": "ú",
    "~n": "ñ",
    ",c": "ç",
    oa: "å",
    oA: "Å",
    "/o": "ø",
    "/O": "Ø",
    ae: "æ",
    AE: "Æ",
  }),
);

/**
 * Paragraphs in their order, without those of the first section, which is always the name and one line about it.
 *
 * @param source the page's source, decoded
 */
export function paragraphsOfManualPage(source: string): readonly string[] {
  const paragraphs: string[] = [];
  let lines: string[] = [];
  let section = 0;
  let until: readonly string[] | undefined;
  let isTag = false;
  const end = (): void => {
    const text = lines.join(" ").replaceAll(/\s+/gu, " ").trim();
    if (text !== "" && section > 1) paragraphs.push(text);
    lines = [];
    isTag = false;
  };
  for (const line of source.split("\n")) {
    const [, name, rest = ""] = /^[.'][ \t]*(\\"|[^\s\\]*)(.*)$/u.exec(line) ?? [];
    if (until !== undefined) {
      if (name !== undefined && until.includes(name)) until = undefined;
      continue;
    }
    if (name === undefined) {
      if (line.trim() === "") end();
      else if (isTag) isTag = false;
      else lines.push(plain(line));
      continue;
    }
    if (breaks.has(name)) end();
    if (name === "SH" || name === "Sh") section++;
    until = skipped.get(name);
    if (fonts.has(name) || alternating.has(name)) {
      const text = argumentsOf(rest)
        .map(plain)
        .join(alternating.has(name) ? "" : " ");
      if (!isTag) lines.push(text);
      isTag = false;
    }
    if (name === "TP" || name === "TQ") isTag = true;
  }
  end();
  return paragraphs;
}

/** Text without escapes: fonts, sizes and strings go, named characters become what they name. */
function plain(text: string): string {
  return text
    .replaceAll(/\\["#].*$/gu, "")
    .replaceAll(/\\(?:f|s[+-]?|\*|m|F|n[+-]?|g|k|O|V|Y|M)(?:\[[^\]]*\]|\(..|[^[(])/gu, "")
    .replaceAll(/\\[hvwlLoxXZDbANRSHC]'[^']*'/gu, "")
    .replaceAll(/\\\[u([0-9A-F]{4,6})\]/gu, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)))
    .replaceAll(/\\(?:\((..)|\[([^\]]*)\])/gu, (_, a?: string, b?: string) => characters.get(a ?? b ?? "") ?? "")
    .replaceAll(/\\[~0 ]/gu, " ")
    .replaceAll(/\\[&|^%/,:cdurpatz{}!?]/gu, "")
    .replaceAll(/\\e/gu, "\\")
    .replaceAll(/\\([-'`.])/gu, "$1");
}

/** Arguments of a request: separated by spaces, in quotation marks where they hold some. */
function argumentsOf(text: string): readonly string[] {
  return [...text.matchAll(/"((?:[^"]|"")*)"?|(\S+)/gu)].map((match) => match[1] ?? match[2] ?? "");
}
