/**
 * The embedded backend: our own kernels in worker threads over one shared memory. Needs nothing but Node.
 *
 * Guaranteed: the same model, batches, `microBatchRows`, `lanes` and kernel build give the same bits, whatever the
 * number of threads and however often the run is repeated. Not guaranteed: equality between the two builds (fused
 * multiply-add rounds once), nor of the relaxed build between processors of different kinds.
 */
import { Worker } from "node:worker_threads";
import { assert, EnvironmentError, UsageError } from "../../../forge/base/errors.ts";
import { moduleUrl } from "../../../forge/base/locate.ts";
import { threadEnvironment } from "../../../forge/base/thread-environment.ts";
import { countOf } from "../../model/gpt2.ts";
import type { Backend, BackendOptions, Batch, Tensors, TrainingState } from "../backend.ts";
import { compileKernels } from "./kernels.ts";
import { maxMemoryBytes, planLayout } from "./layout.ts";
import type { Task, ThreadOptions } from "./tasks.ts";

/** @throws UsageError `model-width`; EnvironmentError `memory-limit`, `kernels-missing` */
export async function openWasmBackend(options: BackendOptions): Promise<Backend> {
  const { model } = options;
  const { width, heads, context, vocabularySize } = model.sizes;
  if (width % 4 !== 0 || width % heads !== 0) {
    throw new UsageError("model-width", `Width ${width} must be a multiple of 4 and of the ${heads} heads`);
  }
  const layout = planLayout(options);
  if (layout.totalBytes > maxMemoryBytes) {
    throw new EnvironmentError("memory-limit", `The run needs ${layout.totalBytes} bytes, WebAssembly addresses 4 GiB`);
  }
  const { module, build } = await compileKernels(options.kernels);
  const pages = Math.ceil(layout.totalBytes / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const threads = await Promise.all(
    Array.from({ length: options.threads }, (_, thread) => startThread({ module, memory, backend: options, thread })),
  );
  const tokens = new Int32Array(memory.buffer, layout.tokens, layout.microBatches * layout.microBatchRows * context);
  const targets = new Int32Array(memory.buffer, layout.targets, tokens.length);
  const losses = new Float64Array(memory.buffer, layout.losses, layout.microBatches);
  const norms = new Float64Array(memory.buffer, layout.norms, layout.chunks.length);
  /** What the cache of keys and values holds: tokens of the last `logits` call. */
  let cached: number[] = [];

  const run = async (task: Task): Promise<number> =>
    (await Promise.all(threads.map((thread) => thread.run(task))))[0] ?? 0;
  const runOne = (task: Task): Promise<number> => (threads[0] as Thread).run(task);

  const writeBatch = (batch: Batch): number => {
    const count = batch.rows * batch.length;
    assert(count <= tokens.length && batch.length <= context, "the batch is larger than the memory laid out for it");
    let wanted = 0;
    for (let i = 0; i < count; i++) {
      const token = batch.tokens[i] as number;
      const target = batch.targets[i] as number;
      assert(token >= 0 && token < vocabularySize && target < vocabularySize, "a token is outside the vocabulary");
      if (target >= 0) wanted++;
    }
    tokens.set(batch.tokens.subarray(0, count));
    targets.set(batch.targets.subarray(0, count));
    cached = [];
    return wanted;
  };
  const sumOfLosses = (rows: number): number => {
    let sum = 0;
    for (let i = 0; i < Math.ceil(rows / layout.microBatchRows); i++) sum += losses[i] as number;
    return sum;
  };
  /** Leaves the gradient of the mean loss in lane 0. */
  const computeGradients = async (batch: Batch): Promise<{ loss: number; targets: number; norm: number }> => {
    assert(layout.training, "the backend was opened for inference");
    const wanted = writeBatch(batch);
    const scale = wanted === 0 ? 0 : 1 / wanted;
    await run({ kind: "gradients", rows: batch.rows, length: batch.length, scale });
    await run({ kind: "reduce" });
    let squares = 0;
    for (const value of norms) squares += value;
    return { loss: sumOfLosses(batch.rows) * scale, targets: wanted, norm: Math.sqrt(squares) };
  };

  const viewOf = (base: number, name: string, count: number): Float32Array =>
    new Float32Array(memory.buffer, base + (layout.tensorOffsets.get(name) as number) * 4, count);
  const write = (base: number, values: Tensors | undefined): void => {
    new Float32Array(memory.buffer, base, layout.floats).fill(0);
    if (values === undefined) return;
    for (const { name, shape } of model.tensors) {
      const given = values.get(name);
      assert(given !== undefined && given.length === countOf(shape), `tensor ${name} is missing or of another size`);
      viewOf(base, name, given.length).set(given);
    }
  };
  const read = (base: number): Tensors =>
    // Copied out of shared memory: the caller's arrays do not change with the next step.
    new Map(model.tensors.map(({ name, shape }) => [name, Float32Array.from(viewOf(base, name, countOf(shape)))]));

  return {
    description: `wasm (${build}, ${options.threads} thread${options.threads === 1 ? "" : "s"})`,
    model,
    async load(state: TrainingState) {
      write(layout.parameters, state.parameters);
      cached = [];
      if (!layout.training) return;
      write(layout.firstMoments, state.firstMoments);
      write(layout.secondMoments, state.secondMoments);
    },
    async step(batch, options) {
      const { loss, targets, norm } = await computeGradients(batch);
      const skipped = !Number.isFinite(loss) || !Number.isFinite(norm) || targets === 0;
      if (!skipped) {
        const { clipNorm } = options;
        // The small constant is PyTorch's clip_grad_norm_.
        const gradientScale = clipNorm === null ? 1 : Math.min(1, clipNorm / (norm + 1e-6));
        await run({ kind: "update", options, gradientScale });
      }
      return { loss, targets, gradientNorm: norm, skipped };
    },
    async gradients(batch) {
      const { loss } = await computeGradients(batch);
      return { loss, gradients: read(layout.gradients[0] as number) };
    },
    async evaluate(batch) {
      const wanted = writeBatch(batch);
      await run({ kind: "loss", rows: batch.rows, length: batch.length });
      return { lossSum: sumOfLosses(batch.rows), targets: wanted };
    },
    async logits(sequence) {
      const length = sequence.length;
      assert(length >= 1 && length <= context, "logits wants 1 to context tokens");
      let first = 0;
      while (first < length - 1 && first < cached.length && cached[first] === sequence[first]) first++;
      for (let i = 0; i < length; i++) {
        assert((sequence[i] as number) < vocabularySize, "a token is outside the vocabulary");
        tokens[i] = sequence[i] as number;
      }
      const address = await runOne({ kind: "logits", first, length });
      cached = Array.from(sequence);
      return Float32Array.from(new Float32Array(memory.buffer, address, vocabularySize));
    },
    async save() {
      assert(layout.training, "the backend was opened for inference");
      return {
        parameters: read(layout.parameters),
        firstMoments: read(layout.firstMoments),
        secondMoments: read(layout.secondMoments),
      };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(threads.map((thread) => thread.stop()));
    },
  };
}

interface Thread {
  run(task: Task): Promise<number>;
  stop(): Promise<void>;
}

async function startThread(options: ThreadOptions): Promise<Thread> {
  const worker = new Worker(moduleUrl(import.meta.url, "./worker.ts"), {
    workerData: options,
    env: threadEnvironment(),
  });
  let waiting: PromiseWithResolvers<number> | undefined;
  let failure: unknown;
  worker.on("message", (answer: number) => {
    const done = waiting;
    waiting = undefined;
    done?.resolve(answer);
  });
  const fail = (error: unknown): void => {
    failure ??= error;
    waiting?.reject(error);
    waiting = undefined;
  };
  worker.on("error", fail);
  worker.on("exit", (code) => fail(new Error(`A training thread ended with code ${code}`)));
  return {
    run(task) {
      assert(waiting === undefined, "a training thread runs one task at a time");
      if (failure !== undefined) return Promise.reject(failure);
      waiting = Promise.withResolvers<number>();
      worker.postMessage(task);
      return waiting.promise;
    },
    async stop() {
      failure ??= new Error("The backend was closed");
      await worker.terminate();
    },
  };
}
