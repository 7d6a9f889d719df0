/**
 * The order of samples: a pure function of (seed, global sample index), so a resume, another machine or another number
 * of threads reads the same.
 *
 * Each epoch visits every sample once, in its own order: a Feistel network with keys from (seed, epoch) permutes
 * [0, 4^h) and values beyond the count are mapped again (cycle walking; Black and Rogaway 2002). No table is kept.
 */
import { random } from "../../forge/base/random.ts";

/** Maps the global sample index (from 0, across epochs) to a sample in [0, count). */
export function createOrder(seed: number, count: number): (index: number) => number {
  let epoch = -1;
  let keys: number[] = [];
  let half = 1;
  while (4 ** half < count) half++;
  const mask = 2 ** half - 1;
  const permute = (value: number): number => {
    let left = Math.floor(value / 2 ** half);
    let right = value & mask;
    for (const key of keys) [left, right] = [right, (left ^ (mix(right ^ key) & mask)) >>> 0];
    return left * 2 ** half + right;
  };
  return (index) => {
    const wanted = Math.floor(index / count);
    if (wanted !== epoch) {
      epoch = wanted;
      const stream = random(seed, "sample-order", epoch);
      keys = Array.from({ length: 6 }, () => stream.uint32());
    }
    let value = permute(index % count);
    while (value >= count) value = permute(value);
    return value;
  };
}

/** Mixes 32 bits (the finaliser of MurmurHash3). */
function mix(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
