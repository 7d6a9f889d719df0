/**
 * Values of a column while its row group grows: already as the bytes that its pages will hold, so neither a view nor a
 * JavaScript value is kept for a row.
 */
import type { ChunkStatistics } from "hyparquet-writer/src/types.js";
import { assert } from "../base/index.ts";
import { ColumnPages, pageBytes, RowLevels } from "./parquet-pages.ts";
import { DictionaryTexts, PlainTexts } from "./parquet-texts.ts";
import type { ParquetColumn, ParquetColumnValues, ParquetType, ParquetValue } from "./parquet.ts";

/** A value that is there, or null. */
export type StoredValue = Exclude<ParquetValue, undefined>;

export interface ColumnValues {
  readonly pages: ColumnPages;
  push(value: StoredValue): void;
  /** Pushes the values of rows `[start, end)`. */
  append(values: ParquetColumnValues, start: number, end: number): void;
  /** Hands what was pushed to the pages; empty afterwards. */
  finish(): ChunkStatistics | undefined;
}

/** @param onMissing called for each null of a column that has none; throws */
export function columnValues(
  { type, nullable = false, long = false }: ParquetColumn,
  zstdLevel: number,
  onMissing: () => never,
): ColumnValues {
  const pages = new ColumnPages(nullable, zstdLevel);
  const missing = nullable ? undefined : onMissing;
  if (type === "string" || type === "json") return new TextValues(pages, type, long, missing);
  if (type === "boolean") return new BooleanValues(pages, missing);
  return new NumberValues(pages, type, missing);
}

/** Texts of UTF-8. */
class TextValues implements ColumnValues {
  readonly pages: ColumnPages;
  readonly #isJson: boolean;
  readonly #texts: PlainTexts | DictionaryTexts;
  readonly #onMissing: (() => never) | undefined;

  constructor(pages: ColumnPages, type: "string" | "json", long: boolean, onMissing: (() => never) | undefined) {
    this.pages = pages;
    this.#isJson = type === "json";
    this.#texts = long ? new PlainTexts(pages) : new DictionaryTexts(pages);
    this.#onMissing = onMissing;
  }

  push(value: StoredValue): void {
    if (value === null) this.#pushNull();
    else if (this.#isJson) this.#texts.pushString(JSON.stringify(value));
    else if (typeof value === "string") this.#texts.pushString(value);
    else {
      assert(value instanceof Uint8Array, "a text column gets strings or bytes");
      this.#texts.push(value, 0, value.length);
    }
  }

  append(column: ParquetColumnValues, start: number, end: number): void {
    if (typeof column === "function") {
      for (let row = start; row < end; row++) this.push(column(row) ?? null);
      return;
    }
    assert("offsets" in column, "a text column gets texts");
    const { values, offsets, isNull, rows } = column;
    for (let i = start; i < end; i++) {
      const row = rows === undefined ? i : (rows[i] as number);
      if (isNull?.(row) === true) this.#pushNull();
      else this.#texts.push(values, offsets[row] as number, offsets[row + 1] as number);
    }
  }

  finish(): ChunkStatistics | undefined {
    return this.#texts.finish();
  }

  #pushNull(): void {
    this.#onMissing?.();
    this.#texts.pushNull();
  }
}

type NumberArray = Float32Array | Float64Array | Int32Array | BigInt64Array;

/** Numbers one behind the other; a row without one takes no room. */
class NumberValues implements ColumnValues {
  readonly pages: ColumnPages;
  readonly #type: ParquetType;
  readonly #onMissing: (() => never) | undefined;
  readonly #levels = new RowLevels();
  #values: NumberArray;

  constructor(pages: ColumnPages, type: ParquetType, onMissing: (() => never) | undefined) {
    this.pages = pages;
    this.#type = type;
    this.#values = numberArray(type, 1024);
    this.#onMissing = onMissing;
  }

  push(value: StoredValue): void {
    if (value === null) this.#pushNull();
    else this.#pushNumber(physicalNumber(this.#type, value));
  }

