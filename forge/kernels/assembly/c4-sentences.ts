/** Counts sentences for C4's rules, as `reference/c4-lines.ts` does; looks only at what may end one. */
import { classAt, skipSpace, terminalBit, wideCodePointAt } from "./filter-text";

/** Sentences of a line; what stands behind the last terminator is one, too. */
export function countSentences(start: usize, end: usize): u32 {
  let sentences: u32 = 0;
  /** What was read belongs to a sentence that did not end, or a sentence ended at `done`. */
  let open = false;
  let done = start;
  let at = start;
  for (let block = start; block < end; block += 16) {
    const bytes = v128.load(block);
    const stops = v128.or(
      v128.or(i8x16.eq(bytes, i8x16.splat(0x2e)), i8x16.eq(bytes, i8x16.splat(0x21))),
      v128.or(i8x16.eq(bytes, i8x16.splat(0x3f)), bytes),
    );
    for (let bits = i8x16.bitmask(stops) as u32; bits != 0; bits &= bits - 1) {
      const here = block + (ctz(bits) as usize);
      if (here >= end) break;
      if (here < at) continue;
      const found = classAt(here, end);
      at = here + ((found >> 8) as usize);
      if ((found & terminalBit) == 0) continue;
      let isFull = isFullStop(here, end);
      while (at < end) {
        const next = classAt(at, end);
        if ((next & terminalBit) != 0) isFull = isFullStop(at, end);
        else if (!isCloser(at, end)) break;
        at += (next >> 8) as usize;
      }
      const after = skipSpace(at, end);
      open = after < end && !isFull && (after == at || (load<u8>(after) as u32) - 0x61 < 26);
      if (!open) sentences++;
      done = at;
    }
  }
  return open || skipSpace(done, end) < end ? sentences + 1 : sentences;
}

/** Terminators of scripts without spaces: 。！？．*/
function isFullStop(at: usize, end: usize): bool {
  if (load<u8>(at) < 0x80) return false;
  const codePoint = wideCodePointAt(at, end) & 0xffffff;
  return codePoint == 0x3002 || codePoint == 0xff01 || codePoint == 0xff1f || codePoint == 0xff0e;
}

/** Quotes and brackets that may close a sentence behind its terminator: "')]}»”’›」』）】 */
function isCloser(at: usize, end: usize): bool {
  const byte: u32 = load<u8>(at);
  if (byte < 0x80) return byte == 0x22 || byte == 0x27 || byte == 0x29 || byte == 0x5d || byte == 0x7d;
  const codePoint = wideCodePointAt(at, end) & 0xffffff;
  if (codePoint == 0xbb || codePoint == 0x201d || codePoint == 0x2019 || codePoint == 0x203a) return true;
  return codePoint == 0x300d || codePoint == 0x300f || codePoint == 0xff09 || codePoint == 0x3011;
}
