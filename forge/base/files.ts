/**
 * Files that are either whole under their final name or not there at all.
 *
 * Write under a temporary name, flush, check the size, rename, flush the folder (or leave flushing to the caller:
 * `withoutFlushing`). A crash at any point leaves at most a
 * `*.tmp-*` file, which the run that holds the lock removes (`removeTemporaries`).
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { createHash, randomUUID } from "node:crypto";
import { closeSync, createReadStream, fstatSync, fsync, openSync, readSync } from "node:fs";
import { open, readdir, readFile, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { DataError, wrapFileError } from "./errors.ts";
import { makeFolder, openFile, removeFile, renameFile, type OpenFile } from "./thread-files.ts";

/** What a finished file holds. */
export interface FileDigest {
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** A file that becomes visible under its name only by `commit`. Disposing without a commit removes it. */
export interface AtomicFile extends AsyncDisposable {
  readonly path: string;
  /** Bytes written so far. */
  readonly bytes: number;
  /** Appends; calls must be awaited one after the other. */
  write(chunk: Uint8Array): Promise<void>;
  /** Flushes, checks the size, renames, flushes the folder. */
  commit(): Promise<FileDigest>;
}

/** An atomic file of which no digest is made. */
export interface ScratchFile extends Omit<AtomicFile, "commit"> {
  commit(): Promise<Pick<FileDigest, "bytes">>;
}

const temporaryMark = ".tmp-";

/** Pieces of a file up to this size are gathered, and written together. */
const gatherBytes = 1 << 16;

const flushedLater = new AsyncLocalStorage<true>();

/**
 * Runs something whose files are committed without being flushed to the disk. Flushing takes milliseconds for which a
 * thread stands still; who waits for it here must flush what counts (`flushFile`) before anything vouches for it.
 */
export async function withoutFlushing<Result>(run: () => Promise<Result>): Promise<Result> {
  return await flushedLater.run(true, run);
}

/**
 * Flushes a file that was committed under `withoutFlushing`. Only that is waited for: opening a file that was just
 * written takes less than handing the work to another thread.
 *
 * @returns its size; undefined when there is no such file
 */
export async function flushFile(path: string): Promise<number | undefined> {
  let file: number;
  try {
    // Windows flushes through handles that may write only.
    file = openSync(path, "r+");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw wrapFileError(error, path);
  }
  try {
    await flushDescriptor(file);
    return fstatSync(file).size;
  } catch (error) {
    throw wrapFileError(error, path);
  } finally {
    closeSync(file);
  }
}

const flushDescriptor = promisify(fsync);

async function flush(handle: OpenFile): Promise<void> {
  if (flushedLater.getStore() === undefined) await handle.sync();
}

/** The name under which an unfinished file stands: it names host and process, and is unique for each attempt. */
export function temporaryName(path: string): string {
  return `${path}${temporaryMark}${hostname()}-${process.pid}-${randomUUID()}`;
}

/**
 * Opens a file for an atomic write; makes its folder.
 *
 * @param mode permissions; 0o600 keeps a secret
 * @throws EnvironmentError `disk-full` from `write` or `commit` when the disk is full
 */
export async function createAtomicFile(path: string, options: { readonly mode?: number } = {}): Promise<AtomicFile> {
  const file = await createScratchFile(path, options);
  const hash = createHash("sha256");
  return {
    path,
    get bytes() {
      return file.bytes;
    },
    async write(chunk) {
      await file.write(chunk);
      hash.update(chunk);
    },
    async commit() {
      const { bytes } = await file.commit();
      return { bytes, sha256: hash.digest("hex") };
    },
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

/** The same without a digest, which costs more than the writing: for what is made again from inputs that have one. */
export async function createScratchFile(path: string, { mode }: { readonly mode?: number } = {}): Promise<ScratchFile> {
  const temporary = temporaryName(path);
  let opened: OpenFile;
  try {
    await makeFolder(dirname(path));
    opened = await openFile(temporary, "wx", mode);
  } catch (error) {
    throw wrapFileError(error, path);
  }
  // Arrow writes a batch as a hundred small pieces; each would be a trip to another thread.
  let gathered: Uint8Array | undefined;
  let gatheredBytes = 0;
  let bytes = 0;
  let isThere = true;
  let closed = false;
  const put = async (chunk: Uint8Array): Promise<void> => {
    try {
      // FileHandle.writev short-writes on a full disk without an error, so each write is counted.
      let offset = 0;
      while (offset < chunk.byteLength) {
        const { bytesWritten } = await opened.write(chunk, offset, chunk.byteLength - offset);
        offset += bytesWritten;
      }
    } catch (error) {
      throw wrapFileError(error, path);
    }
  };
  const putGathered = async (): Promise<void> => {
    if (gathered !== undefined && gatheredBytes > 0) await put(gathered.subarray(0, gatheredBytes));
    gatheredBytes = 0;
  };
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await opened.close();
  };
  return {
    path,
    get bytes() {
      return bytes;
    },
    async write(chunk) {
      if (gatheredBytes + chunk.byteLength > gatherBytes) await putGathered();
      if (chunk.byteLength > gatherBytes) await put(chunk);
      else {
        gathered ??= new Uint8Array(gatherBytes);
        gathered.set(chunk, gatheredBytes);
        gatheredBytes += chunk.byteLength;
      }
      bytes += chunk.byteLength;
    },
    async commit() {
      await putGathered();
      try {
        await flush(opened);
        const size = (await opened.stat()).size;
        await close();
        if (size !== bytes) {
          throw Object.assign(new Error(`${path}: ${bytes} bytes were written, ${size} arrived`), { code: "ENOSPC" });
        }
        await renameFile(temporary, path);
        isThere = false;
        await flushFolder(dirname(path));
        return { bytes };
      } catch (error) {
        throw wrapFileError(error, path);
      }
    },
    async [Symbol.asyncDispose]() {
      await close();
      if (isThere) await removeFile(temporary);
    },
  };
}

/**
 * Writes a file atomically in any order of its parts, which must leave no gap.
 *
 * @param fill gets a function that writes bytes at a position
 * @throws EnvironmentError `disk-full` when the disk is full
 */
export async function writeFileInPlaces(
  path: string,
  fill: (write: (chunk: Uint8Array, position: number) => Promise<void>) => Promise<void>,
): Promise<FileDigest> {
  const temporary = temporaryName(path);
  let written = 0;
  try {
    await makeFolder(dirname(path));
    await using handle = await openFile(temporary, "wx");
    await fill(async (chunk, position) => {
      for (let offset = 0; offset < chunk.byteLength;) {
        const { bytesWritten } = await handle.write(chunk, offset, chunk.byteLength - offset, position + offset);
        offset += bytesWritten;
      }
      written += chunk.byteLength;
    });
    await flush(handle);
    const digest = await digestFile(temporary);
    if (digest.bytes !== written) {
      throw Object.assign(new Error(`${path}: ${written} bytes were written, ${digest.bytes} arrived`), {
        code: "ENOSPC",
      });
    }
    await renameFile(temporary, path);
    await flushFolder(dirname(path));
    return digest;
  } catch (error) {
    throw wrapFileError(error, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Writes a whole small file atomically. */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  options: { readonly mode?: number } = {},
): Promise<FileDigest> {
  await using file = await createAtomicFile(path, options);
  await file.write(typeof content === "string" ? Buffer.from(content, "utf8") : content);
  return await file.commit();
}

/** JSON with two spaces and a final line feed: what every JSON file of a run looks like. */
export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Below this a read is synchronous: it takes microseconds, the way through the thread pool ten times as long. */
const smallRead = 1 << 14;

/** Fills `target` with the bytes at a position; false when the file ends before. */
export async function readExactly(handle: OpenFile, target: Uint8Array, position: number): Promise<boolean> {
  for (let offset = 0; offset < target.byteLength;) {
    const left = target.byteLength - offset;
    const bytesRead =
      left <= smallRead
        ? readSync(handle.fd, target, offset, left, position + offset)
        : (await handle.read(target, offset, left, position + offset)).bytesRead;
    if (bytesRead === 0) return false;
    offset += bytesRead;
  }
  return true;
}

/** Size and SHA-256 of a file, streamed. */
export async function digestFile(path: string): Promise<FileDigest> {
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).byteLength;
    }
  } catch (error) {
    throw wrapFileError(error, path);
  }
  return { bytes, sha256: hash.digest("hex") };
}

/**
 * Reads and parses a JSON file, or returns undefined when it does not exist.
 *
 * @throws DataError `json-malformed` when it is cut off or no JSON
 */
export async function readJsonIfThere(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw wrapFileError(error, path);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new DataError(
      "json-malformed",
      `${path} is not valid JSON: ${(error as Error).message}`,
      { file: path },
      { cause: error, hint: "It is damaged or cut off: remove it and run the command that made it again." },
    );
  }
}

