/** Training of byte-level BPE in its most naive form: count all pairs, merge the best, begin again. */
import { patterns, splitByPattern } from "../kernels/bpe-support.ts";

/** @param vocabulary gives the ids of the single bytes, and whether a token is new */
export function trainNaively(
  texts: readonly Uint8Array[],
  vocabulary: Readonly<Record<string, number>>,
  options: {
    readonly vocabularySize: number;
    readonly minFrequency: number;
    readonly specialTokens: readonly string[];
  },
): [string, string][] {
  const letters = byteLetters();
  const words = new Map<string, { readonly count: number; readonly tokens: string[] }>();
  for (const text of texts) {
    for (const piece of splitByPattern(Buffer.from(text).toString(), patterns.gpt2)) {
      const tokens = Array.from(Buffer.from(piece), (byte) => letters[byte] as string);
      words.set(piece, { count: (words.get(piece)?.count ?? 0) + 1, tokens });
    }
  }
  const ids = new Map(letters.map((letter) => [letter, vocabulary[letter] as number]));
  let next = 256 + options.specialTokens.length;
  const merges: [string, string][] = [];
  while (next < options.vocabularySize) {
    const counts = new Map<string, { count: number; readonly left: string; readonly right: string }>();
    for (const { count, tokens } of words.values()) {
      for (let i = 0; i + 1 < tokens.length; i++) {
        const [left, right] = [tokens[i] as string, tokens[i + 1] as string];
        const pair = counts.get(`${left} ${right}`) ?? { count: 0, left, right };
        pair.count += count;
        counts.set(`${left} ${right}`, pair);
      }
    }
    const idOf = (token: string): number => ids.get(token) as number;
    const [best] = [...counts.values()].sort(
      (a, b) => b.count - a.count || idOf(a.left) - idOf(b.left) || idOf(a.right) - idOf(b.right),
    );
    if (best === undefined || best.count < options.minFrequency) break;
    const { left, right } = best;
    merges.push([left, right]);
    if (!ids.has(left + right)) ids.set(left + right, next++);
    for (const { tokens } of words.values()) {
      for (let i = 0; i + 1 < tokens.length; i++)
        if (tokens[i] === left && tokens[i + 1] === right) tokens.splice(i, 2, left + right);
    }
  }
  return merges;
}

/** GPT-2's letters for bytes: printable ones stand for themselves, the others for U+0100 and on. */
function byteLetters(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    return String.fromCodePoint(printable ? byte : next++);
  });
}
