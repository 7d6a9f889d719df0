import { describe, expect, it } from "vitest";
import { learningRateAt, scheduleKinds } from "../../../trainer/optimize/index.ts";

const base = { peak: 1, steps: 100, warmupSteps: 10, finalFraction: 0.1, decayFraction: 0.2 };

describe("learning-rate schedules", () => {
  it.each(scheduleKinds)("%s rises linearly to the peak over the warm-up", (kind) => {
    expect(learningRateAt({ ...base, kind }, 1)).toBeCloseTo(0.1);
    expect(learningRateAt({ ...base, kind }, 5)).toBeCloseTo(0.5);
    expect(learningRateAt({ ...base, kind }, 10)).toBeCloseTo(1);
  });

  it.each(["cosine", "linear", "wsd"] as const)("%s never rises again and ends at the final fraction", (kind) => {
    for (let step = 11; step < 100; step++) {
      expect(learningRateAt({ ...base, kind }, step + 1)).toBeLessThanOrEqual(learningRateAt({ ...base, kind }, step));
    }
    expect(learningRateAt({ ...base, kind }, 100)).toBeCloseTo(0.1);
  });

  it("stands at the middle of its range half-way, for cosine and linear", () => {
    expect(learningRateAt({ ...base, kind: "cosine" }, 55)).toBeCloseTo(0.55);
    expect(learningRateAt({ ...base, kind: "linear" }, 55)).toBeCloseTo(0.55);
  });

  it("keeps the peak until the decay of wsd begins", () => {
    expect(learningRateAt({ ...base, kind: "wsd" }, 80)).toBe(1);
    expect(learningRateAt({ ...base, kind: "wsd" }, 90)).toBeCloseTo(0.55);
  });

  it("works without a warm-up and for a single step", () => {
    expect(learningRateAt({ ...base, kind: "cosine", warmupSteps: 0, steps: 1 }, 1)).toBeCloseTo(0.1);
    expect(learningRateAt({ ...base, kind: "constant", warmupSteps: 0, steps: 1 }, 1)).toBe(1);
  });
});
