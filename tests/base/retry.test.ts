import { describe, expect, it } from "vitest";
import { DataError, retrying, TransientError } from "../../forge/base/index.ts";

const options = { attempts: 3, delayMs: 1 };

/** Fails so many times, then succeeds. */
function failing(times: number, error: Error): { readonly run: () => Promise<number>; tries: number } {
  const state = {
    tries: 0,
    run: async () => {
      if (++state.tries <= times) throw error;
      return await Promise.resolve(state.tries);
    },
  };
  return state;
}

describe("retrying", () => {
  it("tries a passing fault again, as often as it is told and no oftener", async () => {
    const fault = new TransientError("busy", "busy", { retryAfterMs: 0 });
    expect(await retrying(failing(2, fault).run, options)).toBe(3);
    const never = failing(9, fault);
    await expect(retrying(never.run, options)).rejects.toBe(fault);
    expect(never.tries).toBe(3);
  });

  it("does not try again what will not pass, or when asked to wait for longer than two minutes", async () => {
    for (const error of [
      new DataError("bad", "bad", {}),
      new Error("bug"),
      new TransientError("busy", "busy", { retryAfterMs: 120_001 }),
    ]) {
      const one = failing(1, error);
      await expect(retrying(one.run, options)).rejects.toBe(error);
      expect(one.tries).toBe(1);
    }
  });

  it("ends with the signal's reason while it waits", async () => {
    const controller = new AbortController();
    const fault = new TransientError("busy", "busy", { retryAfterMs: 100_000 });
    const waiting = retrying(failing(1, fault).run, { ...options, signal: controller.signal });
    controller.abort(new Error("stopped"));
    await expect(waiting).rejects.toThrow("stopped");
  });
});
