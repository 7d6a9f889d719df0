/**
 * GGUF version 3 in words: the constants, the tensor types written here, the shapes of metadata and tensor entries.
 *
 * Layout of a file, all little-endian: magic, version, counts, metadata key-value pairs, tensor entries, zeros up to the
 * alignment, then each tensor's data, each padded to the alignment.
 * Source: ggml's docs/gguf.md and ggml/include/gguf.h.
 */

export const ggufMagic = 0x46554747; // "GGUF"
export const ggufVersion = 3;
/** Bytes to which the data section and every tensor in it are aligned; the default of the format. */
export const ggufAlignment = 32;

/** Types of metadata values, by their number in the file. */
export const ggufValueTypes = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
} as const;
export type GgufValueType = keyof typeof ggufValueTypes;

/** Scalar types that this writer emits; the reader knows all. */
export type GgufScalar =
  | { readonly type: "uint32" | "int32" | "float32"; readonly value: number }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: string };

/** A metadata value with its type in the file. */
export type GgufValue =
  | GgufScalar
  | { readonly type: "array"; readonly of: "string"; readonly value: readonly string[] }
  | { readonly type: "array"; readonly of: "int32" | "uint32" | "float32"; readonly value: readonly number[] };

/** Metadata in the order of the file. */
export type GgufMetadata = readonly (readonly [key: string, value: GgufValue])[];

/**
 * Tensor types: `id` as in ggml.h, `blockWeights` weights stand in `blockBytes` bytes, `fileType` is the value of
 * `general.file_type` (llama.h) for a file whose matrices have this type.
 */
export const tensorTypes = {
  f32: { id: 0, blockWeights: 1, blockBytes: 4, fileType: 0 },
  f16: { id: 1, blockWeights: 1, blockBytes: 2, fileType: 1 },
  q8_0: { id: 8, blockWeights: 32, blockBytes: 34, fileType: 7 },
} as const satisfies Record<string, TensorType>;

export interface TensorType {
  readonly id: number;
  readonly blockWeights: number;
  readonly blockBytes: number;
  readonly fileType: number;
}
export type TensorTypeName = keyof typeof tensorTypes;
export const tensorTypeNames = Object.keys(tensorTypes) as TensorTypeName[];

/** Name, type and shape of a tensor; `shape` is row-major as in PyTorch (`[out, in]`), the file stores it reversed. */
export interface GgufTensorInfo {
  readonly name: string;
  readonly type: TensorTypeName;
  readonly shape: readonly number[];
}

/** Bytes that a tensor takes in the file, without padding. */
export function tensorBytes(info: Pick<GgufTensorInfo, "type" | "shape">): number {
  const { blockWeights, blockBytes } = tensorTypes[info.type];
  return (weightCount(info.shape) / blockWeights) * blockBytes;
}

/** Weights of a tensor of this shape. */
export function weightCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Bytes from `offset` up to the next aligned one. */
export function paddingAfter(offset: number, alignment: number): number {
  return (alignment - (offset % alignment)) % alignment;
}
