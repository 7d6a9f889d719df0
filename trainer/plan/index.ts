/** What a run will take, before it starts: parameters, memory, tokens, steps, time. Pure. */
import { EnvironmentError } from "../../forge/base/errors.ts";
import type { BackendOptions } from "../backends/backend.ts";
import { maxMemoryBytes, planLayout } from "../backends/wasm/layout.ts";
import { flopsPerToken, parameterCount } from "../model/gpt2.ts";

export interface TrainingPlan {
  readonly parameters: number;
  readonly steps: number;
  readonly tokensPerStep: number;
  readonly tokens: number;
  /** Passes over the training samples. */
  readonly epochs: number;
  /** Exact for the wasm backend: it takes this once and never more. */
  readonly memoryBytes: number;
  readonly checkpointBytes: number;
  readonly flops: number;
  /** At `gigaflopsPerThread`; the first steps tell better. */
  readonly estimatedSeconds: number;
}

/** Sustained speed of one thread on the quickstart's model, measured with relaxed SIMD on one Zen 5 core. */
const gigaflopsPerThread = 35;

/**
 * @param facts.samples training samples; `facts.sampleTokens` tokens of the longest
 * @throws EnvironmentError `memory-limit` when the run cannot fit, with the nearest settings that would
 */
export function planTraining(
  backend: BackendOptions,
  facts: { readonly steps: number; readonly samples: number; readonly sampleTokens: number },
): TrainingPlan {
  const memoryBytes = planLayout(backend).totalBytes;
  if (memoryBytes > maxMemoryBytes) throw memoryError(backend, memoryBytes);
  const parameters = parameterCount(backend.model);
  const tokensPerStep = backend.batchRows * facts.sampleTokens;
  const tokens = tokensPerStep * facts.steps;
  const flops = tokens * flopsPerToken(backend.model.sizes, facts.sampleTokens);
  return {
    parameters,
    steps: facts.steps,
    tokensPerStep,
    tokens,
    epochs: (facts.steps * backend.batchRows) / facts.samples,
    memoryBytes,
    checkpointBytes: parameters * 12,
    flops,
    estimatedSeconds: flops / (gigaflopsPerThread * 1e9 * backend.threads),
  };
}

/** Optimizer steps that a length means. */
export function stepsOf(
  length: {
    readonly steps?: number | undefined;
    readonly tokens?: number | undefined;
    readonly epochs?: number | undefined;
  },
  facts: { readonly rows: number; readonly samples: number; readonly sampleTokens: number },
): number {
  if (length.steps !== undefined) return length.steps;
  if (length.tokens !== undefined) return Math.ceil(length.tokens / (facts.rows * facts.sampleTokens));
  return Math.max(1, Math.ceil(((length.epochs ?? 1) * facts.samples) / facts.rows));
}

function memoryError(backend: BackendOptions, memoryBytes: number): EnvironmentError {
  const gigabytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const smaller: BackendOptions[] = [
    { ...backend, microBatchRows: 1 },
    { ...backend, microBatchRows: 1, lanes: Math.min(backend.lanes, 2), threads: Math.min(backend.threads, 2) },
    { ...backend, microBatchRows: 1, lanes: 1, threads: 1 },
  ];
  const fitting = smaller.find((options) => planLayout(options).totalBytes <= maxMemoryBytes);
  return new EnvironmentError(
    "memory-limit",
    `The run needs ${gigabytes(memoryBytes)}, the wasm backend addresses 4 GiB`,
    {
      hint:
        fitting === undefined
          ? "Take a smaller model or a shorter context: no batch setting makes this one fit."
          : `It fits with batch.microBatchRows ${fitting.microBatchRows}, batch.lanes ${fitting.lanes}, backend.threads ${fitting.threads}.`,
      details: { memoryBytes, maxMemoryBytes },
    },
  );
}
