/** Bytes of a source, decompressed, in chunks of about 1 MB; what came before damage is delivered before the error. */
import { createGunzip } from "node:zlib";
import { freeChunk } from "../base/index.ts";
import type { ByteSource } from "./byte-source.ts";
import { DamagedStream, decompressWith, type DecoderOptions } from "./decoder.ts";
import { readMembers } from "./gzip-members.ts";
import type { Compression, SplitPart } from "./types.ts";
import { readFrames, type StreamOptions } from "./zstd-frames.ts";

const outputChunk = 1 << 20;
/** A decoder that meets damage keeps the chunk that it was filling; this is what may be lost of the good part. */
const carefulChunk = 1 << 12;

/**
 * Bytes of a source from `start` on (which must be where a gzip member or zstd frame begins), decompressed. To borrow
 * chunks is for those who have no use of one when they ask for the next.
 *
 * @throws DamagedStream after the good part
 * @throws DataError when the source cannot be read
 */
export async function* openBytes(
  source: ByteSource,
  compression: Compression,
  { start = 0, borrow = false }: { readonly start?: number } & DecoderOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  if (compression === "none") {
    for await (const chunk of source.read(start)) {
      yield chunk;
      if (borrow) freeChunk(chunk);
    }
    return;
  }
  let delivered = 0;
  try {
    for await (const chunk of decompress(source, compression, start, outputChunk, borrow)) {
      delivered += chunk.length;
      yield chunk;
    }
  } catch (error) {
    if (!(error instanceof DamagedStream) || error.reason === "truncated") throw error;
    // Read again with care, to get at what stands right before the damage.
    let position = 0;
    const again =
      compression === "gzip"
        ? gunzipMembers(source, start)
        : decompress(source, compression, start, carefulChunk, false);
    for await (const chunk of again) {
      const known = Math.min(chunk.length, Math.max(0, delivered - position));
      position += chunk.length;
      if (known < chunk.length) yield chunk.subarray(known);
    }
    throw error;
  }
}

/**
 * Bytes of a part's file from where the part begins, decompressed. A piece of a damaged file ends as the file did.
 *
 * @throws DamagedStream after the good part
 */
export async function* openPart(
  source: ByteSource,
  { compression, start, piece }: SplitPart,
  options: DecoderOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* openBytes(source, compression, { start, ...options });
  if (piece?.damage !== undefined) throw new DamagedStream(piece.damage.reason, piece.damage.message);
}

/** Where a part begins and ends in the decompressed file. */
export function rangeOf({ compression, start, end, positions, piece }: SplitPart): readonly [number, number] {
  if (piece !== undefined) return [piece.position, Number.POSITIVE_INFINITY];
  if (positions !== undefined) return [positions.start, positions.end];
  return compression === "none" ? [start, end] : [0, Number.POSITIVE_INFINITY];
}

function decompress(
  source: ByteSource,
  compression: "gzip" | "zstd",
  start: number,
  chunkSize: number,
  borrow: boolean,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (compression === "zstd") return readFrames(source, start, { chunkSize, borrow });
  return gunzip(source, start, { chunkSize, borrow });
}

/** Member by member up to damage: a decoder of the whole stream loses the end of a good member that garbage follows. */
async function* gunzipMembers(source: ByteSource, start: number): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const found of readMembers(source, start, { isAnchor: () => true, careful: true })) {
    if ("damage" in found) throw found.damage;
    yield found.bytes;
  }
}

/** All members; zeros behind them are padding, as tapes have it. */
async function* gunzip(
  source: ByteSource,
  start: number,
  { chunkSize, ...options }: StreamOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const stream = createGunzip({ chunkSize });
  yield* decompressWith(source.read(start), stream, options);
  const end = start + stream.bytesWritten;
  if (end >= source.size) return;
  // node:zlib takes whatever follows a zero for padding, whole members included.
  for await (const chunk of source.read(end)) {
    if (chunk.some((byte) => byte !== 0)) {
      throw new DamagedStream("corrupt-compression", "what follows the last member is no gzip member");
    }
  }
}
