/**
 * The training loop: an async generator of events, with checkpoints and validation on the way.
 *
 * Exact resume: all that a step depends on is the weights, the moments and the step's number, so a run that was
 * stopped and started again has the same weights, bit by bit, as one that was not.
 */
import { ConfigError, GateError } from "../forge/base/index.ts";
import { openBackend, type Backend } from "./backends/index.ts";
import { latestCheckpoint, pruneCheckpoints, readCheckpoint, writeCheckpoint } from "./checkpoint/index.ts";
import { createBatches } from "./data/index.ts";
import { evaluateLoss, type Evaluation } from "./evaluate/index.ts";
import { initialValues } from "./model/index.ts";
import { learningRateAt, type Schedule } from "./optimize/index.ts";
import type { PreparedRun } from "./prepare.ts";

export type TrainEvent =
  | { readonly type: "run-start"; readonly step: number; readonly steps: number; readonly backend: string }
  | {
      readonly type: "step-end";
      /** Counted from 1. */
      readonly step: number;
      readonly loss: number;
      readonly gradientNorm: number;
      readonly learningRate: number;
      readonly skipped: boolean;
      /** Tokens of this step, padding included, and how many of them were learnt. */
      readonly tokens: number;
      readonly targets: number;
      readonly elapsedMs: number;
    }
  | ({ readonly type: "evaluation"; readonly step: number } & Evaluation)
  | { readonly type: "checkpoint-written"; readonly step: number; readonly folder: string }
  | {
      readonly type: "run-end";
      readonly steps: number;
      readonly tokens: number;
      readonly trainLoss: number | null;
      readonly validationLoss: number | null;
      readonly checkpoint: string;
    };

/** Steps in a row whose gradient is not finite before the run gives up. */
const maxSkippedSteps = 10;
/** The training loss that is reported is the mean of this many last steps. */
const lossWindow = 20;

/**
 * Runs from the latest checkpoint, or from the start, to the last step. On abort a checkpoint is written first, then
 * `signal.reason` is thrown.
 *
 * @throws ConfigError `recipe-changed`; GateError `training-diverged`
 */
