import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mapConcurrent } from "../../forge/base/concurrent.ts";

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  return await Array.fromAsync(source);
}

describe("mapConcurrent", () => {
  it("keeps the order of the source, never exceeds its bound, and loses nothing", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(5)), fc.integer({ min: 1, max: 7 }), async (delays, bound) => {
        let running = 0;
        let most = 0;
        const results = await collect(
          mapConcurrent(delays, bound, async (delay, index) => {
            most = Math.max(most, ++running);
            for (let i = 0; i < delay; i++) await Promise.resolve();
            running--;
            return index;
          }),
        );
        expect(results).toEqual(delays.map((_, index) => index));
        expect(most).toBeLessThanOrEqual(bound);
      }),
      { numRuns: 50 },
    );
  });

  it("yields by completion when order does not matter", async () => {
    const gate = Promise.withResolvers<string>();
    const results: string[] = [];
    for await (const value of mapConcurrent(
      ["slow", "fast"],
      2,
      (name) => (name === "slow" ? gate.promise : Promise.resolve(name)),
      {
        ordered: false,
      },
    )) {
      results.push(value);
      gate.resolve("slow");
    }
    expect(results).toEqual(["fast", "slow"]);
  });

  it("passes on the first error, closes the source and waits for what runs", async () => {
    let closed = false;
    let finished = 0;
    async function* source(): AsyncGenerator<number> {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        closed = true;
      }
    }
    const run = collect(
      mapConcurrent(source(), 3, async (value) => {
        await new Promise((resolve) => setTimeout(resolve, 2));
        finished++;
        if (value === 4) throw new Error("four");
        return value;
      }),
    );
    await expect(run).rejects.toThrow("four");
    expect(closed).toBe(true);
    expect(finished).toBeGreaterThanOrEqual(5);
  });

  it("closes the source when its reader leaves early", async () => {
    let closed = false;
    async function* source(): AsyncGenerator<number> {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        closed = true;
      }
    }
    for await (const value of mapConcurrent(source(), 2, (n) => Promise.resolve(n))) if (value === 3) break;
    expect(closed).toBe(true);
  });

  it("throws the reason of an abort", async () => {
    const controller = new AbortController();
    const never = new Promise<never>(() => undefined);
    const run = collect(
      mapConcurrent(
        [1],
        1,
        () =>
          Promise.race([
            never,
            new Promise((_, reject) =>
              controller.signal.addEventListener("abort", () => reject(controller.signal.reason as Error)),
            ),
          ]),
        {
          signal: controller.signal,
        },
      ),
    );
    controller.abort(new Error("enough"));
    await expect(run).rejects.toThrow("enough");
  });
});
