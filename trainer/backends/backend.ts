/**
 * What a training backend is. All of them get identical batches and keep identical state (tensors by name), so a run
 * can move between them; none knows about files, schedules or data order.
 */
import type { ModelSpec } from "../model/spec.ts";

/**
 * The tokens of one step, `rows × length`: `targets[i]` is the token that should follow `tokens[i]`, or -1 where
 * nothing is to be learnt. The loss is the mean over all targets of the batch, however it is cut into micro-batches.
 */
export interface Batch {
  readonly rows: number;
  readonly length: number;
  readonly tokens: Int32Array;
  readonly targets: Int32Array;
}

/** AdamW settings of one step; `t` counts from 1. */
export interface StepOptions {
  readonly t: number;
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Largest global gradient norm, or null. */
  readonly clipNorm: number | null;
}

export interface StepResult {
  /** Mean loss per target in nats, before the update. */
  readonly loss: number;
  readonly targets: number;
  /** Global norm before clipping. */
  readonly gradientNorm: number;
  /** True when loss or gradient were not finite: the weights were left as they are. */
  readonly skipped: boolean;
}

/** Tensors by name, in the model's layout. */
export type Tensors = ReadonlyMap<string, Float32Array>;

export interface TrainingState {
  readonly parameters: Tensors;
  /** First and second moments of AdamW; absent before the first step. */
  readonly firstMoments?: Tensors;
  readonly secondMoments?: Tensors;
}

export interface Backend extends AsyncDisposable {
  /** For people: `wasm (relaxed SIMD, 2 threads)`. */
  readonly description: string;
  readonly model: ModelSpec;
  /** Replaces all state; moments that are absent become zero. */
  load(state: TrainingState): Promise<void>;
  /** One optimizer step over a batch. */
  step(batch: Batch, options: StepOptions): Promise<StepResult>;
  /** Gradients of the mean loss, by tensor, without an update: for tests and oracles. */
  gradients(batch: Batch): Promise<{ readonly loss: number; readonly gradients: Tensors }>;
  /** Sum of the loss over the targets of a batch, in nats. */
  evaluate(batch: Batch): Promise<{ readonly lossSum: number; readonly targets: number }>;
  /**
   * Logits of the token that follows `tokens` (1 to context of them). Work on a common beginning with the call before
   * is not repeated.
   */
  logits(tokens: ArrayLike<number>): Promise<Float32Array>;
  /** A copy of the whole state. */
  save(): Promise<Required<TrainingState>>;
}

/** What a backend needs to know before it takes memory. */
export interface BackendOptions {
  readonly model: ModelSpec;
  /** Most rows of a step's batch; 0 opens for inference only, without gradients and moments. */
  readonly batchRows: number;
  /** Rows that one thread works on at a time. Part of the result: sums are ordered by it. */
  readonly microBatchRows: number;
  /** Gradient sums kept side by side. Part of the result. Threads beyond this number have nothing to do. */
  readonly lanes: number;
  /** Never part of the result. */
  readonly threads: number;
  readonly kernels: "auto" | "simd" | "relaxed-simd";
}
