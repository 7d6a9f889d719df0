/**
 * A Hugging Face tokenizer.json of the byte-level BPE family as GGUF metadata (`tokenizer.ggml.*`).
 *
 * llama.cpp must cut text exactly as the tokenizer did in training, so anything it would treat differently (a normaliser,
 * another pre-tokeniser, WordPiece, …) is refused here by name. Source: llama.cpp's conversion/base.py (`_set_vocab_gpt2`)
 * and src/llama-vocab.cpp.
 */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { DataError, wrapFileError } from "../../forge/base/errors.ts";
import { chatRoles, chatTemplate, specialTokens } from "../../schemas/record/chat.ts";
import type { GgufMetadata, GgufValue } from "./gguf/index.ts";

/** The parts of tokenizer.json that decide how text becomes ids; the others are ignored or refused below. */
const tokenizerJsonSchema = z.object({
  normalizer: z.unknown().optional(),
  pre_tokenizer: z.unknown().optional(),
  added_tokens: z
    .array(z.object({ id: z.int().nonnegative(), content: z.string(), special: z.boolean().default(false) }))
    .default([]),
  model: z.object({
    type: z.literal("BPE").default("BPE"),
    vocab: z.record(z.string(), z.int().nonnegative()),
    // Since tokenizers 0.20 a merge is a pair; before, one string with a space. Byte-level tokens hold no space.
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
    byte_fallback: z.boolean().nullish(),
    ignore_merges: z.boolean().nullish(),
  }),
});

const byteLevelSchema = z.object({
  type: z.literal("ByteLevel"),
  add_prefix_space: z.literal(false),
  use_regex: z.literal(true).default(true),
});

/** Numbers of `tokenizer.ggml.token_type` (llama.h, `llama_token_type`). */
const tokenTypes = { normal: 1, control: 3, userDefined: 4, unused: 5 } as const;

/** A tokenizer as GGUF stores it. */
export interface ExportTokenizer {
  /** One entry for each id; ids without a token are `[PAD<id>]` of type unused. */
  readonly tokens: readonly string[];
  readonly types: readonly number[];
  readonly merges: readonly string[];
  /** Name of the pre-tokeniser that llama.cpp shall use. */
  readonly pre: "gpt-2";
  /** The id of a token by its text. */
  idOf(token: string): number | undefined;
}

/**
 * Reads a tokenizer.json.
 *
 * @throws DataError `tokenizer-unreadable`, `tokenizer-unsupported`, `file-not-found`
 */
export async function readExportTokenizer(path: string): Promise<ExportTokenizer> {
  let parsed: z.infer<typeof tokenizerJsonSchema>;
  try {
    parsed = tokenizerJsonSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) {
      throw new DataError(
        "tokenizer-unreadable",
        `${path} is not a byte-level BPE tokenizer.json`,
        { file: path },
        {
          hint: error instanceof z.ZodError ? z.prettifyError(error) : error.message,
          cause: error,
        },
      );
    }
    throw wrapFileError(error, path);
  }
  refuseUnsupported(parsed, path);
  const ids = new Map(Object.entries(parsed.model.vocab));
  for (const { content, id } of parsed.added_tokens) ids.set(content, id);
  const size = Math.max(-1, ...ids.values()) + 1;
  if (size > 2 * ids.size + 1024) {
    throw new DataError("tokenizer-unreadable", `${path} gives the id ${size - 1} to one of ${ids.size} tokens`, {
      file: path,
    });
  }
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const types = Array.from({ length: size }, () => tokenTypes.unused as number);
  for (const [token, id] of ids) {
    if (types[id] !== tokenTypes.unused) {
      throw new DataError("tokenizer-unreadable", `${path} gives the id ${id} twice`, { file: path, sample: token });
    }
    tokens[id] = token;
    types[id] = tokenTypes.normal;
  }
  for (const { id, special } of parsed.added_tokens) types[id] = special ? tokenTypes.control : tokenTypes.userDefined;
  const merges = parsed.model.merges.map((merge) => (typeof merge === "string" ? merge : merge.join(" ")));
  return { tokens, types, merges, pre: "gpt-2", idOf: (token) => ids.get(token) };
}

export interface TokenizerMetadataOptions {
  /** Ids of config.json; they win over the names of our own special tokens. */
  readonly bosId?: number | undefined;
  readonly eosId?: number | undefined;
  /** Chat template of the checkpoint. @default forge's own when the vocabulary has all its marks */
  readonly chatTemplate?: string | undefined;
}

/** The `tokenizer.*` keys in a fixed order. */
export function tokenizerMetadata(tokenizer: ExportTokenizer, options: TokenizerMetadataOptions = {}): GgufMetadata {
  const idKeys = {
    bos_token_id: options.bosId ?? tokenizer.idOf(specialTokens.endOfText),
    eos_token_id: options.eosId ?? tokenizer.idOf(specialTokens.endOfText),
    eot_token_id: tokenizer.idOf(specialTokens.end),
    padding_token_id: tokenizer.idOf(specialTokens.pad),
  };
  const metadata: [string, GgufValue][] = [
    ["tokenizer.ggml.model", { type: "string", value: "gpt2" }],
    ["tokenizer.ggml.pre", { type: "string", value: tokenizer.pre }],
    ["tokenizer.ggml.tokens", { type: "array", of: "string", value: tokenizer.tokens }],
    ["tokenizer.ggml.token_type", { type: "array", of: "int32", value: tokenizer.types }],
    ["tokenizer.ggml.merges", { type: "array", of: "string", value: tokenizer.merges }],
  ];
  for (const [key, value] of Object.entries(idKeys)) {
    if (value !== undefined) metadata.push([`tokenizer.ggml.${key}`, { type: "uint32", value }]);
  }
  metadata.push(["tokenizer.ggml.add_bos_token", { type: "bool", value: false }]);
  metadata.push(["tokenizer.ggml.add_eos_token", { type: "bool", value: false }]);
  const template = options.chatTemplate ?? (hasChatMarks(tokenizer) ? chatTemplate : undefined);
  if (template !== undefined) metadata.push(["tokenizer.chat_template", { type: "string", value: template }]);
  return metadata;
}

/** True when the vocabulary has every mark of forge's chat format. */
export function hasChatMarks(tokenizer: ExportTokenizer): boolean {
  return [...chatRoles.map((role) => specialTokens[role]), specialTokens.end].every(
    (token) => tokenizer.idOf(token) !== undefined,
  );
}

function refuseUnsupported(parsed: z.infer<typeof tokenizerJsonSchema>, path: string): void {
  const reason =
    parsed.normalizer !== undefined && parsed.normalizer !== null
      ? "it normalises text first"
      : !byteLevelSchema.safeParse(parsed.pre_tokenizer).success
        ? "its pre-tokeniser is not GPT-2's ByteLevel without a prefix space"
        : parsed.model.byte_fallback === true
          ? "it falls back to byte tokens"
          : parsed.model.ignore_merges === true
            ? "it ignores merges for whole words"
            : undefined;
  if (reason === undefined) return;
  throw new DataError(
    "tokenizer-unsupported",
    `${path} cannot be put into GGUF: ${reason}`,
    { file: path },
    {
      hint: "GGUF export knows tokenizers trained by forge and GPT-2's own.",
    },
  );
}
