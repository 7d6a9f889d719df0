/**
 * Reads a Hugging Face `tokenizer.json` of the byte-level BPE family into the plain model that the encoders run on.
 *
 * It knows what it reads and refuses the rest by name: a tokenizer that is only nearly supported would give wrong ids
 * without a word. It does not encode; see `reference/bpe-encode.ts` and `bpe.ts`.
 * Format: https://github.com/huggingface/tokenizers (`tokenizers/src/tokenizer/serialization.rs`, `models/bpe`).
 */
import { z } from "zod";
import { DataError } from "../base/index.ts";
import { byteToCharacter, fromByteLevel } from "./byte-level.ts";
import { preTokenizerOf, type BpePreTokenizer } from "./bpe-pre-tokenizer.ts";
import { scanTokenizerJson, type BpeVocabulary } from "./bpe-scan.ts";

/** Unicode normal form that a tokenizer applies before it splits. */
export type BpeNormalForm = "NFC" | "NFD" | "NFKC" | "NFKD";

/** A token that is matched in the text as a whole before anything is split. Never a special one. */
export interface BpeAddedToken {
  readonly id: number;
  /** What to look for, UTF-8; already in the tokenizer's normal form when `normalized`. */
  readonly bytes: Uint8Array;
  /** Looked for after normalisation rather than before it; those that are not come first. */
  readonly normalized: boolean;
  /** Special tokens take part in the search, so that nothing matches inside of them, but yield plain text. */
  readonly special: boolean;
}

/** In `byteIds`: the byte has no token and is left out of the ids, as Hugging Face tokenizers does. */
export const noToken = 0xffffffff;

/** Ids must fit the packed tables of the encoders. */
const maxVocabularySize = 2 ** 21 - 1;

/** Bytes of tokens by id, made of what the file calls them when they are first asked for. */
export interface BpeTokens {
  /** Highest id + 1. */
  readonly length: number;
  /** Undefined where an id is not in use. */
  at(id: number): Uint8Array | undefined;
}

/** A byte-level BPE tokenizer, ready to encode. Ids are below 2²¹ − 1. */
export interface BpeModel {
  /** Highest id + 1, special and added tokens included. */
  readonly vocabularySize: number;
  readonly tokens: BpeTokens;
  /** Id of each byte, 256 entries. `noToken` for bytes that valid UTF-8 never holds, where the vocabulary lacks them. */
  readonly byteIds: Uint32Array;
  /** Merges in order of rank, best first: (left id, right id, id of the result), flat. */
  readonly merges: Uint32Array;
  readonly preTokenizer: BpePreTokenizer;
  /** Put a space before each stretch of text that does not begin with one. */
  readonly addPrefixSpace: boolean;
  readonly normalForm: BpeNormalForm | undefined;
  /** Take a pre-token that is a token as it is, without looking at merges. */
  readonly ignoreMerges: boolean;
  /** Tokens that the text may hold, in the file's order; special ones only to keep others out of them. */
  readonly addedTokens: readonly BpeAddedToken[];
  /** Ids of special tokens by their content. Text never yields one. */
  readonly specialTokens: ReadonlyMap<string, number>;
}

const addedTokenSchema = z.object({
  id: z.int().nonnegative(),
  content: z.string(),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().default(true),
  special: z.boolean().default(false),
});

const modelSchema = z.object({
  type: z.string().optional(),
  dropout: z.number().nullish(),
  continuing_subword_prefix: z.string().nullish(),
  end_of_word_suffix: z.string().nullish(),
  ignore_merges: z.boolean().nullish(),
  // Checked as it stands: a copy by `z.record` loses the token `__proto__`, which code-trained vocabularies hold.
  vocab: z.custom<Readonly<Record<string, number>>>(isVocabulary, "it maps tokens to ids"),
  merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
});

const tokenizerSchema = z.object({
  added_tokens: z.array(addedTokenSchema).nullish(),
  normalizer: z.unknown(),
  pre_tokenizer: z.unknown(),
  model: modelSchema,
});

