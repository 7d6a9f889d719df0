/** Bounded parallelism over streams. Pull is back-pressure; leaving early closes what is upstream. */

export interface MapConcurrentOptions {
  /** Yield in the order of the source instead of the order of completion. @default true */
  readonly ordered?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Applies `fn` to the items of a source, at most `concurrency` at a time.
 *
 * The first error wins: it ends the stream, closes the source and waits for what is still running.
 *
 * @throws whatever `fn` or the source throws; `signal.reason` when aborted
 */
export async function* mapConcurrent<Input, Output>(
  source: Iterable<Input> | AsyncIterable<Input>,
  concurrency: number,
  fn: (input: Input, index: number) => Promise<Output>,
  options: MapConcurrentOptions = {},
): AsyncGenerator<Output, void, undefined> {
  const { ordered = true, signal } = options;
  const iterator = toAsyncIterator(source);
  type Slot = Promise<{ readonly slot: Slot; readonly value: Output }>;
  const running: Slot[] = [];
  let index = 0;
  let ended = false;
  try {
    while (true) {
      signal?.throwIfAborted();
      while (!ended && running.length < concurrency) {
        const next = await iterator.next();
        if (next.done === true) {
          ended = true;
          break;
        }
        signal?.throwIfAborted();
        const position = index++;
        const slot: Slot = fn(next.value, position).then((value) => ({ slot, value }));
        // The rejection is observed when the slot is awaited; this keeps Node from calling it unhandled until then.
        slot.catch(() => undefined);
        running.push(slot);
      }
      if (running.length === 0) return;
      const first = running[0] as Slot;
      const settled = await abortable(ordered ? first : Promise.race(running), signal);
      void running.splice(running.indexOf(settled.slot), 1);
      yield settled.value;
    }
  } finally {
    await Promise.allSettled(running);
    if (!ended) await iterator.return?.();
  }
}

/** Waits for a promise or for the signal, whichever comes first. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function toAsyncIterator<T>(source: Iterable<T> | AsyncIterable<T>): AsyncIterator<T> {
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
  const iterator = source[Symbol.iterator]();
  return {
    next: () => Promise.resolve(iterator.next()),
    return: () => Promise.resolve(iterator.return?.() ?? { done: true, value: undefined }),
  };
}
