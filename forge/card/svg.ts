/** Bar charts as SVG text: plain shapes, one colour, readable on light and dark pages, the same bytes for the same data. */

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Shown beside the bar instead of the plain value. */
  readonly note?: string;
}

const rowHeight = 26;
const labelWidth = 210;
const barWidth = 420;
const noteWidth = 170;

/** Horizontal bars, longest value = full width. Values are not negative. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const width = labelWidth + barWidth + noteWidth;
  const height = 40 + bars.length * rowHeight + 12;
  const largest = Math.max(1, ...bars.map((bar) => bar.value));
  const rows = bars.map((bar, i) => {
    const y = 40 + i * rowHeight;
    const length = ((bar.value / largest) * barWidth).toFixed(1);
    const note = escapeXml(bar.note ?? bar.value.toLocaleString("en-US"));
    return [
      `  <text x="${labelWidth - 8}" y="${y + 15}" text-anchor="end">${escapeXml(bar.label)}</text>`,
      `  <rect x="${labelWidth}" y="${y + 2}" width="${length}" height="${rowHeight - 8}" rx="2" fill="#3b7dd8"/>`,
      `  <text x="${(labelWidth + Number(length) + 8).toFixed(1)}" y="${y + 15}">${note}</text>`,
    ].join("\n");
  });
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(title)}" font-family="system-ui, sans-serif" font-size="13" fill="#6b7280">`,
    `  <title>${escapeXml(title)}</title>`,
    `  <text x="8" y="22" font-size="15" font-weight="600">${escapeXml(title)}</text>`,
    ...rows,
    `</svg>`,
  ].join("\n")}\n`;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign] ?? sign);
}
