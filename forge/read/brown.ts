/**
 * A file of the Brown Corpus (Francis and Kučera 1964, form C) to natural prose.
 *
 * Each token is `word/tag`; a sentence stands on a line, a tab begins a paragraph. The tags are dropped, punctuation is
 * set as in print, quotes become plain ones. The corpus doubles `?` and `!` and ends headlines without a stop.
 */

/** Prose of one file; paragraphs stand apart by an empty line. */
export function untagBrown(text: string): string {
  const paragraphs: string[][] = [];
  for (const line of text.split("\n")) {
    const words = line
      .trim()
      .split(/\s+/)
      .filter((token) => token !== "")
      .map(wordOf);
    if (words.length === 0) continue;
    if (line.startsWith("\t") || paragraphs.length === 0) paragraphs.push([]);
    paragraphs.at(-1)?.push(joinWords(words));
  }
  return paragraphs.map((sentences) => sentences.join(" ")).join("\n\n");
}

/** The word before the last slash. */
function wordOf(token: string): string {
  const slash = token.lastIndexOf("/");
  return slash <= 0 ? token : token.slice(0, slash);
}

const noSpaceBefore = new Set([",", ".", ";", ":", "?", "!", ")", "]", "''", "%"]);
const noSpaceAfter = new Set(["(", "[", "``", "$"]);

function joinWords(words: readonly string[]): string {
  let text = "";
  let before = "";
  let open = false;
  for (const word of words) {
    if ((word === "?" || word === "!" || word === ";" || word === ":") && word === before) continue;
    // A single quote opens where none is open, and closes otherwise.
    const kind = word === "'" ? (open ? "''" : "``") : word;
    if (word === "'") open = !open;
    const tight = text === "" || noSpaceBefore.has(kind) || noSpaceAfter.has(before);
    text += (tight ? "" : " ") + (word === "``" || word === "''" ? '"' : word);
    before = kind;
  }
  return text;
}