  append(column: ParquetColumnValues, start: number, end: number): void {
    if (typeof column === "function") {
      for (let row = start; row < end; row++) this.push(column(row) ?? null);
      return;
    }
    assert("floats" in column && (this.#type === "float" || this.#type === "double"), "a float column gets floats");
    const { floats, rows } = column;
    for (let i = start; i < end; i++) {
      const value = floats[rows === undefined ? i : (rows[i] as number)] as number;
      if (Number.isNaN(value)) this.#pushNull();
      else this.#pushNumber(value);
    }
  }

  finish(): ChunkStatistics {
    const levels = this.#levels;
    const width = this.#values.BYTES_PER_ELEMENT;
    const bytes = new Uint8Array(this.#values.buffer);
    for (let start = 0, at = 0; start < levels.rows;) {
      const end = Math.min(start + pageBytes / width, levels.rows);
      const nulls = levels.nullsIn(start, end);
      const bodyEnd = at + (end - start - nulls) * width;
      this.pages.add("PLAIN", levels.view(start, end), nulls, bytes.subarray(at, bodyEnd));
      start = end;
      at = bodyEnd;
    }
    const statistics = numberStatistics(this.#values.subarray(0, levels.rows - levels.nulls));
    const nulls = BigInt(levels.nulls);
    levels.clear();
    return { ...statistics, null_count: nulls };
  }

  #pushNull(): void {
    this.#onMissing?.();
    this.#levels.push(0);
  }

  #pushNumber(value: number | bigint): void {
    const at = this.#levels.rows - this.#levels.nulls;
    if (at === this.#values.length) {
      const grown = numberArray(this.#type, at * 2);
      // Both are of the column's kind.
      grown.set(this.#values as never);
      this.#values = grown;
    }
    this.#values[at] = value;
    this.#levels.push(1);
  }
}

function numberArray(type: ParquetType, length: number): NumberArray {
  if (type === "float") return new Float32Array(length);
  if (type === "double") return new Float64Array(length);
  return type === "int32" ? new Int32Array(length) : new BigInt64Array(length);
}

/** What stands for a value in the file. Typed arrays would wrap what does not fit. */
function physicalNumber(type: ParquetType, value: StoredValue): number | bigint {
  if (type === "timestamp") {
    assert(value instanceof Date, "a timestamp column gets dates");
    return BigInt(value.getTime());
  }
  if (type === "int64") {
    assert(typeof value === "bigint" && BigInt.asIntN(64, value) === value, "an int64 column gets bigints of 64 bits");
    return value;
  }
  assert(typeof value === "number" && (type !== "int32" || (value | 0) === value), `a number fits a column of ${type}`);
  return value;
}

function numberStatistics(values: NumberArray): ChunkStatistics {
  if (values instanceof BigInt64Array || values instanceof Int32Array) {
    const [least, most] = bounds<number | bigint>(values);
    return least === undefined || most === undefined ? {} : { min_value: least, max_value: most };
  }
  const [least, most] = bounds(values);
  let nans = 0;
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) nans++;
  const nan_count = BigInt(nans);
  if (least === undefined || most === undefined) return { nan_count };
  // Zeros of both signs are equal, so the bounds take in both.
  return { min_value: least === 0 ? -0 : least, max_value: most === 0 ? 0 : most, nan_count };
}

/** The least and the most but for NaN; undefined when there is none. */
function bounds<T extends number | bigint>(values: ArrayLike<T>): readonly [T | undefined, T | undefined] {
  let first = 0;
  // NaN is not even equal to itself.
  while (first < values.length && values[first] !== values[first]) first++;
  if (first === values.length) return [undefined, undefined];
  let least = values[first] as T;
  let most = least;
  for (let i = first + 1; i < values.length; i++) {
    const value = values[i] as T;
    if (value < least) least = value;
    else if (value > most) most = value;
  }
  return [least, most];
}

/** One bit for each value. */
class BooleanValues implements ColumnValues {
  readonly pages: ColumnPages;
  readonly #onMissing: (() => never) | undefined;
  readonly #levels = new RowLevels();
  readonly #values: boolean[] = [];

  constructor(pages: ColumnPages, onMissing: (() => never) | undefined) {
    this.pages = pages;
    this.#onMissing = onMissing;
  }

  push(value: StoredValue): void {
    if (value === null) {
      this.#onMissing?.();
      this.#levels.push(0);
      return;
    }
    assert(typeof value === "boolean", "a boolean column gets booleans");
    this.#values.push(value);
    this.#levels.push(1);
  }

  append(column: ParquetColumnValues, start: number, end: number): void {
    assert(typeof column === "function", "a boolean column gets a function");
    for (let row = start; row < end; row++) this.push(column(row) ?? null);
  }

  finish(): ChunkStatistics {
    const values = this.#values;
    const body = new Uint8Array(Math.ceil(values.length / 8));
    for (const [i, value] of values.entries()) if (value) body[i >> 3] = (body[i >> 3] as number) | (1 << (i & 7));
    const statistics: ChunkStatistics = {
      ...(values.length > 0 && { min_value: !values.includes(false), max_value: values.includes(true) }),
      null_count: BigInt(this.#levels.nulls),
    };
    this.pages.add("PLAIN", this.#levels.view(0, this.#levels.rows), this.#levels.nulls, body);
    this.#levels.clear();
    this.#values.length = 0;
    return statistics;
  }
}
