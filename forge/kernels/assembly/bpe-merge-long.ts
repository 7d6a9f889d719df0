/**
 * Byte-level BPE: merging a pre-token of more than 64 bytes window by window, in linear time and fixed memory.
 *
 * A sequence of tokens is the encoding of its bytes if every two neighbours are the encoding of theirs: take the first
 * merge that crosses a border between two tokens; up to then both sides were merged as they are alone, so the pair alone
 * would cross it too. So when a window that begins at a border inside of the last window begins with the same token as that
 * one went on with, both together are right. Windows of 64 bytes come first (`bpe-merge.ts`). Where they do not join, the
 * word is done anew with windows of 4 KB and a heap, and with twice that until all join.
 */
import { allocate } from "./memory";
import { absent, bytePairAt, emit, exactRank, idOfByte, noRank, resultOf } from "./bpe-pairs";
import { idAt, mergeInPlace, prepareMerging } from "./bpe-merge";

const shortWindow: i32 = 64;
const window: i32 = 4096;
/** How far from a window's end its tokens are taken to be settled: only speed hangs on it. An eighth of the long ones. */
const shortMargin: i32 = 20;
const marginShift: i32 = 3;

/** True when memory ran out in the last `encodeTexts`; its result is then void. */
let failed: bool = false;
const standing: usize = memory.data(4096 * 40, 16);
let scratch: usize = standing;
let scratchLength: i32 = window;

export function beginMerging(): void {
  prepareMerging();
  failed = false;
  scratch = standing;
  scratchLength = window;
}

export function mergingFailed(): bool {
  return failed;
}

export function mergeLong(p: usize, length: i32, out: usize): usize {
  const end = mergeByShortWindows(p, length, out);
  return end != 0 ? end : mergeByHeap(p, length, out);
}

/** 0 where two windows do not join. */
function mergeByShortWindows(p: usize, length: i32, out: usize): usize {
  let at = 0;
  let following = absent;
  while (true) {
    const size = min(shortWindow, length - at);
    let live = mergeInPlace(p + at, size);
    if (following != absent && idAt(0) != following) return 0;
    let border = size;
    if (at + size < length) {
      border = 63 - (clz(live & ((1 << (shortWindow - shortMargin)) - 1)) as i32);
      if (border == 0) return 0;
      following = idAt(border);
      live &= ((1 as u64) << (border as u64)) - 1;
    }
    do {
      out = emit(idAt(ctz(live) as i32), out);
      live &= live - 1;
    } while (live != 0);
    at += border;
    if (at == length) return out;
  }
}

function mergeByHeap(p: usize, length: i32, start: usize): usize {
  for (let size = min(window, length); reserve(size); size = min(size << 1, length)) {
    const end = mergeByWindows(p, length, size, start);
    if (end != 0) return end;
  }
  return start;
}

/** 0 where two windows of `size` bytes do not join; never when one takes all. */
function mergeByWindows(p: usize, length: i32, size: i32, out: usize): usize {
  let at = 0;
  let following = absent;
  while (true) {
    const n = min(size, length - at);
    const count = mergeWindow(p + at, n);
    if (following != absent && load<u32>(scratch) != following) return 0;
    if (at + n == length) return emitWindow(count, out);
    let border = count - 1;
    while (border > 0 && startOf(border) > size - (size >> marginShift)) border--;
    if (border == 0) return 0;
    following = load<u32>(scratch + ((border as usize) << 2));
    out = emitWindow(border, out);
    at += startOf(border);
  }
}

function reserve(length: i32): bool {
  if (length <= scratchLength) return true;
  const block = allocate((length as usize) * 40);
  if (block == 0) {
    failed = true;
    return false;
  }
  scratch = block;
  scratchLength = length;
  return true;
}

// @ts-ignore: decorator
@inline
function startOf(token: i32): i32 {
  return load<i32>(scratch + (((scratchLength + token) as usize) << 2));
}

function emitWindow(count: i32, out: usize): usize {
  for (let i: usize = 0; i < (count as usize); i++) out = emit(load<u32>(scratch + (i << 2)), out);
  return out;
}

let heap: usize = 0;
let heapLength: i32 = 0;

/**
 * Merges n bytes; `scratch` then begins with their ids, and with where each begins at `scratchLength` words on.
 *
 * Scratch: ids, next, previous, rank of the pair that begins here (4 bytes each), heap (at most 3 n entries of 8).
 */
function mergeWindow(p: usize, n: i32): i32 {
  const stride = (scratchLength as usize) << 2;
  const id = scratch;
  const next = id + stride;
  const previous = next + stride;
  const rank = previous + stride;
  heap = rank + stride;
  heapLength = 0;
  for (let i = 0; i < n; i++) {
    const at = (i as usize) << 2;
    store<u32>(id + at, idOfByte(p + i));
    store<i32>(next + at, i + 1);
    store<i32>(previous + at, i - 1);
    const r = i + 1 < n ? load<u32>(bytePairAt(p + i)) >> 6 : noRank;
    store<u32>(rank + at, r);
    if (r != noRank) push(((r as u64) << 32) | (i as u64));
  }
  while (heapLength > 0) {
    const top = pop();
    const r = (top >> 32) as u32;
    const at = ((top as u32) as usize) << 2;
    if (load<u32>(rank + at) != r) continue;
    const right = load<i32>(next + at);
    const after = load<i32>(next + ((right as usize) << 2));
    const made = resultOf(r);
    store<u32>(id + at, made);
    store<i32>(next + at, after);
    store<u32>(rank + ((right as usize) << 2), noRank);
    let r1 = noRank;
    if (after < n) {
      store<i32>(previous + ((after as usize) << 2), top as i32);
      r1 = exactRank(made, load<u32>(id + ((after as usize) << 2)));
    }
    store<u32>(rank + at, r1);
    if (r1 != noRank) push(((r1 as u64) << 32) | (top & 0xffffffff));
    const before = load<i32>(previous + at);
    if (before >= 0) {
      const r2 = exactRank(load<u32>(id + ((before as usize) << 2)), made);
      store<u32>(rank + ((before as usize) << 2), r2);
      if (r2 != noRank) push(((r2 as u64) << 32) | (before as u64));
    }
  }
  let count = 0;
  for (let i = 0; i < n; ) {
    const following = load<i32>(next + ((i as usize) << 2));
    store<u32>(id + ((count as usize) << 2), load<u32>(id + ((i as usize) << 2)));
    store<i32>(next + ((count as usize) << 2), i);
    count++;
    i = following;
  }
  return count;
}

function push(value: u64): void {
  let at = heapLength++;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = load<u64>(heap + ((parent as usize) << 3));
    if (above <= value) break;
    store<u64>(heap + ((at as usize) << 3), above);
    at = parent;
  }
  store<u64>(heap + ((at as usize) << 3), value);
}

function pop(): u64 {
  const top = load<u64>(heap);
  const value = load<u64>(heap + ((--heapLength as usize) << 3));
  let at = 0;
  while (true) {
    let child = 2 * at + 1;
    if (child >= heapLength) break;
    let least = load<u64>(heap + ((child as usize) << 3));
    if (child + 1 < heapLength) {
      const other = load<u64>(heap + ((child as usize) << 3), 8);
      if (other < least) {
        least = other;
        child++;
      }
    }
    if (least >= value) break;
    store<u64>(heap + ((at as usize) << 3), least);
    at = child;
  }
  store<u64>(heap + ((at as usize) << 3), value);
  return top;
}
