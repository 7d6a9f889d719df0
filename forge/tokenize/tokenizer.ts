/**
 * A tokenizer as the other rooms see it: text to ids and back, with the special tokens known by name.
 *
 * Any byte-level BPE `tokenizer.json` of Hugging Face (GPT-2, BLOOM, GPT-NeoX, our own). Special tokens never arise from
 * text: who wants one puts its id in.
 */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { specialTokens } from "../../schemas/record/chat.ts";
import { DataError, readJsonIfThere, wrapFileError } from "../base/index.ts";
import {
  createBpeEncoder,
  parseTokenizerJson,
  type BpeEncoder,
  type BpeModel,
  type TokenColumn,
} from "../kernels/bpe.ts";
import type { TextColumn } from "../kernels/types.ts";

export interface Tokenizer {
  /** Name for people. */
  readonly name: string;
  /** SHA-256 (hex) of tokenizer.json. */
  readonly sha256: string;
  /** Highest id + 1. */
  readonly vocabularySize: number;
  /** Id to put before each document, or null when the tokenizer's model does without. */
  readonly bosId: number | null;
  /** Id to put after each document, or null. */
  readonly eosId: number | null;
  /** Ids of a text; never a special token, whatever the text spells. */
  encode(text: string): Uint32Array;
  /** Ids of many texts: text `i` has `ids[offsets[i] .. offsets[i + 1])`. */
  encodeColumn(column: TextColumn): TokenColumn;
  /** Text of ids, special tokens as they are spelt. Bytes that are no UTF-8 become U+FFFD. */
  decode(ids: Uint32Array): string;
  /** Id of a special token, e.g. `<|end|>`; undefined when there is none of that name. */
  tokenId(special: string): number | undefined;
}

/** What of `tokenizer_config.json` matters here. */
const tokenizerConfigSchema = z.looseObject({
  bos_token: z.unknown().optional(),
  eos_token: z.unknown().optional(),
  add_bos_token: z.boolean().nullish(),
});

/** Names that models give the token between documents, tried when no tokenizer_config.json tells it. */
const usualEosTokens = [specialTokens.endOfText, "</s>", "<|end_of_text|>", "<eos>"];

/**
 * Loads a tokenizer.
 *
 * A `tokenizer_config.json` beside it says which tokens are BOS and EOS, and whether documents begin with BOS.
 *
 * @param path a tokenizer.json, or the folder that holds it
 * @param name by default the name of the folder
 * @throws DataError `file-not-found`, or what is wrong with or unsupported in the file
 */
export async function loadTokenizer(path: string, name?: string): Promise<Tokenizer> {
  const file = (await isFolder(path)) ? join(path, "tokenizer.json") : path;
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw wrapFileError(error, file);
  }
  const configFile = join(dirname(file), "tokenizer_config.json");
  const parsed = tokenizerConfigSchema.safeParse((await readConfig(configFile)) ?? {});
  if (!parsed.success) {
    throw new DataError("tokenizer-config-invalid", `${configFile} is not a tokenizer config`, { file: configFile });
  }
  const { bos_token: bos, eos_token: eos, add_bos_token: addBos } = parsed.data;
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const { model, encoder } = encoderOf(sha256, bytes, file);
  const idOf = (token: string | undefined): number | null =>
    token === undefined ? null : (model.specialTokens.get(token) ?? null);
  const eosToken = tokenContent(eos) ?? usualEosTokens.find((token) => model.specialTokens.has(token));
  return makeTokenizer(encoder, {
    name: name ?? basename(dirname(file)),
    sha256,
    bosId: addBos === true ? idOf(tokenContent(bos)) : null,
    eosId: idOf(eosToken),
    tokenId: (special) => model.specialTokens.get(special),
  });
}

/**
 * The last tokenizer of this thread: tasks load the same one again and again, and a large vocabulary takes a fifth of a
 * second to parse. What an encoder remembers of earlier texts changes no id.
 */
let last: { readonly sha256: string; readonly model: BpeModel; readonly encoder: BpeEncoder } | undefined;

function encoderOf(sha256: string, bytes: Uint8Array, file: string): NonNullable<typeof last> {
  if (last?.sha256 !== sha256) {
    const model = parseTokenizerJson(bytes, file);
    last = { sha256, model, encoder: createBpeEncoder(model) };
  }
  return last;
}

function makeTokenizer(
  encoder: BpeEncoder,
  facts: Pick<Tokenizer, "name" | "sha256" | "bosId" | "eosId" | "tokenId">,
): Tokenizer {
  return {
    ...facts,
    vocabularySize: encoder.vocabularySize,
    encode(text) {
      const values = Buffer.from(text, "utf8");
      return encoder.encode({ values, offsets: Int32Array.of(0, values.byteLength), length: 1 }).ids;
    },
    encodeColumn: (column) => encoder.encode(column),
    decode: (ids) => Buffer.from(encoder.decode(ids)).toString("utf8"),
  };
}

/** In configs a token is its text or an object that holds it. */
function tokenContent(token: unknown): string | undefined {
  if (typeof token === "string") return token;
  if (typeof token !== "object" || token === null || !("content" in token)) return undefined;
  return typeof token.content === "string" ? token.content : undefined;
}

async function readConfig(path: string): Promise<unknown> {
  try {
    return await readJsonIfThere(path);
  } catch (error) {
    if (!(error instanceof DataError && error.code === "json-malformed")) throw error;
    throw new DataError("tokenizer-config-invalid", `${path} is not JSON`, { file: path }, { cause: error });
  }
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}
