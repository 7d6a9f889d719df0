/**
 * Classes of code points for the filters' statistics: what a word is made of, what ends a sentence, what is a symbol.
 *
 * Letters, numbers and white space are those of bpe-classes.ts; marks and ideographs are pinned to Unicode 17.0.
 * Punctuation and terminators are the sets by which datatrove's filters decide (huggingface/datatrove a649de79,
 * utils/text.py: about \p{Sentence_Terminal}, and ASCII punctuation with some of other scripts and the controls), so
 * that measured values mean the same. Ranges are written as in bpe-classes.ts.
 */
import { bpeClass, bpeClassTable } from "./bpe-classes.ts";

/** Lower three bits of a class: how a code point takes part in a word. */
export const wordKind = {
  /** A token by itself. */
  symbol: 0,
  space: 1,
  letter: 2,
  number: 3,
  /** Continues what stands before it. */
  mark: 4,
  /** An ideograph or Hiragana: a word by itself, alphabetic. */
  single: 5,
  /** Joins like a letter but is none: the underscore. */
  connector: 6,
} as const;

export const kindMask = 7;
/** Set for code points that alone do not make a word. */
export const punctuationBit = 8;
/** Set for code points that end a sentence. */
export const terminalBit = 16;

/** \p{M}, and the joiners U+200C and U+200D. */
const marks =
  "lc+34 7n+7 7b+19 1 1+2 1+2 1 20+b 1c+l g 2t+7 2+6 2+2 1+4 z u+r 2j+b 1m+9 9 o+4 1+9 1+3 1+5 17+3 1n+9 16+o " +
  "1+x 1i+3 1+i 1+7 a+2 t+3 1k 1+7 2+2 2+3 9 a+2 q 2+3 1k 1+5 4+2 2+3 3 u+2 3 b+3 1k 1+8 1+3 1+3 k+2 m+6 1+3 1k " +
  "1+7 2+2 2+3 7+3 a+2 u 1n+5 3+3 1+4 9 14+5 1j 1+7 1+3 1+4 7+2 b+2 t+3 1k 1+7 1+3 1+4 7+2 b+2 f c+4 1j+2 1+7 " +
  "1+3 1+4 9 a+2 t+3 1y 4+6 1 1+8 i+2 1p 2+7 c+8 2q 2+9 b+7 21+2 r 1 1 4+2 1d+k 1+2 5+b 1+10 9 2s+k n+4 4+3 1+3 " +
  "2+7 3+4 d+c 1 a+4 jj+3 qa+4 s+3 t+2 u+2 1s+w 9 19+3 1 39+2 y 3a+c 4+c 63+5 1l+a 1+t 2 1c+1a 2+c k+5 1b+h " +
  "12+9 c+3 u+d 1k+e 1c+k 48+3 1+l 4 6 2+3 5i+1s ek+2 5e+x 2da+3 3x 2o+w fe+6 2x+2 n9w+4 1+a w+2 28+2 7k 3 4 " +
  "n+5 4 2b+2 1e+i q+i d 12+8 p+d 18+4 1b+e 10 1v+e c 8+2 19+3 1e 1+3 2+2 5+2 1 15+5 5+2 6k+8 1+2 fn4 kh+g g+g " +
  "r1 6a 45+5 1ae+3 1+2 5+4 14+3 4 4l+2 fx+4 1t+5 8t+2 25+6 1y+b 1d+4 3e+3 1h+f 15 2+2 a+4 19+b 7 1p+3 10+e g+2 " +
  "18 c+3 1c+e 8+4 1+2 2k+c 6 2 4d+c l+4 1j+2 1+7 2+2 2+3 9 a+2 2+7 3+5 1v+9 1 2 1+4 1+5 1 e+2 2a+i n 29+k 6j+7 " +
  "2+9 r+2 2a+h 2y+d 2t+f 74+f 6t+6 1+2 2+4 1 1+2 3x+7 2+7 3 s+a 14+7 1+4 8 9+b 1a+g 5i+8 5j+8 1+8 2a+m 1+e " +
  "3e+6 3 1+2 1+7 1 1u+5 1+2 1+5 9n+4 9+2 1 1c+7 3+5 n 44l 6+f 8ug+i 1xc+5 1n+7 t4 1+1j 7+4 29 b+2 f57+2 3mp+1a " +
  "2+n f2+5 3+6 8+8 2+7 u+4 44+3 1iz+1j 4+1e 8 e m+5 1+f 11s+7 1+h 2+7 1+2 1+5 2s 4g+7 af 1p+4 e4+4 72+2 6r 2 " +
  "7+2 5 d6+7 31+7 gzhx+6o";

