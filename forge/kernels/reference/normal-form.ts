/**
 * The normal form in which texts are compared: datatrove's `simplify_text` (`utils/text.py`, commit a649de79) over
 * UTF-8. Plain twin of `assembly/normal-form.ts`.
 *
 * Lower case with Python's rules, numbers to 0, punctuation and control characters to spaces, white space collapsed,
 * then NFD without Mn. As there, white space is collapsed before marks fall away, so a lone mark leaves two spaces.
 */
import type { TextColumn } from "../types.ts";
import { propertiesOf, unicodeTables } from "../unicode/tables.ts";
import { propertyBits } from "../unicode/properties.ts";
import { sequenceLength } from "./utf8.ts";

/** Flags of an entry, and the length that stands for the code point itself (scripts/generate-unicode.ts). */
export const digitFlag = 1 << 28;
export const spaceFlag = 1 << 29;
const markFlag = 1 << 30;
const transparentFlag = 1 << 31;
export const itself = 15;

/** Decimal separators that join two runs of digits: . , ، ٫ ⎖ ⎗ ⎘ */
export const separators = new Set([0x2e, 0x2c, 0x60c, 0x66b, 0x2396, 0x2397, 0x2398]);

/** No code point grows by more: U+1D160 becomes twelve bytes, a Hangul syllable of three bytes becomes nine. */
const maxGrowth = 3;

export function normalizeForDedup(column: TextColumn): TextColumn {
  const { offsets, length } = column;
  const begin = offsets[0] as number;
  const values = new Uint8Array(maxGrowth * ((offsets[length] as number) - begin) + 16);
  const target = new Int32Array(length + 1);
  const writer = new Normalizer(column.values, values);
  for (let i = 0; i < length; i++) {
    target[i + 1] = writer.run(offsets[i] as number, offsets[i + 1] as number, target[i] as number);
  }
  return { values: values.slice(0, target[length]), offsets: target, length };
}

/** Normalises one text at a time from `source` into `output`. */
class Normalizer {
  private readonly tables = unicodeTables();
  private readonly source: Uint8Array;
  private readonly output: Uint8Array;
  private written = 0;
  /** Bytes and code point at the last `read`. */
  private size = 0;
  private codePoint = 0;

  constructor(source: Uint8Array, output: Uint8Array) {
    this.source = source;
    this.output = output;
  }

  /** Returns where the output ends. */
  run(start: number, end: number, target: number): number {
    this.written = target;
    let spacePending = false;
    let at = start;
    while (at < end) {
      const entry = this.read(at, end);
      if ((entry & spaceFlag) !== 0) {
        spacePending = true;
        at += this.size;
        continue;
      }
      if (spacePending && this.written > target) this.output[this.written++] = 0x20;
      spacePending = false;
      if ((entry & digitFlag) !== 0) {
        this.output[this.written++] = 0x30;
        at = this.skipNumber(at, end);
      } else if ((entry & markFlag) !== 0) at = this.copyMarks(at, end);
      else if (this.codePoint === 0x3a3) {
        this.writeCodePoint(this.isFinalSigma(at, start, end) ? 0x3c2 : 0x3c3);
        at += this.size;
      } else {
        this.copy(entry, at);
        at += this.size;
      }
    }
    while (this.written > target && this.output[this.written - 1] === 0x20) this.written--;
    return this.written;
  }

  /** Entry of the code point at `at`; a byte that begins no valid sequence counts as U+FFFD. */
  private read(at: number, end: number): number {
    const { source, tables } = this;
    const lead = source[at] as number;
    const size = lead < 0x80 ? 1 : sequenceLength(source, at, end);
    if (size === 1) this.codePoint = lead;
    else if (size === 2) this.codePoint = ((lead & 0x1f) << 6) | this.bits(at + 1);
    else if (size === 3) this.codePoint = ((lead & 0xf) << 12) | (this.bits(at + 1) << 6) | this.bits(at + 2);
    else if (size === 4) {
      this.codePoint = ((lead & 7) << 18) | (this.bits(at + 1) << 12) | (this.bits(at + 2) << 6) | this.bits(at + 3);
    } else this.codePoint = 0xfffd;
    this.size = Math.abs(size);
    const block = tables.normalIndex[this.codePoint >> 7] as number;
    return tables.normalBlocks[(block << 7) | (this.codePoint & 127)] as number;
  }

