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

  at(position: number): number {
    return this.#bytes[position] as number;
  }

  textLength(position: number): number {
    return this.#bytes.readUInt32LE(position);
  }

  append(source: Uint8Array, start: number, end: number): void {
    const bytes = end - start;
    this.#reserve(4 + bytes);
    let to = this.#bytes.writeUInt32LE(bytes, this.length);
    // A short copy by hand is faster than making a view.
    if (bytes < 48) for (let i = start; i < end; i++) this.#bytes[to++] = source[i] as number;
    else this.#bytes.set(source.subarray(start, end), to);
    this.length += 4 + bytes;
  }

  appendString(text: string): void {
    this.#reserve(4 + 3 * text.length);
    const bytes = this.#bytes.write(text, this.length + 4, "utf8");
    this.#bytes.writeUInt32LE(bytes, this.length);
    this.length += 4 + bytes;
  }

  /** Forgets what stands behind a length; the memory stays for what comes next, unless a text was exceptionally long. */
  truncate(length: number): void {
    this.length = length;
    if (length === 0 && this.#bytes.length > 4 * pageBytes) this.#bytes = Buffer.allocUnsafeSlow(2 * pageBytes);
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
    this.#pages.add("PLAIN", this.#levels.view(0, rows), this.#texts.bytes);
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
  /** Where texts begin, by their number. */
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
      this.#pages.add("RLE_DICTIONARY", this.#levels.view(0, this.#levels.rows), body);
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
    for (let slot = this.#hash(position) & mask; ; slot = (slot + 1) & mask) {
      const code = (this.#table[slot] as number) - 1;
      if (code < 0) return (this.#table[slot] = this.#newCode(position) + 1) - 1;
      if (this.#equal(this.#positions[code] as number, position)) return code;
    }
  }

  #newCode(position: number): number {
    if (this.#distinct === this.#positions.length) this.#positions = grownBy2(this.#positions);
    this.#positions[this.#distinct] = position;
    return this.#distinct++;
  }

  #growTable(): void {
    const table = new Int32Array(this.#table.length * 4);
    const mask = table.length - 1;
    for (let code = 0; code < this.#distinct; code++) {
      let slot = this.#hash(this.#positions[code] as number) & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = code + 1;
    }
    this.#table = table;
  }

  /** FNV-1a of a text with its length, of which the upper bits are brought down. */
  #hash(position: number): number {
    const end = position + 4 + this.#texts.textLength(position);
    let hash = 0x811c9dc5;
    for (let i = position; i < end; i++) hash = Math.imul(hash ^ this.#texts.at(i), 0x01000193);
    return hash ^ (hash >>> 15);
  }

  #equal(a: number, b: number): boolean {
    const bytes = 4 + this.#texts.textLength(a);
    for (let i = 0; i < bytes; i++) if (this.#texts.at(a + i) !== this.#texts.at(b + i)) return false;
    return true;
  }

  #writePlain(codes: Int32Array): void {
    const plain = this.#plain;
    const { bytes } = this.#texts;
    for (let row = 0, i = 0; row < this.#levels.rows; row++) {
      if (this.#levels.hasValue(row)) {
        const position = this.#positions[codes[i++] as number] as number;
        plain.push(bytes, position + 4, position + 4 + this.#texts.textLength(position));
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
    const start = (this.#positions[code] as number) + 4;
    return new Uint8Array(this.#texts.bytes.subarray(start, start + this.#texts.textLength(start - 4)));
  }

  #compare(a: number, b: number): number {
    const [first, second] = [this.#positions[a] as number, this.#positions[b] as number];
    const [ofFirst, ofSecond] = [this.#texts.textLength(first), this.#texts.textLength(second)];
    for (let i = 4; i < 4 + Math.min(ofFirst, ofSecond); i++) {
      const difference = this.#texts.at(first + i) - this.#texts.at(second + i);
      if (difference !== 0) return difference;
    }
    return ofFirst - ofSecond;
  }
}

function grownBy2(values: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(values.length * 2);
  grown.set(values);
  return grown;
}
