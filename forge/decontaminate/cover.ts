/**
 * Hashes of n-grams of any length from hashes of short ones: an n-gram is known by the short n-grams that cover it, those
 * at 0, a, 2a, … and the last one. So a text is hashed once, whatever the lengths of what is looked for.
 */
import type { ShingleSequences } from "../kernels/index.ts";

/** A 64-bit hash in halves. */
export interface GramHash {
  readonly low: number;
  readonly high: number;
}

/**
 * Hash of the `words` words that begin at the short n-gram `at`.
 *
 * @param hashes (low, high) of short n-grams, one for each word on
 * @param short words of a short n-gram; `words` is at least as many
 */
export function coverHash(hashes: Uint32Array, at: number, words: number, short: number): GramHash {
  let low = hashes[2 * at] as number;
  let high = hashes[2 * at + 1] as number;
  const last = at + words - short;
  for (let next = at; next < last;) {
    next = Math.min(next + short, last);
    low = mix(low, hashes[2 * next] as number, 0x85eb_ca6b);
    high = mix(high, hashes[2 * next + 1] as number, 0xc2b2_ae35);
  }
  return { low: low >>> 0, high: high >>> 0 };
}

/** The same for each n-gram of each text, laid out as the kernel lays out short ones. */
export function coverSequences({ hashes, offsets }: ShingleSequences, words: number, short: number): ShingleSequences {
  if (words === short) return { hashes, offsets };
  const fewer = words - short;
  const longer = new Int32Array(offsets.length);
  for (let text = 0; text + 1 < offsets.length; text++) {
    const count = (offsets[text + 1] as number) - (offsets[text] as number);
    longer[text + 1] = (longer[text] as number) + Math.max(0, count - fewer);
  }
  const made = new Uint32Array(2 * (longer[offsets.length - 1] as number));
  // As in `coverHash`, without an object for each word of the corpus; as signed numbers, which need no wider ones.
  const from = new Int32Array(hashes.buffer, hashes.byteOffset, hashes.length);
  const into = new Int32Array(made.buffer);
  const steps: number[] = [];
  for (let next = 0; next < fewer;) steps.push((next = Math.min(next + short, fewer)));
  for (let text = 0; text + 1 < offsets.length; text++) {
    let at = 2 * (offsets[text] as number);
    const end = 2 * (longer[text + 1] as number);
    for (let to = 2 * (longer[text] as number); to < end; to += 2, at += 2) {
      let low = from[at] as number;
      let high = from[at + 1] as number;
      for (let i = 0; i < steps.length; i++) {
        const next = at + 2 * (steps[i] as number);
        low = mix(low, from[next] as number, 0x85eb_ca6b);
        high = mix(high, from[next + 1] as number, 0xc2b2_ae35);
      }
      into[to] = low;
      into[to + 1] = high;
    }
  }
  return { hashes: made, offsets: longer };
}

/** One step of MurmurHash3: a bijection of either half for a given other. */
function mix(value: number, more: number, odd: number): number {
  const mixed = value ^ Math.imul((more << 15) | (more >>> 17), odd);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe654_6b64) | 0;
}
