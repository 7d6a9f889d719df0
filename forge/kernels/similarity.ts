/**
 * What follows MinHash: band keys, sets of n-gram hashes, true Jaccard. Plain TypeScript for both implementations: none
 * of it is hot, and sorting typed arrays is native already.
 */
import type { ShingleSequences, ShingleSets } from "./types.ts";

/** 64-bit key (low, high) of each band of each text: two 32-bit hashes (MurmurHash3's body and finaliser) of its rows. */
export function bandKeys(
  signatures: Uint32Array,
  length: number,
  { bands, rows }: { readonly bands: number; readonly rows: number },
): Uint32Array {
  const keys = new Uint32Array(2 * length * bands);
  for (let band = 0; band < length * bands; band++) {
    const from = band * rows;
    keys[2 * band] = hashRows(signatures, from, rows, 0x9747_b28c);
    keys[2 * band + 1] = hashRows(signatures, from, rows, 0x3c6e_f372);
  }
  return keys;
}

/** Sorts each text's hashes and drops repeats. */
export function toShingleSets({ hashes, offsets }: ShingleSequences): ShingleSets {
  const wide = new BigUint64Array(hashes.buffer, hashes.byteOffset, hashes.length / 2);
  const length = offsets.length - 1;
  const target = new Int32Array(length + 1);
  let written = 0;
  for (let i = 0; i < length; i++) {
    const start = offsets[i] as number;
    const end = offsets[i + 1] as number;
    wide.subarray(start, end).sort();
    const first = written;
    for (let at = start; at < end; at++) {
      const low = hashes[2 * at] as number;
      const high = hashes[2 * at + 1] as number;
      if (written > first && hashes[2 * written - 2] === low && hashes[2 * written - 1] === high) continue;
      hashes[2 * written] = low;
      hashes[2 * written + 1] = high;
      written++;
    }
    target[i + 1] = written;
  }
  return { hashes: hashes.slice(0, 2 * written), offsets: target };
}

export function jaccard(sets: ShingleSets, i: number, other: ShingleSets, j: number): number {
  let a = sets.offsets[i] as number;
  let b = other.offsets[j] as number;
  const endA = sets.offsets[i + 1] as number;
  const endB = other.offsets[j + 1] as number;
  const total = endA - a + endB - b;
  let common = 0;
  while (a < endA && b < endB) {
    const highA = sets.hashes[2 * a + 1] as number;
    const highB = other.hashes[2 * b + 1] as number;
    const lowA = sets.hashes[2 * a] as number;
    const lowB = other.hashes[2 * b] as number;
    if (highA === highB && lowA === lowB) {
      common++;
      a++;
      b++;
    } else if (highA < highB || (highA === highB && lowA < lowB)) a++;
    else b++;
  }
  return total === 0 ? 0 : common / (total - common);
}

function hashRows(signatures: Uint32Array, from: number, rows: number, seed: number): number {
  let hash = seed;
  for (let row = 0; row < rows; row++) {
    let word = Math.imul(signatures[from + row] as number, 0xcc9e_2d51);
    word = (word << 15) | (word >>> 17);
    hash ^= Math.imul(word, 0x1b87_3593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe654_6b64) | 0;
  }
  hash ^= rows;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
