/**
 * Memory of an instance: a persistent region for tables, then one arena that every batch reuses.
 *
 *   [ AssemblyScript's static data | persistent … | arena … ]
 *
 * Both are bump allocators. `allocatePersistent` empties the arena, so tables are loaded between batches. `resetArena`
 * begins a batch. Memory grows only when a batch needs more than any before it, never with the number of batches.
 * Every block is aligned to 128 bytes, two lines of the cache, and followed by 64 bytes of padding, so that a wide load or store that begins
 * inside a block stays inside memory and never reaches a neighbour's bytes.
 *
 * To add a kernel: write `assembly/NAME.ts` with functions over pointers and lengths, re-export what the host calls from
 * `assembly/index.ts`, declare it in `KernelExports` (or your own interface) in `instance.ts`, let the host allocate
 * all buffers, sized from bounds that hold for any input, and keep a plain twin in `reference/NAME.ts` under property
 * tests. Return i32 (an i64 becomes a BigInt, which costs 300 ns). No allocation inside loops.
 */

const padding: usize = 64;
const pageSize: usize = 65536;

let persistentEnd: usize = (__heap_base + 127) & ~127;
let arenaStart: usize = persistentEnd;
let arenaEnd: usize = persistentEnd;

/** A block that lives as long as the instance, or 0 when memory is out. Empties the arena. */
export function allocatePersistent(size: usize): usize {
  const block = persistentEnd;
  const end = reserve(block, size);
  if (end == 0) return 0;
  persistentEnd = end;
  arenaStart = end;
  arenaEnd = end;
  return block;
}

/** Begins a batch: all blocks of the last one are gone. */
export function resetArena(): void {
  arenaEnd = arenaStart;
}

/** A block that lives until the next `resetArena`, or 0 when memory is out. Its bytes are not cleared. */
export function allocate(size: usize): usize {
  const block = arenaEnd;
  const end = reserve(block, size);
  if (end != 0) arenaEnd = end;
  return end == 0 ? 0 : block;
}

/** End of a block of `size` at `block`, with its padding, once memory reaches that far; 0 when it cannot. */
function reserve(block: usize, size: usize): usize {
  const end: u64 = ((block as u64) + (size as u64) + (padding as u64) + 127) & ~127;
  if (end > 0xffff0000) return 0;
  const have = (memory.size() as u64) << 16;
  if (end > have) {
    const pages = (end - have + (pageSize as u64) - 1) >> 16;
    if (memory.grow(pages as i32) < 0) return 0;
  }
  return end as usize;
}
