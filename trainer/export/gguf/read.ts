/**
 * Reads a GGUF file back: metadata, tensor entries and, on demand, a tensor's weights. For verification.
 *
 * It believes nothing: every count and length is checked against the file's size before it is used, so a truncated or
 * damaged file ends in a DataError with a byte offset and never in an endless loop or a huge allocation.
 */
import { open, type FileHandle } from "node:fs/promises";
import { DataError, wrapFileError } from "../../../forge/base/errors.ts";
import { decodeWeights } from "./encode.ts";
import {
  ggufAlignment,
  ggufMagic,
  ggufValueTypes,
  ggufVersion,
  paddingAfter,
  tensorBytes,
  tensorTypeNames,
  tensorTypes,
  type GgufTensorInfo,
  type GgufValueType,
  type TensorTypeName,
} from "./format.ts";

/** A metadata value as JavaScript: 64-bit integers become bigint. */
export type GgufReadValue = number | bigint | boolean | string | readonly GgufReadValue[];

/** A tensor's entry with its place: `offset` counts from the start of the file. */
export interface GgufReadTensor extends GgufTensorInfo {
  readonly offset: number;
  readonly bytes: number;
}

/** An open GGUF file. */
export interface GgufFile extends AsyncDisposable {
  readonly path: string;
  readonly version: number;
  readonly alignment: number;
  readonly metadata: ReadonlyMap<string, GgufReadValue>;
  readonly tensors: ReadonlyMap<string, GgufReadTensor>;
  /** The bytes of a tensor as stored. @throws DataError `gguf-tensor-missing` */
  readBytes(name: string): Promise<Uint8Array>;
  /** The weights of a tensor, decoded. @throws DataError `gguf-tensor-missing` */
  readWeights(name: string): Promise<Float32Array>;
}

const valueTypeNames = new Map<number, GgufValueType>(
  Object.entries(ggufValueTypes).map(([name, number]) => [number, name as GgufValueType]),
);
const typeNamesById = new Map<number, TensorTypeName>(tensorTypeNames.map((name) => [tensorTypes[name].id, name]));

/**
 * Opens a file, reads its header and checks that every tensor lies inside the file, aligned, without overlap.
 *
 * @throws DataError `gguf-damaged`, `gguf-unsupported`, `file-not-found`
 */
export async function openGguf(path: string): Promise<GgufFile> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    throw wrapFileError(error, path);
  }
  try {
    const size = (await handle.stat()).size;
    const reader = new HeaderReader(handle, path, size);
    const header = await readHeader(reader);
    const dataStart = reader.offset + paddingAfter(reader.offset, header.alignment);
    const tensors = placeTensors(header.entries, dataStart, header.alignment, reader);
    return ggufFile(path, handle, header, tensors);
  } catch (error) {
    await handle.close();
    throw wrapFileError(error, path);
  }
}

interface TensorEntry extends GgufTensorInfo {
  /** From the start of the data section. */
  readonly relativeOffset: number;
}

interface Header {
  readonly version: number;
  readonly alignment: number;
  readonly metadata: Map<string, GgufReadValue>;
  readonly entries: readonly TensorEntry[];
}

function ggufFile(
  path: string,
  handle: FileHandle,
  header: Header,
  tensors: ReadonlyMap<string, GgufReadTensor>,
): GgufFile {
  const entry = (name: string): GgufReadTensor => {
    const tensor = tensors.get(name);
    if (tensor === undefined)
      throw new DataError("gguf-tensor-missing", `${path} has no tensor ${name}`, { file: path });
    return tensor;
  };
  const readBytes = async (name: string): Promise<Uint8Array> => {
    const { offset, bytes } = entry(name);
    const buffer = new Uint8Array(bytes);
    let done = 0;
    while (done < bytes) {
      const { bytesRead } = await handle.read(buffer, done, bytes - done, offset + done);
      if (bytesRead === 0) throw damaged(path, offset + done, `tensor ${name} ends early`);
      done += bytesRead;
    }
    return buffer;
  };
  return {
    path,
    version: header.version,
    alignment: header.alignment,
    metadata: header.metadata,
    tensors,
    readBytes,
    readWeights: async (name) => decodeWeights(await readBytes(name), entry(name).type),
    [Symbol.asyncDispose]: async () => await handle.close(),
  };
}

