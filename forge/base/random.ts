/**
 * Seeded random numbers: the same seed gives the same numbers on every machine, thread and Node version.
 *
 * xoshiro128** (Blackman and Vigna 2018) for streams, SplitMix32-style mixing for seeds. Not for cryptography.
 */
import { createHash } from "node:crypto";

/** A stream of random numbers, wholly determined by its seed. */
export interface Random {
  /** Uniform in [0, 2³²). */
  uint32(): number;
  /** Uniform in [0, 1), 53 bits. */
  float(): number;
  /** Uniform integer in [0, bound); `bound` in [1, 2³²]. */
  below(bound: number): number;
  /** Standard normal (Box and Muller). */
  normal(): number;
  /** Shuffles in place (Fisher and Yates) and returns the array. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T;
  /** State to store for an exact resume; give it to `restoreRandom`. */
  state(): readonly [number, number, number, number];
}

/**
 * Makes a stream from any number of parts, so that `random(seed, "shuffle", source)` is independent of
 * `random(seed, "split", source)`.
 */
export function random(...seed: readonly (string | number)[]): Random {
  const digest = createHash("sha256").update(JSON.stringify(seed)).digest();
  return restoreRandom([
    digest.readUInt32LE(0),
    digest.readUInt32LE(4),
    digest.readUInt32LE(8),
    digest.readUInt32LE(12) | 1,
  ]);
}

/** Continues a stream from the state that `Random.state` returned. */
export function restoreRandom(state: readonly [number, number, number, number]): Random {
  let [a, b, c, d] = state.map((word) => word | 0) as [number, number, number, number];
  const rotl = (x: number, k: number): number => (x << k) | (x >>> (32 - k));
  const uint32 = (): number => {
    const result = Math.imul(rotl(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotl(d, 11);
    return result;
  };
  const float = (): number => (uint32() * 2 ** -32 + (uint32() >>> 11) * 2 ** -53) % 1;
  const below = (bound: number): number => {
    // Rejection keeps it uniform: values of the last, incomplete interval are drawn again.
    const limit = 2 ** 32 - (2 ** 32 % bound);
    let value = uint32();
    while (value >= limit) value = uint32();
    return value % bound;
  };
  return {
    uint32,
    float,
    below,
    normal: () => Math.sqrt(-2 * Math.log(1 - float())) * Math.cos(2 * Math.PI * float()),
    shuffle(items) {
      for (let i = items.length - 1; i > 0; i--) {
        const j = below(i + 1);
        const swap = items[i];
        (items as { [index: number]: unknown })[i] = items[j];
        (items as { [index: number]: unknown })[j] = swap;
      }
      return items;
    },
    state: () => [a, b, c, d],
  };
}
