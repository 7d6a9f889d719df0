/** AdamW (Loshchilov and Hutter 2019) and the squared norm that global clipping needs. Counts are multiples of 4. */

/** Σ x², summed in f64. */
export function sumSquares(x: usize, count: u32): f64 {
  const bytes = (<usize>count) << 2;
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let d: usize = 0; d < bytes; d += 16) {
    const v = v128.load(x + d);
    const a = f64x2.promote_low_f32x4(v);
    const b = f64x2.promote_low_f32x4(v128.shuffle<f32>(v, v, 2, 3, 2, 3));
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
  }
  const sum = f64x2.add(low, high);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

/**
 * One decoupled-decay Adam step, as PyTorch computes it:
 * p -= lr · decay · p, then p -= (lr / correction1) · m / (sqrt(v) / sqrt(correction2) + epsilon).
 *
 * @param gradientScale multiplies each gradient first (clipping)
 * @param correction1 1 - beta1^t
 * @param rootCorrection2 sqrt(1 - beta2^t)
 */
export function adamw(
  parameter: usize, gradient: usize, first: usize, second: usize, count: u32,
  gradientScale: f32, lr: f32, beta1: f32, beta2: f32, epsilon: f32, decay: f32,
  correction1: f32, rootCorrection2: f32,
): void {
  const bytes = (<usize>count) << 2;
  const keep = f32x4.splat(<f32>1 - lr * decay);
  const rate = f32x4.splat(lr / correction1);
  for (let d: usize = 0; d < bytes; d += 16) {
    const g = f32x4.mul(v128.load(gradient + d), f32x4.splat(gradientScale));
    const m = f32x4.add(
      f32x4.mul(v128.load(first + d), f32x4.splat(beta1)),
      f32x4.mul(g, f32x4.splat(<f32>1 - beta1)),
    );
    const v = f32x4.add(
      f32x4.mul(v128.load(second + d), f32x4.splat(beta2)),
      f32x4.mul(f32x4.mul(g, g), f32x4.splat(<f32>1 - beta2)),
    );
    v128.store(first + d, m);
    v128.store(second + d, v);
    const root = f32x4.div(f32x4.sqrt(v), f32x4.splat(rootCorrection2));
    const change = f32x4.div(f32x4.mul(m, rate), f32x4.add(root, f32x4.splat(epsilon)));
    v128.store(parameter + d, f32x4.sub(f32x4.mul(v128.load(parameter + d), keep), change));
  }
}