async function readHeader(reader: HeaderReader): Promise<Header> {
  if ((await reader.uint32()) !== ggufMagic) throw damaged(reader.path, 0, 'it does not begin with "GGUF"');
  const version = await reader.uint32();
  if (version !== ggufVersion) {
    throw new DataError("gguf-unsupported", `${reader.path} is GGUF version ${version}, only 3 is known here`, {
      file: reader.path,
      byteOffset: 4,
    });
  }
  const tensorCount = await reader.count("tensors", 24);
  const keyCount = await reader.count("keys", 12);
  const metadata = new Map<string, GgufReadValue>();
  for (let i = 0; i < keyCount; i++) {
    const key = await reader.string();
    if (metadata.has(key)) throw damaged(reader.path, reader.offset, `key ${key} stands twice`);
    metadata.set(key, await readValue(reader, await readValueType(reader)));
  }
  const alignment = metadata.get("general.alignment") ?? ggufAlignment;
  if (typeof alignment !== "number" || alignment <= 0 || alignment % 8 !== 0) {
    throw damaged(reader.path, reader.offset, `the alignment ${String(alignment)} is not a multiple of 8`);
  }
  const entries: TensorEntry[] = [];
  for (let i = 0; i < tensorCount; i++) entries.push(await readTensorEntry(reader));
  return { version, alignment, metadata, entries };
}

async function readTensorEntry(reader: HeaderReader): Promise<TensorEntry> {
  const name = await reader.string();
  const dimensions = await reader.uint32();
  if (dimensions === 0 || dimensions > 4) {
    throw damaged(reader.path, reader.offset - 4, `tensor ${name} has ${dimensions} dimensions`);
  }
  const sizes: number[] = [];
  for (let i = 0; i < dimensions; i++) sizes.push(await reader.uint64());
  const id = await reader.uint32();
  const type = typeNamesById.get(id);
  if (type === undefined) {
    throw new DataError(
      "gguf-unsupported",
      `Tensor ${name} of ${reader.path} has type ${id}, which is not known here`,
      {
        file: reader.path,
        byteOffset: reader.offset - 4,
      },
    );
  }
  return { name, type, shape: sizes.reverse(), relativeOffset: await reader.uint64() };
}

function placeTensors(
  entries: readonly TensorEntry[],
  dataStart: number,
  alignment: number,
  reader: HeaderReader,
): Map<string, GgufReadTensor> {
  const tensors = new Map<string, GgufReadTensor>();
  let end = 0;
  for (const { relativeOffset, ...info } of entries.toSorted((a, b) => a.relativeOffset - b.relativeOffset)) {
    const bytes = tensorBytes(info);
    const offset = dataStart + relativeOffset;
    if (tensors.has(info.name)) throw damaged(reader.path, offset, `tensor ${info.name} stands twice`);
    if (relativeOffset % alignment !== 0) throw damaged(reader.path, offset, `tensor ${info.name} is not aligned`);
    if (relativeOffset < end) throw damaged(reader.path, offset, `tensor ${info.name} overlaps the one before`);
    if (!Number.isSafeInteger(bytes) || offset + bytes > reader.size) {
      throw damaged(reader.path, offset, `tensor ${info.name} ends behind the file's end (${reader.size} bytes)`);
    }
    end = relativeOffset + bytes;
    tensors.set(info.name, { ...info, offset, bytes });
  }
  return tensors;
}

async function readValueType(reader: HeaderReader): Promise<GgufValueType> {
  const number = await reader.uint32();
  const type = valueTypeNames.get(number);
  if (type === undefined) throw damaged(reader.path, reader.offset - 4, `there is no value type ${number}`);
  return type;
}

