/**
 * Causal self-attention of one sequence, all heads: softmax(Q Kᵀ / sqrt(head width)) V, and its gradient.
 *
 * Queries are taken in blocks of rows, and a block meets only the keys up to its last row: about half of the square
 * is never computed. `qkv` has one row a position, q | k | v, each `heads · headWidth` wide.
 * `probabilities` is heads × stride × stride; `stride` is a multiple of 4.
 */
import { gemm } from "./gemm";
import { exp, laneMax, laneSum, multiplyAdd } from "./vector";

/** Rows of a block of queries; a multiple of 6, the height of a tile. */
const rowsOfBlock: i32 = 48;

/**
 * Queries of positions [first, length) over keys and values of [0, length).
 *
 * @param out rows of `heads · headWidth`; row p belongs to position p
 */
export function attentionForward(
  qkv: usize, out: usize, probabilities: usize,
  first: i32, length: i32, stride: i32, heads: i32, headWidth: i32,
): void {
  const width = heads * headWidth;
  const scale: f32 = <f32>1 / sqrt<f32>(<f32>headWidth);
  for (let h = 0; h < heads; h++) {
    const q = qkv + ((<usize>(h * headWidth)) << 2);
    const k = q + ((<usize>width) << 2);
    const v = k + ((<usize>width) << 2);
    const y = out + ((<usize>(h * headWidth)) << 2);
    const p = probabilities + ((<usize>h * <usize>stride * <usize>stride) << 2);
    for (let r = first; r < length; r += rowsOfBlock) {
      const end = min(r + rowsOfBlock, length);
      const block = p + ((<usize>(r * stride)) << 2);
      gemm(false, true, end - r, end, headWidth, q + rowOffset(r, 3 * width), 3 * width, k, 3 * width, block, stride, false);
      for (let i = r; i < end; i++) softmaxRow(p + ((<usize>(i * stride)) << 2), i + 1, end, scale);
      gemm(false, false, end - r, headWidth, end, block, stride, v, 3 * width, y + rowOffset(r, width), width, false);
    }
  }
}

/**
 * Writes `dQkv` (all of it) from `dOut`.
 *
 * @param scratch 48 × stride floats
 */
export function attentionBackward(
  qkv: usize, probabilities: usize, dOut: usize, dQkv: usize, scratch: usize,
  length: i32, stride: i32, heads: i32, headWidth: i32,
): void {
  const width = heads * headWidth;
  const scale: f32 = <f32>1 / sqrt<f32>(<f32>headWidth);
  memory.fill(dQkv, 0, rowOffset(length, 3 * width));
  for (let h = 0; h < heads; h++) {
    const head = (<usize>(h * headWidth)) << 2;
    const step = (<usize>width) << 2;
    const q = qkv + head;
    const k = q + step;
    const v = k + step;
    const dq = dQkv + head;
    const dk = dq + step;
    const dv = dk + step;
    const p = probabilities + ((<usize>h * <usize>stride * <usize>stride) << 2);
    for (let r = 0; r < length; r += rowsOfBlock) {
      const end = min(r + rowsOfBlock, length);
      const rows = end - r;
      const block = p + ((<usize>(r * stride)) << 2);
      const dy = dOut + head + rowOffset(r, width);
      gemm(false, true, rows, end, headWidth, dy, width, v, 3 * width, scratch, stride, false);
      gemm(true, false, end, headWidth, rows, block, stride, dy, width, dv, 3 * width, true);
      for (let i = 0; i < rows; i++) {
        const offset = (<usize>(i * stride)) << 2;
        softmaxRowBackward(block + offset, scratch + offset, end, scale);
      }
      gemm(false, false, rows, headWidth, end, scratch, stride, k, 3 * width, dq + rowOffset(r, 3 * width), 3 * width, false);
      gemm(true, false, end, headWidth, rows, scratch, stride, q + rowOffset(r, 3 * width), 3 * width, dk, 3 * width, true);
    }
  }
}

@inline
function rowOffset(row: i32, width: i32): usize {
  return (<usize>row * <usize>width) << 2;
}

/** softmax(scale · x) over the first `count` of a row; the rest up to `end`, rounded up to 4, becomes 0. */
function softmaxRow(x: usize, count: i32, end: i32, scale: f32): void {
  const bytes = ((<usize>end + 3) & ~3) << 2;
  const valid = (<usize>count) << 2;
  for (let d = valid; d < bytes; d += 4) f32.store(x + d, -Infinity);
  let top = f32x4.splat(-Infinity);
  for (let d: usize = 0; d < valid; d += 16) top = f32x4.max(top, v128.load(x + d));
  const largest = f32x4.splat(laneMax(top));
  const factor = f32x4.splat(scale);
  const nothing = f32x4.splat(-Infinity);
  let sum = f32x4.splat(0);
  for (let d: usize = 0; d < valid; d += 16) {
    const value = v128.load(x + d);
    const e = v128.and(exp(f32x4.mul(f32x4.sub(value, largest), factor)), f32x4.gt(value, nothing));
    sum = f32x4.add(sum, e);
    v128.store(x + d, e);
  }
  const inverse = f32x4.splat(<f32>1 / laneSum(sum));
  for (let d: usize = 0; d < valid; d += 16) v128.store(x + d, f32x4.mul(v128.load(x + d), inverse));
  for (let d = (valid + 15) & ~15; d < bytes; d += 16) v128.store(x + d, f32x4.splat(0));
}

/** dp becomes scale · p · (dp - Σ p dp). Where p is 0 the result is 0. */
function softmaxRowBackward(p: usize, dp: usize, count: i32, scale: f32): void {
  const whole = (<usize>count & ~3) << 2;
  const bytes = (<usize>count) << 2;
  let sum = f32x4.splat(0);
  for (let d: usize = 0; d < whole; d += 16) sum = multiplyAdd(v128.load(p + d), v128.load(dp + d), sum);
  let dot = laneSum(sum);
  for (let d = whole; d < bytes; d += 4) dot += f32.load(p + d) * f32.load(dp + d);
  const mean = f32x4.splat(dot);
  const factor = f32x4.splat(scale);
  for (let d: usize = 0; d < whole; d += 16) {
    const slope = f32x4.mul(v128.load(p + d), f32x4.sub(v128.load(dp + d), mean));
    v128.store(dp + d, f32x4.mul(slope, factor));
  }
  for (let d = whole; d < bytes; d += 4) f32.store(dp + d, f32.load(p + d) * (f32.load(dp + d) - dot) * scale);
}
