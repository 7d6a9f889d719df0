/**
 * Learning merges one by one, above whatever finds and merges pairs: which id a merge gets, what must not be merged, and
 * the file that comes out. Shared by the plain trainer and the fast one.
 */
import { assert } from "../base/index.ts";
import type { BpeTrainerOptions, ByteLevelJson, TokenizerJson } from "./bpe-types.ts";
import { bytesInAlphabetOrder, toByteLevel } from "./byte-level.ts";

/** Two tokens that stand side by side; byte tokens are numbered by GPT-2's alphabet. */
export interface TokenPair {
  readonly left: number;
  readonly right: number;
}

/** Counted words whose pairs get merged. */
export interface PairMerger {
  /**
   * Takes the most frequent pair, of equals the one with the lower left token, then the lower right one. Undefined when
   * none is as frequent as asked for.
   */
  next(): TokenPair | undefined;
  /** Replaces the pair that `next` gave by a token of so many bytes, in every word. */
  merge(pair: TokenPair, result: number, bytes: number): void;
}

/** A merge. Its result is a new id, or that of an equal token that another pair made earlier. */
interface LearnedMerge extends TokenPair {
  readonly result: number;
}

/** Merges until the vocabulary is full or no pair is left, and gives the tokenizer. */
export function learnMerges(merger: PairMerger, options: BpeTrainerOptions): TokenizerJson {
  const { vocabularySize, specialTokens = [] } = options;
  const firstMerge = 256 + specialTokens.length;
  assert(vocabularySize >= firstMerge, `a vocabulary of ${vocabularySize} has no room for ${firstMerge} basic tokens`);

  // Tokens as Latin-1 strings of their bytes, to see when two pairs make the same one or spell a special token.
  const content: string[] = Array.from(bytesInAlphabetOrder, (byte) => String.fromCharCode(byte));
  content.push(...specialTokens.map((token) => Buffer.from(token).toString("latin1")));
  const idOf = new Map(content.map((token, id) => [token, id]));
  const isSpecial = (id: number): boolean => id >= 256 && id < firstMerge;

  const merges: LearnedMerge[] = [];
  const merged = new Set<string>();
  while (content.length < vocabularySize) {
    const pair = merger.next();
    if (pair === undefined) break;
    const { left, right } = pair;
    const token = `${content[left]}${content[right]}`;
    const result = idOf.get(token) ?? content.length;
    // A special token must never come from text, so nothing may merge into one.
    if (isSpecial(result)) continue;
    if (result === content.length) {
      content.push(token);
      idOf.set(token, result);
    }
    const key = `${left} ${right}`;
    if (!merged.has(key)) merges.push({ left, right, result });
    merged.add(key);
    merger.merge(pair, result, token.length);
  }
  return tokenizerJsonOf(options, merges);
}

/** The file. Merges are written as pairs of strings, as tokenizers writes them since 0.20. */
function tokenizerJsonOf(options: BpeTrainerOptions, merges: readonly LearnedMerge[]): TokenizerJson {
  const { specialTokens = [] } = options;
  const content: string[] = Array.from(bytesInAlphabetOrder, (byte) => toByteLevel(Uint8Array.of(byte)));
  content.push(...specialTokens);
  for (const { left, right, result } of merges) content[result] = `${content[left]}${content[right]}`;
  const byteLevel: ByteLevelJson = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((token, i) => ({
      id: 256 + i,
      content: token,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(content.map((token, id) => [token, id])),
      merges: merges.map(({ left, right }) => [content[left] as string, content[right] as string]),
    },
  };
}
