/** Numbers for people: bytes, counts, durations, aligned tables. */

/** `1234567` → `1.2 MB` (powers of 1000). */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `1234567` → `1,234,567`; fractions keep four significant digits. */
export function formatCount(count: number): string {
  if (!Number.isFinite(count)) return String(count);
  if (!Number.isInteger(count) && Math.abs(count) < 1000) return String(Number(count.toPrecision(4)));
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** `83000` → `1 min 23 s`. */
export function formatDuration(ms: number): string {
  if (ms < 950) return `${Math.round(ms)} ms`;
  if (ms < 59_500) return `${(ms / 1000).toFixed(ms < 9950 ? 1 : 0)} s`;
  const seconds = Math.round(ms / 1000);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}

/** Two or more columns, aligned; those that hold numbers alone (cells that start with a digit) to the right. */
export function formatTable(rows: readonly (readonly string[])[], indent = "  "): string {
  const widths: number[] = [];
  const isNumeric: boolean[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
      isNumeric[i] = (isNumeric[i] ?? i > 0) && /^(-?\d|-?$)/.test(cell);
    }
  }
  return rows
    .map((row) =>
      (
        indent +
        row
          .map((cell, i) => {
            const width = widths[i] as number;
            return isNumeric[i] === true ? cell.padStart(width) : cell.padEnd(width);
          })
          .join("  ")
      ).trimEnd(),
    )
    .join("\n");
}
