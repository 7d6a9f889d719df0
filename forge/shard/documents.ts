/** Document batches to Parquet: columns follow the batches' own schema, so signals and provenance travel along. */
import type { DataType, RecordBatch, Schema } from "apache-arrow";
import { DataError } from "../base/index.ts";
import { writeParquet, type ParquetColumn, type ParquetFile, type ParquetRow, type ParquetType } from "./parquet.ts";
import type { ParquetWriteOptions } from "./parquet.ts";

/**
 * Writes the rows of batches to one Parquet file.
 *
 * @param columns of the Parquet file; usually `parquetColumns(schema)`
 * @param batches all of one schema that has these columns
 */
export async function writeDocuments(
  path: string,
  columns: readonly ParquetColumn[],
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
  options: ParquetWriteOptions = {},
): Promise<ParquetFile> {
  return await writeParquet(path, columns, rowsOf(batches, columns), options);
}

/**
 * Parquet columns for an Arrow schema of flat fields.
 *
 * @throws DataError `column-type-unsupported` for nested and other types that documents do not have
 */
export async function parquetColumns(schema: Schema): Promise<readonly ParquetColumn[]> {
  const { DataType: types, Precision } = await import("../../schemas/arrow.ts");
  const storage = (name: string, type: DataType): ParquetType => {
    if (types.isUtf8(type) || types.isLargeUtf8(type)) return "string";
    if (types.isBool(type)) return "boolean";
    if (types.isInt(type)) return type.bitWidth === 64 ? "int64" : "int32";
    if (types.isFloat(type)) return type.precision === Precision.DOUBLE ? "double" : "float";
    if (types.isTimestamp(type)) return "timestamp";
    throw new DataError("column-type-unsupported", `Column ${name} is of a type that documents do not have`, {
      column: name,
    });
  };
  return schema.fields.map(({ name, type, nullable }) => ({ name, nullable, type: storage(name, type as DataType) }));
}

async function* rowsOf(
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
  columns: readonly ParquetColumn[],
): AsyncGenerator<ParquetRow, void, undefined> {
  for await (const batch of batches) {
    const vectors = columns.map(({ name }) => batch.getChild(name));
    for (let row = 0; row < batch.numRows; row++) {
      const values: Record<string, ParquetRow[string]> = {};
      for (const [i, { name, type }] of columns.entries()) {
        const value = (vectors[i]?.get(row) ?? null) as ParquetRow[string];
        values[name] = type === "timestamp" && typeof value === "number" ? new Date(value) : value;
      }
      yield values;
    }
  }
}
