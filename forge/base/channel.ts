/** A stream that is fed from outside: what is pushed is taken by a consumer, one value at a time. */

export interface Channel<Value> extends AsyncIterable<Value> {
  /** Resolves when the consumer has come for the next value: so much is in memory, and no more. */
  push(value: Value): Promise<void>;
  /** Nothing more will come. */
  close(): void;
  /** What feeds the channel failed: the consumer gets the error instead of an end. */
  fail(error: unknown): void;
}

/**
 * Makes a channel for one consumer. When that stops early, or throws, further pushes resolve at once and lead nowhere:
 * who feeds it learns of the failure where it awaits the consumer.
 */
export function createChannel<Value>(): Channel<Value> {
  let waiting: { readonly value: Value; readonly taken: () => void } | undefined;
  let wake: (() => void) | undefined;
  let closed = false;
  let failure: { readonly error: unknown } | undefined;
  let left = false;
  return {
    push(value) {
      if (left) return Promise.resolve();
      return new Promise((resolve) => {
        waiting = { value, taken: resolve };
        wake?.();
      });
    },
    close() {
      closed = true;
      wake?.();
    },
    fail(error) {
      failure = { error };
      wake?.();
    },
    async *[Symbol.asyncIterator]() {
      try {
        while (true) {
          if (failure !== undefined) throw failure.error;
          if (waiting !== undefined) {
            const { value, taken } = waiting;
            waiting = undefined;
            try {
              yield value;
            } finally {
              taken();
            }
            continue;
          }
          if (closed) return;
          await new Promise<void>((resolve) => (wake = resolve));
          wake = undefined;
        }
      } finally {
        left = true;
        waiting?.taken();
      }
    },
  };
}
