/**
 * Intermediate files of stages: a JSON header, then typed arrays one after the other, little-endian, 8-aligned.
 *
 * Not a format for outputs (those are Parquet and Arrow): it exists so that tens of millions of rows go between tasks
 * as typed arrays, without an object or a string for each, and so that a reader can fetch a range of one column.
 */
import { assert, DataError, wrapFileError } from "./errors.ts";
import { createAtomicFile, readExactly, type FileDigest } from "./files.ts";
import { openFile, type OpenFile } from "./thread-files.ts";

const magic = "FORGECOL";
const alignment = 8;

const arrayTypes = { u8: Uint8Array, u32: Uint32Array, f32: Float32Array, f64: Float64Array } as const;
type ArrayTypeName = keyof typeof arrayTypes;
export type Column = Uint8Array | Uint32Array | Float32Array | Float64Array;

/** A column that is made while it is written; its length must be known before. */
export interface StreamedColumn {
  readonly type: ArrayTypeName;
  readonly length: number;
  readonly chunks: AsyncIterable<Column>;
}

interface ColumnEntry {
  readonly name: string;
  readonly type: ArrayTypeName;
  readonly length: number;
}

interface Header {
  readonly kind: string;
  readonly columns: readonly ColumnEntry[];
  readonly meta: Readonly<Record<string, number | string>>;
}

/**
 * Writes columns atomically. Equal content gives equal bytes.
 *
 * @param kind what the file holds; a reader that expects another kind refuses it
 */
