/**
 * Membership of word n-grams, for decontamination: which n-grams of a text stand in an evaluation set, and in which item.
 *
 * The table lies in one SharedArrayBuffer: filled once, then read by every worker thread. A filter in front of it answers
 * most look-ups, since most text is clean: a Bloom filter of three bits, all in one word (Putze, Sanders and Singler
 * 2007), so that a look-up costs one cache miss. Hashes of texts come from `TextKernels.shingles`, so both sides see
 * the normal form. Memory: `planNgramIndex`; about 150 MB for 10⁷ n-grams and 1.2 GB for 10⁸.
 *
 * An entry keeps 32 bits of the hash beside its slot: a clean n-gram that passes the filter (1.6 % of them do at 13 bits
 * an n-gram, 6 % at the least, 8) is mistaken with a probability of about 10⁻⁹. Nothing is ever missed.
 */
import { assert } from "../base/errors.ts";
import type { ShingleSequences } from "./types.ts";

export interface NgramIndexPlan {
  /** Most distinct n-grams. */
  readonly capacity: number;
  readonly filterBits: number;
  readonly slots: number;
  readonly bytes: number;
}

/** Sizes of an index; all of its memory, held once for all threads. */
export function planNgramIndex(capacity: number): NgramIndexPlan {
  assert(Number.isInteger(capacity) && capacity >= 1 && capacity <= 2 ** 30, "capacity of an n-gram index");
  const filterBits = Math.max(64, powerOfTwo(8 * capacity));
  const slots = powerOfTwo(Math.ceil(capacity * 1.25));
  return { capacity, filterBits, slots, bytes: 4 * headerWords + filterBits / 8 + 8 * slots };
}

/** Hits of a column, in order. */
export interface NgramHits {
  /** Index of the text. */
  readonly texts: Int32Array;
  /** Index of the n-gram within its text. */
  readonly positions: Int32Array;
  /** Item that the n-gram was first added for. */
  readonly items: Uint32Array;
}

/** Words before the filter: log₂ of its bits, log₂ of the slots, n-grams held, capacity. */
const headerWords = 4;

/** n-grams looked up at a time. */
const blockLength = 4096;

export class NgramIndex {
  /** Hand this to another thread and open it there with `NgramIndex.open`. */
  readonly shared: SharedArrayBuffer;
  private readonly header: Uint32Array;
  private readonly filter: Uint32Array;
  /** Two words a slot: upper half of the hash, item + 1; an item of 0 is a free slot. */
  private readonly slots: Uint32Array;
  /** The upper bits of the upper half choose a word of the filter, the lower half's its bits. */
  private readonly filterShift: number;
  private readonly slotMask: number;
  private readonly filterWords = new Int32Array(blockLength);
  private readonly suspects = new Int32Array(blockLength);
  private readonly firstItems = new Uint32Array(blockLength);

  private constructor(shared: SharedArrayBuffer) {
    this.shared = shared;
    this.header = new Uint32Array(shared, 0, headerWords);
    const [filterLog = 0, slotLog = 0] = this.header;
    const filterWords = 2 ** filterLog / 32;
    this.filter = new Uint32Array(shared, 4 * headerWords, filterWords);
    this.slots = new Uint32Array(shared, 4 * (headerWords + filterWords), 2 * 2 ** slotLog);
    this.filterShift = 37 - filterLog;
    this.slotMask = 2 ** slotLog - 1;
  }

  static create(capacity: number): NgramIndex {
    const { filterBits, slots, bytes } = planNgramIndex(capacity);
    const shared = new SharedArrayBuffer(bytes);
    new Uint32Array(shared).set([Math.log2(filterBits), Math.log2(slots), 0, capacity]);
    return new NgramIndex(shared);
  }

  /** An index that another thread made. Read it only after its maker has finished. */
  static open(shared: SharedArrayBuffer): NgramIndex {
    return new NgramIndex(shared);
  }

  /** Distinct n-grams held. */
  get size(): number {
    return this.header[2] as number;
  }

