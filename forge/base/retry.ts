/** Tries again what failed for a passing reason: a bounded number of times, with growing pauses. */
import { setTimeout as pause } from "node:timers/promises";
import { TransientError } from "./errors.ts";

export interface RetryOptions {
  /** Tries at most. */
  readonly attempts: number;
  /** Pause before the second try; doubles up to `longestDelayMs`. */
  readonly delayMs: number;
  readonly signal?: AbortSignal;
}

const longestDelayMs = 30_000;
/** A server that wants to be left alone for longer is not waited for. */
const longestRetryAfterMs = 120_000;

/**
 * Runs until it succeeds or fails for good; only a TransientError is tried again.
 *
 * @param attempt gets the number of tries before it
 * @throws the last TransientError; any other error at once
 */
export async function retrying<T>(attempt: (tries: number) => Promise<T>, options: RetryOptions): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt(tries);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof TransientError) || tries + 1 >= options.attempts) throw error;
      await waitBefore(tries + 1, error, options);
    }
  }
}

/**
 * The pause before a try.
 *
 * @param tries that failed in a row
 * @throws the error itself when the server asks for more patience than there is; `signal.reason` when aborted
 */
export async function waitBefore(tries: number, error: TransientError, options: RetryOptions): Promise<void> {
  const { retryAfterMs } = error;
  if (retryAfterMs !== undefined && retryAfterMs > longestRetryAfterMs) throw error;
  const delay = retryAfterMs ?? Math.min(longestDelayMs, options.delayMs * 2 ** (tries - 1));
  try {
    await pause(delay, undefined, options.signal === undefined ? {} : { signal: options.signal });
  } catch (aborted) {
    options.signal?.throwIfAborted();
    throw aborted;
  }
}