export async function writeColumns(
  path: string,
  kind: string,
  columns: Readonly<Record<string, Column | StreamedColumn>>,
  meta: Readonly<Record<string, number | string>> = {},
): Promise<FileDigest> {
  const entries = Object.entries(columns);
  const header: Header = {
    kind,
    columns: entries.map(([name, column]) => ({ name, type: typeOf(column), length: column.length })),
    meta,
  };
  const json = Buffer.from(JSON.stringify(header), "utf8");
  const start = Buffer.alloc(align(magic.length + 4 + json.byteLength));
  start.write(magic, "latin1");
  start.writeUInt32LE(json.byteLength, magic.length);
  json.copy(start, magic.length + 4);
  await using file = await createAtomicFile(path);
  await file.write(start);
  for (const [name, column] of entries) {
    const expected = column.length * arrayTypes[typeOf(column)].BYTES_PER_ELEMENT;
    const position = file.bytes;
    for await (const chunk of "chunks" in column ? column.chunks : [column]) {
      await file.write(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    }
    assert(file.bytes - position === expected, `${name} of ${path} has as many values as announced`);
    const padding = align(expected) - expected;
    if (padding > 0) await file.write(new Uint8Array(padding));
  }
  return await file.commit();
}

/** An open column file. Columns are read whole or by range; nothing is kept in memory by the reader. */
export interface ColumnFile extends AsyncDisposable {
  readonly path: string;
  readonly meta: Readonly<Record<string, number | string>>;
  /** Elements of a column. */
  length(name: string): number;
  /** Elements `[start, end)` of a column, as the type it was written with. */
  read(name: string, start?: number, end?: number): Promise<Column>;
  u8(name: string, start?: number, end?: number): Promise<Uint8Array>;
  u32(name: string, start?: number, end?: number): Promise<Uint32Array>;
  f32(name: string, start?: number, end?: number): Promise<Float32Array>;
  f64(name: string, start?: number, end?: number): Promise<Float64Array>;
}

/**
 * Opens a column file and checks its header against its size.
 *
 * @throws DataError `column-file-invalid` when the file is truncated, of another kind or not a column file
 */
export async function openColumns(path: string, kind: string): Promise<ColumnFile> {
  let handle: OpenFile;
  try {
    handle = await openFile(path, "r");
  } catch (error) {
    throw wrapFileError(error, path);
  }
  try {
    return await readHeader(handle, path, kind);
  } catch (error) {
    await handle.close();
    throw wrapFileError(error, path);
  }
}

/** A column file that lies in memory as it was written; columns are views of it. */
export interface ColumnMemory {
  u8(name: string): Uint8Array;
  u32(name: string): Uint32Array;
}

/**
 * Opens a column file that was read whole into memory, which threads may share.
 *
 * @param path for messages
 * @throws DataError `column-file-invalid`
 */
export function columnsInMemory(memory: ArrayBufferLike, path: string, kind: string): ColumnMemory {
  const bytes = Buffer.from(memory as ArrayBuffer);
  const start = magic.length + 4;
  if (bytes.length < start || bytes.toString("latin1", 0, magic.length) !== magic) {
    throw invalid(path, "it does not begin as one");
  }
  const headerLength = bytes.readUInt32LE(magic.length);
  if (start + headerLength > bytes.length) throw invalid(path, "it is truncated in its header");
  const header = JSON.parse(bytes.toString("utf8", start, start + headerLength)) as Header;
  const places = layOut(header, start + headerLength, bytes.length, { path, kind });
  const find = (name: string, type: ArrayTypeName): { readonly position: number; readonly length: number } => {
    const place = places.get(name);
    if (place === undefined || place.entry.type !== type)
      throw invalid(path, `it has no column ${name} of type ${type}`);
    return { position: place.position, length: place.entry.length };
  };
  return {
    u8(name) {
      const { position, length } = find(name, "u8");
      return new Uint8Array(memory, position, length);
    },
    u32(name) {
      const { position, length } = find(name, "u32");
      return new Uint32Array(memory, position, length);
    },
  };
}

interface Place {
  readonly entry: ColumnEntry;
  readonly position: number;
}

/** Where each column begins; the file must end where the last one does. */
function layOut(
  header: Header,
  headerEnd: number,
  size: number,
  { path, kind }: { readonly path: string; readonly kind: string },
): ReadonlyMap<string, Place> {
  if (header.kind !== kind) throw invalid(path, `it holds ${header.kind}, ${kind} was expected`);
  const places = new Map<string, Place>();
  let position = align(headerEnd);
  for (const entry of header.columns) {
    places.set(entry.name, { entry, position });
    position += align(entry.length * arrayTypes[entry.type].BYTES_PER_ELEMENT);
  }
  if (position !== size) throw invalid(path, `it has ${size} bytes, ${position} were expected`);
  return places;
}

async function readHeader(handle: OpenFile, path: string, kind: string): Promise<ColumnFile> {
  const size = (await handle.stat()).size;
  const start = Buffer.alloc(magic.length + 4);
  await fill(handle, start, 0, path);
  if (start.toString("latin1", 0, magic.length) !== magic) throw invalid(path, "it does not begin as one");
  const headerLength = start.readUInt32LE(magic.length);
  if (magic.length + 4 + headerLength > size) throw invalid(path, "it is truncated in its header");
  const json = Buffer.alloc(headerLength);
  await fill(handle, json, start.byteLength, path);
  const header = JSON.parse(json.toString("utf8")) as Header;
  const places = layOut(header, start.byteLength + headerLength, size, { path, kind });
  const place = (name: string): Place => {
    const found = places.get(name);
    if (found === undefined) throw invalid(path, `it has no column ${name}`);
    return found;
  };
  const read = async (name: string, from = 0, to?: number): Promise<Column> => {
    const { entry, position: base } = place(name);
    const type = arrayTypes[entry.type];
    const end = to ?? entry.length;
    if (from < 0 || end < from || end > entry.length) throw invalid(path, `${name} has no range ${from}..${end}`);
    const bytes = new Uint8Array((end - from) * type.BYTES_PER_ELEMENT);
    await fill(handle, bytes, base + from * type.BYTES_PER_ELEMENT, path);
    return new type(bytes.buffer);
  };
  const typed =
    <T extends Column>(type: ArrayTypeName) =>
    async (name: string, from?: number, to?: number): Promise<T> => {
      if (place(name).entry.type !== type) throw invalid(path, `${name} is not of type ${type}`);
      return (await read(name, from, to)) as T;
    };
  return {
    path,
    meta: header.meta,
    length: (name) => place(name).entry.length,
    read,
    u8: typed<Uint8Array>("u8"),
    u32: typed<Uint32Array>("u32"),
    f32: typed<Float32Array>("f32"),
    f64: typed<Float64Array>("f64"),
    [Symbol.asyncDispose]: async () => await handle.close(),
  };
}

/** Fills `target` from a position. @throws DataError when the file ends before */
async function fill(handle: OpenFile, target: Uint8Array, position: number, path: string): Promise<void> {
  if (!(await readExactly(handle, target, position))) throw invalid(path, "it is truncated");
}

function typeOf(column: Column | StreamedColumn): ArrayTypeName {
  if ("chunks" in column) return column.type;
  if (column instanceof Uint32Array) return "u32";
  if (column instanceof Float32Array) return "f32";
  return column instanceof Float64Array ? "f64" : "u8";
}

function align(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

function invalid(path: string, problem: string): DataError {
  return new DataError(
    "column-file-invalid",
    `${path} cannot be read as an intermediate file: ${problem}`,
    { file: path },
    { hint: "Remove it and run the same command again: the task that writes it is redone." },
  );
}
