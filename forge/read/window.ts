/** A window of a source that moves forward, for readers that look at bytes by their place; going back reads again. */
import { freeChunk } from "../base/index.ts";
import type { ByteSource } from "./byte-source.ts";

export class Window implements AsyncDisposable {
  readonly #source: ByteSource;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  #bytes: Buffer = Buffer.alloc(0);
  #start: number;

  constructor(source: ByteSource, start: number) {
    this.#source = source;
    this.#start = start;
  }

  /** Of the source. */
  get size(): number {
    return this.#source.size;
  }

  /** Bytes from a position on: at least `count` of them unless the source ends before. */
  async from(position: number, count: number): Promise<Buffer> {
    if (position >= this.#source.size) return Buffer.alloc(0);
    if (position < this.#start || position > this.#start + this.#bytes.length) await this.#reopen(position);
    this.#iterator ??= this.#source.read(this.#start + this.#bytes.length)[Symbol.asyncIterator]();
    const chunks: Uint8Array[] = [];
    let there = this.#start + this.#bytes.length - position;
    while (there < count) {
      const next = await this.#iterator.next();
      if (next.done === true) break;
      chunks.push(next.value);
      there += next.value.length;
    }
    if (chunks.length > 0) this.#bytes = Buffer.concat([this.#bytes, ...chunks]);
    for (const chunk of chunks) freeChunk(chunk);
    return this.#bytes.subarray(position - this.#start);
  }

  /** Lets go what stands before a position. */
  forget(position: number): void {
    if (position <= this.#start || position > this.#start + this.#bytes.length) return;
    this.#bytes = this.#bytes.subarray(position - this.#start);
    this.#start = position;
  }

  async #reopen(position: number): Promise<void> {
    await this[Symbol.asyncDispose]();
    this.#bytes = Buffer.alloc(0);
    this.#start = position;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#iterator?.return?.();
    this.#iterator = undefined;
  }
}
