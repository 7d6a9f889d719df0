/** Statistics of quality filters through WebAssembly: in pieces of about a megabyte, so that memory stays small. */
import { filterClassTable } from "./filter-classes.ts";
import {
  filterStatisticNames,
  finewebStatisticNames,
  type EditedStatistics,
  type FilterStatisticName,
  type FilterStatistics,
  type LimitedStatistics,
} from "./filter-types.ts";
import type { KernelExports, KernelInstance } from "./instance.ts";
import { filterStatistics, statisticsWithin } from "./reference/filter-statistics.ts";
import type { TextColumn } from "./types.ts";

type Numeric = (...values: readonly number[]) => number;

export interface FilterExports extends KernelExports {
  readonly setFilterTables: Numeric;
  readonly filterBufferBytes: Numeric;
  readonly filterStatistics: Numeric;
  readonly filterStatisticsWithin: Numeric;
  readonly setC4Rules: Numeric;
  readonly editC4Lines: Numeric;
  readonly measureC4: Numeric;
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
    const columns = statisticColumns(column.length);
    for (const { piece, row, fast } of cutPieces(column)) {
      if (fast) measure(instance, exports, piece, columns, row, 1);
      else {
        const counts = filterStatistics(piece, classes);
        for (const name of filterStatisticNames) columns[name].set(counts[name], row);
      }
    }
    return columns;
  };
}

/** Counts as far as limits let them, by an instance whose tables `wasmFilterStatistics` set. */
export function wasmStatisticsWithin(
  instance: KernelInstance,
): (column: TextColumn, limits: Float32Array) => LimitedStatistics {
  const exports = instance.exports as FilterExports;
  return (column, limits) => {
    const columns = statisticColumns(column.length);
    const stages = new Uint8Array(column.length);
    for (const { piece, row, fast } of cutPieces(column)) {
      if (!fast) {
        const counted = statisticsWithin(piece, limits);
        for (const name of filterStatisticNames) columns[name].set(counted.statistics[name], row);
        stages.set(counted.stages, row);
        continue;
      }
      instance.beginBatch();
      const { values, offsets, length, longest } = instance.placeColumn(piece);
      const buffer = instance.allocate(exports.filterBufferBytes(longest));
      const target = instance.allocate(filterStatisticNames.length * length * 4);
      const placedLimits = instance.place(limits);
      const reached = instance.allocate(length);
      exports.filterStatisticsWithin(values, offsets, length, longest, buffer, target, placedLimits, reached);
      takeColumns(instance, target, length, columns, row);
      stages.set(instance.memory().subarray(reached, reached + length), row);
    }
    return { statistics: columns, stages };
  };
}

/** The counts that FineWeb's rules need, by an instance whose tables `wasmFilterStatistics` set. */
export function wasmFinewebStatistics(instance: KernelInstance): (column: TextColumn) => EditedStatistics {
  const exports = instance.exports as FilterExports;
  return (column) => {
    const columns = statisticColumns(column.length);
    for (const { piece, row, fast } of cutPieces(column)) {
      if (fast) measure(instance, exports, piece, columns, row, 0);
      else {
        const counts = filterStatistics(piece);
        for (const name of finewebStatisticNames) columns[name].set(counts[name], row);
      }
    }
    return chosenStatistics(columns, finewebStatisticNames);
  };
}

/** Columns of some names alone; those of FineWeb must be among them. */
export function chosenStatistics(columns: FilterStatistics, names: readonly FilterStatisticName[]): EditedStatistics {
  return Object.fromEntries(names.map((name) => [name, columns[name]])) as unknown as EditedStatistics;
}

function measure(
  instance: KernelInstance,
  exports: FilterExports,
  piece: TextColumn,
  columns: StatisticColumns,
  row: number,
  all: 0 | 1,
): void {
  instance.beginBatch();
  const { values, offsets, length, longest } = instance.placeColumn(piece);
  const buffer = instance.allocate(exports.filterBufferBytes(longest));
  const target = instance.allocate(filterStatisticNames.length * length * 4);
  exports.filterStatistics(values, offsets, length, longest, buffer, target, all);
  takeColumns(instance, target, length, columns, row);
}

export type StatisticColumns = Readonly<Record<FilterStatisticName, Uint32Array<ArrayBuffer>>>;

export function statisticColumns(length: number): StatisticColumns {
  return Object.fromEntries(
    filterStatisticNames.map((name) => [name, new Uint32Array(length)]),
  ) as unknown as StatisticColumns;
}

/** Copies the counts of a piece out of the instance. */
export function takeColumns(
  instance: KernelInstance,
  target: number,
  length: number,
  columns: StatisticColumns,
  row: number,
): void {
  const counts = instance.readUint32(target, filterStatisticNames.length * length);
  for (const [i, name] of filterStatisticNames.entries()) {
    columns[name].set(counts.subarray(i * length, (i + 1) * length), row);
  }
}

export interface Piece {
  readonly piece: TextColumn;
  /** Row of the whole column that the piece begins with. */
  readonly row: number;
  readonly fast: boolean;
}

/** Consecutive rows that fit a piece together, and single rows that fit none. */
export function* cutPieces(column: TextColumn): Generator<Piece> {
  const { offsets, length } = column;
  const cut = (from: number, to: number, fast: boolean): Piece => ({
    piece: { values: column.values, offsets: offsets.subarray(from, to + 1), length: to - from },
    row: from,
    fast,
  });
  let from = 0;
  for (let to = 1; to <= length; to++) {
    const start = offsets[from] as number;
    if ((offsets[to] as number) - start <= pieceBytes) continue;
    if (to - 1 > from) yield cut(from, to - 1, true);
    from = to - 1;
    if ((offsets[to] as number) - (offsets[from] as number) <= pieceBytes) continue;
    yield cut(from, to, false);
    from = to;
  }
  if (from < length) yield cut(from, length, true);
}
