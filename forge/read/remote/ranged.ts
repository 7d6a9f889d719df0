/**
 * A file elsewhere as a ByteSource: fetched in blocks, a few ahead of the reader, each tried again where it broke off.
 *
 * Memory is bounded by the blocks ahead, whatever the file's size. A kept connection can go silent or break while a
 * reader thinks; a block is fetched in one go instead, and a reader's pauses do not matter.
 */
import { assert, TransientError, waitBefore, type RetryOptions } from "../../base/index.ts";
import type { ByteSource } from "../byte-source.ts";

export interface RangedFile {
  readonly uri: string;
  readonly size: number;
  /** One try at bytes `[start, end)`; may end early, but must not deliver other bytes. */
  readonly fetch: (start: number, end: number, signal: AbortSignal) => AsyncIterable<Uint8Array>;
  /** What will be read of the file, mostly: read-ahead stops there. @default all */
  readonly likelyEnd?: number;
  readonly retry: Pick<RetryOptions, "attempts" | "delayMs">;
}

/** The first block of a reader that does not say how much it wants: it may want no more than a header. */
const firstBlock = 1 << 20;
const fullBlock = 1 << 22;
/** Behind what was planned to be read, a reader only looks for the end of a record. */
const tailBlock = 1 << 18;
/** Blocks under way or waiting besides the next one. */
const blocksAhead = 2;

export function rangedSource(file: RangedFile): ByteSource {
  const { uri, size } = file;
  return {
    uri,
    size,
    async *read(start = 0, until) {
      const end = until ?? size;
      assert(start >= 0 && end <= size, `${start} to ${end} lies in ${uri} of ${size} bytes`);
      const stop = new AbortController();
      const ahead: Promise<Uint8Array>[] = [];
      const blocks = blocksOf(start, end, until === undefined ? (file.likelyEnd ?? size) : undefined);
      let upcoming = blocks.next();
      const fill = (wanted: number): void => {
        while (ahead.length < wanted && upcoming.done !== true) {
          if (upcoming.value.late && ahead.length > 0) return;
          const block = fetchBlock(file, upcoming.value, stop.signal);
          // Its failure is seen when its turn comes, if it comes.
          block.catch(() => undefined);
          ahead.push(block);
          upcoming = blocks.next();
        }
      };
      let wanted = until === undefined ? 1 : 1 + blocksAhead;
      try {
        while (true) {
          fill(wanted);
          const block = ahead.shift();
          if (block === undefined) return;
          yield await block;
          wanted = 1 + blocksAhead;
        }
      } finally {
        stop.abort();
        await Promise.allSettled(ahead);
      }
    },
  };
}

interface Block {
  readonly start: number;
  readonly end: number;
  /** Behind what will likely be read: fetched only when it is asked for. */
  readonly late: boolean;
}

/** @param likelyEnd undefined when all is wanted for sure */
function* blocksOf(start: number, end: number, likelyEnd: number | undefined): Generator<Block, void, undefined> {
  const whole = likelyEnd === undefined ? end : Math.max(start, Math.min(end, likelyEnd));
  let at = start;
  for (let length = likelyEnd === undefined ? fullBlock : firstBlock; at < whole; length = fullBlock) {
    const to = Math.min(whole, at + length);
    yield { start: at, end: to, late: false };
    at = to;
  }
  for (let length = tailBlock; at < end; length = Math.min(fullBlock, length * 2)) {
    const to = Math.min(end, at + length);
    yield { start: at, end: to, late: true };
    at = to;
  }
}

/** A block whole, in as many requests as it takes; tries are counted anew whenever a byte arrived. */
async function fetchBlock(
  { uri, fetch, retry }: RangedFile,
  { start, end }: Pick<Block, "start" | "end">,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(end - start);
  let filled = 0;
  let failures = 0;
  while (filled < bytes.length) {
    signal.throwIfAborted();
    const before = filled;
    try {
      for await (const chunk of fetch(start + filled, end, signal)) {
        const room = bytes.length - filled;
        if (chunk.length > room) {
          throw new TransientError("remote-connection", `${uri}: the server sent more than it was asked for`);
        }
        bytes.set(chunk, filled);
        filled += chunk.length;
      }
      if (filled < bytes.length) throw new TransientError("remote-connection", `${uri}: the answer ended too early`);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TransientError)) throw error;
      failures = filled > before ? 1 : failures + 1;
      if (failures >= retry.attempts) throw error;
      await waitBefore(failures, error, { ...retry, signal });
    }
  }
  return bytes;
}
