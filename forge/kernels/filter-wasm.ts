/** Statistics of quality filters through WebAssembly: in pieces of about a megabyte, so that memory stays small. */
import { filterClassTable } from "./filter-classes.ts";
import { filterStatisticNames, type FilterStatisticName, type FilterStatistics } from "./filter-types.ts";
import type { KernelExports, KernelInstance } from "./instance.ts";
import { filterStatistics } from "./reference/filter-statistics.ts";
import type { TextColumn } from "./types.ts";

type Numeric = (...values: readonly number[]) => number;

interface FilterExports extends KernelExports {
  readonly setFilterTables: Numeric;
  readonly filterBufferBytes: Numeric;
  readonly filterStatistics: Numeric;
}

/** Texts of a piece together have this many bytes. A longer text goes to the plain twin: its tables would stay. */
const pieceBytes = 1 << 20;

/**
 * Makes the fast kernel; it belongs to the instance's thread.
 *
 * @param classes what each code point is; an instance has one table. @default filterClassTable()
 */
export function wasmFilterStatistics(
  instance: KernelInstance,
  classes = filterClassTable(),
): (column: TextColumn) => FilterStatistics {
  // The module is built from assembly/index.ts, which exports these.
  const exports = instance.exports as FilterExports;
  exports.setFilterTables(instance.placePersistent(classes));
  return (column) => {
    const columns = Object.fromEntries(
      filterStatisticNames.map((name) => [name, new Uint32Array(column.length)]),
    ) as Record<FilterStatisticName, Uint32Array>;
    for (const { from, to, fast } of cutPieces(column)) {
      const piece = { values: column.values, offsets: column.offsets.subarray(from, to + 1), length: to - from };
      if (fast) measure(instance, exports, piece, columns, from);
      else {
        const counts = filterStatistics(piece, classes);
        for (const name of filterStatisticNames) columns[name].set(counts[name], from);
      }
    }
    return columns;
  };
}

function measure(
  instance: KernelInstance,
  exports: FilterExports,
  piece: TextColumn,
  columns: Readonly<Record<FilterStatisticName, Uint32Array>>,
  row: number,
): void {
  instance.beginBatch();
  const { values, offsets, length, longest } = instance.placeColumn(piece);
  const buffer = instance.allocate(exports.filterBufferBytes(longest));
  const target = instance.allocate(filterStatisticNames.length * length * 4);
  exports.filterStatistics(values, offsets, length, longest, buffer, target);
  const counts = instance.readUint32(target, filterStatisticNames.length * length);
  for (const [i, name] of filterStatisticNames.entries()) {
    columns[name].set(counts.subarray(i * length, (i + 1) * length), row);
  }
}

/** Consecutive rows that fit a piece together, and single rows that fit none. */
function* cutPieces({ offsets, length }: TextColumn): Generator<{ from: number; to: number; fast: boolean }> {
  let from = 0;
  for (let to = 1; to <= length; to++) {
    const start = offsets[from] as number;
    if ((offsets[to] as number) - start <= pieceBytes) continue;
    if (to - 1 > from) yield { from, to: to - 1, fast: true };
    from = to - 1;
    if ((offsets[to] as number) - (offsets[from] as number) <= pieceBytes) continue;
    yield { from, to, fast: false };
    from = to;
  }
  if (from < length) yield { from, to: length, fast: true };
}
