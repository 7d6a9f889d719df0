/** The thread that fuzzes one kernel after another; run.ts watches it, since a kernel that hangs cannot be interrupted. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { random } from "../../forge/base/random.ts";
import { checkBlocks, checkTables, memoryGrowth, memorySizes, watchInstances } from "./guards.ts";
import { jsonLines, realText, texts } from "./inputs.ts";
import { minimize } from "./minimize.ts";
import { makeTargets, type Options, type Target } from "./targets.ts";

export interface FuzzTask {
  readonly kernels: readonly string[] | null;
  readonly seed: number;
  readonly seconds: number;
  readonly failures: string;
  /** Shared with run.ts: number of the case in hand. */
  readonly progress: Int32Array;
}

export type FuzzMessage =
  | { readonly type: "kernels"; readonly names: readonly string[] }
  | { readonly type: "start"; readonly kernel: string }
  | { readonly type: "done"; readonly kernel: string; readonly executions: number; readonly slowestMs: number }
  | {
      readonly type: "failure";
      readonly kernel: string;
      readonly index: number;
      readonly error: string;
      readonly path: string;
    };

/** How many cases are run again at the end, when memory must not grow any more. */
const repeated = 200;
const minimizeMs = 20_000;

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
const send = (message: FuzzMessage): void => parentPort?.postMessage(message);

const task = workerData as FuzzTask;
watchInstances();
const all = await makeTargets();
const targets = all.filter(({ name }) => task.kernels === null || task.kernels.includes(name));
send({ type: "kernels", names: all.map(({ name }) => name) });
const real = realText();
for (const target of targets) fuzz(target, (task.seconds * 1000) / targets.length);

function fuzz(target: Target, milliseconds: number): void {
  const { name } = target;
  send({ type: "start", kernel: name });
  const end = performance.now() + milliseconds;
  let slowestMs = 0;
  let index = 0;
  for (; performance.now() < end; index++) {
    Atomics.add(task.progress, 0, 1);
    const { pieces, options } = caseOf(target, index);
    const start = performance.now();
    const error = errorOf(target, pieces, options);
    slowestMs = Math.max(slowestMs, performance.now() - start);
    if (error === undefined) continue;
    report(target, index, pieces, options, error);
    send({ type: "done", kernel: name, executions: index + 1, slowestMs });
    return;
  }
  const before = memorySizes();
  for (let again = Math.max(0, index - repeated); again < index; again++) {
    Atomics.add(task.progress, 0, 1);
    const { pieces, options } = caseOf(target, again);
    errorOf(target, pieces, options);
  }
  const grown = memoryGrowth(before);
  const problem = grown > 0 ? `memory grew by ${grown} bytes over batches that it had seen` : tableError();
  if (problem !== undefined) send({ type: "failure", kernel: name, index, error: problem, path: "" });
  send({ type: "done", kernel: name, executions: index, slowestMs });
}

function caseOf(target: Target, index: number): { readonly pieces: Uint8Array[]; readonly options: Options } {
  const stream = random("fuzz", task.seed, target.name, index);
  const options = target.options?.(stream) ?? {};
  const made = target.input === "json-lines" ? jsonLines(stream, real) : texts(stream, real);
  const pieces = made.map((bytes) => {
    const text = bytes.subarray(0, target.maxBytes);
    return target.input === "utf8" ? Buffer.from(Buffer.from(text).toString()) : text;
  });
  return { pieces, options };
}

function errorOf(target: Target, pieces: readonly Uint8Array[], options: Options): string | undefined {
  try {
    target.check(pieces, options);
    checkBlocks();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function tableError(): string | undefined {
  try {
    checkTables();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function report(target: Target, index: number, pieces: readonly Uint8Array[], options: Options, error: string): void {
  const fails = (some: readonly Uint8Array[]): boolean => {
    Atomics.add(task.progress, 0, 1);
    return errorOf(target, some, options) !== undefined;
  };
  const least = minimize(pieces, fails, performance.now() + minimizeMs);
  mkdirSync(task.failures, { recursive: true });
  const path = join(task.failures, `${target.name}-${task.seed}-${index}.json`);
  const shown = least.map((bytes) => Buffer.from(bytes));
  const lastError = errorOf(target, least, options) ?? error;
  const file = {
    kernel: target.name,
    seed: task.seed,
    index,
    error: lastError,
    options,
    texts: shown.map((bytes) => bytes.toString("base64")),
    shown: shown.map((bytes) => bytes.toString()),
  };
  writeFileSync(path, `${JSON.stringify(file, null, 2)}\n`);
  send({ type: "failure", kernel: target.name, index, error: lastError, path });
}
