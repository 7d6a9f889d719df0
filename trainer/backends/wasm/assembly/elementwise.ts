/** Biases, sums and GELU: what touches each element once. */
import { multiplyAdd, tanh } from "./vector";

/** sqrt(2 / pi) and the cubic coefficient of the tanh form of GELU (Hendrycks and Gimpel 2016; HF `gelu_new`). */
const root: f32 = 0.7978845608;
const cubic: f32 = 0.7978845608 * 0.044715;

/** x[i] += bias, for each row. */
export function addBias(x: usize, bias: usize, rows: i32, width: i32): void {
  const bytes = (<usize>width) << 2;
  for (let i = 0; i < rows; i++) {
    for (let d: usize = 0; d < bytes; d += 16) {
      v128.store(x + d, f32x4.add(v128.load(x + d), v128.load(bias + d)));
    }
    x += bytes;
  }
}

/** x[i] += bias + y[i], for each row: the bias and the residual in one pass. */
export function addRows(x: usize, bias: usize, y: usize, rows: i32, width: i32): void {
  const bytes = (<usize>width) << 2;
  for (let i = 0; i < rows; i++) {
    for (let d: usize = 0; d < bytes; d += 16) {
      const sum = f32x4.add(v128.load(x + d), v128.load(bias + d));
      v128.store(x + d, f32x4.add(sum, v128.load(y + d)));
    }
    x += bytes;
    y += bytes;
  }
}

/** dBias += sum of the rows of dy. */
export function addBiasGradient(dy: usize, dBias: usize, rows: i32, width: i32): void {
  const bytes = (<usize>width) << 2;
  for (let i = 0; i < rows; i++) {
    for (let d: usize = 0; d < bytes; d += 16) {
      v128.store(dBias + d, f32x4.add(v128.load(dBias + d), v128.load(dy + d)));
    }
    dy += bytes;
  }
}

/** x += y over `count` elements, a multiple of 4. */
export function addInto(x: usize, y: usize, count: u32): void {
  const bytes = (<usize>count) << 2;
  for (let d: usize = 0; d < bytes; d += 16) v128.store(x + d, f32x4.add(v128.load(x + d), v128.load(y + d)));
}

export function fillZero(x: usize, count: u32): void {
  memory.fill(x, 0, (<usize>count) << 2);
}

/** y = x/2 · (1 + tanh(root · x + cubic · x³)). */
export function geluForward(x: usize, y: usize, count: i32): void {
  const bytes = (<usize>count) << 2;
  for (let d: usize = 0; d < bytes; d += 16) {
    const v = v128.load(x + d);
    const u = f32x4.mul(v, multiplyAdd(f32x4.mul(v, v), f32x4.splat(cubic), f32x4.splat(root)));
    const half = f32x4.mul(f32x4.splat(0.5), v);
    v128.store(y + d, multiplyAdd(half, tanh(u), half));
  }
}

/** dy becomes dx, in place. */
export function geluBackward(x: usize, dy: usize, count: i32): void {
  const bytes = (<usize>count) << 2;
  for (let d: usize = 0; d < bytes; d += 16) {
    const v = v128.load(x + d);
    const square = f32x4.mul(v, v);
    const t = tanh(f32x4.mul(v, multiplyAdd(square, f32x4.splat(cubic), f32x4.splat(root))));
    const du = multiplyAdd(square, f32x4.splat(3 * cubic), f32x4.splat(root));
    const sech2 = f32x4.sub(f32x4.splat(1), f32x4.mul(t, t));
    const left = f32x4.mul(f32x4.splat(0.5), f32x4.add(f32x4.splat(1), t));
    const slope = multiplyAdd(f32x4.mul(f32x4.mul(f32x4.splat(0.5), v), sech2), du, left);
    v128.store(dy + d, f32x4.mul(v128.load(dy + d), slope));
  }
}
