/**
 * A decoder of node:zlib that works in the thread it is asked in.
 *
 * Node gives each write of a decoding stream to another thread, and its answer waits until the system wakes this one:
 * where every processor has a worker that waits for nothing else, that costs up to a tenth of the whole run
 * (docs/benchmarks/build-corpus.md). The streams can decode synchronously, and do so for `gunzipSync` and the like, but
 * only a whole content at once. So their engine is called as they call it. It is not documented; npm's own reader of
 * packages (minizlib) reaches into the same place. Where a Node has it no more, streams are used as they are.
 */
import type { Gunzip, InflateRaw, ZstdDecompress } from "node:zlib";

export type DecodingStream = Gunzip | InflateRaw | ZstdDecompress;

/** What is used of a stream's inside. */
interface Inside {
  readonly _handle: {
    writeSync(
      flush: number,
      input: Uint8Array,
      inputOffset: number,
      inputLength: number,
      output: Uint8Array,
      outputOffset: number,
      outputLength: number,
    ): void;
  } | null;
  /** Left by a write: room of the output, bytes of the input. */
  readonly _writeState: Uint32Array;
  readonly _chunkSize: number;
}

/** Z_NO_FLUSH, ZSTD_e_continue. */
const goOn = 0;

export class ThreadEngine {
  readonly #stream: DecodingStream;
  readonly #inside: Inside;
  #output: Buffer | undefined;
  #offset = 0;
  #taken = 0;

  private constructor(stream: DecodingStream, inside: Inside) {
    this.#stream = stream;
    this.#inside = inside;
  }

  /** Undefined when this Node's streams are made otherwise. */
  static of(stream: DecodingStream): ThreadEngine | undefined {
    const inside = stream as unknown as Partial<Inside>;
    const isKnown =
      typeof inside._handle?.writeSync === "function" &&
      inside._writeState instanceof Uint32Array &&
      typeof inside._chunkSize === "number";
    return isKnown ? new ThreadEngine(stream, inside as Inside) : undefined;
  }

  /**
   * Decodes a piece of input; the stream's `bytesWritten` counts what it took of it.
   *
   * @param deliver gets the output, several chunks of which may lie in one buffer
   * @returns whether the compressed data end within the piece. Behind a failure the stream is `errored`.
   */
  write(input: Uint8Array, deliver: (chunk: Buffer) => void): boolean {
    const { _writeState: left, _chunkSize: chunkSize } = this.#inside;
    for (let at = 0; ;) {
      if (this.#output === undefined || this.#offset === this.#output.length) {
        this.#output = Buffer.allocUnsafeSlow(chunkSize);
        this.#offset = 0;
      }
      const room = this.#output.length - this.#offset;
      this.#inside._handle?.writeSync(goOn, input, at, input.length - at, this.#output, this.#offset, room);
      if (this.#stream.errored !== null) return false;
      const [roomLeft = 0, inputLeft = 0] = left;
      const end = this.#offset + room - roomLeft;
      if (end > this.#offset) deliver(this.#output.subarray(this.#offset, end));
      this.#offset = end;
      this.#taken += input.length - at - inputLeft;
      Object.assign(this.#stream, { bytesWritten: this.#taken });
      at = input.length - inputLeft;
      // What is left though there is room belongs to whatever follows the data.
      if (roomLeft > 0) return inputLeft > 0;
    }
  }
}
