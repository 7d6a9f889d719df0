/** White space of a page as a browser shows it: runs of it are one blank, but in preformatted text. */

/** Stands for a line break until white space is collapsed: a code point that text cannot hold. */
export const lineBreak = "\uFFFF";

/** Non-breaking spaces but those that may be part of mojibake ("Ã\u00a0" for à), which repair decodes. */
const blanks = /[ \t\n\r\f]+|(?<![\u00c2-\u00f4])\u00a0[ \t\n\r\f\u00a0]*/g;

/** White space to single blanks, line breaks to line feeds, nothing around. */
export function collapse(raw: string): string {
  let text = raw;
  if (/[\t\n\r\f\u00a0]| {2}/.test(text)) text = text.replace(blanks, " ");
  if (text.includes(lineBreak)) text = text.replace(/ ?\uFFFF ?/g, "\n");
  return text.trim();
}

/** Preformatted text without blanks at line ends and without empty lines around it. */
export function trimLines(raw: string): string {
  return raw
    .replace(/\r\n?/g, "\n")
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
    .replace(/^\n+/, "")
    .trimEnd();
}

export function isBlank(text: string, start: number, end: number): boolean {
  return trimmedLength(text, start, end) === 0;
}

/** Characters of a range without the blanks around it. */
export function trimmedLength(text: string, start: number, end: number): number {
  while (start < end && text.charCodeAt(start) <= 0x20) start++;
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--;
  return end - start;
}
