/**
 * The WebAssembly instance of this thread: its memory as the host sees it, and what the module exports.
 *
 * Every kernel call is synchronous: begin a batch, copy in, call, copy out. `assembly/memory.ts` explains the layout and
 * how to add a kernel; kernels of other files cast `exports` to their own interface.
 */
import { readFile } from "node:fs/promises";
import { EnvironmentError } from "../base/errors.ts";
import { assetPath } from "../base/locate.ts";
import type { TextColumn } from "./types.ts";
import { unicodeTables } from "./unicode/tables.ts";

type Numeric = (...values: readonly number[]) => number;

/** Exports of `assembly/index.ts` that this folder's own kernels call. */
export interface KernelExports {
  readonly memory: WebAssembly.Memory;
  readonly allocate: Numeric;
  readonly allocatePersistent: Numeric;
  readonly resetArena: Numeric;
  readonly countCodePoints: Numeric;
  readonly findInvalidUtf8: Numeric;
  readonly repairUtf8: Numeric;
  readonly replacementCount: Numeric;
  readonly cleanTexts: Numeric;
  readonly findCandidates: Numeric;
  readonly countLineFeeds: Numeric;
  readonly hashLines: Numeric;
  readonly hashTexts: Numeric;
  readonly normalizeTexts: Numeric;
  readonly setUnicodeTables: Numeric;
  readonly shingleTexts: Numeric;
  readonly signTexts: Numeric;
  readonly gatherColumn: Numeric;
  readonly jsonConsumed: Numeric;
  readonly jsonLineBound: Numeric;
  readonly jsonQuarantinedCount: Numeric;
  readonly countRecordSurrogates: Numeric;
  readonly jsonRecordCount: Numeric;
  readonly jsonSurrogateCount: Numeric;
  readonly scanJsonLines: Numeric;
  readonly segmentWords: Numeric;
}

/** A column whose bytes stand in the instance's memory, offsets counted from `values`. */
export interface PlacedColumn {
  readonly values: number;
  readonly offsets: number;
  readonly length: number;
  readonly bytes: number;
  /** Bytes of the longest text. */
  readonly longest: number;
}

export class KernelInstance {
  readonly exports: KernelExports;
  private view = new Uint8Array(0);

  constructor(exports: KernelExports) {
    this.exports = exports;
  }

  /** All memory. Take it again after anything that allocates: growth detaches old views. */
  memory(): Uint8Array {
    if (this.view.buffer !== this.exports.memory.buffer) this.view = new Uint8Array(this.exports.memory.buffer);
    return this.view;
  }

  /** Frees the blocks of the last batch. */
  beginBatch(): void {
    this.exports.resetArena();
  }

  /** Pointer to a block of this batch. @throws EnvironmentError when 4 GiB do not suffice */
  allocate(bytes: number): number {
    return this.claim(this.exports.allocate(bytes), bytes);
  }

  /** Pointer to a block that lives as long as the instance. Ends the current batch. */
  allocatePersistent(bytes: number): number {
    return this.claim(this.exports.allocatePersistent(bytes), bytes);
  }

  /** Copies an array into a block of this batch. */
  place(array: ArrayBufferView): number {
    return this.write(this.allocate(array.byteLength), array);
  }

  /** Copies a table into a block that lives as long as the instance. */
  placePersistent(array: ArrayBufferView): number {
    return this.write(this.allocatePersistent(array.byteLength), array);
  }

  /** Copies a column in: the bytes its offsets span, and offsets that begin at 0. */
  placeColumn({ values, offsets, length }: TextColumn): PlacedColumn {
    const start = offsets[0] ?? 0;
    const end = offsets[length] ?? start;
    const rebased = new Int32Array(length + 1);
    let longest = 0;
    for (let i = 0; i <= length; i++) {
      rebased[i] = (offsets[i] as number) - start;
      if (i > 0) longest = Math.max(longest, (rebased[i] as number) - (rebased[i - 1] as number));
    }
    const placed = this.place(values.subarray(start, end));
    return { values: placed, offsets: this.place(rebased), length, bytes: end - start, longest };
  }

  /** A copy of bytes, in a buffer of its own. */
  read(pointer: number, bytes: number): Uint8Array<ArrayBuffer> {
    return this.memory().slice(pointer, pointer + bytes);
  }

  readInt32(pointer: number, count: number): Int32Array<ArrayBuffer> {
    return new Int32Array(this.read(pointer, 4 * count).buffer);
  }

  readUint32(pointer: number, count: number): Uint32Array<ArrayBuffer> {
    return new Uint32Array(this.read(pointer, 4 * count).buffer);
  }

  private write(pointer: number, array: ArrayBufferView): number {
    this.memory().set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), pointer);
    return pointer;
  }

  /** Pointers come back as signed integers; a block never begins at 0. */
  private claim(pointer: number, bytes: number): number {
    if (pointer !== 0) return pointer >>> 0;
    throw new EnvironmentError("kernel-memory", `The text kernels could not get ${bytes} more bytes of memory`, {
      hint: "Give smaller batches, or run with FORGE_KERNELS=reference.",
    });
  }
}

let instance: Promise<KernelInstance | undefined> | undefined;

/** This thread's instance, or undefined where WebAssembly SIMD or the built module is missing. */
export function kernelInstance(): Promise<KernelInstance | undefined> {
  instance ??= instantiate();
  return instance;
}

async function instantiate(): Promise<KernelInstance | undefined> {
  let bytes: Buffer<ArrayBuffer>;
  try {
    bytes = await readFile(assetPath(import.meta.url, "./kernels.wasm"));
  } catch {
    return undefined;
  }
  // Without SIMD the module does not validate.
  if (!WebAssembly.validate(bytes)) return undefined;
  const abort = (): never => {
    throw new Error("a text kernel aborted");
  };
  const made = await WebAssembly.instantiate(await WebAssembly.compile(bytes), { env: { abort } });
  const ready = new KernelInstance(made.exports as unknown as KernelExports);
  const tables = unicodeTables();
  ready.exports.setUnicodeTables(
    ready.placePersistent(tables.normalIndex),
    ready.placePersistent(tables.normalBlocks),
    ready.placePersistent(tables.normalExpansions),
    ready.placePersistent(tables.propertyRows),
    ready.placePersistent(tables.propertyIndex),
    ready.placePersistent(tables.propertyBlocks),
  );
  return ready;
}
