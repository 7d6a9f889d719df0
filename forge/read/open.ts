/**
 * Bytes of a file, decompressed, in chunks of about 1 MB; what came before damage is delivered before the error.
 *
 * Streams of node:zlib drop what they still hold when they fail. So chunks are taken from them as they appear, and
 * back-pressure is on the side of the input: the next 64 KB of it are written only when the output was taken.
 */
import { createReadStream } from "node:fs";
import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from "node:zlib";
import { wrapFileError } from "../base/index.ts";
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
const inputChunk = 1 << 16;

/**
 * Opens a file at a byte; `start` counts only where nothing is decompressed.
 *
 * @throws DamagedStream after the good part
 * @throws DataError when the file cannot be read
 */
export async function* openBytes(
  path: string,
  compression: Compression,
  start = 0,
): AsyncGenerator<Uint8Array, void, undefined> {
  const source = createReadStream(path, { start, highWaterMark: compression === "none" ? outputChunk : inputChunk });
  try {
    if (compression === "none") yield* source as AsyncIterable<Buffer>;
    else yield* decompress(source as AsyncIterable<Buffer>, compression);
  } catch (error) {
    throw wrapFileError(error, path);
  } finally {
    source.destroy();
  }
}

async function* decompress(
  source: AsyncIterable<Buffer>,
  compression: "gzip" | "zstd",
): AsyncGenerator<Uint8Array, void, undefined> {
  const stream: Gunzip | ZstdDecompress =
    compression === "gzip"
      ? createGunzip({ chunkSize: outputChunk })
      : createZstdDecompress({ chunkSize: outputChunk });
  let ready: Buffer[] = [];
  let failure: Error | undefined;
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  stream.on("data", (chunk: Buffer) => ready.push(chunk));
  stream.on("error", (error) => {
    failure = error;
    close();
  });
  stream.on("end", close);
  try {
    for await (const chunk of source) {
      await Promise.race([new Promise<void>((resolve) => void stream.write(chunk, () => resolve())), closed]);
      yield* ready;
      ready = [];
      if (failure !== undefined) break;
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
