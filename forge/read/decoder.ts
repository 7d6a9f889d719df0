/**
 * The decoders of node:zlib as generators that deliver what came before damage, and end where their data end.
 *
 * Streams of node:zlib drop what they still hold when they fail. So chunks are taken from them as they appear, and
 * back-pressure is on the side of the input: the next piece of it is written only when the output was taken.
 */
import { isMainThread } from "node:worker_threads";
import { freeBuffer, freeChunk } from "../base/index.ts";
import { ThreadEngine, type DecodingStream } from "./thread-engine.ts";

/** The compressed stream is damaged or ends too early; what could be read was read. */
export class DamagedStream extends Error {
  readonly reason: "truncated" | "corrupt-compression";
  override readonly cause: string;

  /** @param cause what the decoder said */
  constructor(reason: DamagedStream["reason"], cause: string) {
    super(reason === "truncated" ? "the compressed data end too early" : `the compressed data are damaged: ${cause}`);
    this.cause = cause;
    this.name = "DamagedStream";
    this.reason = reason;
  }
}

/** Bytes written at once: what they give is in memory as a whole, however much that is. */
const smallestInput = 1 << 16;
const largestInput = 1 << 19;
/** Between these, as many as give about so much, going by what came out so far: each write costs a detour. */
const wantedOutput = 1 << 20;

export interface DecoderOptions {
  /**
   * True lends chunks instead of giving them away: each holds until the next is asked for, and is empty afterwards.
   *
   * @default false
   */
  readonly borrow?: boolean;
  /**
   * Decode in this thread instead of those of Node: for workers, which have nothing else to do meanwhile.
   *
   * @default in worker threads
   */
  readonly inThread?: boolean;
}

/**
 * Sends bytes through a decoder of node:zlib until it has enough. The source's chunks are freed when they were used.
 *
 * @throws DamagedStream after the good part
 */
export async function* decompressWith(
  source: AsyncIterable<Uint8Array>,
  stream: DecodingStream,
  { borrow = false, inThread = !isMainThread }: DecoderOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  let ready: Buffer[] = [];
  let failure: Error | undefined;
  let ended = false;
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  stream.on("data", (chunk: Buffer) => ready.push(chunk));
  stream.on("error", (error) => {
    failure = error;
    close();
  });
  stream.on("end", () => {
    ended = true;
    close();
  });
  const engine = inThread ? ThreadEngine.of(stream) : undefined;
  const write = async (chunk: Uint8Array): Promise<void> => {
    if (engine === undefined) {
      await Promise.race([new Promise<void>((resolve) => void stream.write(chunk, () => resolve())), closed]);
      return;
    }
    if (engine.write(chunk, (output) => ready.push(output))) ended = true;
    if (stream.errored !== null) failure = stream.errored;
    if (ended || failure !== undefined) close();
  };
  let bytesIn = 0;
  let bytesOut = 0;
  let lent: ArrayBufferLike | undefined;
  const deliver = function* (): Generator<Buffer, void, undefined> {
    for (const chunk of ready) {
      bytesOut += chunk.length;
      // The decoder cuts several chunks from one buffer, and takes another one only when it is full.
      if (borrow && lent !== undefined && lent !== chunk.buffer) freeBuffer(lent);
      lent = chunk.buffer;
      yield chunk;
    }
    ready = [];
  };
  try {
    for await (const whole of source) {
      for (let at = 0; at < whole.length && failure === undefined && !ended;) {
        const likely = bytesOut === 0 ? 0 : Math.floor((wantedOutput * bytesIn) / bytesOut);
        const chunk = whole.subarray(at, at + Math.min(largestInput, Math.max(smallestInput, likely)));
        at += chunk.length;
        bytesIn += chunk.length;
        await write(chunk);
        yield* deliver();
      }
      // A decoder that failed may not have let go of it.
      if (failure !== undefined || ended) break;
      freeChunk(whole);
    }
    if (failure === undefined && !(ended && engine !== undefined)) stream.end();
    await closed;
    yield* deliver();
  } finally {
    stream.destroy();
  }
  if (failure !== undefined)
    throw new DamagedStream(isTruncation(failure) ? "truncated" : "corrupt-compression", failure.message);
}

function isTruncation(error: Error): boolean {
  return /unexpected end|incomplete|Src size is incorrect/i.test(error.message);
}