function isVocabulary(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((id) => Number.isInteger(id) && id >= 0);
}

/**
 * Reads a `tokenizer.json`.
 *
 * Truncation, padding and the post-processor are not applied: `encode` gives the ids of the text and nothing else.
 *
 * @param bytes the file, UTF-8
 * @param file how to name it in errors
 * @throws DataError `tokenizer-invalid` when it is not a tokenizer.json, `tokenizer-unsupported` when it is one of
 *   another family, naming the part that is not supported
 */
export function parseTokenizerJson(bytes: Uint8Array, file = "tokenizer.json"): BpeModel {
  const fail = makeFail(file);
  const scanned = scanTokenizerJson(bytes);
  const parsed = tokenizerSchema.safeParse(scanned === undefined ? parseJson(bytes, fail) : scanned.rest);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw fail("tokenizer-invalid", `has no usable ${issue?.path.join(".") ?? "model"}: ${issue?.message ?? ""}`);
  }
  const { model, added_tokens, normalizer, pre_tokenizer } = parsed.data;
  checkModel(model, fail);
  const split = preTokenizerOf(pre_tokenizer);
  if ("unsupported" in split) throw fail("tokenizer-unsupported", `has ${split.unsupported}`);
  const normalForm = normalFormOf(normalizer, fail);
  const added = added_tokens ?? [];

  const vocabulary = scanned?.vocabulary ?? vocabularyOf(model.vocab);
  const tokens = tokensOf(vocabulary, added, fail);
  return {
    vocabularySize: tokens.length,
    tokens,
    byteIds: readByteIds(vocabulary, fail),
    merges: scanned?.merges ?? readMerges(model, fail),
    preTokenizer: split.preTokenizer,
    addPrefixSpace: split.addPrefixSpace,
    normalForm,
    ignoreMerges: model.ignore_merges === true,
    addedTokens: readAddedTokens(added, normalForm, fail),
    specialTokens: new Map(added.filter((token) => token.special).map((token) => [token.content, token.id])),
  };
}

function parseJson(bytes: Uint8Array, fail: Fail): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw fail("tokenizer-invalid", `is not JSON: ${(error as Error).message}`);
  }
}

type Fail = (code: "tokenizer-invalid" | "tokenizer-unsupported", what: string) => DataError;

function makeFail(file: string): Fail {
  return (code, what) =>
    new DataError(
      code,
      `${file} ${what}`,
      { file },
      {
        hint: "Byte-level BPE in Hugging Face's tokenizer.json form is read: GPT-2, GPT-NeoX, BLOOM, StarCoder, GPT-4 (cl100k), Llama-3, Qwen2.",
      },
    );
}

function checkModel(model: z.infer<typeof modelSchema>, fail: Fail): void {
  if (model.type !== undefined && model.type !== "BPE")
    throw fail("tokenizer-unsupported", `has a ${model.type} model`);
  if ((model.dropout ?? 0) !== 0) throw fail("tokenizer-unsupported", "has BPE dropout, which makes ids random");
  for (const key of ["continuing_subword_prefix", "end_of_word_suffix"] as const) {
    if ((model[key] ?? "") !== "") throw fail("tokenizer-unsupported", `has model.${key}, which is not byte-level`);
  }
}

function normalFormOf(normalizer: unknown, fail: Fail): BpeNormalForm | undefined {
  if (normalizer === null || normalizer === undefined) return undefined;
  const { type, normalizers } = normalizer as { type?: unknown; normalizers?: unknown };
  if (type === "NFC" || type === "NFD" || type === "NFKC" || type === "NFKD") return type;
  if (type === "Sequence" && Array.isArray(normalizers) && normalizers.length <= 1) {
    return normalFormOf(normalizers[0], fail);
  }
  throw fail("tokenizer-unsupported", `has the normalizer ${String(type)}; Unicode normal forms are supported`);
}

type AddedToken = z.infer<typeof addedTokenSchema>;

