/**
 * One writer for each output folder: a lock file naming host, process and its start time.
 *
 * A lock whose owner is dead is taken over. A living owner is waited for a few seconds (a shim's child may still be
 * dying), then refused.
 */
import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, rm, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TransientError, wrapFileError } from "./errors.ts";
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
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw wrapFileError(error, folder);
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

/** Creates the lock with its content in one step: a link to a finished file either succeeds or finds the name taken. */
async function tryCreate(path: string, owner: LockOwner): Promise<boolean> {
  const draft = `${path}-${owner.token}`;
  try {
    await writeFile(draft, JSON.stringify(owner), { flag: "wx" });
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw wrapFileError(error, path);
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
