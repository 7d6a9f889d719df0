/** Layer normalisation over rows, y = (x - mean) / sqrt(variance + epsilon) · weight + bias (Ba et al. 2016). */
import { laneSum, multiplyAdd } from "./vector";

/** @param stats two floats a row, mean and 1/sqrt(variance + epsilon), kept for the backward pass */
export function layerNormForward(
  x: usize, weight: usize, bias: usize, y: usize, stats: usize,
  rows: i32, width: i32, epsilon: f32,
): void {
  const bytes = (<usize>width) << 2;
  for (let i = 0; i < rows; i++) {
    let sum = f32x4.splat(0);
    for (let d: usize = 0; d < bytes; d += 16) sum = f32x4.add(sum, v128.load(x + d));
    const mean = laneSum(sum) / <f32>width;
    const meanVector = f32x4.splat(mean);
    let squares = f32x4.splat(0);
    for (let d: usize = 0; d < bytes; d += 16) {
      const centred = f32x4.sub(v128.load(x + d), meanVector);
      squares = multiplyAdd(centred, centred, squares);
    }
    const scale: f32 = <f32>1 / sqrt<f32>(laneSum(squares) / <f32>width + epsilon);
    f32.store(stats, mean);
    f32.store(stats, scale, 4);
    const scaleVector = f32x4.splat(scale);
    for (let d: usize = 0; d < bytes; d += 16) {
      const normal = f32x4.mul(f32x4.sub(v128.load(x + d), meanVector), scaleVector);
      v128.store(y + d, multiplyAdd(normal, v128.load(weight + d), v128.load(bias + d)));
    }
    x += bytes;
    y += bytes;
    stats += 8;
  }
}

/** Adds to `dx`, `dWeight` and `dBias`; `dx` already holds the gradient of the residual path. */
export function layerNormBackward(
  x: usize, weight: usize, stats: usize, dy: usize, dx: usize, dWeight: usize, dBias: usize,
  rows: i32, width: i32,
): void {
  const bytes = (<usize>width) << 2;
  for (let i = 0; i < rows; i++) {
    const mean = v128.load32_splat(stats);
    const scale = v128.load32_splat(stats, 4);
    let sum = f32x4.splat(0);
    let dot = f32x4.splat(0);
    for (let d: usize = 0; d < bytes; d += 16) {
      const normal = f32x4.mul(f32x4.sub(v128.load(x + d), mean), scale);
      const g = v128.load(dy + d);
      const dNormal = f32x4.mul(g, v128.load(weight + d));
      sum = f32x4.add(sum, dNormal);
      dot = multiplyAdd(dNormal, normal, dot);
      v128.store(dWeight + d, multiplyAdd(g, normal, v128.load(dWeight + d)));
      v128.store(dBias + d, f32x4.add(v128.load(dBias + d), g));
    }
    const meanOfSum = f32x4.splat(laneSum(sum) / <f32>width);
    const meanOfDot = f32x4.splat(laneSum(dot) / <f32>width);
    for (let d: usize = 0; d < bytes; d += 16) {
      const normal = f32x4.mul(f32x4.sub(v128.load(x + d), mean), scale);
      const dNormal = f32x4.mul(v128.load(dy + d), v128.load(weight + d));
      const inner = f32x4.sub(f32x4.sub(dNormal, meanOfSum), f32x4.mul(normal, meanOfDot));
      v128.store(dx + d, multiplyAdd(scale, inner, v128.load(dx + d)));
    }
    x += bytes;
    dy += bytes;
    dx += bytes;
    stats += 8;
  }
}
