/** Words and numbers of a card as Markdown: tables, counts, sizes, excerpts of texts that may hold anything. */

/** A table; cells are Markdown of one line. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Facts by name, without a head. */
export function facts(rows: readonly (readonly string[])[]): string {
  return table(["", ""], rows);
}

/** Paragraphs and tables below each other; undefined ones are left out. */
export function blocks(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join("\n\n");
}

/** Largest first, equal ones by name. */
export function byCount(counts: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(counts).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
}

export function totalOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, value) => sum + value, 0);
}

/** Groups of three digits, by hand: the machine's language must not matter. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

export function decimal(value: number): string {
  return String(Number(value.toPrecision(4)));
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? "0.0 %" : `${((part / whole) * 100).toFixed(1)} %`;
}

/** Decimal units, one digit behind the point. */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let power = 0;
  // What would be rounded to 1000.0 is one of the next unit.
  while (power < units.length - 1 && value / 1000 ** power >= (power === 0 ? 1000 : 999.95)) power++;
  return `${power === 0 ? value : (value / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/** Characters of a text that are shown. */
const excerptLength = 140;

/** The beginning of a text on one line, with nothing that Markdown or HTML would take for its own. */
export function excerpt(text: string): string {
  const line = text
    .slice(0, excerptLength * 2)
    .replace(/\s+/g, " ")
    .trim();
  const cut = line.length > excerptLength ? `${line.slice(0, excerptLength)}…` : line;
  return escape(cut.toWellFormed());
}

/** A line of somebody's words as Markdown; `table` escapes what divides cells. */
export function escape(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[\\`*_{}[\]<>#~$&]/g, "\\$&");
}

/** A line of somebody's words as code, whatever it holds. */
export function code(text: string): string {
  const line = text.replace(/\s+/g, " ");
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return longest === 0 ? `\`${line}\`` : `${fence} ${line} ${fence}`;
}

/** A block of code, whatever it holds. */
export function codeBlock(text: string, language: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text.trimEnd()}\n${fence}`;
}
