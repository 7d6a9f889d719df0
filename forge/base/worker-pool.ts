/**
 * A fixed number of worker threads that answer JSON with JSON.
 *
 * What it is not: a scheduler. Callers decide what runs and in which order; a job waits here until a thread is free.
 * Errors cross the thread as what they are (see `packError`), so that a user's mistake found by a worker reads the same.
 */
import { parentPort, Worker } from "node:worker_threads";
import {
  ConfigError,
  DataError,
  EnvironmentError,
  ForgeError,
  GateError,
  TransientError,
  UsageError,
  type ConfigIssue,
  type DataPosition,
} from "./errors.ts";
import { threadEnvironment } from "./thread-environment.ts";

/** A worker thread ended without an answer: it crashed, ran out of memory or was ended from outside. */
export class WorkerCrash extends ForgeError {}

export interface WorkerPoolOptions<Input> {
  /** Module that calls `serveJobs`, from `moduleUrl`. */
  readonly entry: URL;
  readonly workers: number;
  /** Ends all threads at once; running jobs reject with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Answers what a job asks this thread for, by name: memory that all threads share. */
  readonly provide?: (name: string, input: Input) => Promise<SharedArrayBuffer>;
}

export interface WorkerPool<Input, Output> extends AsyncDisposable {
  /**
   * Runs a job on the next free thread.
   *
   * @param onProgress receives what the job passes to `report`
   * @throws WorkerCrash when the thread died; whatever the job threw otherwise
   */
  run(input: Input, onProgress?: (progress: unknown) => void): Promise<Output>;
}

type ToWorker =
  | { readonly kind: "job"; readonly input: unknown }
  | { readonly kind: "provided"; readonly request: number; readonly buffer: SharedArrayBuffer }
  | { readonly kind: "refused"; readonly request: number; readonly error: PackedError };
type FromWorker =
  | { readonly kind: "ask"; readonly request: number; readonly name: string }
  | { readonly kind: "progress"; readonly progress: unknown }
  | { readonly kind: "result"; readonly output: unknown }
  | { readonly kind: "error"; readonly error: PackedError };

interface Job<Input, Output> {
  readonly input: Input;
  readonly onProgress: (progress: unknown) => void;
  readonly resolve: (output: Output) => void;
  readonly reject: (error: unknown) => void;
}

/** Starts threads lazily: a pool that runs one job starts one thread. */
export function createWorkerPool<Input, Output>(options: WorkerPoolOptions<Input>): WorkerPool<Input, Output> {
  const { entry, workers, signal, provide = provideNothing } = options;
  const idle: Worker[] = [];
  const busy = new Map<Worker, Job<Input, Output>>();
  const waiting: Job<Input, Output>[] = [];
  let closed = false;

  const start = (): Worker => {
    const worker = new Worker(entry, { env: threadEnvironment() });
    worker.on("message", (message: FromWorker) => {
      const job = busy.get(worker);
      if (job === undefined) return;
      if (message.kind === "progress") return job.onProgress(message.progress);
      if (message.kind === "ask") return answer(worker, message, job.input);
      busy.delete(worker);
      idle.push(worker);
      if (message.kind === "result") job.resolve(message.output as Output);
      else job.reject(unpackError(message.error));
      next();
    });
    // An uncaught error in a thread is followed by "exit"; the error itself says why.
    let cause: unknown;
    worker.on("error", (error) => {
      cause = error;
    });
    worker.on("exit", (code) => {
      const job = busy.get(worker);
      busy.delete(worker);
      const position = idle.indexOf(worker);
      if (position >= 0) idle.splice(position, 1);
      const detail = cause instanceof Error ? `: ${cause.message}` : "";
      job?.reject(
        signal?.aborted === true
          ? signal.reason
          : new WorkerCrash("worker-crashed", `A worker thread ended with code ${code}${detail}`, { cause }),
      );
      next();
    });
    return worker;
  };
  const answer = (worker: Worker, { request, name }: Extract<FromWorker, { kind: "ask" }>, input: Input): void => {
    const post = (message: ToWorker): void => worker.postMessage(message);
    provide(name, input).then(
      (buffer) => post({ kind: "provided", request, buffer }),
      (error: unknown) => post({ kind: "refused", request, error: packError(error) }),
    );
  };
  const next = (): void => {
    while (!closed && waiting.length > 0 && (idle.length > 0 || busy.size < workers)) {
      const worker = idle.pop() ?? start();
      const job = waiting.shift() as Job<Input, Output>;
      busy.set(worker, job);
      worker.postMessage({ kind: "job", input: job.input } satisfies ToWorker);
    }
  };
  const close = async (reason: unknown): Promise<void> => {
    closed = true;
    for (const job of waiting.splice(0)) job.reject(reason);
    await Promise.all([...idle, ...busy.keys()].map((worker) => worker.terminate()));
  };
  const onAbort = (): void => void close(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });

  return {
    run(input, onProgress = () => undefined) {
      if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
      return new Promise<Output>((resolve, reject) => {
        waiting.push({ input, onProgress, resolve, reject });
        next();
      });
    },
    async [Symbol.asyncDispose]() {
      signal?.removeEventListener("abort", onAbort);
      await close(new WorkerCrash("pool-closed", "The worker pool was closed"));
    },
  };
}

