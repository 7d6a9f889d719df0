/**
 * When garbage is collected, for threads that work through buffers of megabytes.
 *
 * V8 collects each time that 32 MB of buffers were allocated, however small its heap: with batches of some megabytes
 * that was a fifth of all processor time. Counting buffers together with the heap makes it wait until all has doubled,
 * which costs memory. So it is told to count them together, and asked to collect after a set amount of batches.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes of batches between two collections; their own memory is used again without one (see memory.ts). */
const interval = 256 * 2 ** 20;

/** Bytes that may be allocated beside batches before garbage is collected at the end of a task. */
const allowance = 160 * 2 ** 20;

let exposed: (() => void) | undefined;
let passed = 0;
/** Whether a task asked for a collection: the next batch that goes by brings it. */
let isDue = false;
/** Bytes in use behind the last collection. */
let inUse = 0;

/**
 * Makes the flags above hold for this process; call before threads are started.
 *
 * What counts here is processor time, not how soon something answers: so V8 also collects and compiles on the thread
 * that needs it, later and less, instead of on threads beside it, which take a worker's core from it. Marking goes on
 * in one go: by steps between which the program runs on, it takes four times as long.
 */
export function collectByBatches(): void {
  setFlagsFromString("--efficiency-mode");
  setFlagsFromString("--no-incremental-marking");
  // On the command line, the flag above brings this one.
  setFlagsFromString("--no-concurrent-marking");
  setFlagsFromString("--external-memory-accounted-in-global-limit");
  setFlagsFromString("--expose-gc");
}

/** Notes that a batch of so many bytes went by; without `collectByBatches` nothing follows from it. */
export function batchPassed(bytes: number): void {
  passed += bytes;
  if (passed >= interval || isDue) collect();
}

/**
 * Notes that a task ended. Tasks with small batches leave other garbage, some ten megabytes each: without this, a
 * stage of a hundred of them holds as much more as it did before.
 *
 * The garbage is collected in the midst of the next task. V8 throws away the compiled code of methods whose class has
 * no object when it collects: at the end of a task that is nearly all, which is then run slowly and compiled anew (three
 * quarters of all compiling, when it was done here).
 */
export function taskPassed(): void {
  if (bytesInUse() - inUse < allowance) return;
  // Tasks without batches.
  if (isDue) collect();
  else isDue = true;
}

function collect(): void {
  passed = 0;
  isDue = false;
  exposed ??= exposedCollector();
  exposed();
  inUse = bytesInUse();
}

function bytesInUse(): number {
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

function exposedCollector(): () => void {
  // `gc` appears in contexts made after the flag was set.
  const gc = runInNewContext("typeof gc === 'function' ? gc : undefined") as (() => void) | undefined;
  return gc ?? (() => undefined);
}