export async function* train(
  run: PreparedRun,
  options: { readonly signal?: AbortSignal; readonly now?: () => number } = {},
): AsyncGenerator<TrainEvent, void, undefined> {
  const { signal, now = () => performance.now() } = options;
  const { config, plan } = run;
  const { steps } = plan;
  const resumeFolder = await latestCheckpoint(config.out);
  const resume = resumeFolder === undefined ? undefined : await readCheckpoint(resumeFolder);
  if (resume !== undefined) refuseOtherRecipe(run, resume.run?.recipe ?? {});
  let step = resume?.run?.step ?? 0;
  let tokens = resume?.run?.tokens ?? 0;
  let trainLoss = resume?.run?.trainLoss ?? null;
  let validationLoss = resume?.run?.validationLoss ?? null;
  let checkpoint = resumeFolder ?? "";

  await using backend = await openBackend(config.backend.name, run.backend);
  yield { type: "run-start", step, steps, backend: backend.description };
  if (step < steps) {
    await backend.load(
      resume === undefined
        ? { parameters: run.start?.parameters ?? randomWeights(run) }
        : { parameters: resume.parameters, ...(await resume.optimizer()) },
    );
  }
  const schedule = scheduleOf(run);
  const batchOf = createBatches(run.train, {
    seed: config.seed,
    rows: config.batch.rows,
    context: run.model.sizes.context,
  });
  const recent: number[] = [];
  let skipped = 0;

  const evaluate = async (): Promise<Evaluation | undefined> =>
    run.validation === undefined
      ? undefined
      : await evaluateLoss(backend, run.validation, {
          rows: config.batch.rows,
          maxSamples: config.evaluate.samples,
          tokenBytes: run.tokenBytes,
        });
  const save = async (): Promise<TrainEvent> => {
    checkpoint = await writeRunCheckpoint(run, backend, { step, tokens, trainLoss, validationLoss });
    return { type: "checkpoint-written", step, folder: checkpoint };
  };

  let saved = step;
  while (step < steps) {
    if (signal?.aborted === true) {
      if (saved !== step) yield await save();
      throw signal.reason;
    }
    const started = now();
    const batch = batchOf(step);
    const learningRate = learningRateAt(schedule, step + 1);
    const { beta1, beta2, epsilon, weightDecay, clipNorm } = config.optimizer;
    const result = await backend.step(batch, {
      t: step + 1,
      learningRate,
      beta1,
      beta2,
      epsilon,
      weightDecay,
      clipNorm,
    });
    step++;
    tokens += batch.rows * batch.length;
    skipped = result.skipped ? skipped + 1 : 0;
    if (skipped >= maxSkippedSteps) {
      throw new GateError(
        "training-diverged",
        `The gradient was not finite in ${skipped} steps in a row, up to step ${step}`,
        {
          hint: "Lower optimizer.learningRate; the last checkpoint is from before.",
        },
      );
    }
    if (!result.skipped) {
      recent.push(result.loss);
      if (recent.length > lossWindow) recent.shift();
      trainLoss = recent.reduce((sum, loss) => sum + loss, 0) / recent.length;
    }
    yield {
      type: "step-end",
      step,
      loss: result.loss,
      gradientNorm: result.gradientNorm,
      learningRate,
      skipped: result.skipped,
      tokens: batch.rows * batch.length,
      targets: result.targets,
      elapsedMs: now() - started,
    };
    if (step % config.evaluate.everySteps === 0 || step === steps) {
      const evaluation = await evaluate();
      if (evaluation !== undefined) {
        validationLoss = evaluation.loss;
        yield { type: "evaluation", step, ...evaluation };
      }
    }
    if (step % config.checkpoint.everySteps === 0 || step === steps) {
      yield await save();
      saved = step;
    }
  }
  yield { type: "run-end", steps, tokens, trainLoss, validationLoss, checkpoint };
}

function randomWeights(run: PreparedRun): Map<string, Float32Array> {
  return new Map(run.model.tensors.map((tensor) => [tensor.name, initialValues(tensor, run.config.seed)]));
}

function scheduleOf(run: PreparedRun): Schedule {
  const { schedule, optimizer } = run.config;
  return {
    kind: schedule.kind,
    peak: optimizer.learningRate,
    steps: run.plan.steps,
    warmupSteps: Math.round(run.plan.steps * schedule.warmupFraction),
    finalFraction: schedule.finalFraction,
    decayFraction: schedule.decayFraction,
  };
}

async function writeRunCheckpoint(
  run: PreparedRun,
  backend: Backend,
  progress: {
    readonly step: number;
    readonly tokens: number;
    readonly trainLoss: number | null;
    readonly validationLoss: number | null;
  },
): Promise<string> {
  const folder = await writeCheckpoint(run.config.out, {
    model: run.model,
    state: await backend.save(),
    run: {
      version: 1,
      ...progress,
      steps: run.plan.steps,
      recipe: { ...run.recipe },
      backend: backend.description,
      tokenizerSha256: run.tokenizer.sha256,
    },
    tokenizerFolder: run.tokenizerFolder,
    bosId: run.tokenizer.bosId,
    eosId: run.tokenizer.eosId,
    endId: run.endId,
  });
  await pruneCheckpoints(run.config.out, run.config.checkpoint.keep);
  return folder;
}

function refuseOtherRecipe(run: PreparedRun, recipe: Readonly<Record<string, unknown>>): void {
  const keys = [...new Set([...Object.keys(run.recipe), ...Object.keys(recipe)])].sort();
  const changed = keys.filter((key) => run.recipe[key] !== recipe[key]);
  if (changed.length === 0) return;
  throw new ConfigError(
    "recipe-changed",
    `${run.config.out} holds a run with another recipe`,
    changed.map((key) => ({ path: key, message: `was ${String(recipe[key])}, is ${String(run.recipe[key])}` })),
    { hint: "Use another out, go back to the old settings, or start over with --force." },
  );
}