/** What a job's thread offers it besides its input. */
export interface JobPort {
  report(progress: unknown): void;
  /** Asks the thread of the pool; see `WorkerPoolOptions.provide`. */
  ask(name: string): Promise<SharedArrayBuffer>;
}

/** The worker's side: answers each job with what `handle` returns. Call once, at the end of the entry module. */
export function serveJobs(handle: (input: unknown, port: JobPort) => Promise<unknown>): void {
  const parent = parentPort;
  if (parent === null) throw new Error("serveJobs runs in a worker thread only");
  const post = (message: FromWorker): void => parent.postMessage(message);
  const asked = new Map<number, PromiseWithResolvers<SharedArrayBuffer>>();
  let requests = 0;
  const port: JobPort = {
    report: (progress) => post({ kind: "progress", progress }),
    ask(name) {
      const request = requests++;
      const waiting = Promise.withResolvers<SharedArrayBuffer>();
      asked.set(request, waiting);
      post({ kind: "ask", request, name });
      return waiting.promise;
    },
  };
  parent.on("message", (message: ToWorker) => {
    if (message.kind !== "job") {
      const waiting = asked.get(message.request);
      asked.delete(message.request);
      if (message.kind === "provided") waiting?.resolve(message.buffer);
      else waiting?.reject(unpackError(message.error));
      return;
    }
    handle(message.input, port).then(
      (output) => post({ kind: "result", output }),
      (error: unknown) => post({ kind: "error", error: packError(error) }),
    );
  });
}

async function provideNothing(name: string): Promise<SharedArrayBuffer> {
  return await Promise.reject(new Error(`This pool shares nothing; a job asked for ${name}`));
}

const errorClasses = {
  ForgeError,
  UsageError,
  DataError,
  EnvironmentError,
  GateError,
  TransientError,
  ConfigError,
} as const;

interface PackedError {
  /** Absent for errors that are not ours: a bug, kept with its stack. */
  readonly kind?: keyof typeof errorClasses;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly position?: DataPosition;
  readonly issues?: readonly ConfigIssue[];
  readonly stack?: string;
}

/** An error as plain JSON. */
export function packError(error: unknown): PackedError {
  if (error instanceof ForgeError) {
    const { code, message, hint, details, stack } = error;
    const kind =
      error.constructor.name in errorClasses ? (error.constructor.name as keyof typeof errorClasses) : "ForgeError";
    return {
      kind,
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(details === undefined ? {} : { details }),
      ...(error instanceof DataError ? { position: error.position } : {}),
      ...(error instanceof ConfigError ? { issues: error.issues } : {}),
      ...(stack === undefined ? {} : { stack }),
    };
  }
  if (error instanceof Error)
    return { code: error.name, message: error.message, ...(error.stack === undefined ? {} : { stack: error.stack }) };
  return { code: "Error", message: String(error) };
}

/** The error that `packError` packed, of the same class. */
export function unpackError(packed: PackedError): Error {
  const options = {
    ...(packed.hint === undefined ? {} : { hint: packed.hint }),
    ...(packed.details === undefined ? {} : { details: packed.details }),
  };
  const error = ((): Error => {
    switch (packed.kind) {
      case undefined:
        return new Error(packed.message);
      case "DataError":
        return new DataError(packed.code, packed.message, packed.position ?? {}, options);
      case "ConfigError":
        return new ConfigError(packed.code, packed.message, packed.issues ?? [], options);
      default:
        return new errorClasses[packed.kind](packed.code, packed.message, options);
    }
  })();
  if (packed.stack !== undefined) error.stack = packed.stack;
  return error;
}
