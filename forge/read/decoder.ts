/**
 * The decoders of node:zlib as generators that deliver what came before damage, and end where their data end.
 *
 * Streams of node:zlib drop what they still hold when they fail. So chunks are taken from them as they appear, and
 * back-pressure is on the side of the input: the next 64 KB of it are written only when the output was taken.
 */
import type { Gunzip, InflateRaw, ZstdDecompress } from "node:zlib";

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

const inputChunk = 1 << 16;

/**
 * Sends bytes through a decoder of node:zlib until it has enough.
 *
 * @throws DamagedStream after the good part
 */
export async function* decompressWith(
  source: AsyncIterable<Uint8Array>,
  stream: Gunzip | InflateRaw | ZstdDecompress,
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
  try {
    for await (const whole of source) {
      for (let at = 0; at < whole.length && failure === undefined && !ended; at += inputChunk) {
        const chunk = whole.subarray(at, at + inputChunk);
        await Promise.race([new Promise<void>((resolve) => void stream.write(chunk, () => resolve())), closed]);
        yield* ready;
        ready = [];
      }
      if (failure !== undefined || ended) break;
    }
    if (failure === undefined) stream.end();
    await closed;
    yield* ready;
  } finally {
    stream.destroy();
  }
  if (failure !== undefined)
    throw new DamagedStream(isTruncation(failure) ? "truncated" : "corrupt-compression", failure.message);
}

function isTruncation(error: Error): boolean {
  return /unexpected end|incomplete|Src size is incorrect/i.test(error.message);
}
