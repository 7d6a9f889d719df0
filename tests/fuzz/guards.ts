/**
 * Watches the memory of every kernel instance: bytes behind each block that no kernel may write, tables that none may
 * change, and garbage in fresh blocks, so that a result which depends on what lay there before differs from the twin's.
 *
 * It steps in where the host allocates (`KernelInstance`), and so sees any kernel, also one that is written later.
 */
import { KernelInstance } from "../../forge/kernels/instance.ts";

/** A store of 16 bytes may begin in a block's last byte; what lies behind that, up to the padding's end, is watched. */
const firstGuarded = 16;
const padding = 64;
const guard = 0xc5;
/** Larger blocks, of trainers, begin with garbage only: filling them would take most of the time. */
const mostGarbage = 1 << 20;

interface Watched {
  readonly blocks: { readonly start: number; readonly bytes: number }[];
  readonly tables: { readonly start: number; readonly copy: Uint8Array }[];
}

/** Instances may go: a trainer has one of its own. */
const watched = new WeakMap<KernelInstance, Watched>();
let references: WeakRef<KernelInstance>[] = [];
let garbage = 0;

/** Begins to watch all instances made from now on, and those in use. Call it once. */
export function watchInstances(): void {
  const kernels = KernelInstance.prototype;
  // oxlint-disable-next-line typescript/unbound-method -- each is called with its instance
  const { allocate, allocatePersistent, beginBatch, placePersistent } = kernels;
  kernels.allocate = function (bytes) {
    const pointer = allocate.call(this, bytes);
    const memory = this.memory();
    garbage = (garbage + 0x35) & 0xff;
    memory.fill(garbage, pointer, pointer + Math.min(bytes, mostGarbage));
    memory.fill(guard, pointer + bytes + firstGuarded, pointer + bytes + padding);
    stateOf(this).blocks.push({ start: pointer, bytes });
    return pointer;
  };
  kernels.allocatePersistent = function (bytes) {
    check(this);
    stateOf(this).blocks.length = 0;
    return allocatePersistent.call(this, bytes);
  };
  kernels.placePersistent = function (array) {
    const pointer = placePersistent.call(this, array);
    stateOf(this).tables.push({ start: pointer, copy: this.memory().slice(pointer, pointer + array.byteLength) });
    return pointer;
  };
  kernels.beginBatch = function () {
    check(this);
    stateOf(this).blocks.length = 0;
    beginBatch.call(this);
  };
}

/** @throws Error when something was written behind a block */
export function checkBlocks(): void {
  for (const instance of instances()) check(instance);
}

/** @throws Error when a table that was placed for good has changed */
export function checkTables(): void {
  for (const instance of instances()) {
    const memory = instance.memory();
    for (const { start, copy } of stateOf(instance).tables) {
      if (Buffer.compare(memory.subarray(start, start + copy.length), copy) !== 0) {
        throw new Error(`a table of ${copy.length} bytes was overwritten`);
      }
    }
  }
}

/** Bytes of memory of each instance now in use; give it to `memoryGrowth` later. */
export function memorySizes(): ReadonlyMap<KernelInstance, number> {
  return new Map(instances().map((instance) => [instance, instance.memory().length]));
}

/** By how many bytes those instances have grown since. */
export function memoryGrowth(before: ReadonlyMap<KernelInstance, number>): number {
  let sum = 0;
  for (const [instance, bytes] of before) sum += instance.memory().length - bytes;
  return sum;
}

function instances(): KernelInstance[] {
  return references.map((reference) => reference.deref()).filter((instance) => instance !== undefined);
}

function check(instance: KernelInstance): void {
  const { blocks } = stateOf(instance);
  const memory = instance.memory();
  for (const { start, bytes } of blocks) {
    for (let at = start + bytes + firstGuarded; at < start + bytes + padding; at++) {
      if (memory[at] === guard) continue;
      blocks.length = 0;
      throw new Error(`byte ${at - start} of a block of ${bytes} bytes was written`);
    }
  }
}

function stateOf(instance: KernelInstance): Watched {
  let state = watched.get(instance);
  if (state === undefined) {
    watched.set(instance, (state = { blocks: [], tables: [] }));
    references = [...references.filter((reference) => reference.deref() !== undefined), new WeakRef(instance)];
  }
  return state;
}