  /**
   * Adds the n-grams of texts; `items[i]` names text `i` (below 2³² - 1). An n-gram keeps the first item it came with.
   *
   * One thread at a time. Exceeding the capacity is a bug of the caller, who counts first.
   */
  add({ hashes, offsets }: ShingleSequences, items: ArrayLike<number>): void {
    for (let text = 0; text + 1 < offsets.length; text++) {
      for (let at = offsets[text] as number; at < (offsets[text + 1] as number); at++) {
        this.insert(hashes[2 * at] as number, hashes[2 * at + 1] as number, items[text] as number);
      }
    }
  }

  /** Every n-gram of the texts that the index holds. */
  lookup({ hashes, offsets }: ShingleSequences): NgramHits {
    const texts: number[] = [];
    const positions: number[] = [];
    const items: number[] = [];
    const start = offsets[0] as number;
    const end = offsets[offsets.length - 1] as number;
    let text = 0;
    for (let from = start; from < end; from += blockLength) {
      const suspects = this.suspectsOf(hashes, from, Math.min(end, from + blockLength));
      this.firstItemsOf(hashes, suspects);
      for (let i = 0; i < suspects; i++) {
        if (this.firstItems[i] === 0) continue;
        const at = this.suspects[i] as number;
        const item = this.find(hashes[2 * at] as number, hashes[2 * at + 1] as number);
        if (item < 0) continue;
        while (at >= (offsets[text + 1] as number)) text++;
        texts.push(text);
        positions.push(at - (offsets[text] as number));
        items.push(item);
      }
    }
    return { texts: Int32Array.from(texts), positions: Int32Array.from(positions), items: Uint32Array.from(items) };
  }

  /**
   * Puts into `suspects` the n-grams of `[from, to)` that the filter cannot clear; returns their number. No branch
   * depends on what the filter says, and a loop of its own fetches its words, so short that many cache misses overlap.
   */
  private suspectsOf(hashes: Uint32Array, from: number, to: number): number {
    const { filter, filterShift, filterWords, suspects } = this;
    for (let at = from; at < to; at++) {
      filterWords[at - from] = filter[(hashes[2 * at + 1] as number) >>> filterShift] as number;
    }
    let count = 0;
    for (let at = from; at < to; at++) {
      const low = hashes[2 * at] as number;
      const word = filterWords[at - from] as number;
      suspects[count] = at;
      // A shift looks at the last five bits of how far it goes.
      count += (word >> (low >>> 27)) & (word >> (low >>> 22)) & (word >> (low >>> 17)) & 1;
    }
    return count;
  }

  /** Reads the first slot of each suspect, many of which are free; its cache misses overlap too. */
  private firstItemsOf(hashes: Uint32Array, count: number): void {
    const { slots, slotMask, suspects, firstItems } = this;
    for (let i = 0; i < count; i++) {
      const low = hashes[2 * (suspects[i] as number)] as number;
      firstItems[i] = slots[2 * (low & slotMask) + 1] as number;
    }
  }

  /** Item of an n-gram, or -1. */
  private find(low: number, high: number): number {
    const { slots, slotMask } = this;
    for (let slot = low & slotMask; ; slot = (slot + 1) & slotMask) {
      const item = slots[2 * slot + 1] as number;
      if (item === 0) return -1;
      if (slots[2 * slot] === high) return item - 1;
    }
  }

  private insert(low: number, high: number, item: number): void {
    const { slots, slotMask, header, filter } = this;
    let slot = low & slotMask;
    while (slots[2 * slot + 1] !== 0) {
      if (slots[2 * slot] === high) return;
      slot = (slot + 1) & slotMask;
    }
    assert(this.size < (header[3] as number), "an n-gram index has room for what is added");
    slots[2 * slot] = high;
    slots[2 * slot + 1] = item + 1;
    header[2] = this.size + 1;
    const word = high >>> this.filterShift;
    const bits = (1 << (low >>> 27)) | (1 << (low >>> 22)) | (1 << (low >>> 17));
    filter[word] = (filter[word] as number) | bits;
  }
}

/** The least power of two not below `value`. */
function powerOfTwo(value: number): number {
  return 2 ** Math.ceil(Math.log2(value));
}
