/**
 * Bytes of a source, decompressed, in chunks of about 1 MB; what came before damage is delivered before the error.
 *
 * Streams of node:zlib drop what they still hold when they fail. So chunks are taken from them as they appear, and
 * back-pressure is on the side of the input: the next 64 KB of it are written only when the output was taken.
 */
import { createGunzip, createZstdDecompress, type Gunzip, type InflateRaw, type ZstdDecompress } from "node:zlib";
import type { ByteSource } from "./byte-source.ts";
import type { Compression } from "./types.ts";

/** The compressed stream is damaged or ends too early; what could be read was read. */
export class DamagedStream extends Error {
  readonly reason: "truncated" | "corrupt-compression";

  constructor(reason: DamagedStream["reason"], cause: Error) {
    super(
      reason === "truncated"
        ? "the compressed data end too early"
        : `the compressed data are damaged: ${cause.message}`,
      {
        cause,
      },
    );
    this.name = "DamagedStream";
    this.reason = reason;
  }
}

const outputChunk = 1 << 20;
/** A decoder that meets damage keeps the chunk that it was filling; this is what may be lost of the good part. */
const carefulChunk = 1 << 12;
const inputChunk = 1 << 16;

/**
 * Bytes of a source from `start` on (which must be where a gzip member or zstd frame begins), decompressed.
 *
 * @throws DamagedStream after the good part
 * @throws DataError when the source cannot be read
 */
export async function* openBytes(
  source: ByteSource,
  compression: Compression,
  start = 0,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (compression === "none") return yield* source.read(start);
  let delivered = 0;
  try {
    for await (const chunk of decompress(source.read(start), compression, outputChunk)) {
      delivered += chunk.length;
      yield chunk;
    }
  } catch (error) {
    if (!(error instanceof DamagedStream) || error.reason === "truncated") throw error;
    // Read again in small chunks, to get at what stands right before the damage.
    let position = 0;
    for await (const chunk of decompress(source.read(start), compression, carefulChunk)) {
      const known = Math.min(chunk.length, Math.max(0, delivered - position));
      position += chunk.length;
      if (known < chunk.length) yield chunk.subarray(known);
    }
  }
}

function decompress(
  source: AsyncIterable<Uint8Array>,
  compression: "gzip" | "zstd",
  chunkSize: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  return decompressWith(
    source,
    compression === "gzip" ? createGunzip({ chunkSize }) : createZstdDecompress({ chunkSize }),
  );
}

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
    throw new DamagedStream(isTruncation(failure) ? "truncated" : "corrupt-compression", failure);
}

function isTruncation(error: Error): boolean {
  return /unexpected end|incomplete|Src size is incorrect/i.test(error.message);
}
