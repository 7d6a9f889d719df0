/**
 * The frames of a zstd file, found without decompressing: RFC 8878's headers of frames and blocks.
 *
 * node:zlib decodes the first frame and silently stops there, whatever follows; here one is decoded after the other.
 * A file of several frames that tell the size of their content can be read from any of them on.
 */
import { constants, createZstdDecompress, zstdDecompressSync } from "node:zlib";
import { freeBuffer } from "../base/index.ts";
import type { ByteSource } from "./byte-source.ts";
import { DamagedStream, decompressWith, type DecoderOptions } from "./decoder.ts";
import { Places, type PlacesOptions } from "./places.ts";
import { Window } from "./window.ts";
import type { Border, Inspection } from "./types.ts";

const frameMagic = 0xfd2f_b528;
const skippableMagic = 0x184d_2a50;

/** Frames of at most so many bytes are decoded at once, larger ones stream. */
const smallFrame = 1 << 20;
/** Decoded bytes, likewise. */
const smallContent = 1 << 26;
/** What a decoder allocates first where the frame does not tell; never a part of Buffer's pool. */
const smallestOutput = 1 << 16;
/** Some archives (Pushshift's) are made with `--long=31`; of such a window only what the frame fills is ever touched. */
const params = { [constants.ZSTD_d_windowLogMax]: 31 };

export interface StreamOptions extends DecoderOptions {
  /** Bytes that a streaming decoder fills before it delivers; what is lost before damage. */
  readonly chunkSize: number;
}

/**
 * Decodes all frames from `start` on, where one must begin.
 *
 * @throws DamagedStream after the good part
 */
export async function* readFrames(
  source: ByteSource,
  start: number,
  { chunkSize, borrow = false }: StreamOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  await using input = new Window(source, start);
  for (let at = start; at < source.size; input.forget(at)) {
    const head = await input.from(at, 8);
    if (head.length >= 8 && isSkippable(head)) {
      at += 8 + head.readUInt32LE(4);
      continue;
    }
    const small = await decodeSmall(input, at);
    if (small !== undefined) {
      yield small.content;
      if (borrow) freeBuffer(small.content.buffer);
      at = small.end;
      continue;
    }
    const stream = createZstdDecompress({ chunkSize, params });
    yield* decompressWith(source.read(at), stream, { borrow });
    at += stream.bytesWritten;
  }
}

interface DecodedFrame {
  readonly content: Uint8Array;
  readonly end: number;
}

/** Undefined when the frame is large, cut off or damaged: then it streams, which delivers what can be read of it. */
async function decodeSmall(input: Window, at: number): Promise<DecodedFrame | undefined> {
  const head = await input.from(at, 18);
  if (head.length < 4) throw new DamagedStream("truncated", "unexpected end of file");
  if (head.readUInt32LE(0) !== frameMagic) throw new DamagedStream("corrupt-compression", "no zstd frame begins here");
  const frame = head.length < 6 ? undefined : readHeader(head);
  if (frame === undefined) return undefined;
  const end = await frameEnd(input, at + frame.headerBytes, frame.checksum, at + smallFrame, true);
  if (end === undefined) return undefined;
  const bytes = (await input.from(at, end - at)).subarray(0, end - at);
  try {
    const { contentBytes = 0 } = frame;
    // With room for all of it the decoder need not put pieces together.
    const chunkSize = contentBytes < smallContent ? Math.max(smallestOutput, contentBytes + 1) : smallestOutput;
    return { content: zstdDecompressSync(bytes, { chunkSize, maxOutputLength: smallContent, params }), end };
  } catch {
    return undefined;
  }
}

/** Frames as places to cut; none when the file is one frame, does not tell sizes, or is no whole zstd file. */
export async function inspectZstd(source: ByteSource, options: PlacesOptions = {}): Promise<Inspection> {
  await using input = new Places(source, options);
  const borders: Border[] = [];
  let position = 0;
  for (let at = 0; at < source.size; input.forget(at)) {
    const head = await input.from(at, 18);
    if (head.length < 8) return { borders: [] };
    if (isSkippable(head)) {
      at += 8 + head.readUInt32LE(4);
      continue;
    }
    const frame = head.readUInt32LE(0) === frameMagic ? readHeader(head) : undefined;
    if (frame?.contentBytes === undefined) return { borders: [] };
    const end = await frameEnd(input, at + frame.headerBytes, frame.checksum, source.size, false);
    if (end === undefined) return { borders: [] };
    borders.push({ start: at, position });
    position += frame.contentBytes;
    at = end;
  }
  return borders.length > 1 ? { borders, contentBytes: position } : { borders: [] };
}

interface Frame {
  readonly headerBytes: number;
  /** Undefined when the frame does not tell. */
  readonly contentBytes: number | undefined;
  readonly checksum: boolean;
}

function isSkippable(head: Buffer): boolean {
  return (head.readUInt32LE(0) & 0xffff_fff0) >>> 0 === skippableMagic;
}

/** Undefined when the header is cut off. */
function readHeader(bytes: Buffer): Frame | undefined {
  const descriptor = bytes[4] as number;
  const singleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] as number;
  const sizeBytes = sizeFlag === 0 ? (singleSegment ? 1 : 0) : 1 << sizeFlag;
  const at = 5 + (singleSegment ? 0 : 1) + dictionaryBytes;
  if (bytes.length < at + sizeBytes) return undefined;
  return {
    headerBytes: at + sizeBytes,
    contentBytes: contentSize(bytes, at, sizeBytes),
    checksum: (descriptor & 4) !== 0,
  };
}

function contentSize(bytes: Buffer, at: number, sizeBytes: number): number | undefined {
  if (sizeBytes === 0) return undefined;
  if (sizeBytes === 8) return Number(bytes.readBigUInt64LE(at));
  return bytes.readUIntLE(at, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
}

/**
 * Walks over the blocks of a frame; undefined when the file ends before the frame, or the frame passes the limit.
 *
 * @param keep leave the frame's bytes in the window
 */
async function frameEnd(
  input: Pick<Window, "from" | "forget" | "size">,
  start: number,
  checksum: boolean,
  limit: number,
  keep: boolean,
): Promise<number | undefined> {
  for (let at = start; at <= limit;) {
    const header = await input.from(at, 3);
    if (header.length < 3) return undefined;
    const block = header.readUIntLE(0, 3);
    const repeated = ((block >> 1) & 3) === 1;
    at += 3 + (repeated ? 1 : block >> 3);
    if (!keep) input.forget(at);
    if ((block & 1) === 0) continue;
    at += checksum ? 4 : 0;
    return at <= input.size ? at : undefined;
  }
  return undefined;
}
