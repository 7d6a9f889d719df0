/** Binary heap in an array; `before(a, b)` says that `a` leaves the heap before `b`. */
export type Before<T> = (a: T, b: T) => boolean;

export function pushHeap<T>(heap: T[], value: T, before: Before<T>): void {
  let at = heap.length;
  heap.push(value);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(value, heap[parent] as T)) break;
    heap[at] = heap[parent] as T;
    at = parent;
  }
  heap[at] = value;
}

/** Takes the first value; the heap must not be empty. */
export function popHeap<T>(heap: T[], before: Before<T>): T {
  const first = heap[0] as T;
  const value = heap.pop() as T;
  const length = heap.length;
  if (length === 0) return first;
  let at = 0;
  for (let child = 1; child < length; child = 2 * at + 1) {
    if (child + 1 < length && before(heap[child + 1] as T, heap[child] as T)) child++;
    if (!before(heap[child] as T, value)) break;
    heap[at] = heap[child] as T;
    at = child;
  }
  heap[at] = value;
  return first;
}
