/** Texts for tests of the filters' kernels: pieces that their rules treat specially, whole and damaged. */
import fc from "fast-check";
import type { TextColumn } from "../../forge/kernels/types.ts";

export function columnOf(texts: readonly string[]): TextColumn {
  return columnOfBytes(texts.map((text) => Buffer.from(text, "utf8")));
}

export function columnOfBytes(parts: readonly Uint8Array[]): TextColumn {
  const texts = parts;
  const offsets = new Int32Array(texts.length + 1);
  parts.forEach((part, i) => (offsets[i + 1] = (offsets[i] as number) + part.length));
  return { values: new Uint8Array(Buffer.concat(parts)), offsets, length: texts.length };
}

/** Few pieces, so that lines, paragraphs and n-grams repeat. */
const piece = fc.constantFrom(
  "the",
  "of",
  "to",
  "that's",
  "a",
  "b",
  "ab",
  "Word",
  "naïve",
  "3.14",
  "1,000",
  "x_y",
  "e\u0301",
  "日本",
  "ひら",
  "カナ",
  "Straße",
  ".",
  "...",
  "…",
  "!",
  "?",
  "。",
  "#",
  "##",
  "-",
  "•",
  "'",
  "’",
  "“q”",
  "😀",
  " ",
  " ",
  " ",
  "\t",
  "\n",
  "\n",
  "\n\n",
  "\n\n\n",
  "\r\n",
  "\r",
  "\v",
  "\u0085",
  "\u2028",
  "\u00a0",
  "\u001c",
  "http://a.b/c",
  "don’t stop",
  "a long line of more than thirty characters here",
);
export const text = fc.array(piece, { maxLength: 120 }).map((pieces) => pieces.join(""));

/** What stands at the borders of classes: marks after everything, joining marks, numbers of several kinds. */
const borderPiece = fc.constantFrom(
  ...[
    "a",
    "é",
    "1",
    "٣",
    "_",
    "‿",
    "\u0301",
    "\u200d",
    "'",
    "’",
    ".",
    ",",
    ";",
    "。",
    "日",
    "ぁ",
    " ",
    "\u3000",
    "\n",
    "™",
    "-",
  ],
);
/** Texts with bytes that are no UTF-8, cut anywhere. */
export const damaged = fc
  .tuple(fc.array(fc.oneof(borderPiece, piece), { maxLength: 90 }), fc.array(fc.nat(), { maxLength: 4 }), fc.nat())
  .map(([pieces, places, cut]) => {
    const bytes = Buffer.from(pieces.join(""));
    for (const [i, place] of places.entries()) {
      if (bytes.length > 0) bytes[place % bytes.length] = [0xe2, 0x80, 0xff, 0xc3][i] as number;
    }
    return new Uint8Array(bytes.subarray(0, cut % 3 === 0 ? cut % (bytes.length + 1) : bytes.length));
  });
