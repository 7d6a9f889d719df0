/**
 * Asks for one answer and decides what a fault means: try again, reject the row, or end the run.
 *
 * Attempts are spaced by doubling pauses with a jitter drawn from the row's seed; a server's own wish (Retry-After) is
 * honoured. Faults to reach the server never become rows: they end the run, which resumes from its journal.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { random, TransientError } from "../base/index.ts";
import type { RetryConfig } from "../../schemas/config/teach.ts";
import type { DoneReason, RejectReason } from "../../schemas/record/answer.ts";
import type { PlannedRow } from "./plan.ts";
import { noCosts, RowFault, type Teacher } from "./providers/types.ts";

/** What asking came to; plain JSON, kept in the journal. */
export interface AskedOutcome {
  readonly content: string;
  readonly thinking: string | null;
  /** Null when there was no reply at all. */
  readonly doneReason: DoneReason | null;
  readonly promptTokens: number | null;
  readonly answerTokens: number | null;
  readonly queueMs: number | null;
  readonly loadMs: number | null;
  readonly promptMs: number | null;
  readonly answerMs: number | null;
  readonly fault: { readonly reason: RejectReason; readonly message: string } | null;
  readonly attempts: number;
}

/** Codes of `TransientError` that say the server cannot be reached: no row's fault. */
export const unreachable = "teacher-unreachable";

/**
 * @throws TransientError `teacher-unreachable` after the last attempt; EnvironmentError and aborts as they come
 */
export async function askForRow(
  teacher: Teacher,
  row: PlannedRow,
  retry: RetryConfig,
  signal: AbortSignal,
): Promise<AskedOutcome> {
  const jitter = random(row.seed, "retry");
  for (let attempt = 1; ; attempt++) {
    try {
      const reply = await teacher.ask(row, signal);
      return { ...reply, fault: null, attempts: attempt };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RowFault) return failed(error.reason, error.message, attempt);
      if (!(error instanceof TransientError)) throw error;
      if (attempt >= retry.attempts) {
        if (error.code === unreachable) throw error;
        return failed("teacher-error", error.message, attempt);
      }
      const pause = Math.min(retry.maxMs, retry.baseMs * 2 ** (attempt - 1)) * (0.75 + jitter.float() / 4);
      await sleep(Math.max(pause, error.retryAfterMs ?? 0), undefined, { signal });
    }
  }
}

function failed(reason: RejectReason, message: string, attempts: number): AskedOutcome {
  return { content: "", thinking: null, doneReason: null, ...noCosts, fault: { reason, message }, attempts };
}
