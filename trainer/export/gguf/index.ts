/** GGUF files: the format, the writer, the reader. */
export { decodeWeights, encodeWeights, fitsType, fromFloat16Bits, toFloat16Bits } from "./encode.ts";
export {
  ggufAlignment,
  tensorBytes,
  tensorTypeNames,
  tensorTypes,
  weightCount,
  type GgufMetadata,
  type GgufTensorInfo,
  type GgufValue,
  type TensorTypeName,
} from "./format.ts";
export { openGguf, type GgufFile, type GgufReadTensor, type GgufReadValue } from "./read.ts";
export { writeGguf, type GgufTensor, type WriteGgufOptions } from "./write.ts";
