/**
 * Limits that end the counting of a text: one that repeats itself too much is turned away, whatever else it has.
 *
 * `filter-types.ts` names ratios, stages and their order. A ratio is compared as the rules compare it: divided in 64
 * bits, rounded to 32.
 */

/** f32 limits in the order of `repetitionRatios`; 0 where everything is to be counted. */
let limits: usize = 0;

export function setLimits(values: usize): void {
  limits = values;
}

// @ts-ignore: decorator
@inline
export function hasLimits(): bool {
  return limits != 0;
}

/** Whether a count is more of a whole than the limit of its ratio. */
export function exceeds(ratio: usize, count: u32, whole: u32): bool {
  if (limits == 0) return false;
  const part: f32 = whole == 0 ? 0 : (((count as f64) / (whole as f64)) as f32);
  return part > load<f32>(limits + (ratio << 2));
}
