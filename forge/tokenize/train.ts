/**
 * Trains a byte-level BPE on a corpus and writes it in Hugging Face's layout.
 *
 * The result depends on the texts alone: how they are split over columns, and in which order they come, changes nothing.
 */
import { join } from "node:path";
import type { TokenizerConfig } from "../../schemas/config/shard.ts";
import { chatTemplate, specialTokens } from "../../schemas/record/chat.ts";
import { DataError, formatJson, writeFileAtomic, type FileDigest } from "../base/index.ts";
import { createBpeTrainer } from "../kernels/bpe.ts";
import type { TextColumn } from "../kernels/types.ts";

export interface TrainedTokenizer {
  /** The files written, by name. */
  readonly files: readonly (FileDigest & { readonly name: string })[];
  readonly texts: number;
  readonly bytes: number;
}

export interface TrainTokenizerOptions {
  readonly signal?: AbortSignal;
  /** Without text, write the bytes and special tokens alone: for a caller that reports an empty corpus itself. */
  readonly allowEmpty?: boolean;
}

/**
 * Trains on all texts and writes `tokenizer.json` and `tokenizer_config.json` (with the chat template) into a folder.
 *
 * @param config the vocabulary's size in all: 256 bytes, the special tokens of `schemas/record/chat.ts`, merges. A
 *   corpus with fewer pairs of the asked frequency gives a smaller one.
 * @throws DataError `corpus-empty` when there is no text to train on, unless `allowEmpty`
 */
export async function trainTokenizer(
  columns: Iterable<TextColumn> | AsyncIterable<TextColumn>,
  folder: string,
  config: Pick<TokenizerConfig, "vocabularySize" | "minFrequency">,
  options: TrainTokenizerOptions = {},
): Promise<TrainedTokenizer> {
  const { vocabularySize, minFrequency } = config;
  const trainer = createBpeTrainer({ vocabularySize, minFrequency, specialTokens: Object.values(specialTokens) });
  let texts = 0;
  let bytes = 0;
  for await (const column of columns) {
    options.signal?.throwIfAborted();
    trainer.add(column);
    texts += column.length;
    bytes += (column.offsets[column.length] as number) - (column.offsets[0] as number);
  }
  if (bytes === 0 && options.allowEmpty !== true) {
    throw new DataError(
      "corpus-empty",
      "There is no text to train a tokenizer on",
      {},
      {
        hint: "Loosen the filters, or name a tokenizer to use: `tokenizer: { path: … }`.",
      },
    );
  }
  const tokenizer = trainer.train();
  const files: (FileDigest & { readonly name: string })[] = [];
  for (const [name, value] of [
    ["tokenizer.json", tokenizer],
    ["tokenizer_config.json", tokenizerConfig],
  ] as const) {
    files.push({ name, ...(await writeFileAtomic(join(folder, name), formatJson(value))) });
  }
  return { files, texts, bytes };
}

/** What transformers reads beside tokenizer.json; the chat format is that of `schemas/record/chat.ts`. */
const tokenizerConfig = {
  tokenizer_class: "PreTrainedTokenizerFast",
  eos_token: specialTokens.endOfText,
  pad_token: specialTokens.pad,
  add_bos_token: false,
  clean_up_tokenization_spaces: false,
  chat_template: chatTemplate,
};
