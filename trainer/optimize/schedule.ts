/**
 * Learning-rate schedules as pure functions of the step.
 *
 * All rise linearly over the warm-up and end at `finalFraction` of the peak with the last step. Cosine: Loshchilov and
 * Hutter 2017; WSD (warm-up, stable, decay): Hu et al. 2024.
 */
export const scheduleKinds = ["cosine", "linear", "wsd", "constant"] as const;
export type ScheduleKind = (typeof scheduleKinds)[number];

export interface Schedule {
  readonly kind: ScheduleKind;
  readonly peak: number;
  readonly steps: number;
  readonly warmupSteps: number;
  /** Learning rate of the last step as a part of the peak. */
  readonly finalFraction: number;
  /** WSD: part of the run, at its end, over which the rate falls. */
  readonly decayFraction: number;
}

/** Learning rate of a step, counted from 1 to `steps`. */
export function learningRateAt(schedule: Schedule, step: number): number {
  const { kind, peak, steps, warmupSteps, finalFraction, decayFraction } = schedule;
  if (step <= warmupSteps) return (peak * step) / warmupSteps;
  const mix = (fall: number): number => peak * (finalFraction + (1 - finalFraction) * (1 - fall));
  const progress = (step - warmupSteps) / Math.max(1, steps - warmupSteps);
  switch (kind) {
    case "constant":
      return peak;
    case "linear":
      return mix(progress);
    case "cosine":
      return mix((1 - Math.cos(Math.PI * progress)) / 2);
    case "wsd": {
      const start = steps - Math.max(1, Math.round(steps * decayFraction));
      return mix(Math.max(0, (step - start) / (steps - start)));
    }
  }
}
