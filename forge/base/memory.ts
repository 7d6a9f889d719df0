/**
 * Memory of megabytes that is used again, for fresh memory costs more than what is done in it: its pages are touched
 * for the first time, and V8 collects garbage by how much was allocated.
 *
 * Whoever gives memory back loses it for good. It moves into another ArrayBuffer, so every view that is left somewhere
 * is empty from then on: its elements are undefined, and to copy or to slice from it throws. No one can read by
 * mistake what the next owner writes.
 */

/** Buffers that wait for their next owner; what comes back beyond that is freed. */
const maxSpares = 4;
/** What is larger is rare, and too much to keep. */
const largestSpare = 2 ** 25;
/** Below this, memory comes from the heap's free lists, or is Buffer's pool (64 KB), which many share. */
const smallest = 2 ** 17;

const spares: ArrayBuffer[] = [];
/** All buffers of this thread that were taken here and not given back. */
const taken = new WeakSet<ArrayBufferLike>();

/**
 * Memory for at least so many bytes, all of it the caller's; what stands in it is left from its last owner.
 *
 * It need not be given back: then it is garbage like any other. Little memory always is.
 */
export function takeMemory(bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes < smallest) return new Uint8Array(bytes);
  let best: number | undefined;
  for (const [i, { byteLength }] of spares.entries()) {
    if (byteLength >= bytes && (best === undefined || byteLength < (spares[best] as ArrayBuffer).byteLength)) best = i;
  }
  // Whole megabytes and some room, so that it suits the next batch, too.
  const buffer =
    best === undefined
      ? new ArrayBuffer(Math.ceil((bytes * 1.125) / 2 ** 20) * 2 ** 20)
      : (spares.splice(best, 1)[0] as ArrayBuffer);
  taken.add(buffer);
  return new Uint8Array(buffer);
}

/** Gives back what `takeMemory` gave, whole; what came from elsewhere is left alone. All views of it become empty. */
export function giveMemoryBack({ buffer }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || !taken.delete(buffer)) return;
  if (buffer.byteLength > largestSpare) buffer.transfer(0);
  else {
    if (spares.length === maxSpares) spares.shift();
    spares.push(buffer.transfer());
  }
}

/**
 * Frees a chunk that the caller owns and nobody needs any more, if it is a whole buffer: now, not at some collection,
 * so the next chunk is likely to get the same memory. All views of it become empty.
 */
export function freeChunk({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) freeBuffer(buffer);
}

/** The same for a buffer all parts of which were used. */
export function freeBuffer(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= smallest) buffer.transfer(0);
}
