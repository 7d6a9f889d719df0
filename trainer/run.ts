/** One training from its config to its last checkpoint: lock, prepare, loop, event file. What `trainer run` calls. */
import { appendFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { lockFolder, silentReporter, wrapFileError, type Reporter } from "../forge/base/index.ts";
import type { TrainConfig } from "../schemas/config/train.ts";
import { train, type TrainEvent } from "./loop.ts";
import type { TrainingPlan } from "./plan/index.ts";
import { prepareRun } from "./prepare.ts";

export interface TrainingSummary {
  readonly out: string;
  readonly checkpoint: string;
  readonly plan: TrainingPlan;
  /** Mean of the last 20 steps, in nats per target. */
  readonly trainLoss: number | null;
  readonly validationLoss: number | null;
  readonly tokens: number;
  /** Tokens a second of this call's steps; null when nothing was left to do. */
  readonly tokensPerSecond: number | null;
  readonly resumedFrom: number;
}

export interface RunOptions {
  readonly reporter?: Reporter;
  readonly signal?: AbortSignal;
  /** Remove an existing run in `out` first. */
  readonly force?: boolean;
}

/** Trains, or goes on where an earlier call stopped; a finished run returns at once. */
export async function runTraining(config: TrainConfig, options: RunOptions = {}): Promise<TrainingSummary> {
  const { reporter = silentReporter, signal, force = false } = options;
  await using _lock = await lockFolder(config.out, signal === undefined ? {} : { signal });
  if (force) {
    for (const name of ["checkpoints", "events.ndjson"])
      await rm(join(config.out, name), { recursive: true, force: true });
  }
  const run = await prepareRun(config);
  for (const message of run.notes) reporter({ type: "note", message });
  const stage = config.data.kind === "tokens" ? "pretrain" : "fine-tune";
  const started = performance.now();
  const events = await openEventFile(config.out);
  let resumedFrom = 0;
  let tokens = 0;
  let milliseconds = 0;
  let validationLoss: number | null = null;
  let end: Extract<TrainEvent, { type: "run-end" }> | undefined;
  try {
    for await (const event of train(run, signal === undefined ? {} : { signal })) {
      await events.write(event);
      switch (event.type) {
        case "run-start": {
          resumedFrom = event.step;
          const { parameters, memoryBytes } = run.plan;
          const message =
            `${(parameters / 1e6).toFixed(1)} M parameters, ${event.steps} steps of ${run.plan.tokensPerStep} tokens, ` +
            `${Math.round(memoryBytes / 2 ** 20)} MiB, ${event.backend}${event.step > 0 ? `, from step ${event.step}` : ""}`;
          reporter({ type: "stage-start", stage, message });
          break;
        }
        case "step-end": {
          tokens += event.tokens;
          milliseconds += event.elapsedMs;
          const figures = {
            loss: event.loss.toFixed(3),
            ...(validationLoss === null ? {} : { validation: validationLoss.toFixed(3) }),
            "tokens/s": Math.round((tokens / milliseconds) * 1000),
          };
          reporter({ type: "stage-progress", stage, done: event.step, total: run.plan.steps, unit: "steps", figures });
          if (event.skipped) {
            reporter({
              type: "warning",
              message: `step ${event.step}: the gradient was not finite, the weights were left alone`,
            });
          }
          break;
        }
        case "evaluation":
          validationLoss = event.loss;
          break;
        case "checkpoint-written":
          break;
        case "run-end":
          end = event;
          break;
        default:
          event satisfies never;
      }
    }
  } finally {
    await events.close();
  }
  const { checkpoint, trainLoss } = end as NonNullable<typeof end>;
  const tokensPerSecond = milliseconds === 0 ? null : Math.round((tokens / milliseconds) * 1000);
  const lastValidation = (end as NonNullable<typeof end>).validationLoss;
  reporter({
    type: "stage-end",
    stage,
    elapsedMs: performance.now() - started,
    figures: {
      loss: trainLoss?.toFixed(3) ?? "?",
      ...(lastValidation === null ? {} : { validation: lastValidation.toFixed(3) }),
      ...(tokensPerSecond === null ? {} : { "tokens/s": tokensPerSecond }),
    },
  });
  return {
    out: config.out,
    checkpoint,
    plan: run.plan,
    trainLoss,
    validationLoss: lastValidation,
    tokens: (end as NonNullable<typeof end>).tokens,
    tokensPerSecond,
    resumedFrom,
  };
}

/** Appends events to `events.ndjson`, some at a time; the file is a log, never read back by the run. */
async function openEventFile(
  folder: string,
): Promise<{ write(event: TrainEvent): Promise<void>; close(): Promise<void> }> {
  const path = join(folder, "events.ndjson");
  await mkdir(folder, { recursive: true });
  let pending: string[] = [];
  const flush = async (): Promise<void> => {
    const text = pending.join("");
    pending = [];
    try {
      if (text !== "") await appendFile(path, text);
    } catch (error) {
      throw wrapFileError(error, path);
    }
  };
  return {
    async write(event) {
      pending.push(`${JSON.stringify({ v: 1, time: new Date().toISOString(), ...event })}\n`);
      if (pending.length >= 20 || event.type !== "step-end") await flush();
    },
    close: flush,
  };
}
