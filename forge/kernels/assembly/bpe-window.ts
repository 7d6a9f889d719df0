/**
 * Where pre-tokens begin in the next 64 bytes, as bits, while these are ASCII: the fast half of the pre-tokenisers. What
 * is not decided here (other characters, pre-tokens of more than 60 bytes) is left to `bpe-split.ts`.
 *
 * Bytes are classified sixteen at a time; rules become shifts of bit masks (after Langdale and Lemire, "Parsing gigabytes
 * of JSON per second", 2019). A window begins where a pre-token does, so nothing is carried from one to the next.
 */

// @ts-ignore: decorator
@inline
function joined(a: v128, b: v128, c: v128, d: v128): u64 {
  return (
    (i8x16.bitmask(a) as u64) |
    ((i8x16.bitmask(b) as u64) << 16) |
    ((i8x16.bitmask(c) as u64) << 32) |
    ((i8x16.bitmask(d) as u64) << 48)
  );
}

/** Bytes from `first` on, `count` of them; signed comparison of what is shifted to the least number. */
// @ts-ignore: decorator
@inline
function within(bytes: v128, first: i32, count: i32): v128 {
  return i8x16.lt_s(i8x16.sub(bytes, i8x16.splat((first + 128) as i8)), i8x16.splat((count - 128) as i8));
}

// @ts-ignore: decorator
@inline
function letters(bytes: v128): v128 {
  return within(v128.or(bytes, i8x16.splat(0x20)), 0x61, 26);
}

// @ts-ignore: decorator
@inline
function spaces(bytes: v128): v128 {
  return v128.or(i8x16.eq(bytes, i8x16.splat(0x20)), within(bytes, 9, 5));
}

/** The first of 64 bytes that is not ASCII, or lies beyond the end: how far classes are known. */
// @ts-ignore: decorator
@inline
function knownFrom(a: v128, b: v128, c: v128, d: v128, left: usize): u64 {
  const known = ctz(joined(a, b, c, d));
  return known < (left as u64) ? known : (left as u64);
}

/** The first n bits. */
// @ts-ignore: decorator
@inline
function firstBits(n: u64): u64 {
  return n == 64 ? -1 : ((1 as u64) << n) - 1;
}

/**
 * Bits at which pre-tokens of GPT-2's pattern begin, that at 0 left out; where the text ends within the window, at its end.
 * Every begin up to the highest bit is there.
 *
 * A run of letters, numbers or others begins where its class does, or at the space before. White space gives its last
 * character back. An apostrophe that begins a pre-token may make a contraction.
 */
// @ts-ignore: decorator
@inline
export function gpt2Begins(p: usize, end: usize): u64 {
  const a = v128.load(p);
  if (i8x16.bitmask(a) & 7) return 0;
  const b = v128.load(p, 16);
  const c = v128.load(p, 32);
  const d = v128.load(p, 48);
  const left = end - p;
  const known = knownFrom(a, b, c, d, left);
  const valid = firstBits(known);
  const letter = joined(letters(a), letters(b), letters(c), letters(d)) & valid;
  const digit = joined(within(a, 0x30, 10), within(b, 0x30, 10), within(c, 0x30, 10), within(d, 0x30, 10)) & valid;
  const space = joined(spaces(a), spaces(b), spaces(c), spaces(d)) & valid;
  const other = valid & ~(letter | digit | space);
  const blank = joined(
    i8x16.eq(a, i8x16.splat(0x20)),
    i8x16.eq(b, i8x16.splat(0x20)),
    i8x16.eq(c, i8x16.splat(0x20)),
    i8x16.eq(d, i8x16.splat(0x20)),
  );
  const runs = (letter & ~(letter << 1)) | (digit & ~(digit << 1)) | (other & ~(other << 1));
  const lastSpaces = space & ((valid & ~space) >> 1);
  let begins = (runs & ~(blank << 1)) | (space & ~(space << 1)) | lastSpaces;
  let quotes =
    begins &
    joined(
      i8x16.eq(a, i8x16.splat(0x27)),
      i8x16.eq(b, i8x16.splat(0x27)),
      i8x16.eq(c, i8x16.splat(0x27)),
      i8x16.eq(d, i8x16.splat(0x27)),
    );
  while (quotes != 0) {
    const at = ctz(quotes);
    quotes &= quotes - 1;
    const length = contractionLength(p + (at as usize), p + (known as usize));
    if (length > 0) begins = (begins & ~((2 as u64) << at)) | ((1 as u64) << (at + length));
  }
  return decided(begins, known, left);
}

/** Bytes of `'s 't 'm 'd 're 've 'll` at an apostrophe, or 0. */
export function contractionLength(p: usize, end: usize): u64 {
  if (p + 1 >= end) return 0;
  const one = load<u8>(p, 1);
  if (one == 0x73 || one == 0x74 || one == 0x6d || one == 0x64) return 2;
  if (p + 2 >= end) return 0;
  const two = load<u8>(p, 2);
  return ((one == 0x72 || one == 0x76) && two == 0x65) || (one == 0x6c && two == 0x6c) ? 3 : 0;
}

/** Begins that hang on known bytes only; they hang on the byte after them at most. */
// @ts-ignore: decorator
@inline
function decided(begins: u64, known: u64, left: usize): u64 {
  if (known == (left as u64) && known < 64) return (begins | ((1 as u64) << known)) & ~1;
  return begins & (firstBits(known) >> 1) & ~1;
}

/** Bits at which pre-tokens of BLOOM's pattern begin: at words, or the space before, and at what lies between. */
// @ts-ignore: decorator
@inline
export function bloomBegins(p: usize, end: usize, low: v128, high: v128): u64 {
  const a = v128.load(p);
  if (i8x16.bitmask(a) & 7) return 0;
  const b = v128.load(p, 16);
  const c = v128.load(p, 32);
  const d = v128.load(p, 48);
  const left = end - p;
  const known = knownFrom(a, b, c, d, left);
  const valid = firstBits(known);
  const word = joined(words(a, low, high), words(b, low, high), words(c, low, high), words(d, low, high)) & valid;
  const blank = joined(
    i8x16.eq(a, i8x16.splat(0x20)),
    i8x16.eq(b, i8x16.splat(0x20)),
    i8x16.eq(c, i8x16.splat(0x20)),
    i8x16.eq(d, i8x16.splat(0x20)),
  );
  const begins = (valid & ~word & (word << 1)) | (word & ~(word << 1) & ~(blank << 1)) | (blank & (word >> 1));
  return decided(begins, known, left);
}

/** What may stand in a word: bytes whose nibbles' entries have no bit in common. */
// @ts-ignore: decorator
@inline
function words(bytes: v128, low: v128, high: v128): v128 {
  const marks = v128.and(
    i8x16.swizzle(low, v128.and(bytes, i8x16.splat(15))),
    i8x16.swizzle(high, i8x16.shr_u(bytes, 4)),
  );
  return i8x16.eq(marks, i8x16.splat(0));
}
