/**
 * The trainer's kernels: the exports of train.wasm and train-relaxed.wasm.
 *
 * All take byte addresses into one shared memory that TypeScript lays out (`../layout.ts`); nothing here allocates.
 * Several instances, one a thread, work on the same memory at the same time: a kernel writes only where it is told to.
 * Matrices are row-major f32; `width` is a multiple of 4; addresses are multiples of 16.
 *
 * Two builds of the same source: plain SIMD128, and relaxed SIMD, where `multiplyAdd` is one fused instruction.
 */
export { setWorkspace, gemm } from "./gemm";
export { layerNormForward, layerNormBackward } from "./layer-norm";
export { addBias, addBiasGradient, addInto, addRows, geluForward, geluBackward, fillZero } from "./elementwise";
export { attentionForward, attentionBackward } from "./attention";
export { crossEntropy } from "./loss";
export { embeddingForward, embeddingBackward } from "./embedding";
export { adamw, sumSquares } from "./optimizer";