/** \p{Ideographic} and Hiragana: each code point is a word. */
const singles =
  "9hi 1m+2e 6+3 o0+534 1s+g74 hkw+a6 2+2y n4o+2 c+5p2 15+w 2p+37 6q6+7z i t+3 t+b0 f7o+wyo w+3dq 2+4ge 2+5rl " +
  "f+ha 1wi+f2 15u+3t7 5+6ju";

/** \p{Pc}. */
const connectors = "2n 6an+2 j 17tq+2 o+3 6n";

/** Sentence terminators. */
const terminals =
  "x c g 11l 43+3 50 17+3 6u 1p 1 3+2 85+2 1d0+2 ly 4+2 lh 5i+2 4d+3 2+2 14 5 8q+2 9u+4 4u+2 2+2 t+2 58+2 1t+2 " +
  "qk+2 9+3 2qs d m+2 bx n3w 7i+2 6b 3 am+2 2e+2 2n 48+2 43+3 40+2 6x g9y 3+2 4p c g 1t 25w+2 zh+5 18+4 59+2 " +
  "39+4 3j+3 3l+2 6 g+2 2g+2 1+2 30 bl+2 ad+2 5+f 2x+2 6x+3 ed 1 6z+2 2f+2 bo+2 j8+2 22+2 euh+2 3p 1t+2 b nn " +
  "feu 5wo";

/** ASCII punctuation, controls, and some of other scripts. */
const punctuation = "0+9 2+l 1+f a+7 q+6 q+11 b 8 6 66v+2 4 2+3 7 en ju 54 212+2 5+6 2+2 14vj 3 2+2 2 1 2 8+2 3 1q";

/** How words are told apart: as filter-types.ts defines them, or at white space alone. */
export type FilterWordRule = "unicode" | "whitespace";

/**
 * One byte a code point: a kind and the two bits.
 *
 * With "whitespace" no character stands alone, so that the same kernels count what a split at white space gives; by that
 * they are compared with other implementations.
 */
export function filterClassTable(words: FilterWordRule = "unicode"): Uint8Array {
  return (tables[words] ??= makeTable(words));
}
const tables: { [words in FilterWordRule]?: Uint8Array } = {};

function makeTable(words: FilterWordRule): Uint8Array {
  const table = new Uint8Array(0x110000);
  const bpe = bpeClassTable();
  for (let codePoint = 0; codePoint < table.length; codePoint++) {
    const known = bpe[codePoint];
    if (known === bpeClass.letter) table[codePoint] = wordKind.letter;
    else if (known === bpeClass.number) table[codePoint] = wordKind.number;
    else if (known === bpeClass.space) table[codePoint] = wordKind.space;
    else if (words === "whitespace") table[codePoint] = wordKind.connector;
  }
  setKind(table, marks, wordKind.mark);
  if (words === "unicode") setKind(table, singles, wordKind.single);
  setKind(table, connectors, wordKind.connector);
  // Python's str.split and str.strip take the four information separators for white space too.
  table.fill(wordKind.space, 0x1c, 0x20);
  setBit(table, terminals, punctuationBit | terminalBit);
  setBit(table, punctuation, punctuationBit);
  return table;
}

function setKind(target: Uint8Array, ranges: string, kind: number): void {
  forEachRange(ranges, (start, end) => target.fill(kind, start, end));
}

function setBit(target: Uint8Array, ranges: string, bits: number): void {
  forEachRange(ranges, (start, end) => {
    for (let codePoint = start; codePoint < end; codePoint++) target[codePoint] = (target[codePoint] as number) | bits;
  });
}

function forEachRange(ranges: string, visit: (start: number, end: number) => void): void {
  let at = 0;
  for (const range of ranges.split(" ")) {
    const [gap = "", length = "1"] = range.split("+");
    const start = at + Number.parseInt(gap, 36);
    at = start + Number.parseInt(length, 36);
    visit(start, at);
  }
}
