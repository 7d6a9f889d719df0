/** Values of a column while its row group grows. Floats stay in typed arrays: as an array's members each is an object. */
import type { ParquetType, ParquetValue } from "./parquet.ts";

export interface ColumnValues {
  readonly length: number;
  push(value: Exclude<ParquetValue, undefined>): void;
  /** What was pushed, for the writer; empty afterwards. */
  take(): ArrayLike<ParquetValue>;
}

export function columnValues(type: ParquetType): ColumnValues {
  return type === "float" || type === "double" ? new FloatValues() : new AnyValues();
}

class AnyValues implements ColumnValues {
  #values: ParquetValue[] = [];

  get length(): number {
    return this.#values.length;
  }

  push(value: Exclude<ParquetValue, undefined>): void {
    this.#values.push(value);
  }

  take(): ArrayLike<ParquetValue> {
    const taken = this.#values;
    this.#values = [];
    return taken;
  }
}

class FloatValues implements ColumnValues {
  #values = new Float64Array(1024);
  /** Rows without a value. */
  #nulls: number[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: Exclude<ParquetValue, undefined>): void {
    if (this.#length === this.#values.length) {
      const grown = new Float64Array(this.#length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    if (value === null) this.#nulls.push(this.#length);
    this.#values[this.#length++] = value as number;
  }

  take(): ArrayLike<ParquetValue> {
    const values = this.#values.slice(0, this.#length);
    const nulls = this.#nulls;
    this.#length = 0;
    this.#nulls = [];
    if (nulls.length === 0) return values;
    const taken: (number | null)[] = Array.from(values);
    for (const row of nulls) taken[row] = null;
    return taken;
  }
}
