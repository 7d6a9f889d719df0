/**
 * Writes a GGUF file: streamed, atomic, the same bytes for the same input.
 *
 * The header with every tensor's place is computed from the shapes alone, so tensors are loaded, encoded and written one
 * after the other, in pieces of whole rows. Nothing here knows a model; see `../gpt2.ts` for the mapping.
 */
import { assert } from "../../../forge/base/errors.ts";
import { createAtomicFile, type FileDigest } from "../../../forge/base/files.ts";
import { encodeWeights } from "./encode.ts";
import {
  ggufAlignment,
  ggufMagic,
  ggufValueTypes,
  ggufVersion,
  paddingAfter,
  tensorBytes,
  tensorTypes,
  weightCount,
  type GgufMetadata,
  type GgufTensorInfo,
  type GgufValue,
} from "./format.ts";

/** A tensor to write: `load` is called once, when its turn comes, and gives `weightCount(shape)` weights row-major. */
export interface GgufTensor extends GgufTensorInfo {
  readonly load: () => Promise<Float32Array>;
}

export interface WriteGgufOptions {
  readonly signal?: AbortSignal;
  /** Called after each tensor with the bytes of the file written so far. */
  readonly onProgress?: (bytes: number) => void;
}

/** Weights encoded at a time: bounds the extra memory beside the tensor itself. */
const weightsPerPiece = 1 << 20;

/**
 * Writes metadata and tensors in the given order.
 *
 * @throws EnvironmentError `disk-full`; nothing stands under the final name then
 */
export async function writeGguf(
  path: string,
  metadata: GgufMetadata,
  tensors: readonly GgufTensor[],
  options: WriteGgufOptions = {},
): Promise<FileDigest> {
  await using file = await createAtomicFile(path);
  const header = ggufHeader(metadata, tensors);
  await file.write(header);
  for (const tensor of tensors) {
    options.signal?.throwIfAborted();
    const weights = await tensor.load();
    assert(weights.length === weightCount(tensor.shape), `${tensor.name} has as many weights as its shape says`);
    const rowLength = tensor.shape.at(-1) ?? 1;
    const step = Math.max(1, Math.floor(weightsPerPiece / rowLength)) * rowLength;
    for (let start = 0; start < weights.length; start += step) {
      await file.write(encodeWeights(weights.subarray(start, start + step), tensor.type));
    }
    await file.write(new Uint8Array(paddingAfter(file.bytes, ggufAlignment)));
    options.onProgress?.(file.bytes);
  }
  return await file.commit();
}

/** Everything before the tensors' data, padded to the alignment. */
export function ggufHeader(metadata: GgufMetadata, tensors: readonly GgufTensorInfo[]): Uint8Array {
  const out = new ByteWriter();
  out.uint32(ggufMagic);
  out.uint32(ggufVersion);
  out.uint64(tensors.length);
  out.uint64(metadata.length);
  for (const [key, value] of metadata) {
    out.string(key);
    writeValue(out, value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    out.string(tensor.name);
    out.uint32(tensor.shape.length);
    for (const size of tensor.shape.toReversed()) out.uint64(size);
    out.uint32(tensorTypes[tensor.type].id);
    out.uint64(offset);
    offset += tensorBytes(tensor);
    offset += paddingAfter(offset, ggufAlignment);
  }
  out.zeros(paddingAfter(out.length, ggufAlignment));
  return out.bytes();
}

function writeValue(out: ByteWriter, value: GgufValue): void {
  out.uint32(ggufValueTypes[value.type]);
  if (value.type === "array") {
    out.uint32(ggufValueTypes[value.of]);
    out.uint64(value.value.length);
    if (value.of === "string") for (const item of value.value) out.string(item);
    else for (const item of value.value) out[value.of](item);
    return;
  }
  if (value.type === "string") out.string(value.value);
  else if (value.type === "bool") out.uint8(value.value ? 1 : 0);
  else out[value.type](value.value);
}

/** Little-endian bytes that grow as they are written. */
class ByteWriter {
  #buffer = new Uint8Array(1 << 16);
  #view = new DataView(this.#buffer.buffer);
  length = 0;

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.length);
  }
  uint8(value: number): void {
    const at = this.#take(1);
    this.#view.setUint8(at, value);
  }
  uint32(value: number): void {
    const at = this.#take(4);
    this.#view.setUint32(at, value, true);
  }
  int32(value: number): void {
    const at = this.#take(4);
    this.#view.setInt32(at, value, true);
  }
  float32(value: number): void {
    const at = this.#take(4);
    this.#view.setFloat32(at, value, true);
  }
  uint64(value: number): void {
    const at = this.#take(8);
    this.#view.setBigUint64(at, BigInt(value), true);
  }
  string(value: string): void {
    const bytes = Buffer.from(value, "utf8");
    this.uint64(bytes.length);
    const at = this.#take(bytes.length);
    this.#buffer.set(bytes, at);
  }
  zeros(count: number): void {
    this.#take(count);
  }

  /** Reserves bytes and returns where they begin; may replace buffer and view, so call it before naming them. */
  #take(count: number): number {
    const at = this.length;
    if (at + count > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(this.#buffer.length * 2, at + count));
      grown.set(this.#buffer);
      this.#buffer = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.length += count;
    return at;
  }
}
