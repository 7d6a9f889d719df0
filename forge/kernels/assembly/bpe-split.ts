/**
 * Texts to ids: added tokens and pre-tokenisers. Fast twin of `reference/bpe-split.ts` and of the loop in
 * `reference/bpe-encode.ts`.
 *
 * Each pre-tokeniser has two halves: windows of ASCII whose pre-tokens are found at once (`bpe-window.ts`), and one
 * pre-token at a time, character by character, for all else.
 */
import { beginMerging, mergingFailed } from "./bpe-merge-long";
import {
  characterAt,
  highNibbles,
  lettersEnd,
  lowNibbles,
  preTokenizer,
  runEnd,
  wordEnd,
  wordStart,
} from "./bpe-characters";
import { cl100kEnd, classAt } from "./bpe-split-cl100k";
import { encodeListed, listed, listRoom } from "./bpe-remembered";
import { bloomBegins, contractionLength, gpt2Begins } from "./bpe-window";

let addedStarts: usize = 0;
let addedEntries: usize = 0;
let addedBits: usize = 0;
let addedCount: u32 = 0;
let addedPrefix: i32 = -1;

/**
 * @param count 0 for none
 * @param starts u32[257]: entries by first byte
 * @param entries (pointer, length, id; all ones for a special one, 0): u32[4], the longest first
 * @param bits u8[8192]: first two bytes (little-endian) that a token may begin with
 * @param prefix the only such two bytes, or -1
 */
export function setBpeAddedTokens(count: u32, starts: usize, entries: usize, bits: usize, prefix: i32): void {
  addedCount = count;
  addedStarts = starts;
  addedEntries = entries;
  addedBits = bits;
  addedPrefix = prefix;
}

/** Ids of texts to `out` (an id a byte, 64 bytes more), where each ends to `outOffsets`. False when memory ran out. */
export function encodeTexts(values: usize, offsets: usize, length: i32, out: usize, outOffsets: usize): i32 {
  beginMerging();
  let at = out;
  store<u32>(outOffsets, 0);
  for (let i: usize = 0; i < (length as usize); i++) {
    const start = values + (load<u32>(offsets + (i << 2)) as usize);
    const end = values + (load<u32>(offsets + (i << 2), 4) as usize);
    at = addedCount == 0 ? encodePlain(start, end, at) : encodeAround(start, end, at);
    store<u32>(outOffsets + (i << 2), ((at - out) >> 2) as u32, 4);
  }
  return mergingFailed() ? 0 : 1;
}

// @ts-ignore: decorator
@inline
function encodePlain(start: usize, end: usize, out: usize): usize {
  if (preTokenizer == 0) return encodeGpt2(start, end, out);
  return preTokenizer == 1 ? encodeBloom(start, end, out) : encodeOneByOne(start, end, out);
}

/** The pre-tokenisers without windows. */
function encodeOneByOne(p: usize, end: usize, out: usize): usize {
  const most = preTokenizer == 2 ? 3 : 1;
  while (p < end) {
    const first = p;
    let count: usize = 0;
    while (p < end && count < listRoom) {
      p = preTokenizer == 4 ? gpt2DigitsEnd(p, end) : cl100kEnd(p, end, most);
      store<u32>(listed + (count++ << 2), p as u32);
    }
    out = encodeListed(first, count, out);
  }
  return out;
}

/** Cuts the text at added tokens. */
function encodeAround(start: usize, end: usize, out: usize): usize {
  let p = start;
  while (true) {
    p = nextCandidate(p, end);
    if (p >= end) break;
    const first = load<u8>(p) as usize;
    const last = load<u32>(addedStarts + (first << 2), 4);
    let found: usize = 0;
    for (let i = load<u32>(addedStarts + (first << 2)); i < last; i++) {
      const entry = addedEntries + ((i as usize) << 4);
      const size = load<u32>(entry, 4) as usize;
      if (p + size <= end && equal(p, load<u32>(entry) as usize, size)) {
        found = entry;
        break;
      }
    }
    if (found == 0) {
      p++;
      continue;
    }
    const id = load<u32>(found, 8);
    if (id != 0xffffffff) {
      if (p > start) out = encodePlain(start, p, out);
      store<u32>(out, id);
      out += 4;
      start = p + (load<u32>(found, 4) as usize);
    }
    p += load<u32>(found, 4) as usize;
  }
  return start < end ? encodePlain(start, end, out) : out;
}