  private bits(at: number): number {
    return (this.source[at] as number) & 0x3f;
  }

  private copy(entry: number, at: number): void {
    const { codePoint, output, tables } = this;
    const length = (entry >>> 24) & 15;
    if (codePoint >= 0xac00 && codePoint <= 0xd7a3) this.writeHangul(codePoint - 0xac00);
    else if (codePoint === 0xfffd) this.writeCodePoint(codePoint);
    else if (length === itself)
      for (let i = 0; i < this.size; i++) output[this.written++] = this.source[at + i] as number;
    else {
      const from = entry & 0xff_ffff;
      for (let i = 0; i < length; i++) output[this.written++] = tables.normalExpansions[from + i] as number;
    }
  }

  /** Hangul syllables decompose by arithmetic (Unicode 17, 3.12.2). */
  private writeHangul(index: number): void {
    this.writeCodePoint(0x1100 + Math.floor(index / 588));
    this.writeCodePoint(0x1161 + Math.floor((index % 588) / 28));
    if (index % 28 !== 0) this.writeCodePoint(0x11a7 + (index % 28));
  }

  /** Of two or three bytes. */
  private writeCodePoint(codePoint: number): void {
    if (codePoint < 0x800) this.output[this.written++] = 0xc0 | (codePoint >> 6);
    else {
      this.output[this.written++] = 0xe0 | (codePoint >> 12);
      this.output[this.written++] = 0x80 | ((codePoint >> 6) & 0x3f);
    }
    this.output[this.written++] = 0x80 | (codePoint & 0x3f);
  }

  /** `\p{Nd}+([.,،٫⎖⎗⎘]\p{Nd}+)?` */
  private skipNumber(start: number, end: number): number {
    let at = this.skipDigits(start, end);
    if (at < end) {
      this.read(at, end);
      if (separators.has(this.codePoint)) {
        const fraction = at + this.size;
        const after = this.skipDigits(fraction, end);
        if (after > fraction) at = after;
      }
    }
    return at;
  }

  private skipDigits(start: number, end: number): number {
    let at = start;
    while (at < end && (this.read(at, end) & digitFlag) !== 0) at += this.size;
    return at;
  }

  /**
   * Puts a run of spacing marks with combining classes into canonical order. Dropped marks between them do not end the
   * run. One pass for each class present: linear, since there are few.
   */
  private copyMarks(start: number, end: number): number {
    const present = new Set<number>();
    let stop = start;
    for (; stop < end; stop += this.size) {
      const entry = this.read(stop, end);
      if ((entry & markFlag) !== 0) present.add(this.rankOf(entry));
      else if ((entry & transparentFlag) === 0) break;
    }
    for (const rank of [...present].sort((a, b) => a - b)) {
      for (let at = start; at < stop; at += this.size) {
        const entry = this.read(at, end);
        if ((entry & markFlag) !== 0 && this.rankOf(entry) === rank) this.copy(entry, at);
      }
    }
    return stop;
  }

  /** A mark's expansion is preceded by the rank of its combining class. */
  private rankOf(entry: number): number {
    return this.tables.normalExpansions[(entry & 0xff_ffff) - 1] as number;
  }

  /** A Σ that ends a word (Unicode 17, 3.13, Final_Sigma; CPython's handle_capital_sigma): each scan stops at any Σ. */
  private isFinalSigma(at: number, start: number, end: number): boolean {
    let before = at;
    let cased = false;
    while (before > start) {
      do before--;
      while (before > start && ((this.source[before] as number) & 0xc0) === 0x80);
      this.read(before, end);
      const properties = propertiesOf(this.codePoint);
      if ((properties & propertyBits.caseIgnorable) !== 0) continue;
      cased = (properties & propertyBits.cased) !== 0;
      break;
    }
    let isFinal = cased;
    for (let after = at + 2; cased && after < end; after += this.size) {
      this.read(after, end);
      const properties = propertiesOf(this.codePoint);
      if ((properties & propertyBits.caseIgnorable) !== 0) continue;
      isFinal = (properties & propertyBits.cased) === 0;
      break;
    }
    this.size = 2;
    return isFinal;
  }
}