/** The vocabulary of a file that was parsed as a whole. Where two tokens have one id, the last one holds it. */
function vocabularyOf(vocabulary: Readonly<Record<string, number>>): BpeVocabulary {
  const entries = Object.entries(vocabulary);
  const contents = new Map(entries.map(([content, id]) => [id, content]));
  return {
    highestId: entries.reduce((most, [, id]) => Math.max(most, id), -1),
    contentOf: (id) => contents.get(id),
    idOf: (content) => (Object.hasOwn(vocabulary, content) ? vocabulary[content] : undefined),
  };
}

/**
 * A token whose characters are not of the alphabet stands for its own UTF-8, as in their decoder; an added one always,
 * since it is found in text by that.
 */
function tokensOf(vocabulary: BpeVocabulary, added: readonly AddedToken[], fail: Fail): BpeTokens {
  const highest = added.reduce((most, { id }) => Math.max(most, id), vocabulary.highestId);
  if (highest >= maxVocabularySize)
    throw fail("tokenizer-unsupported", `has the id ${highest}; 2²¹ − 2 is the highest`);
  const encoder = new TextEncoder();
  const { contentOf } = vocabulary;
  const known = new Map<number, Uint8Array>();
  for (const { content, id } of added) {
    known.set(id, encoder.encode(content));
    if ((vocabulary.idOf(content) ?? id) !== id)
      throw fail("tokenizer-invalid", `gives the added token ${JSON.stringify(content)} two ids`);
  }
  return {
    length: highest + 1,
    at(id) {
      const bytes = known.get(id);
      const content = bytes === undefined ? contentOf(id) : undefined;
      if (content === undefined) return bytes;
      const made = fromByteLevel(content) ?? encoder.encode(content);
      known.set(id, made);
      return made;
    },
  };
}

/** GPT-NeoX's vocabulary lacks these bytes. */
function isNeverInUtf8(byte: number): boolean {
  return byte === 0xc0 || byte === 0xc1 || byte >= 0xf5;
}

function readByteIds(vocabulary: BpeVocabulary, fail: Fail): Uint32Array {
  const ids = Uint32Array.from(
    byteToCharacter,
    (character) => vocabulary.idOf(String.fromCharCode(character)) ?? noToken,
  );
  const missing = ids.findIndex((id, byte) => id === noToken && !isNeverInUtf8(byte));
  if (missing >= 0) {
    throw fail("tokenizer-unsupported", `has no token for the byte 0x${missing.toString(16).padStart(2, "0")}`);
  }
  return ids;
}

function readMerges(model: z.infer<typeof modelSchema>, fail: Fail): Uint32Array {
  const idOf = new Map(Object.entries(model.vocab));
  const merges = new Uint32Array(model.merges.length * 3);
  model.merges.forEach((merge, rank) => {
    const [left, right, ...rest] = typeof merge === "string" ? merge.split(" ") : merge;
    const ids = [left, right, `${left}${right}`].map((token) => idOf.get(token ?? ""));
    if (rest.length > 0 || ids.includes(undefined)) {
      throw fail("tokenizer-invalid", `has the merge ${rank}, ${JSON.stringify(merge)}, whose tokens are not in vocab`);
    }
    merges.set(ids as number[], rank * 3);
  });
  return merges;
}

function readAddedTokens(
  added: readonly AddedToken[],
  normalForm: BpeNormalForm | undefined,
  fail: Fail,
): BpeAddedToken[] {
  const encoder = new TextEncoder();
  return added
    .filter(({ content }) => content !== "")
    .map(({ id, content, normalized, special, lstrip, rstrip, single_word: singleWord }) => {
      if (!special && (lstrip || rstrip || singleWord)) {
        const flag = lstrip ? "lstrip" : rstrip ? "rstrip" : "single_word";
        throw fail("tokenizer-unsupported", `has the added token ${JSON.stringify(content)} with ${flag}`);
      }
      const text = normalized && normalForm !== undefined ? content.normalize(normalForm) : content;
      return { id, bytes: encoder.encode(text), normalized, special };
    });
}
