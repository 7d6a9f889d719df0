/**
 * Cuts a compressed file of lines that can only be read from front to back into pieces that are read in parallel.
 *
 * A piece ends with the line that reaches its wanted size, so no record is divided; it is zstd at level 1, in frames of
 * a fixed size, so the same file gives the same bytes. What becomes of the lines is the business of their reader.
 */
import { constants, zstdCompressSync } from "node:zlib";
import type { FileDigest } from "../base/index.ts";
import type { ByteSource } from "./byte-source.ts";
import { DamagedStream } from "./decoder.ts";
import { openBytes } from "./open.ts";
import type { InputFile, Piece } from "./types.ts";

export interface CutFileOptions {
  readonly source: ByteSource;
  /** Decompressed bytes of a piece, about. */
  readonly pieceBytes: number;
  /** Makes the file of a piece; what is not committed is dropped. */
  readonly createPiece: (index: number) => Promise<PieceFile>;
}

export interface PieceFile extends AsyncDisposable {
  /** As the plan will name it. */
  readonly name: string;
  write(chunk: Uint8Array): Promise<void>;
  commit(): Promise<FileDigest>;
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
  const { source, pieceBytes, createPiece } = options;
  const pieces: Piece[] = [];
  let damage: Piece["damage"];
  const lines = new Lines(openBytes(source, file.compression));
  let position = 0;
  do {
    await using piece = await createPiece(pieces.length);
    let written = 0;
    try {
      for await (const chunk of lines.upTo(pieceBytes)) {
        await piece.write(compress(chunk));
        written += chunk.length;
      }
    } catch (error) {
      if (!(error instanceof DamagedStream)) throw error;
      damage = { reason: error.reason, message: error.cause };
    }
    if (written === 0 && pieces.length > 0 && damage === undefined) break;
    // A frame of nothing: an empty file would be no zstd at all.
    if (written === 0) await piece.write(compress(new Uint8Array(0)));
    const digest = await piece.commit();
    pieces.push({ path: piece.name, ...digest, position, ...(damage !== undefined && { damage }) });
    position += written;
  } while (!lines.ended && damage === undefined);
  await lines.close();
  return pieces;
}

function compress(bytes: Uint8Array): Uint8Array {
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
}

/** Takes whole lines from a stream, in chunks that do not depend on how the stream came. */
class Lines {
  readonly #stream: AsyncGenerator<Uint8Array, void, undefined>;
  #pending: Buffer = Buffer.alloc(0);
  #failure: DamagedStream | undefined;
  #streamEnded = false;

  constructor(stream: AsyncGenerator<Uint8Array, void, undefined>) {
    this.#stream = stream;
  }

  get ended(): boolean {
    return this.#streamEnded && this.#pending.length === 0 && this.#failure === undefined;
  }

  async close(): Promise<void> {
    await this.#stream.return();
  }

  /**
   * Bytes up to the end of the line in which they reach the wanted number, in chunks of 4 MB.
   *
   * @throws DamagedStream behind the last byte that can be read
   */
  async *upTo(wanted: number): AsyncGenerator<Uint8Array, void, undefined> {
    let given = 0;
    while (true) {
      await this.#fill();
      const from = Math.max(0, wanted - 1 - given);
      const lineEnd = from < this.#pending.length ? this.#pending.indexOf(lineFeed, from) : -1;
      const end = lineEnd < 0 ? this.#pending.length : lineEnd + 1;
      const take = Math.min(end, frameBytes);
      if (take > 0) yield this.#pending.subarray(0, take);
      this.#pending = this.#pending.subarray(take);
      given += take;
      if (lineEnd >= 0 && take === lineEnd + 1) return;
      if (this.#pending.length === 0 && this.#streamEnded) {
        if (this.#failure !== undefined) throw this.#failure;
        return;
      }
    }
  }

  /** Makes at least one frame's bytes pending, unless the stream ends before. */
  async #fill(): Promise<void> {
    const chunks: Uint8Array[] = [this.#pending];
    let there = this.#pending.length;
    while (there < frameBytes && !this.#streamEnded) {
      try {
        const next = await this.#stream.next();
        if (next.done === true) this.#streamEnded = true;
        else {
          chunks.push(next.value);
          there += next.value.length;
        }
      } catch (error) {
        if (!(error instanceof DamagedStream)) throw error;
        this.#failure = error;
        this.#streamEnded = true;
      }
    }
    if (chunks.length > 1) this.#pending = Buffer.concat(chunks);
  }
}
