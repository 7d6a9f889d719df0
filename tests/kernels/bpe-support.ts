/** What the BPE tests share: columns from strings, small tokenizers, and BPE in its most naive form. */
import { createBpeTrainer, parseTokenizerJson, type BpeModel } from "../../forge/kernels/bpe.ts";
import type { TextColumn } from "../../forge/kernels/types.ts";

export function columnOf(texts: readonly (string | Uint8Array)[]): TextColumn {
  // A few bytes in front: offsets need not start at 0.
  const parts = ["xyz", ...texts].map((text) => Buffer.from(text as string));
  const offsets = new Int32Array(parts.length);
  parts.forEach((part, i) => (offsets[i] = part.length + (offsets[i - 1] ?? 0)));
  return { values: Buffer.concat(parts), offsets, length: texts.length };
}

export const trainingText: readonly string[] = [
  "The quick brown fox doesn't jump over the lazy dog; the dog hadn't moved since 1984.\n\n\tThe end.",
  "function encode(text) {\n    return text.split('').map((c) => c.charCodeAt(0));\n}\n// they've, we'll, I'm, you're",
  "Größe, façade, naïve, Ελληνικά, русский текст, 中文文本，日本語。 हिन्दी। عربي، 한국어 😀😀 … ½ ² ٣٤",
  "aaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbb abababababab      ------------ ====== ",
];

/** tokenizer.json of a small tokenizer with two special tokens, as a plain object to change. */
export function smallTokenizerJson(): Record<string, any> {
  const trainer = createBpeTrainer({
    vocabularySize: 700,
    specialTokens: ["<|endoftext|>", "quick"],
    minFrequency: 1,
  });
  trainer.add(columnOf(trainingText));
  return structuredClone(trainer.train()) as Record<string, any>;
}

export function modelOf(json: unknown): BpeModel {
  return parseTokenizerJson(Buffer.from(JSON.stringify(json)));
}

/** Looks at all pairs, merges the best-ranked leftmost one, and begins again. */
export function mergeNaively(model: BpeModel, piece: Uint8Array): number[] {
  const ids = Array.from(piece, (byte) => model.byteIds[byte] as number);
  const rankOf = new Map<string, number>();
  for (let i = 0; i < model.merges.length; i += 3) rankOf.set(`${model.merges[i]} ${model.merges[i + 1]}`, i / 3);
  for (;;) {
    const ranks = ids.slice(1).map((id, i) => rankOf.get(`${ids[i]} ${id}`) ?? Number.POSITIVE_INFINITY);
    const best = Math.min(...ranks);
    if (best === Number.POSITIVE_INFINITY) return ids;
    ids.splice(ranks.indexOf(best), 2, model.merges[best * 3 + 2] as number);
  }
}

const space = "\\p{White_Space}";

function cl100k(numbers: string): RegExp {
  return new RegExp(
    `'(?:[sStTmMdDſ]|[rR][eE]|[vV][eE]|[lL][lL])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}${numbers}|` +
      ` ?[^${space}\\p{L}\\p{N}]+[\\r\\n]*|${space}*[\\r\\n]+|${space}+(?!\\P{White_Space})|${space}+`,
    "gu",
  );
}

/** The pre-tokenisers' patterns in JavaScript, with Unicode's white space for `\s`. */
export const patterns = {
  gpt2: new RegExp(
    `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${space}\\p{L}\\p{N}]+|${space}+(?!\\P{White_Space})|${space}+`,
    "gu",
  ),
  cl100k: cl100k("{1,3}"),
  qwen2: cl100k(""),
  // A look-ahead that takes a number for the end of the text.
  "gpt2-digits": new RegExp(
    `\\p{N}|'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?[^${space}\\p{L}\\p{N}]+|${space}+(?!(?!\\p{N})\\P{White_Space})|${space}+`,
    "gu",
  ),
  bloom: new RegExp(` ?[^(${space}|.,!?…。，、।۔،)]+`, "gu"),
};

/** Pieces of a text: the matches of a pattern and what lies between them. */
export function splitByPattern(text: string, pattern: RegExp): string[] {
  const pieces: string[] = [];
  let at = 0;
  for (const { index, 0: match } of text.matchAll(pattern)) {
    if (index > at) pieces.push(text.slice(at, index));
    pieces.push(match);
    at = index + match.length;
  }
  if (at < text.length) pieces.push(text.slice(at));
  return pieces;
}