/** The next place where an added token may begin, or `end`. */
function nextCandidate(p: usize, end: usize): usize {
  if (addedPrefix >= 0) {
    const first = i8x16.splat(addedPrefix as i8);
    const second = i8x16.splat((addedPrefix >> 8) as i8);
    for (; p < end; p += 16) {
      const hits = i8x16.bitmask(v128.and(i8x16.eq(v128.load(p), first), i8x16.eq(v128.load(p, 1), second)));
      if (hits != 0) {
        p += ctz(hits) as usize;
        return p < end ? p : end;
      }
    }
    return end;
  }
  for (; p < end; p++) {
    const two = load<u16>(p) as usize;
    if (((load<u8>(addedBits + (two >> 3)) as u32) >> ((two & 7) as u32)) & 1) return p;
  }
  return end;
}

function equal(a: usize, b: usize, size: usize): bool {
  for (let i: usize = 0; i < size; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false;
  return true;
}

function encodeGpt2(start: usize, end: usize, out: usize): usize {
  let p = start;
  while (p < end) {
    const first = p;
    let count: usize = 0;
    while (p < end && count < listRoom) {
      const begins = gpt2Begins(p, end);
      if (begins == 0) {
        p = gpt2PreTokenEnd(p, end);
        store<u32>(listed + (count++ << 2), p as u32);
      } else {
        count = listBegins(begins, p, count);
        p += 63 - (clz(begins) as usize);
      }
    }
    out = encodeListed(first, count, out);
  }
  return out;
}

/** Lists the places of bits, eight at a time: what is written behind the last means nothing. Returns how many are listed. */
// @ts-ignore: decorator
@inline
function listBegins(begins: u64, p: usize, count: usize): usize {
  let to = listed + (count << 2);
  count += popcnt(begins) as usize;
  for (; begins != 0; to += 32) {
    for (let i: usize = 0; i < 8; i++) {
      store<u32>(to + (i << 2), (p + (ctz(begins) as usize)) as u32);
      begins &= begins - 1;
    }
  }
  return count;
}

/** End of the pre-token of GPT-2's pattern that begins at p; `p < end`. */
export function gpt2PreTokenEnd(p: usize, end: usize): usize {
  const first = load<u8>(p) as u32;
  if (first == 0x27) {
    const length = contractionLength(p, end) as usize;
    if (length > 0) return p + length;
  }
  let q = p;
  let character = characterAt(p, end);
  if (first == 0x20 && p + 1 < end) {
    const next = characterAt(p + 1, end);
    if ((next & 0xff) != 3) {
      q = p + 1;
      character = next;
    }
  }
  const kind = character & 0xff;
  const after = q + ((character >> 8) as usize);
  if (kind == 1) return lettersEnd(after, end);
  const stop = runEnd(after, end, kind);
  if (kind != 3 || stop >= end) return stop;
  // White space gives its last character back to what follows, where it has more than one.
  let last = stop - 1;
  while (last > p && (load<u8>(last) & 0xc0) == 0x80) last--;
  return last > p ? last : stop;
}

/** As GPT-2's, but that each number stands alone, and what is before it ends as if the text did. */
function gpt2DigitsEnd(p: usize, end: usize): usize {
  const character = characterAt(p, end);
  const kind = character & 0xff;
  const second = p + ((character >> 8) as usize);
  if (kind == 2 || (load<u8>(p) == 0x20 && classAt(second, end) == 2)) return second;
  if (kind == 3) {
    const stop = runEnd(second, end, 3);
    if (classAt(stop, end) == 2) return stop;
  }
  return gpt2PreTokenEnd(p, end);
}

function encodeBloom(start: usize, end: usize, out: usize): usize {
  const low = v128.load(lowNibbles);
  const high = v128.load(highNibbles);
  let p = start;
  while (p < end) {
    const first = p;
    let count: usize = 0;
    while (p < end && count < listRoom) {
      const begins = bloomBegins(p, end, low, high);
      if (begins == 0) {
        p = bloomEnd(p, end);
        store<u32>(listed + (count++ << 2), p as u32);
      } else {
        count = listBegins(begins, p, count);
        p += 63 - (clz(begins) as usize);
      }
    }
    out = encodeListed(first, count, out);
  }
  return out;
}

/** End of the pre-token that begins at p. */
function bloomEnd(p: usize, end: usize): usize {
  const head = wordStart(p, end);
  if (head > 0) return wordEnd(p + head, end);
  let stop = p;
  do stop += characterAt(stop, end) >> 8;
  while (stop < end && wordStart(stop, end) == 0);
  return stop;
}
