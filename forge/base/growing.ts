/** A typed array that grows: for results whose number is known only at the end. */

export interface GrowingUint32 {
  readonly length: number;
  push(value: number): void;
  append(values: Uint32Array): void;
  /** The values so far, as a view that later pushes do not move. */
  finish(): Uint32Array;
  /** Forgets the values but keeps the memory, so views taken before are overwritten. */
  clear(): GrowingUint32;
}

export function growingUint32(capacity = 1024): GrowingUint32 {
  let values = new Uint32Array(capacity);
  let length = 0;
  const reserve = (more: number): void => {
    if (length + more <= values.length) return;
    const larger = new Uint32Array(Math.max(values.length * 2, length + more));
    larger.set(values);
    values = larger;
  };
  const self: GrowingUint32 = {
    get length() {
      return length;
    },
    clear() {
      length = 0;
      return self;
    },
    push(value) {
      reserve(1);
      values[length++] = value;
    },
    append(more) {
      reserve(more.length);
      values.set(more, length);
      length += more.length;
    },
    finish: () => values.subarray(0, length),
  };
  return self;
}
