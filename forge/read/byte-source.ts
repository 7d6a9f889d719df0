/**
 * Where bytes come from: the one door between readers and files, near or far.
 *
 * A reader asks for ranges and never learns whether they come from a disk or over a network. A source does not
 * decompress, retry forever or cache; it delivers exactly what was asked for or throws a ForgeError.
 */
import { readSync } from "node:fs";
import { open, readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { DataError, openFile, wrapFileError } from "../base/index.ts";
import type { SplitPart } from "./types.ts";

/** A file of known size that can be read by ranges. */
export interface ByteSource {
  /** As documents and messages name it. */
  readonly uri: string;
  /** Bytes, as compressed as they lie there; infinite while a server does not tell and the end was not reached. */
  readonly size: number;
  /** When a file on this machine was last changed, in milliseconds since 1970. */
  readonly modified?: number;
  /** Bytes `[start, end)` in chunks of about 1 MB; the chunks are the caller's. */
  read(start?: number, end?: number): AsyncIterable<Uint8Array>;
  /** For a few bytes here and there; only what is on this machine has it. */
  openPlaces?(): Promise<PlaceReader>;
}

/** Reads a few bytes of a file by their place, synchronously. */
export interface PlaceReader extends AsyncDisposable {
  /** As many bytes from a position on, fewer only at the end of the file; valid until the next call. */
  readAt(position: number, count: number): Buffer;
}

/** A file, and which of it will be read: a source far away fetches no more ahead than that. */
export type FileToOpen = Pick<SplitPart, "uri" | "remote"> & Partial<Pick<SplitPart, "end">>;

/** Finds the source of a file. */
export type OpenSource = (file: FileToOpen) => Promise<ByteSource>;

/** Files below a root. @throws DataError when a file is not there or may not be read */
export function localSources(root: string): OpenSource {
  return async ({ uri }) => await openLocal(resolve(root, uri), uri);
}

const chunkBytes = 1 << 20;

async function openLocal(path: string, uri: string): Promise<ByteSource> {
  let size: number;
  let modified: number;
  try {
    ({ size, mtimeMs: modified } = await stat(path));
  } catch (error) {
    throw wrapFileError(error, path);
  }
  return {
    uri,
    size,
    modified,
    async *read(start = 0, end = size) {
      try {
        if (start === 0 && end === size && size <= chunkBytes) yield await readFile(path);
        else yield* readRange(path, start, end);
      } catch (error) {
        throw wrapFileError(error, path);
      }
    },
    openPlaces: async () => await openPlaces(path, size),
  };
}

async function openPlaces(path: string, size: number): Promise<PlaceReader> {
  const file = await open(path, "r").catch((error: unknown) => {
    throw wrapFileError(error, path);
  });
  let bytes = Buffer.allocUnsafeSlow(32);
  return {
    readAt(position, count) {
      const wanted = Math.max(0, Math.min(count, size - position));
      if (bytes.length < wanted) bytes = Buffer.allocUnsafeSlow(wanted);
      try {
        for (let filled = 0; filled < wanted;) {
          const bytesRead = readSync(file.fd, bytes, filled, wanted - filled, position + filled);
          if (bytesRead === 0) throw becameShorter(path);
          filled += bytesRead;
        }
      } catch (error) {
        throw wrapFileError(error, path);
      }
      return bytes.subarray(0, wanted);
    },
    [Symbol.asyncDispose]: async () => await file.close(),
  };
}

/** Chunks in buffers of their own, so that whoever is done with one can free it. */
async function* readRange(path: string, start: number, end: number): AsyncGenerator<Buffer, void, undefined> {
  if (start >= end) return;
  await using file = await openFile(path, "r");
  for (let at = start; at < end;) {
    const bytes = Buffer.allocUnsafeSlow(Math.min(chunkBytes, end - at));
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, at + filled);
      if (bytesRead === 0) throw becameShorter(path);
      filled += bytesRead;
    }
    at += filled;
    yield bytes;
  }
}

function becameShorter(path: string): DataError {
  return new DataError("file-changed", `${path} became shorter while it was read`, { file: path });
}

/** A range as one piece of memory. */
export async function readBytes(source: ByteSource, start: number, end: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.read(start, end)) chunks.push(chunk);
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
  return Buffer.concat(chunks);
}
