/** Deep equality of kernels' results, fast on typed arrays; the error says where they part. */

/** @throws Error naming the first difference */
export function assertSame(ours: unknown, expected: unknown, what: string): void {
  if (Object.is(ours, expected)) return;
  if (ArrayBuffer.isView(ours) && ArrayBuffer.isView(expected)) {
    const [a, b] = [bytesOf(ours), bytesOf(expected)];
    if (a.length !== b.length) throw new Error(`${what}: ${a.length} bytes, not ${b.length}`);
    if (Buffer.compare(a, b) === 0) return;
    const at = a.findIndex((byte, i) => byte !== b[i]);
    throw new Error(`${what}: byte ${at} is ${a[at]}, not ${b[at]}`);
  }
  if (ours instanceof Map && expected instanceof Map) {
    assertSame([...ours], [...expected], what);
    return;
  }
  if (typeof ours === "object" && typeof expected === "object" && ours !== null && expected !== null) {
    const [a, b] = [ours as Readonly<Record<string, unknown>>, expected as Readonly<Record<string, unknown>>];
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) assertSame(a[key], b[key], `${what}.${key}`);
    return;
  }
  throw new Error(`${what}: ${String(ours)}, not ${String(expected)}`);
}

function bytesOf(view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}
