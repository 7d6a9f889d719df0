/**
 * The work of one thread, as messages: what the worker runs. Each task reads and writes the shared memory only.
 *
 * Nothing depends on which thread runs what: micro-batch i always adds to lane i mod lanes, in ascending order; lanes
 * are summed in ascending order; norms are summed chunk by chunk by the coordinator.
 */
import type { StepOptions } from "../backend.ts";
import { createGpt2 } from "./gpt2.ts";
import { instantiateKernels } from "./kernels.ts";
import { planLayout, type Layout } from "./layout.ts";
import type { BackendOptions } from "../backend.ts";

export type Task =
  | { readonly kind: "gradients"; readonly rows: number; readonly length: number; readonly scale: number }
  | { readonly kind: "reduce" }
  | { readonly kind: "update"; readonly options: StepOptions; readonly gradientScale: number }
  | { readonly kind: "loss"; readonly rows: number; readonly length: number }
  | { readonly kind: "logits"; readonly first: number; readonly length: number };

export interface ThreadOptions {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly backend: BackendOptions;
  readonly thread: number;
}

/** Makes the function that runs tasks; `logits` answers with an address, the others with 0. */
export function createTaskRunner(options: ThreadOptions): (task: Task) => number {
  const { memory, thread } = options;
  const { threads } = options.backend;
  const layout: Layout = planLayout(options.backend);
  const kernels = instantiateKernels(options.module, memory);
  const engine = createGpt2(kernels, memory, layout, thread);
  const losses = new Float64Array(memory.buffer, layout.losses, layout.microBatches);
  const norms = new Float64Array(memory.buffer, layout.norms, layout.chunks.length);

  const pieceOf = (microBatch: number, rows: number, length: number) => {
    const firstRow = microBatch * layout.microBatchRows;
    const sequences = Math.min(layout.microBatchRows, rows - firstRow);
    return { start: firstRow * length, sequences, length };
  };

  return (task) => {
    switch (task.kind) {
      case "gradients": {
        const count = Math.ceil(task.rows / layout.microBatchRows);
        for (let lane = thread; lane < layout.lanes; lane += threads) {
          kernels.fillZero(layout.gradients[lane] as number, layout.floats);
          for (let i = lane; i < count; i += layout.lanes) {
            losses[i] = engine.accumulate(pieceOf(i, task.rows, task.length), lane, task.scale);
          }
        }
        return 0;
      }
      case "reduce": {
        const sum = layout.gradients[0] as number;
        for (let i = thread; i < layout.chunks.length; i += threads) {
          const { offset, count } = layout.chunks[i] as Layout["chunks"][number];
          for (let lane = 1; lane < layout.lanes; lane++) {
            kernels.addInto(sum + offset * 4, (layout.gradients[lane] as number) + offset * 4, count);
          }
          norms[i] = kernels.sumSquares(sum + offset * 4, count);
        }
        return 0;
      }
      case "update": {
        const { t, learningRate, beta1, beta2, epsilon, weightDecay } = task.options;
        const correction1 = 1 - beta1 ** t;
        const rootCorrection2 = Math.sqrt(1 - beta2 ** t);
        for (let i = thread; i < layout.chunks.length; i += threads) {
          const { offset, count, decayed } = layout.chunks[i] as Layout["chunks"][number];
          const bytes = offset * 4;
          kernels.adamw(
            layout.parameters + bytes,
            (layout.gradients[0] as number) + bytes,
            layout.firstMoments + bytes,
            layout.secondMoments + bytes,
            count,
            task.gradientScale,
            learningRate,
            beta1,
            beta2,
            epsilon,
            decayed ? weightDecay : 0,
            correction1,
            rootCorrection2,
          );
        }
        return 0;
      }
      case "loss": {
        const count = Math.ceil(task.rows / layout.microBatchRows);
        for (let i = thread; i < count; i += threads) losses[i] = engine.loss(pieceOf(i, task.rows, task.length));
        return 0;
      }
      case "logits":
        return thread === 0 ? engine.logits(task.first, task.length) : 0;
    }
  };
}
