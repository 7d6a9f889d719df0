/** 64-bit arithmetic for the twins, as two 32-bit halves: BigInt would be twenty times slower. */

/** A mutable 64-bit unsigned number; `low` and `high` are kept as signed 32-bit integers, which V8 does not box. */
export class Uint64 {
  low = 0;
  high = 0;

  set(low: number, high: number): this {
    this.low = low | 0;
    this.high = high | 0;
    return this;
  }

  add(low: number, high: number): this {
    const sum = (this.low >>> 0) + (low >>> 0);
    this.low = sum | 0;
    this.high = (this.high + high + (sum > 0xffff_ffff ? 1 : 0)) | 0;
    return this;
  }

  subtract(low: number, high: number): this {
    return this.add(~low, ~high).add(1, 0);
  }

  /** Product modulo 2⁶⁴. */
  multiply(low: number, high: number): this {
    const a0 = this.low & 0xffff;
    const a1 = this.low >>> 16;
    const b0 = low & 0xffff;
    const b1 = low >>> 16;
    // Upper half of the 32 × 32 product from 16-bit pieces; every partial sum stays below 2⁵³.
    const middle = a1 * b0 + ((a0 * b0) >>> 16);
    const upper = a1 * b1 + Math.floor(middle / 65_536) + Math.floor(((middle & 0xffff) + a0 * b1) / 65_536);
    this.high = (upper + Math.imul(this.low, high) + Math.imul(this.high, low)) | 0;
    this.low = Math.imul(this.low, low);
    return this;
  }

  xor(low: number, high: number): this {
    this.low ^= low;
    this.high ^= high;
    return this;
  }

  /** Rotation to the left by 1 to 63 bits, not 32. */
  rotate(bits: number): this {
    const { low, high } = this;
    if (bits < 32) {
      this.high = (high << bits) | (low >>> (32 - bits));
      this.low = (low << bits) | (high >>> (32 - bits));
    } else {
      this.high = (low << (bits - 32)) | (high >>> (64 - bits));
      this.low = (high << (bits - 32)) | (low >>> (64 - bits));
    }
    return this;
  }

  /** `this ^= this >>> bits`, bits from 1 to 63. */
  foldRight(bits: number): this {
    if (bits >= 32) {
      this.low ^= this.high >>> (bits - 32);
      return this;
    }
    const { low, high } = this;
    this.low = low ^ ((low >>> bits) | (high << (32 - bits)));
    this.high = high ^ (high >>> bits);
    return this;
  }
}
