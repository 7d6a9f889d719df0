/**
 * What a run tells while it works: typed events to a reporter. Libraries emit, the console draws, files keep them.
 *
 * Names read noun-verb. A reporter must not throw and must return at once.
 */

/** Progress of a stage; drawn as the one progress line. */
export interface ProgressEvent {
  readonly type: "stage-progress";
  readonly stage: string;
  /** Work done and planned, in `unit`; `total` is absent when unknown. */
  readonly done: number;
  readonly total?: number;
  readonly unit: "bytes" | "documents" | "tasks" | "tokens" | "steps" | "rows";
  /** Short extra figures, shown after the rate, e.g. `{ kept: "61 %", loss: 3.21 }`. */
  readonly figures?: Readonly<Record<string, string | number>>;
}

export type ForgeEvent =
  | { readonly type: "stage-start"; readonly stage: string; readonly tasks?: number; readonly message?: string }
  | ProgressEvent
  | {
      readonly type: "stage-end";
      readonly stage: string;
      readonly elapsedMs: number;
      /** Milliseconds for which its tasks kept threads busy, added up; stages may overlap, so their times do. */
      readonly busyMs?: number;
      /** Milliseconds of worker time by step, where a stage's tasks tell. */
      readonly steps?: Readonly<Record<string, number>>;
      readonly figures?: Readonly<Record<string, string | number>>;
    }
  | { readonly type: "task-skip"; readonly stage: string; readonly task: string; readonly reason: string }
  | { readonly type: "note"; readonly message: string }
  | { readonly type: "warning"; readonly message: string; readonly details?: Readonly<Record<string, unknown>> };

/** Receives events; see `forge/console` for those that draw, `silentReporter` for none. */
export type Reporter = (event: ForgeEvent) => void;

export const silentReporter: Reporter = () => undefined;
