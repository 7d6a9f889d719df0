/**
 * The journal: what came back, durable before anything else happens to it. Append-only NDJSON.
 *
 * Each line is flushed to disk before its append resolves (lines that wait together share one flush), so a kill loses
 * at most the answers in flight. A torn last line is dropped when the journal is opened again. Answers are found by
 * the key of what was asked, in any order; texts stay on disk, only positions are held in memory.
 */
import { open, type FileHandle } from "node:fs/promises";
import { DataError, wrapFileError } from "../base/index.ts";
import type { AskedOutcome } from "./ask.ts";

export interface Journal extends AsyncDisposable {
  has(key: string): boolean;
  /** The answer under a key. @throws when there is none */
  read(key: string): Promise<AskedOutcome>;
  /** Resolves when the line is on disk. May be called side by side. */
  append(key: string, outcome: AskedOutcome): Promise<void>;
}

interface Position {
  readonly offset: number;
  readonly bytes: number;
}

/** Opens or creates a journal. Answers that failed by a passing fault are forgotten, so that they are asked again. */
export async function openJournal(path: string): Promise<Journal> {
  let handle: FileHandle;
  try {
    handle = await open(path, "a+");
  } catch (error) {
    throw wrapFileError(error, path);
  }
  const positions = new Map<string, Position>();
  let end = await scan(handle, path, positions);
  await handle.truncate(end);

  let waiting: { readonly key: string; readonly line: Buffer; readonly done: PromiseWithResolvers<void> }[] = [];
  let flushing: Promise<void> | undefined;
  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      try {
        for (const { line } of group) await writeAll(handle, line);
        await handle.datasync();
        for (const { key, line, done } of group) {
          positions.set(key, { offset: end, bytes: line.byteLength });
          end += line.byteLength;
          done.resolve();
        }
      } catch (error) {
        const wrapped = wrapFileError(error, path);
        for (const { done } of [...group, ...waiting]) done.reject(wrapped);
        waiting = [];
      }
    }
    flushing = undefined;
  };

  return {
    has: (key) => positions.has(key),
    async read(key) {
      const position = positions.get(key);
      if (position === undefined) throw new Error(`The journal has no ${key}`);
      const buffer = Buffer.alloc(position.bytes);
      await handle.read(buffer, 0, position.bytes, position.offset);
      return (JSON.parse(buffer.toString("utf8")) as JournalLine).outcome;
    },
    append(key, outcome) {
      const done = Promise.withResolvers<void>();
      waiting.push({ key, line: Buffer.from(`${JSON.stringify({ key, outcome } satisfies JournalLine)}\n`), done });
      flushing ??= flush();
      return done.promise;
    },
    async [Symbol.asyncDispose]() {
      await flushing;
      await handle.close();
    },
  };
}

interface JournalLine {
  readonly key: string;
  readonly outcome: AskedOutcome;
}

/** Finds all whole lines; returns where the last one ends. A broken line before the last is damage, not a crash. */
async function scan(handle: FileHandle, path: string, positions: Map<string, Position>): Promise<number> {
  let offset = 0;
  let rest = Buffer.alloc(0);
  let row = 0;
  for await (const chunk of handle.createReadStream({ start: 0, autoClose: false })) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    let start = 0;
    for (let feed = rest.indexOf(10, start); feed !== -1; feed = rest.indexOf(10, start)) {
      const bytes = feed + 1 - start;
      let line: JournalLine;
      try {
        line = JSON.parse(rest.toString("utf8", start, feed)) as JournalLine;
      } catch {
        throw new DataError(
          "journal-damaged",
          `${path}:${row + 1} is not JSON`,
          { file: path, row, byteOffset: offset },
          {
            hint: "Something else wrote to this file; start over with --force.",
          },
        );
      }
      if (line.outcome.fault?.reason === "teacher-error") positions.delete(line.key);
      else positions.set(line.key, { offset, bytes });
      offset += bytes;
      start = feed + 1;
      row++;
    }
    rest = rest.subarray(start);
  }
  return offset;
}

async function writeAll(handle: FileHandle, line: Buffer): Promise<void> {
  let offset = 0;
  while (offset < line.byteLength) {
    offset += (await handle.write(line, offset, line.byteLength - offset, null)).bytesWritten;
  }
}
