/** Record batches on disk between tasks (Arrow IPC streams, uncompressed) and rows picked out of them. */
import {
  makeData,
  RecordBatch,
  RecordBatchReader,
  RecordBatchStreamWriter,
  Struct,
  type Data,
  type Schema,
} from "../../schemas/arrow.ts";
import { float32Data, utf8Data } from "../../schemas/record/document.ts";
import {
  asFileHandle,
  batchPassed,
  createAtomicFile,
  DataError,
  openFile,
  wrapFileError,
  type FileDigest,
  type OpenFile,
  type Utf8Column,
} from "../base/index.ts";

/**
 * Writes batches of one schema atomically. Equal batches give equal bytes.
 *
 * @param schema of the file when there is no batch at all
 */
export async function writeBatches(
  path: string,
  schema: Schema,
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
): Promise<FileDigest & { readonly rows: number }> {
  await using file = await createAtomicFile(path);
  const writer = new RecordBatchStreamWriter({ autoDestroy: false });
  writer.reset(undefined, schema);
  const drained = (async () => {
    for await (const chunk of writer) await file.write(chunk);
  })();
  // Its failure is thrown where it is awaited; until then it must not count as unhandled.
  drained.catch(() => undefined);
  let rows = 0;
  for await (const batch of batches) {
    writer.write(batch);
    rows += batch.numRows;
    batchPassed(batch.data.byteLength);
  }
  writer.finish();
  writer.close();
  await drained;
  return { ...(await file.commit()), rows };
}

/** Reads batches one after the other: one is in memory at a time, unless its taker keeps it. */
export async function* readBatches(path: string): AsyncGenerator<RecordBatch, void, undefined> {
  let handle: OpenFile;
  try {
    handle = await openFile(path, "r");
  } catch (error) {
    throw wrapFileError(error, path);
  }
  try {
    for await (const batch of await RecordBatchReader.from(asFileHandle(handle))) {
      yield batch;
      batchPassed(batch.data.byteLength);
    }
  } catch (error) {
    throw new DataError(
      "intermediate-damaged",
      `${path} cannot be read`,
      { file: path },
      { cause: error, hint: "Remove it and run the same command again: the task that writes it is redone." },
    );
  } finally {
    // The reader closes it at the end of the file.
    await handle.close().catch(() => undefined);
  }
}

/**
 * A batch of some rows, in the given order; the batch itself when all rows are taken. Texts and numbers only.
 *
 * @param texts the rows' texts, where they are not those of the batch
 */
export function takeRows(batch: RecordBatch, rows: readonly number[], texts?: Utf8Column): RecordBatch {
  if (rows.length === batch.numRows) return texts === undefined ? batch : replaceTexts(batch, texts);
  const children = batch.schema.fields.map(({ name }, i) =>
    name === "text" && texts !== undefined ? utf8Data(texts) : takeColumn(batch.data.children[i] as Data, rows),
  );
  const type = new Struct(batch.schema.fields);
  return new RecordBatch(batch.schema, makeData({ type, length: rows.length, nullCount: 0, children }));
}

/** The batch with other texts; its other columns are shared. */
export function replaceTexts(batch: RecordBatch, texts: Utf8Column): RecordBatch {
  return replaceColumns(batch, { text: utf8Data(texts) });
}

/** The batch with other columns in the place of those of the same names; the rest is shared. */
export function replaceColumns(batch: RecordBatch, columns: Readonly<Record<string, Data>>): RecordBatch {
  const children = batch.schema.fields.map(({ name }, i) => columns[name] ?? (batch.data.children[i] as Data));
  const type = new Struct(batch.schema.fields);
  return new RecordBatch(batch.schema, makeData({ type, length: batch.numRows, nullCount: 0, children }));
}

function takeColumn(column: Data, rows: readonly number[]): Data {
  const length = rows.length;
  const { values: floats } = column;
  if (floats instanceof Float32Array) {
    // NaN stands for null and under it.
    const picked = new Float32Array(length);
    for (let i = 0; i < length; i++) picked[i] = floats[rows[i] as number] as number;
    return float32Data(picked);
  }
  const valid = column.nullCount === 0 ? undefined : Uint8Array.from(rows, (row) => (column.getValid(row) ? 1 : 0));
  const texts = { values: column.values as Uint8Array, offsets: column.valueOffsets as Int32Array };
  return utf8Data(takeTexts(texts, rows), valid?.includes(0) === true ? valid : undefined);
}

/** Texts of some rows, in memory of their own. */
export function takeTexts(
  { values, offsets: from }: Pick<Utf8Column, "values" | "offsets">,
  rows: readonly number[],
): Utf8Column {
  const length = rows.length;
  const offsets = new Int32Array(length + 1);
  let to = 0;
  for (let i = 0; i < length; i++) {
    const row = rows[i] as number;
    to += (from[row + 1] as number) - (from[row] as number);
    offsets[i + 1] = to;
  }
  const bytes = new Uint8Array(to);
  for (let i = 0; i < length; i++) copyRange(values, from, rows[i] as number, bytes, offsets[i] as number);
  return { values: bytes, offsets, length };
}

/** Copies the text of a row. A short one by hand: making views of it would cost more. */
function copyRange(values: Uint8Array, offsets: Int32Array, row: number, output: Uint8Array, to: number): void {
  const start = offsets[row] as number;
  const end = offsets[row + 1] as number;
  if (end - start > 64) output.set(values.subarray(start, end), to);
  else for (let at = start; at < end; at++) output[to + at - start] = values[at] as number;
}
