/** Text columns as Parquet holds them: each text behind its length, or as its number in a dictionary of such texts. */
import type { ChunkStatistics } from "hyparquet-writer/src/types.js";
import { type ColumnPages, encodeRuns, pageBytes, RowLevels } from "./parquet-pages.ts";

/** Texts one behind the other, each behind its length of 32 bits: Parquet's plain encoding. */
class LengthPrefixed {
  #bytes = Buffer.allocUnsafeSlow(1 << 16);
  length = 0;

  /** The texts so far; overwritten after `truncate`. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  /** The same with room behind them: no view is made. */
  get buffer(): Uint8Array {
    return this.#bytes;
  }

  append(source: Uint8Array, start: number, end: number): void {
    const bytes = end - start;
    this.#reserve(4 + bytes);
    let to = this.#writeLength(bytes);
    // A short copy by hand is faster than making a view.
    if (bytes < 48) for (let i = start; i < end; i++) this.#bytes[to++] = source[i] as number;
    else this.#bytes.set(source.subarray(start, end), to);
    this.length += 4 + bytes;
  }

  appendString(text: string): void {
    this.#reserve(4 + 3 * text.length);
    const bytes = this.#bytes.write(text, this.length + 4, "utf8");
    this.#writeLength(bytes);
    this.length += 4 + bytes;
  }

  /** Forgets what stands behind a length; the memory stays for what comes next, unless a text was exceptionally long. */
  truncate(length: number): void {
    this.length = length;
    if (length === 0 && this.#bytes.length > 4 * pageBytes) this.#bytes = Buffer.allocUnsafeSlow(2 * pageBytes);
  }

  /** Returns the position behind it. */
  #writeLength(bytes: number): number {
    for (let i = 0; i < 4; i++) this.#bytes[this.length + i] = bytes >>> (8 * i);
    return this.length + 4;
  }

  #reserve(bytes: number): void {
    const wanted = this.length + bytes;
    if (wanted <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(wanted, this.#bytes.length * 2));
    grown.set(this.bytes);
    this.#bytes = grown;
  }
}

/** Texts without a dictionary and statistics, which would read every byte to no avail. */
export class PlainTexts {
  readonly #pages: ColumnPages;
  readonly #texts = new LengthPrefixed();
  readonly #levels = new RowLevels();

  constructor(pages: ColumnPages) {
    this.#pages = pages;
  }

  pushNull(): void {
    this.#levels.push(0);
  }

  push(source: Uint8Array, start: number, end: number): void {
    if (this.#texts.length + 4 + end - start > pageBytes) this.#endPage();
    this.#texts.append(source, start, end);
    this.#levels.push(1);
  }

  pushString(text: string): void {
    if (this.#texts.length + 4 + text.length > pageBytes) this.#endPage();
    this.#texts.appendString(text);
    this.#levels.push(1);
  }

  finish(): undefined {
    this.#endPage();
  }

  #endPage(): void {
    const { rows } = this.#levels;
    if (rows === 0) return;
    this.#pages.add("PLAIN", this.#levels.view(0, rows), this.#levels.nulls, this.#texts.bytes);
    this.#levels.clear();
    this.#texts.truncate(0);
  }
}

/** Values after which it is clear whether a column's texts recur. */
const sampleSize = 256;

/** Texts that may recur: a dictionary is written when it halves the column. */
export class DictionaryTexts {
  readonly #pages: ColumnPages;
  readonly #levels = new RowLevels();
  /** Each different text once, or all of them when they do not recur. */
  readonly #texts = new LengthPrefixed();
  /** Where texts begin, by their number, and where the last ends: there is no gap between them. */
  #positions = new Int32Array(256);
  #distinct = 0;
  /** Number of the text of each row that has one. */
  #codes = new Int32Array(1024);
  #count = 0;
  /** Bytes of all rows' texts in plain encoding. */
  #plainBytes = 0;
  /** Open addressing: the text's number + 1, or 0. */
  #table = new Int32Array(512);
  #recurs = true;
  /** For rows of which too few recur. */
  readonly #plain: PlainTexts;

  constructor(pages: ColumnPages) {
    this.#pages = pages;
    this.#plain = new PlainTexts(pages);
  }

  pushNull(): void {
    this.#levels.push(0);
  }

  push(source: Uint8Array, start: number, end: number): void {
    const position = this.#texts.length;
    this.#texts.append(source, start, end);
    this.#pushLast(position);
  }

  pushString(text: string): void {
    const position = this.#texts.length;
    this.#texts.appendString(text);
    this.#pushLast(position);
  }

