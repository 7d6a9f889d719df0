/** Shapes of the BPE kernels: what an encoder and a trainer promise, whichever implementation stands behind them. */
import type { TextColumn } from "./types.ts";

/** Token ids of a column of texts: those of text `i` are `ids[offsets[i] .. offsets[i + 1])`. */
export interface TokenColumn {
  readonly ids: Uint32Array;
  /** Length of the column + 1 entries; begins at 0. */
  readonly offsets: Int32Array;
}

export interface BpeEncoder {
  /** Highest id + 1. */
  readonly vocabularySize: number;
  /**
   * Ids of each text. The text never yields a special token, whatever it spells; nothing is put before or after.
   * The result is the caller's to keep.
   */
  encode(column: TextColumn): TokenColumn;
  /** Bytes of ids, special tokens as their content. The exact inverse of `encode` where nothing was normalised. */
  decode(ids: Uint32Array): Uint8Array;
}

export interface BpeTrainerOptions {
  /** Tokens in all: 256 bytes, special tokens, merges. Fewer when the text runs out of pairs. */
  readonly vocabularySize: number;
  /** Contents of the special tokens; their ids come right after the bytes. @default [] */
  readonly specialTokens?: readonly string[];
  /** Pairs that occur less often are not merged. @default 2 */
  readonly minFrequency?: number;
}

/** A trainer takes text in any number of pieces; the result depends on the texts only, not on how they were batched. */
export interface BpeTrainer {
  add(column: TextColumn): void;
  /** Ends the training. */
  train(): TokenizerJson;
}

/** What `train` writes: a Hugging Face `tokenizer.json`, ready for `JSON.stringify`. */
export interface TokenizerJson {
  readonly version: "1.0";
  readonly truncation: null;
  readonly padding: null;
  readonly added_tokens: readonly {
    readonly id: number;
    readonly content: string;
    readonly single_word: false;
    readonly lstrip: false;
    readonly rstrip: false;
    readonly normalized: false;
    readonly special: true;
  }[];
  readonly normalizer: null;
  readonly pre_tokenizer: ByteLevelJson;
  readonly post_processor: null;
  readonly decoder: ByteLevelJson;
  readonly model: {
    readonly type: "BPE";
    readonly dropout: null;
    readonly unk_token: null;
    readonly continuing_subword_prefix: null;
    readonly end_of_word_suffix: null;
    readonly fuse_unk: false;
    readonly byte_fallback: false;
    readonly ignore_merges: false;
    /** Id of each token, written in the byte-level alphabet. */
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (readonly [string, string])[];
  };
}

export interface ByteLevelJson {
  readonly type: "ByteLevel";
  readonly add_prefix_space: false;
  readonly trim_offsets: true;
  readonly use_regex: true;
}
