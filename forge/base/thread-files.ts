/**
 * File operations that do not leave a worker thread.
 *
 * Node carries each operation on a file over to another thread and back: tens of microseconds of processor time, and
 * milliseconds when the system wakes that thread behind another one. A worker thread has one task, which waits for the
 * file anyway, so it does the work itself. The main thread, on which progress and other workers wait, does not.
 */
import { closeSync, fstatSync, fsyncSync, mkdirSync, openSync, readSync, renameSync, rmSync, writeSync } from "node:fs";
import { mkdir, open, rename, rm, type FileHandle } from "node:fs/promises";
import { isMainThread } from "node:worker_threads";

/** What is used of Node's file handles. */
export interface OpenFile extends AsyncDisposable {
  readonly fd: number;
  read(target: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  /** At the end of what was written last when no position is given. */
  write(
    chunk: Uint8Array,
    offset: number,
    length: number,
    position?: number,
  ): Promise<{ readonly bytesWritten: number }>;
  stat(): Promise<{ readonly size: number }>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a file like `open` of `node:fs/promises`; it must be closed. */
export async function openFile(path: string, flags: string, mode?: number): Promise<OpenFile> {
  return isMainThread ? await open(path, flags, mode) : new ThreadFile(openSync(path, flags, mode));
}

export async function makeFolder(path: string): Promise<void> {
  await (isMainThread ? mkdir(path, { recursive: true }) : mkdirSync(path, { recursive: true }));
}

export async function renameFile(from: string, to: string): Promise<void> {
  await (isMainThread ? rename(from, to) : renameSync(from, to));
}

/** Removes a file, if it is there. */
export async function removeFile(path: string): Promise<void> {
  await (isMainThread ? rm(path, { force: true }) : rmSync(path, { force: true }));
}

/** For a library that wants Node's own type, and uses of it what is there. */
export function asFileHandle(file: OpenFile): FileHandle {
  return file as FileHandle;
}

/** A file whose operations are over when they return; they look like those of a handle, rejections included. */
class ThreadFile implements OpenFile {
  readonly fd: number;
  #isOpen = true;

  constructor(fd: number) {
    this.fd = fd;
  }

  async read(target: Uint8Array, offset: number, length: number, position: number) {
    return await settle(() => ({ bytesRead: readSync(this.fd, target, offset, length, position), buffer: target }));
  }

  async write(chunk: Uint8Array, offset: number, length: number, position?: number) {
    return await settle(() => ({ bytesWritten: writeSync(this.fd, chunk, offset, length, position ?? null) }));
  }

  async stat() {
    return await settle(() => fstatSync(this.fd));
  }

  async sync() {
    await settle(() => fsyncSync(this.fd));
  }

  async close() {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await settle(() => closeSync(this.fd));
  }

  async [Symbol.asyncDispose]() {
    await this.close();
  }
}

function settle<Result>(work: () => Result): Promise<Result> {
  return new Promise((resolve) => resolve(work()));
}
