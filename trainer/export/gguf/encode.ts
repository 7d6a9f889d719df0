/**
 * Float32 weights to the bytes of a tensor type, and back: F32, F16 (nearest, ties to even), Q8_0.
 *
 * Bit for bit what ggml writes (`ggml_fp32_to_fp16`, `quantize_row_q8_0_ref` in ggml-quants.c): every product and
 * quotient is rounded to Float32 where C's `float` arithmetic rounds it.
 */
import { assert } from "../../../forge/base/errors.ts";
import { tensorTypes, type TensorTypeName } from "./format.ts";

const floatBits = new Float32Array(1);
const integerBits = new Uint32Array(floatBits.buffer);

/** The 16 bits of the half-precision number nearest to a Float32; ties go to even, overflow to infinity. */
export function toFloat16Bits(value: number): number {
  floatBits[0] = value;
  const bits = integerBits[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // not a number: the quiet one
  if (magnitude >= 0x47800000) return sign | 0x7c00; // at least 65536, infinity included
  if (magnitude >= 0x38800000) {
    // Normal: rebias the exponent by 127 - 15, then round away 13 bits of the fraction; a carry moves up correctly,
    // and from 65520 on it ends at 0x7c00, infinity.
    const rebiased = magnitude - 0x38000000;
    return sign | ((rebiased + 0x0fff + ((rebiased >>> 13) & 1)) >>> 13);
  }
  if (magnitude < 0x33000000) return sign; // below half of the smallest subnormal
  const shift = 126 - (magnitude >>> 23);
  const fraction = (magnitude & 0x007fffff) | 0x00800000;
  const half = fraction >>> shift;
  const rest = fraction & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  return sign | (half + (rest > tie || (rest === tie && (half & 1) === 1) ? 1 : 0));
}

/** The number that 16 bits of half precision stand for. */
export function fromFloat16Bits(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** True when rows of this length can be stored in the type: a block must not cross a row's end. */
export function fitsType(rowLength: number, type: TensorTypeName): boolean {
  return rowLength % tensorTypes[type].blockWeights === 0;
}

/**
 * Encodes weights; the caller gives whole rows of a length that `fitsType`.
 *
 * @returns new bytes, little-endian, `weights.length / blockWeights · blockBytes` of them
 */
export function encodeWeights(weights: Float32Array, type: TensorTypeName): Uint8Array {
  switch (type) {
    case "f32":
      return littleEndianCopy(weights);
    case "f16": {
      const bytes = new Uint8Array(weights.length * 2);
      for (let i = 0; i < weights.length; i++) {
        const half = toFloat16Bits(weights[i] as number);
        bytes[2 * i] = half & 0xff;
        bytes[2 * i + 1] = half >>> 8;
      }
      return bytes;
    }
    case "q8_0":
      return quantizeQ8(weights);
    default:
      throw type satisfies never;
  }
}

/** Decodes what `encodeWeights` made (Q8_0 with its loss): for verification and tests. */
export function decodeWeights(bytes: Uint8Array, type: TensorTypeName): Float32Array {
  const { blockWeights, blockBytes } = tensorTypes[type];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const weights = new Float32Array((bytes.byteLength / blockBytes) * blockWeights);
  switch (type) {
    case "f32":
      for (let i = 0; i < weights.length; i++) weights[i] = view.getFloat32(4 * i, true);
      return weights;
    case "f16":
      for (let i = 0; i < weights.length; i++) weights[i] = fromFloat16Bits(view.getUint16(2 * i, true));
      return weights;
    case "q8_0":
      for (let block = 0; block < bytes.byteLength / blockBytes; block++) {
        const scale = fromFloat16Bits(view.getUint16(block * blockBytes, true));
        for (let i = 0; i < blockWeights; i++) {
          weights[block * blockWeights + i] = scale * view.getInt8(block * blockBytes + 2 + i);
        }
      }
      return weights;
    default:
      throw type satisfies never;
  }
}

/** Blocks of 32 weights: one half-precision scale (largest magnitude / 127), then 32 signed bytes. */
function quantizeQ8(weights: Float32Array): Uint8Array {
  const { blockWeights, blockBytes } = tensorTypes.q8_0;
  assert(weights.length % blockWeights === 0, "Q8_0 encodes whole blocks of 32");
  const bytes = new Uint8Array((weights.length / blockWeights) * blockBytes);
  for (let start = 0, at = 0; start < weights.length; start += blockWeights, at += blockBytes) {
    let largest = 0;
    for (let i = start; i < start + blockWeights; i++) largest = Math.max(largest, Math.abs(weights[i] as number));
    const scale = Math.fround(largest / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    const half = toFloat16Bits(scale);
    bytes[at] = half & 0xff;
    bytes[at + 1] = half >>> 8;
    for (let i = 0; i < blockWeights; i++) {
      const scaled = Math.fround((weights[start + i] as number) * inverse);
      // C's roundf: halves away from zero; Math.round would take them upwards.
      bytes[at + 2 + i] = Math.sign(scaled) * Math.round(Math.abs(scaled));
    }
  }
  return bytes;
}

function littleEndianCopy(weights: Float32Array): Uint8Array {
  const bytes = new Uint8Array(weights.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < weights.length; i++) view.setFloat32(4 * i, weights[i] as number, true);
  return bytes;
}
