/**
 * LZ4 decoding, which Node lacks and pyarrow's Feather files and some Parquet files need: frames, and bare blocks.
 *
 * After the format descriptions by Yann Collet (lz4_Frame_format.md 1.6, lz4_Block_format.md). Checksums are not
 * verified; lengths are, and no byte outside input or output is ever touched.
 */

const frameMagic = 0x184d_2204;

/**
 * Decodes one frame.
 *
 * @throws Error when it is malformed
 */
export function decodeLz4Frame(input: Uint8Array): Uint8Array {
  const view = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  if (view.length < 7 || view.readUInt32LE(0) !== frameMagic) throw new Error("not an LZ4 frame");
  const flags = view[4] as number;
  const blockChecksum = (flags & 0x10) !== 0;
  const contentSize = (flags & 0x08) !== 0;
  const dictionary = (flags & 0x01) !== 0;
  if (dictionary) throw new Error("the LZ4 frame needs a dictionary");
  const maxBlock = 1 << (8 + 2 * (((view[5] as number) >> 4) & 7));
  let at = 6 + (contentSize ? 8 : 0) + 1;
  let output: Uint8Array = new Uint8Array(contentSize ? Number(view.readBigUInt64LE(6)) : maxBlock);
  let length = 0;
  while (true) {
    if (at + 4 > view.length) throw new Error("the LZ4 frame ends too early");
    const word = view.readUInt32LE(at);
    at += 4;
    if (word === 0) return output.subarray(0, length);
    const size = word & 0x7fff_ffff;
    if (at + size > view.length) throw new Error("the LZ4 frame ends too early");
    const block = view.subarray(at, at + size);
    at += size + (blockChecksum ? 4 : 0);
    const room = word > 0x7fff_ffff ? size : maxBlock;
    if (!contentSize && length + room > output.length) {
      const grown = new Uint8Array(Math.max(output.length * 2, length + room));
      grown.set(output.subarray(0, length));
      output = grown;
    }
    if (word > 0x7fff_ffff) {
      if (length + size > output.length) throw new Error("the LZ4 frame is longer than it says");
      output.set(block, length);
      length += size;
    } else length = decodeBlock(block, output, length);
  }
}

/**
 * Decodes one bare block of known decoded size.
 *
 * @throws Error when it is malformed or of another size
 */
export function decodeLz4Block(input: Uint8Array, size: number): Uint8Array {
  const output = new Uint8Array(size);
  if (decodeBlock(input, output, 0) !== size) throw new Error("the LZ4 block is shorter than it says");
  return output;
}

/** Parquet's deprecated codec LZ4: blocks framed as Hadoop does, or a frame, or a bare block. */
export function decodeLz4Hadoop(input: Uint8Array, size: number): Uint8Array {
  const view = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  if (view.length >= 4 && view.readUInt32LE(0) === frameMagic) return decodeLz4Frame(input);
  const output = new Uint8Array(size);
  let length = 0;
  let at = 0;
  while (at + 8 <= view.length && length < size) {
    const decoded = view.readUInt32BE(at);
    const encoded = view.readUInt32BE(at + 4);
    if (length + decoded > size || at + 8 + encoded > view.length) return decodeLz4Block(input, size);
    length = decodeBlock(view.subarray(at + 8, at + 8 + encoded), output, length);
    at += 8 + encoded;
  }
  return length === size ? output : decodeLz4Block(input, size);
}

/** Decodes a block behind `length` bytes of output, to which its matches may reach back; returns the new length. */
function decodeBlock(input: Uint8Array, output: Uint8Array, length: number): number {
  let at = 0;
  let end = length;
  const extended = (low: number): number => {
    if (low !== 15) return low;
    let total = low;
    while (true) {
      const more = input[at++];
      if (more === undefined) throw new Error("the LZ4 block ends too early");
      total += more;
      if (more !== 255) return total;
    }
  };
  while (at < input.length) {
    const token = input[at++] as number;
    const literals = extended(token >> 4);
    if (at + literals > input.length || end + literals > output.length) throw new Error("the LZ4 block is damaged");
    // Most runs are short, and a copy by hand is faster than making a view.
    if (literals < 32) for (let i = 0; i < literals; i++) output[end + i] = input[at + i] as number;
    else output.set(input.subarray(at, at + literals), end);
    at += literals;
    end += literals;
    if (at === input.length) return end;
    if (at + 2 > input.length) throw new Error("the LZ4 block ends too early");
    const distance = (input[at] as number) | ((input[at + 1] as number) << 8);
    at += 2;
    const match = extended(token & 15) + 4;
    if (distance === 0 || distance > end || end + match > output.length) throw new Error("the LZ4 block is damaged");
    if (match >= 32 && distance >= match) output.copyWithin(end, end - distance, end - distance + match);
    // A match that overlaps itself repeats what it has just written, so bytes go one by one.
    else for (let i = 0; i < match; i++) output[end + i] = output[end - distance + i] as number;
    end += match;
  }
  return end;
}
