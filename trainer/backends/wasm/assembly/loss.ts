/** Cross-entropy of next-token prediction, fused with its gradient over rows of logits. */
import { exp, laneMax, laneSum } from "./vector";

/**
 * Returns the sum (f64) of -ln softmax(logits)[target] over the rows whose target is not negative.
 *
 * With `gradient` the logits become scale · (softmax - one-hot), rows with a negative target become 0.
 *
 * @param stride floats between rows, a multiple of 8; the floats behind `vocabulary` are scratch
 */
export function crossEntropy(
  logits: usize, targets: usize, rows: i32, vocabulary: i32, stride: i32,
  scale: f32, gradient: bool,
): f64 {
  const bytes = (<usize>stride) << 2;
  const nothing = f32x4.splat(-Infinity);
  let total: f64 = 0;
  for (let i = 0; i < rows; i++, logits += bytes, targets += 4) {
    const target = load<i32>(targets);
    if (target < 0) {
      if (gradient) memory.fill(logits, 0, bytes);
      continue;
    }
    for (let d = (<usize>vocabulary) << 2; d < bytes; d += 4) f32.store(logits + d, -Infinity);
    let top = nothing;
    for (let d: usize = 0; d < bytes; d += 16) top = f32x4.max(top, v128.load(logits + d));
    const largest = laneMax(top);
    const shift = f32x4.splat(largest);
    const ofTarget = f32.load(logits + ((<usize>target) << 2));
    // Two vectors of sums: a vocabulary of 50,000 loses fewer digits, and additions need not wait for each other.
    let s0 = f32x4.splat(0), s1 = s0;
    for (let d: usize = 0; d < bytes; d += 32) {
      const x0 = v128.load(logits + d), x1 = v128.load(logits + d, 16);
      const e0 = v128.and(exp(f32x4.sub(x0, shift)), f32x4.gt(x0, nothing));
      const e1 = v128.and(exp(f32x4.sub(x1, shift)), f32x4.gt(x1, nothing));
      s0 = f32x4.add(s0, e0);
      s1 = f32x4.add(s1, e1);
      if (gradient) {
        v128.store(logits + d, e0);
        v128.store(logits + d, e1, 16);
      }
    }
    const sum = laneSum(f32x4.add(s0, s1));
    total += Math.log(<f64>sum) + <f64>largest - <f64>ofTarget;
    if (!gradient) continue;
    const factor = f32x4.splat(scale / sum);
    for (let d: usize = 0; d < bytes; d += 16) v128.store(logits + d, f32x4.mul(v128.load(logits + d), factor));
    const one = logits + ((<usize>target) << 2);
    f32.store(one, f32.load(one) - scale);
  }
  return total;
}