async function readValue(reader: HeaderReader, type: GgufValueType, depth = 0): Promise<GgufReadValue> {
  switch (type) {
    case "string":
      return await reader.string();
    case "array": {
      if (depth > 4) throw damaged(reader.path, reader.offset, "arrays are nested too deeply");
      const of = await readValueType(reader);
      const length = await reader.count("array items", 1);
      const items: GgufReadValue[] = [];
      for (let i = 0; i < length; i++) items.push(await readValue(reader, of, depth + 1));
      return items;
    }
    default:
      return await reader.scalar(type);
  }
}

function damaged(path: string, byteOffset: number, what: string): DataError {
  return new DataError(
    "gguf-damaged",
    `${path} is not a whole GGUF file: ${what}`,
    { file: path, byteOffset },
    { hint: "Export the checkpoint again." },
  );
}

const scalarBytes = {
  uint8: 1,
  int8: 1,
  bool: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  uint64: 8,
  int64: 8,
  float64: 8,
} as const;

/** Reads little-endian values from the front of a file through a window. */
class HeaderReader {
  readonly path: string;
  readonly size: number;
  readonly #handle: FileHandle;
  #window = new DataView(new ArrayBuffer(0));
  #windowStart = 0;
  offset = 0;

  constructor(handle: FileHandle, path: string, size: number) {
    this.#handle = handle;
    this.path = path;
    this.size = size;
  }

  async uint32(): Promise<number> {
    return (await this.scalar("uint32")) as number;
  }

  /** An unsigned 64-bit number that must be exact in JavaScript. */
  async uint64(): Promise<number> {
    const value = Number(await this.scalar("uint64"));
    if (!Number.isSafeInteger(value)) throw damaged(this.path, this.offset - 8, `${value} is not a believable size`);
    return value;
  }

  /** A count of things that take at least `bytesEach` bytes, so it cannot exceed what is left of the file. */
  async count(what: string, bytesEach: number): Promise<number> {
    const value = await this.uint64();
    if (value * bytesEach > this.size - this.offset) {
      throw damaged(this.path, this.offset - 8, `it says ${value} ${what}, more than fit`);
    }
    return value;
  }

  async string(): Promise<string> {
    const length = await this.count("bytes of text", 1);
    const at = await this.#need(length);
    const bytes = new Uint8Array(this.#window.buffer, this.#window.byteOffset + at, length);
    return new TextDecoder("utf-8").decode(bytes);
  }

  async scalar(type: keyof typeof scalarBytes): Promise<number | bigint | boolean> {
    const at = await this.#need(scalarBytes[type]);
    const view = this.#window;
    switch (type) {
      case "uint8":
        return view.getUint8(at);
      case "int8":
        return view.getInt8(at);
      case "bool":
        return view.getUint8(at) !== 0;
      case "uint16":
        return view.getUint16(at, true);
      case "int16":
        return view.getInt16(at, true);
      case "uint32":
        return view.getUint32(at, true);
      case "int32":
        return view.getInt32(at, true);
      case "float32":
        return view.getFloat32(at, true);
      case "uint64":
        return view.getBigUint64(at, true);
      case "int64":
        return view.getBigInt64(at, true);
      case "float64":
        return view.getFloat64(at, true);
      default:
        throw type satisfies never;
    }
  }

  /** Makes the next `length` bytes available, moves on, and returns their place in the window. */
  async #need(length: number): Promise<number> {
    if (this.offset + length > this.size) throw damaged(this.path, this.offset, "it ends inside the header");
    const inWindow =
      this.offset >= this.#windowStart && this.offset + length <= this.#windowStart + this.#window.byteLength;
    if (!inWindow) {
      const wanted = Math.min(Math.max(length, 1 << 18), this.size - this.offset);
      const buffer = new Uint8Array(wanted);
      let done = 0;
      while (done < wanted) {
        const { bytesRead } = await this.#handle.read(buffer, done, wanted - done, this.offset + done);
        if (bytesRead === 0) throw damaged(this.path, this.offset + done, "it ends inside the header");
        done += bytesRead;
      }
      this.#window = new DataView(buffer.buffer);
      this.#windowStart = this.offset;
    }
    const at = this.offset - this.#windowStart;
    this.offset += length;
    return at;
  }
}
