/**
 * A set of 64-bit hashes with a count and a first position, emptied in no time by a new generation.
 *
 * Open addressing, never more than half full: `reset` takes the number of entries that may come.
 */
export class GenerationTable {
  #low = new Uint32Array(0);
  #high = new Uint32Array(0);
  #generations = new Uint32Array(0);
  #generation = 0;
  #mask = -1;
  /** How often the hash of a slot was added. */
  counts = new Uint32Array(0);
  /** The position given with the first addition. */
  first = new Uint32Array(0);

  /** Empties the table and makes room. */
  reset(entries: number): void {
    if (entries * 2 > this.#low.length) {
      let size = 1024;
      while (size < entries * 2) size *= 2;
      this.#low = new Uint32Array(size);
      this.#high = new Uint32Array(size);
      this.#generations = new Uint32Array(size);
      this.counts = new Uint32Array(size);
      this.first = new Uint32Array(size);
      this.#generation = 0;
      this.#mask = size - 1;
    }
    if (this.#generation === 0xffff_ffff) {
      this.#generations.fill(0);
      this.#generation = 0;
    }
    this.#generation++;
    // Small texts stay in a small part of the table, which the cache holds.
    let used = 1024;
    while (used < entries * 2) used *= 2;
    this.#mask = used - 1;
  }

  /** Adds a hash and returns its slot; `counts[slot]` is 1 when it is new. */
  add(low: number, high: number, position: number): number {
    let slot = mix(low ^ high) & this.#mask;
    while (this.#generations[slot] === this.#generation) {
      if (this.#low[slot] === low >>> 0 && this.#high[slot] === high >>> 0) {
        this.counts[slot] = (this.counts[slot] as number) + 1;
        return slot;
      }
      slot = (slot + 1) & this.#mask;
    }
    this.#generations[slot] = this.#generation;
    this.#low[slot] = low;
    this.#high[slot] = high;
    this.counts[slot] = 1;
    this.first[slot] = position;
    return slot;
  }
}

/** The finaliser of MurmurHash3: every bit of the input reaches every bit of the output. */
function mix(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x85eb_ca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35);
  return x ^ (x >>> 16);
}
