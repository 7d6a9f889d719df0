/**
 * Apache Arrow, from the one file that it publishes for browsers: the same library as the 146 modules behind
 * `import … from "apache-arrow"`, which take each thread 70 ms to load, in 10. Types come from the package.
 *
 * Not in it: adapters to Node's streams, and what lies below the library's door (`forge/read/arrow.ts` needs a footer).
 */
import { createRequire } from "node:module";
import type * as Arrow from "apache-arrow";

const library = createRequire(import.meta.url)("apache-arrow/Arrow.esnext.min") as typeof Arrow;

export const {
  DataType,
  Field,
  Float32,
  List,
  makeData,
  Precision,
  RecordBatch,
  RecordBatchReader,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  Table,
  tableFromIPC,
  tableToIPC,
  Uint16,
  Uint32,
  Utf8,
} = library;

export type Data<Type extends Arrow.DataType = Arrow.DataType> = Arrow.Data<Type>;
export type DataType = Arrow.DataType;
export type Field = Arrow.Field;
export type Float32 = Arrow.Float32;
export type RecordBatch = Arrow.RecordBatch;
export type Schema = Arrow.Schema;
export type Utf8 = Arrow.Utf8;
