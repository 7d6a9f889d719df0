/** GGUF files: the format, the writer, the reader. */
export { decodeWeights, encodeWeights, fitsType, fromFloat16Bits, toFloat16Bits } from "./encode.ts";
export {
  tensorBytes,
  tensorTypeNames,
  tensorTypes,
  weightCount,
  type GgufMetadata,
  type GgufValue,
  type TensorTypeName,
} from "./format.ts";
export { openGguf, type GgufFile } from "./read.ts";
export { writeGguf, type GgufTensor } from "./write.ts";
