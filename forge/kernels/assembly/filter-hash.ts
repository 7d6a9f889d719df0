/**
 * Hashes of bytes for the filters' statistics: of lines and of words.
 *
 * 64 bits stand for the bytes, so texts that differ in a few digits, as rows of a table do, must not hash alike. A
 * product carries what it is given upwards only: the last byte of eight changes eight bits of it, which one other byte
 * could cancel. So what is high comes down and a second factor spreads it before the next bytes are added, and no factor
 * stands on both sides of a sum (`tests/kernels/filter-hash.test.ts` varies two and three bytes wherever they stand).
 */

export const base: u64 = 0x9e3779b97f4a7c15;
export const spread: u64 = 0xd6e8feb86659fd93;
export const third: u64 = 0xa0761d6478bd642f;
export const fourth: u64 = 0xe7037ed1a0b428db;
export const fifth: u64 = 0x8ebc6af09c88c6e3;
export const sixth: u64 = 0x1d8e4e27c47d124f;

/** 48 bytes of ones, then 48 of zeros: what stands n bytes before the zeros keeps n bytes. */
export const keep: usize = memory.data<u8>([
  255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
  255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
  255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]);

/** A hash of at least one byte. The first 48 are hashed without a branch: their products do not wait for each other. */
export function hashBytes(start: usize, bytes: usize): u64 {
  let one: u64 = (bytes as u64) * third;
  let two: u64 = base;
  let at = start;
  let rest = bytes;
  for (; rest > 48; rest -= 16) {
    one = rotl(one + load<u64>(at) * spread, 31) * base;
    two = rotl(two + load<u64>(at, 8) * fourth, 31) * third;
    at += 16;
  }
  const mask = keep + 48 - rest;
  one = (one ^ (load<u64>(at) & load<u64>(mask))) * base;
  two = (two ^ (load<u64>(at, 8) & load<u64>(mask, 8))) * spread;
  const three = ((load<u64>(at, 16) & load<u64>(mask, 16)) + third) * third;
  const four = ((load<u64>(at, 24) & load<u64>(mask, 24)) + spread) * base;
  const five = ((load<u64>(at, 32) & load<u64>(mask, 32)) + base) * fourth;
  const six = ((load<u64>(at, 40) & load<u64>(mask, 40)) + base) * third;
  let hash = one ^ rotl(two, 24);
  hash = (hash ^ (hash >> 32)) * fourth + (three ^ rotl(four, 24));
  hash = (hash ^ (hash >> 29)) * spread + (five ^ rotl(six, 24));
  return (hash ^ (hash >> 32)) * third;
}
