/**
 * Places where something to redact may begin, found sixteen bytes at once: fast twin of `reference/candidates.ts`.
 *
 * A filter, not a verdict: the host looks at each place.
 */
import { lookAround } from "./candidates-rules";

const at: i32 = 0x40;

/**
 * Positions of `@` and of digits that begin a run, as the flags ask.
 *
 * @param flags 1: `@`; 2, 4, 8: digits that may begin an address, an IBAN, a card number; 16: all digits, `+` and `(`
 * @param target room for as many positions as a call with 0 counted, or 0 to count only
 * @returns the number of positions
 */
export function findCandidates(values: usize, bytes: i32, flags: i32, target: usize): i32 {
  const wantsAt = (flags & 1) != 0;
  const wantsDigits = (flags & 30) != 0;
  const wantsPhones = (flags & 16) != 0;
  let count = 0;
  let before = 0;
  for (let base = 0; base < bytes; base += 16) {
    const block = v128.load(values + (base as usize));
    let mask = 0;
    if (wantsAt) mask = i8x16.bitmask(i8x16.eq(block, i8x16.splat(at as i8)));
    if (wantsPhones) {
      mask |= i8x16.bitmask(v128.or(i8x16.eq(block, i8x16.splat(0x2b)), i8x16.eq(block, i8x16.splat(0x28))));
    }
    let starts = 0;
    if (wantsDigits) {
      const digits = i8x16.bitmask(i8x16.lt_u(i8x16.sub(block, i8x16.splat(0x30)), i8x16.splat(10)));
      starts = digits & ~((digits << 1) | before) & 0xffff;
      before = digits >>> 15;
    }
    let all = mask | starts;
    if (base + 16 > bytes) all &= (1 << (bytes - base)) - 1;
    while (all != 0) {
      const bit = ctz(all);
      all &= all - 1;
      const position = base + bit;
      const isStart = ((starts >>> bit) & 1) != 0;
      if (isStart && !wantsPhones && !lookAround(values + (position as usize), position, bytes - position, flags)) continue;
      if (target != 0) store<u32>(target + ((count as usize) << 2), position);
      count++;
    }
  }
  return count;
}
