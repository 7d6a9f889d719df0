/** Bytes in one piece, to which others are added at the end while those at the beginning are done with. */
import { giveMemoryBack, takeMemory } from "../base/index.ts";

export class PendingBytes implements Disposable {
  #memory: Uint8Array<ArrayBuffer>;
  #start = 0;
  #end = 0;

  /** @param bytes for which there is room at once */
  constructor(bytes: number) {
    this.#memory = takeMemory(bytes);
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** A view that holds until something is added. */
  get bytes(): Uint8Array {
    return this.#memory.subarray(this.#start, this.#end);
  }

  append(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#memory.length) this.#makeRoom(bytes.length);
    this.#memory.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  drop(count: number): void {
    this.#start += count;
  }

  #makeRoom(bytes: number): void {
    const old = this.#memory;
    const rest = this.bytes;
    const { length } = this;
    // Half of it stays free, so that what is moved is less than what came.
    const isEnough = 2 * (length + bytes) <= old.length;
    if (!isEnough) this.#memory = takeMemory(2 * (length + bytes));
    this.#memory.set(rest);
    if (!isEnough) giveMemoryBack(old);
    this.#start = 0;
    this.#end = length;
  }

  [Symbol.dispose](): void {
    giveMemoryBack(this.#memory);
  }
}
