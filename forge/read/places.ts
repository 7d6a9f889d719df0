/**
 * Looks at headers that stand far apart in a file: each is read by its place, and what lies between is not.
 *
 * A few bytes that the system has in memory are read in a microsecond or two where the way through the thread pool takes
 * thirty, so these reads are synchronous, in slices of some milliseconds. A disk that must be waited for each time would
 * hold up the thread and be slower than reading on: behind a few slow slices the rest is read from front to back.
 */
import { setImmediate } from "node:timers/promises";
import type { ByteSource, PlaceReader } from "./byte-source.ts";
import { Window } from "./window.ts";

/** One slow slice says little: the machine may have been busy. */
const slowSlices = 3;

export interface PlacesOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long the thread may be kept. @default 5 */
  readonly sliceMs?: number;
  /** A slice of fewer reads is slow. @default 100, which is 50 µs each */
  readonly fastReads?: number;
}

/** Goes forward through a source; where that cannot be read by places, by a window. */
export class Places implements AsyncDisposable {
  readonly #source: ByteSource;
  readonly #signal: AbortSignal | undefined;
  readonly #sliceMs: number;
  readonly #fastReads: number;
  #reader: PlaceReader | undefined;
  #window: Window | undefined;
  #sliceStart = 0;
  #reads = 0;
  #slow = 0;

  constructor(source: ByteSource, { signal, sliceMs = 5, fastReads = 100 }: PlacesOptions = {}) {
    this.#source = source;
    this.#signal = signal;
    this.#sliceMs = sliceMs;
    this.#fastReads = fastReads;
  }

  /** Of the source. */
  get size(): number {
    return this.#source.size;
  }

  /** Bytes from a position on: at least `count` of them unless the source ends before. Valid until the next call. */
  async from(position: number, count: number): Promise<Buffer> {
    this.#signal?.throwIfAborted();
    if (this.#window === undefined && this.#reader === undefined) await this.#open(position);
    if (this.#reader !== undefined && performance.now() - this.#sliceStart > this.#sliceMs) {
      await this.#endSlice(position);
    }
    if (this.#window !== undefined) return await this.#window.from(position, count);
    this.#reads++;
    return this.#reader?.readAt(position, count) ?? Buffer.alloc(0);
  }

  /** Lets go what stands before a position. */
  forget(position: number): void {
    this.#window?.forget(position);
  }

  async #open(position: number): Promise<void> {
    this.#reader = await this.#source.openPlaces?.();
    if (this.#reader === undefined) this.#window = new Window(this.#source, position);
    this.#sliceStart = performance.now();
  }

  async #endSlice(position: number): Promise<void> {
    this.#slow = this.#reads < this.#fastReads ? this.#slow + 1 : 0;
    if (this.#slow === slowSlices) {
      await this.#closeReader();
      this.#window = new Window(this.#source, position);
    }
    // Others have their turn, and a signal arrives.
    await setImmediate();
    this.#signal?.throwIfAborted();
    this.#sliceStart = performance.now();
    this.#reads = 0;
  }

  async #closeReader(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closeReader();
    await this.#window?.[Symbol.asyncDispose]();
  }
}
