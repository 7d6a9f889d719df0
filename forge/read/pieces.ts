/**
 * Cuts a compressed file of lines that can only be read from front to back into pieces that are read in parallel.
 *
 * A piece ends with the line that reaches its wanted size, so no record is divided. It holds the lines as they are, for
 * to compress them costs twice what decompressing the file does, and they are read once; or, where the disk is small,
 * zstd at level 1 in frames of a fixed size. Either way the same file gives the same bytes. What becomes of the lines is
 * the business of their reader.
 */
import { constants, zstdCompressSync } from "node:zlib";
import type { ByteSource } from "./byte-source.ts";
import { DamagedStream } from "./decoder.ts";
import { openBytes } from "./open.ts";
import type { InputFile, Piece } from "./types.ts";

export interface CutFileOptions {
  readonly source: ByteSource;
  /** Decompressed bytes of a piece, about. */
  readonly pieceBytes: number;
  /** @default "none" */
  readonly compression?: Piece["compression"];
  /** Makes the file of a piece; what is not committed is dropped. */
  readonly createPiece: (index: number) => Promise<PieceFile>;
}

export interface PieceFile extends AsyncDisposable {
  /** As the plan will name it. */
  readonly name: string;
  /** The chunk is empty soon after it resolves. */
  write(chunk: Uint8Array): Promise<void>;
  commit(): Promise<Pick<Piece, "bytes" | "sha256">>;
}

const frameBytes = 1 << 22;
const lineFeed = 0x0a;

/** True for files of which only one worker at a time could read. */
export function needsCutting(file: InputFile, pieceBytes: number): boolean {
  const { format, compression, borders, bytes, remote } = file;
  const isLarge = bytes > pieceBytes / 4 || (remote !== undefined && remote.bytes === undefined);
  return format === "jsonl" && compression !== "none" && borders === undefined && isLarge;
}

/** Cuts a file; a damaged one up to its damage, of which the last piece tells. */
export async function cutFile(
  file: Pick<InputFile, "compression">,
  options: CutFileOptions,
): Promise<readonly Piece[]> {
  const { source, pieceBytes, compression = "none", createPiece } = options;
  const pieces: Piece[] = [];
  let damage: Piece["damage"];
  const lines = new Lines(openBytes(source, file.compression, { borrow: true }));
  let position = 0;
  do {
    await using piece = await createPiece(pieces.length);
    let written = 0;
    try {
      const chunks = counted(lines.upTo(pieceBytes), (bytes) => (written += bytes));
      for await (const chunk of compression === "zstd" ? inFrames(chunks) : chunks) await piece.write(chunk);
    } catch (error) {
      if (!(error instanceof DamagedStream)) throw error;
      damage = { reason: error.reason, message: error.cause };
    }
    if (written === 0 && pieces.length > 0 && damage === undefined) break;
    // A frame of nothing: an empty file would be no zstd at all.
    if (written === 0 && compression === "zstd") await piece.write(compress(new Uint8Array(0)));
    const digest = await piece.commit();
    pieces.push({ path: piece.name, ...digest, compression, position, ...(damage !== undefined && { damage }) });
    position += written;
  } while (!lines.ended && damage === undefined);
  await lines.close();
  return pieces;
}

function compress(bytes: Uint8Array): Uint8Array {
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
}

/** Frames of as many bytes each, however these came; what came before a failure is in frames before it is thrown. */
async function* inFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const frame = new Uint8Array(frameBytes);
  let filled = 0;
  let failure: DamagedStream | undefined;
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length;) {
        const part = chunk.subarray(at, at + frameBytes - filled);
        frame.set(part, filled);
        at += part.length;
        filled += part.length;
        if (filled < frameBytes) continue;
        yield compress(frame);
        filled = 0;
      }
    }
  } catch (error) {
    if (!(error instanceof DamagedStream)) throw error;
    failure = error;
  }
  if (filled > 0) yield compress(frame.subarray(0, filled));
  if (failure !== undefined) throw failure;
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  count: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    count(chunk.length);
    yield chunk;
  }
}

/** Takes whole lines from a stream, a wanted number of bytes at a time. */
class Lines {
  readonly #stream: AsyncGenerator<Uint8Array, void, undefined>;
  #pending: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(stream: AsyncGenerator<Uint8Array, void, undefined>) {
    this.#stream = stream;
  }

  /** True once the end of the stream was met, and all before it taken. */
  get ended(): boolean {
    return this.#ended;
  }

  async close(): Promise<void> {
    await this.#stream.return();
  }

  /**
   * Bytes up to the end of the line in which they reach the wanted number.
   *
   * @throws DamagedStream behind the last byte that can be read
   */
  async *upTo(wanted: number): AsyncGenerator<Uint8Array, void, undefined> {
    let given = 0;
    while (true) {
      if (this.#pending.length === 0) {
        const next = await this.#stream.next();
        this.#ended = next.done === true;
        if (next.done === true) return;
        this.#pending = next.value;
      }
      const pending = this.#pending;
      const from = Math.max(0, wanted - 1 - given);
      const lineEnd = from < pending.length ? pending.indexOf(lineFeed, from) : -1;
      const end = lineEnd < 0 ? pending.length : lineEnd + 1;
      this.#pending = pending.subarray(end);
      given += end;
      if (end > 0) yield pending.subarray(0, end);
      if (lineEnd >= 0) return;
    }
  }
}
