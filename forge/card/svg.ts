/**
 * Bar charts as SVG text: plain shapes, the same bytes for the same data.
 *
 * Read on light and dark pages alike: a page shows a picture without saying which it is, so both colours stand between.
 */

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Shown beside the bar instead of the plain value. */
  readonly note?: string;
}

/** Grey and blue with a contrast above 4 to white and to GitHub's dark page (#0d1117). */
export const textColour = "#777b82";
export const barColour = "#3b82d6";

const rowHeight = 26;
const headHeight = 40;
const barWidth = 420;
const gap = 8;
const fontSize = 13;
const titleSize = 15;
/** Wider than a character is on average in the fonts that pages use, in parts of the font's size. */
const characterWidth = 0.62;
const maxLabelCharacters = 44;

/** Horizontal bars, longest value = full width. Values are not negative. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const labels = bars.map(({ label }) => shorten(label));
  const notes = bars.map(({ note, value }) => note ?? String(value).replace(/\B(?=(\d{3})+$)/g, ","));
  const left = gap + widest(labels, fontSize) + gap;
  const width = Math.ceil(
    Math.max(left + barWidth + gap + widest(notes, fontSize) + gap, 2 * gap + widest([title], titleSize)),
  );
  const height = headHeight + bars.length * rowHeight + 12;
  const largest = Math.max(1, ...bars.map(({ value }) => value));
  const rows = bars.map(({ value }, i) => {
    const y = headHeight + i * rowHeight;
    // A bar of few among many is still seen.
    const length = value === 0 ? 0 : Math.max(1, (value / largest) * barWidth);
    return [
      `  <text x="${left - gap}" y="${y + 15}" text-anchor="end">${escapeXml(labels[i] ?? "")}</text>`,
      `  <rect x="${left}" y="${y + 2}" width="${length.toFixed(1)}" height="${rowHeight - 8}" rx="2" fill="${barColour}"/>`,
      `  <text x="${(left + length + gap).toFixed(1)}" y="${y + 15}">${escapeXml(notes[i] ?? "")}</text>`,
    ].join("\n");
  });
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(title)}" font-family="system-ui, sans-serif" font-size="${fontSize}" fill="${textColour}">`,
    `  <title>${escapeXml(title)}</title>`,
    `  <text x="${gap}" y="22" font-size="${titleSize}" font-weight="600">${escapeXml(title)}</text>`,
    ...rows,
    `</svg>`,
  ].join("\n")}\n`;
}

function shorten(label: string): string {
  const characters = [...label];
  return characters.length <= maxLabelCharacters ? label : `${characters.slice(0, maxLabelCharacters - 1).join("")}…`;
}

function widest(texts: readonly string[], size: number): number {
  return Math.ceil(Math.max(0, ...texts.map((text) => [...text].length)) * size * characterWidth);
}

function escapeXml(text: string): string {
  // Control characters are no XML, not even escaped.
  return text
    .replace(/[^\t\n\r -\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD")
    .replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign] ?? sign);
}