  finish(): ChunkStatistics {
    const statistics = this.#statistics();
    const codes = this.#codes.subarray(0, this.#count);
    const bitWidth = this.#distinct < 2 ? 0 : 32 - Math.clz32(this.#distinct - 1);
    const encodedBytes = this.#texts.length + (this.#count * bitWidth) / 8;
    if (this.#count > 0 && 2 * encodedBytes <= this.#plainBytes) {
      this.#pages.addDictionary(this.#distinct, this.#texts.bytes);
      const indexes = encodeRuns(codes, bitWidth);
      const body = new Uint8Array(1 + indexes.length);
      body[0] = bitWidth;
      body.set(indexes, 1);
      this.#pages.add("RLE_DICTIONARY", this.#levels.view(0, this.#levels.rows), this.#levels.nulls, body);
    } else this.#writePlain(codes);
    this.#levels.clear();
    this.#texts.truncate(0);
    this.#table.fill(0);
    this.#distinct = 0;
    this.#count = 0;
    this.#plainBytes = 0;
    this.#recurs = true;
    return statistics;
  }

  /** Notes the text that was appended last, at a position; takes it away again when it is there already. */
  #pushLast(position: number): void {
    this.#levels.push(1);
    if (this.#count === this.#codes.length) this.#codes = grownBy2(this.#codes);
    this.#plainBytes += this.#texts.length - position;
    const known = this.#distinct;
    const code = this.#recurs ? this.#codeOfLast(position) : this.#newCode(position);
    if (code < known) this.#texts.truncate(position);
    this.#codes[this.#count++] = code;
    if (this.#count === sampleSize && this.#texts.length > 0.9 * this.#plainBytes) this.#recurs = false;
  }

  #codeOfLast(position: number): number {
    if (2 * this.#distinct >= this.#table.length) this.#growTable();
    const mask = this.#table.length - 1;
    for (let slot = this.#hash(position, this.#texts.length) & mask; ; slot = (slot + 1) & mask) {
      const code = (this.#table[slot] as number) - 1;
      if (code < 0) return (this.#table[slot] = this.#newCode(position) + 1) - 1;
      if (this.#isLast(code, position)) return code;
    }
  }

  #newCode(position: number): number {
    if (this.#distinct + 1 === this.#positions.length) this.#positions = grownBy2(this.#positions);
    this.#positions[this.#distinct] = position;
    this.#positions[this.#distinct + 1] = this.#texts.length;
    return this.#distinct++;
  }

  #growTable(): void {
    const table = new Int32Array(this.#table.length * 4);
    const mask = table.length - 1;
    for (let code = 0; code < this.#distinct; code++) {
      let slot = this.#hash(this.#positions[code] as number, this.#end(code)) & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = code + 1;
    }
    this.#table = table;
  }

  #end(code: number): number {
    return this.#positions[code + 1] as number;
  }

  /** FNV-1a of a text and its length, of which the upper bits are brought down. */
  #hash(start: number, end: number): number {
    const bytes = this.#texts.buffer;
    let hash = 0x811c9dc5;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
    return hash ^ (hash >>> 15);
  }

  /** Whether the text with a number is the one that was appended last; both with their lengths. */
  #isLast(code: number, last: number): boolean {
    const bytes = this.#texts.buffer;
    const start = this.#positions[code] as number;
    // Its own length is the first that is compared.
    const length = this.#texts.length - last;
    for (let i = 0; i < length; i++) if (bytes[start + i] !== bytes[last + i]) return false;
    return true;
  }

  #writePlain(codes: Int32Array): void {
    const plain = this.#plain;
    const { buffer: bytes } = this.#texts;
    for (let row = 0, i = 0; row < this.#levels.rows; row++) {
      if (this.#levels.hasValue(row)) {
        const code = codes[i++] as number;
        plain.push(bytes, (this.#positions[code] as number) + 4, this.#end(code));
      } else plain.pushNull();
    }
    plain.finish();
  }

  /** Bounds by bytes, which is the order of code points. */
  #statistics(): ChunkStatistics {
    let least = 0;
    let most = 0;
    for (let code = 1; code < this.#distinct; code++) {
      if (this.#compare(code, least) < 0) least = code;
      if (this.#compare(code, most) > 0) most = code;
    }
    return {
      ...(this.#distinct > 0 && { min_value: this.#text(least), max_value: this.#text(most) }),
      null_count: BigInt(this.#levels.nulls),
    };
  }

  #text(code: number): Uint8Array {
    return new Uint8Array(this.#texts.bytes.subarray((this.#positions[code] as number) + 4, this.#end(code)));
  }

  #compare(a: number, b: number): number {
    const bytes = this.#texts.buffer;
    const ofA = this.#positions[a] as number;
    const ofB = this.#positions[b] as number;
    const bytesOfA = this.#end(a) - ofA;
    const bytesOfB = this.#end(b) - ofB;
    const common = Math.min(bytesOfA, bytesOfB);
    for (let i = 4; i < common; i++) {
      const difference = (bytes[ofA + i] as number) - (bytes[ofB + i] as number);
      if (difference !== 0) return difference;
    }
    return bytesOfA - bytesOfB;
  }
}

function grownBy2(values: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(values.length * 2);
  grown.set(values);
  return grown;
}
