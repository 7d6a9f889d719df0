/**
 * Where a document goes: its split and its place in the global order are keyed hashes of its id, nothing else.
 *
 * So they depend on neither partitions, workers nor the other documents; adding a source moves no document to the other
 * split. MurmurHash3's mixing (Appleby, public domain) over the id's words; ids are hashes already.
 */
import { idBytes } from "../base/index.ts";

/** 64-bit order keys of documents, as two words. */
export interface OrderKeys {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
}

/** Order keys of ids (16 bytes each) for a seed. */
export function orderKeys(ids: Uint8Array, seed: number): OrderKeys {
  return { high: keyedHash(ids, seed, 0x243f_6a88), low: keyedHash(ids, seed, 0x85a3_08d3) };
}

/** For each id 1 when it belongs to validation, else 0. `fraction` of all ids do, in expectation. */
export function validationFlags(ids: Uint8Array, seed: number, fraction: number): Uint8Array {
  const limit = fraction * 2 ** 32;
  return Uint8Array.from(keyedHash(ids, seed, 0x1319_8a2e), (hash) => (hash < limit ? 1 : 0));
}

function keyedHash(ids: Uint8Array, seed: number, purpose: number): Uint32Array {
  const view = new DataView(ids.buffer, ids.byteOffset, ids.byteLength);
  return Uint32Array.from({ length: ids.byteLength / idBytes }, (_, row) => {
    let hash = avalanche((seed ^ purpose) >>> 0);
    for (let word = 0; word < idBytes; word += 4) {
      hash = avalanche((hash + view.getUint32(row * idBytes + word, true)) >>> 0);
      hash = (Math.imul(hash, 5) + 0xe654_6b64) >>> 0;
    }
    return avalanche(hash);
  });
}

function avalanche(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