/**
 * Reads a whole file into memory that threads can share.
 *
 * @throws DataError when it is not there or shrinks meanwhile
 */
export async function readShared(path: string): Promise<SharedArrayBuffer> {
  try {
    await using handle = await open(path, "r");
    const { size } = await handle.stat();
    const shared = new SharedArrayBuffer(size);
    const bytes = new Uint8Array(shared);
    for (let offset = 0; offset < size;) {
      // Some systems refuse to read more than 2 GiB at once.
      const { bytesRead } = await handle.read(bytes, offset, Math.min(2 ** 30, size - offset), offset);
      if (bytesRead === 0)
        throw new DataError("file-truncated", `${path} became shorter while it was read`, { file: path });
      offset += bytesRead;
    }
    return shared;
  } catch (error) {
    throw wrapFileError(error, path);
  }
}

/** True when something stands at the path. */
export async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

/** Removes unfinished files of dead attempts below a folder. Only the holder of the folder's lock may call it. */
export async function removeTemporaries(folder: string): Promise<readonly string[]> {
  const removed: string[] = [];
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile() || !basename(entry.name).includes(temporaryMark)) continue;
    const path = join(entry.parentPath, entry.name);
    await rm(path, { force: true });
    removed.push(path);
  }
  return removed;
}

/** Makes names durable: those that files of a folder were given. */
export async function flushFolder(folder: string): Promise<void> {
  // Windows cannot open folders for sync; there the rename itself is durable enough.
  if (process.platform === "win32" || flushedLater.getStore() !== undefined) return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
