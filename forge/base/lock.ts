/**
 * One writer for each output folder: a lock file naming host, process and its start time.
 *
 * A lock whose owner is dead is taken over. A living owner is waited for a few seconds (a shim's child may still be
 * dying), then refused.
 */
import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, rm, stat, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { EnvironmentError, isSystemError, TransientError, UsageError, wrapFileError } from "./errors.ts";
import { readFileSync } from "node:fs";

interface LockOwner {
  readonly host: string;
  readonly pid: number;
  /** Tells apart two processes that got the same pid one after the other. */
  readonly startTime: string;
  readonly token: string;
}

export interface LockOptions {
  /** How long a living owner is waited for. @default 5000 */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Takes the lock of a folder (made when missing); dispose to release it.
 *
 * @throws TransientError `output-locked` when another living process holds it after the wait
 * @throws UsageError `file-in-the-way`; EnvironmentError `output-not-writable`
 */
export async function lockFolder(folder: string, options: LockOptions = {}): Promise<AsyncDisposable> {
  const { waitMs = 5000, signal } = options;
  const path = join(folder, ".lock");
  const owner: LockOwner = {
    host: hostname(),
    pid: process.pid,
    startTime: startTimeOf(process.pid) ?? "",
    token: randomUUID(),
  };
  try {
    await makeFolder(folder);
  } catch (error) {
    throw notWritable(error, folder);
  }
  const deadline = Date.now() + waitMs;
  while (true) {
    signal?.throwIfAborted();
    if (await tryCreate(path, owner)) break;
    const holder = await readOwner(path);
    if (holder !== undefined && !isAlive(holder)) {
      // Rename-free take-over: only the process that still sees the dead owner's token removes the file.
      const again = await readOwner(path);
      if (again?.token === holder.token) await rm(path, { force: true });
      continue;
    }
    if (Date.now() >= deadline) {
      throw new TransientError(
        "output-locked",
        `${folder} is in use by process ${holder?.pid ?? "?"} on ${holder?.host ?? "?"}`,
        { hint: `Wait until it ends, or remove ${path} if that process is gone.` },
      );
    }
    await sleep(100, undefined, signal === undefined ? {} : { signal });
  }
  return {
    async [Symbol.asyncDispose]() {
      if ((await readOwner(path))?.token === owner.token) await rm(path, { force: true });
    },
  };
}

/**
 * Makes a folder and those above it. Node's own recursive `mkdir` says of a read-only file system that the folder does
 * not exist, and never returns where a folder may not have children (/proc).
 */
async function makeFolder(path: string): Promise<void> {
  const make = async (): Promise<string | undefined> => {
    try {
      await mkdir(path);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (error.code === "ENOENT") return "ENOENT";
      // On a read-only file system a folder that is there is refused, too.
      const isThere = (await stat(path).catch(() => undefined))?.isDirectory() === true;
      if (!isThere) throw error;
    }
    return undefined;
  };
  if ((await make()) === undefined) return;
  const parent = dirname(path);
  if (parent !== path) await makeFolder(parent);
  if ((await make()) === undefined) return;
  throw Object.assign(new Error(`${path} cannot be made`), { code: "EACCES" });
}

/** A folder that cannot be written to is no bad data: the command line names it, this machine refuses. */
function notWritable(error: unknown, folder: string): unknown {
  if (!isSystemError(error)) return error;
  switch (error.code) {
    case "EEXIST":
    case "ENOTDIR":
      return new UsageError("file-in-the-way", `${folder}: a file stands where a folder was expected`, {
        cause: error,
        hint: "Name a folder, or a new one.",
      });
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new EnvironmentError("output-not-writable", `${folder} cannot be written to`, {
        cause: error,
        hint: "Check the permissions of the folder and of those above it, or name another one.",
      });
    default:
      return wrapFileError(error, folder);
  }
}

/** Creates the lock with its content in one step: a link to a finished file either succeeds or finds the name taken. */
async function tryCreate(path: string, owner: LockOwner): Promise<boolean> {
  const draft = `${path}-${owner.token}`;
  try {
    await writeFile(draft, JSON.stringify(owner), { flag: "wx" });
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw notWritable(error, dirname(path));
  } finally {
    await unlink(draft).catch(() => undefined);
  }
}

async function readOwner(path: string): Promise<LockOwner | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as LockOwner;
  } catch {
    return undefined;
  }
}

function isAlive(owner: LockOwner): boolean {
  // Another host's processes cannot be seen from here: its lock is believed.
  if (owner.host !== hostname()) return true;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  const startTime = startTimeOf(owner.pid);
  return startTime === undefined || owner.startTime === "" || startTime === owner.startTime;
}

/** Start time of a process in clock ticks since boot (Linux), or undefined where it cannot be told. */
function startTimeOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Field 22, counted after the command name, which may itself hold spaces and parentheses.
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
