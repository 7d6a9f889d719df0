/**
 * Token shards in the formats of other trainers: raw streams with or without an index, little-endian.
 *
 * Layouts as their own readers define them: nanoGPT (`data/prepare.py`), llm.c (`dev/data/data_common.py`), Megatron-LM
 * (`megatron/core/datasets/indexed_dataset.py`), datatrove (`pipeline/tokens/tokenizer.py`). One shard is in memory at a
 * time; documents keep their BOS and EOS. No weights and no mixing: a split is written as it is.
 */
import { join } from "node:path";
import type { SplitName } from "../../schemas/record/tokens.ts";
import { createAtomicFile, DataError, writeFileAtomic, type FileDigest } from "../base/index.ts";
import { listShards } from "./open.ts";
import { readTokenFile, type OpenTokenShard } from "./token-file.ts";

export const tokenExportFormats = ["nanogpt", "llm.c", "megatron", "datatrove"] as const;
export type TokenExportFormat = (typeof tokenExportFormats)[number];

export interface ExportedTokens {
  readonly files: readonly (FileDigest & { readonly path: string })[];
  readonly tokens: number;
  readonly documents: number;
}

/**
 * Writes a split in another trainer's format.
 *
 * @param folder output of `forge build-corpus`
 * @param prefix path of the files without their extension: `.bin`, `.bin` and `.idx`, or `.ds`, `.ds.index` and
 *   `.ds.metadata` are put behind it
 * @throws DataError `token-shards-missing`; `export-impossible` when the format cannot hold the vocabulary or the count
 */
export async function exportTokens(
  folder: string,
  split: SplitName,
  format: TokenExportFormat,
  prefix: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ExportedTokens> {
  const names = await listShards(folder, split);
  const paths = names.map((name) => join(folder, "tokens", name));
  const [first] = paths;
  if (first === undefined) {
    throw new DataError("token-shards-missing", `${folder} has no ${split} shards`, { file: folder });
  }
  const { metadata } = await readTokenFile(first);
  const type = tokenType(format, metadata.vocabularySize, first);
  const dataPath = `${prefix}${format === "datatrove" ? ".ds" : ".bin"}`;
  const lengths: number[] = [];
  await using file = await createAtomicFile(dataPath);
  // llm.c's header holds the count, so the shards' metadata are read before their tokens.
  if (format === "llm.c") await file.write(llmcHeader(await countTokens(paths), type === Uint32Array, dataPath));
  for (const path of paths) {
    options.signal?.throwIfAborted();
    const shard = await readTokenFile(path);
    await file.write(bytesOf(shard.values, type));
    appendLengths(shard, lengths);
  }
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const files = [{ path: dataPath, ...(await file.commit()) }];
  const add = async (path: string, content: Uint8Array | string): Promise<void> => {
    files.push({ path, ...(await writeFileAtomic(path, content)) });
  };
  if (format === "megatron") await add(`${prefix}.idx`, megatronIndex(lengths, type));
  if (format === "datatrove") {
    await add(`${dataPath}.index`, documentEnds(lengths));
    await add(`${dataPath}.metadata`, datatroveMetadata(metadata.tokenizer, type, tokens));
  }
  return { files, tokens, documents: lengths.length };
}

type TokenType = typeof Uint16Array | typeof Uint32Array;

/** The width that each format's own writer would choose. */
function tokenType(format: TokenExportFormat, vocabularySize: number, path: string): TokenType {
  // Megatron-LM leaves room: it takes int32 from 65,500 on.
  const narrowLimit = format === "megatron" ? 65_499 : 65_536;
  if (vocabularySize <= narrowLimit) return Uint16Array;
  if (format !== "nanogpt") return Uint32Array;
  throw new DataError(
    "export-impossible",
    `nanoGPT's files hold 16-bit tokens; the vocabulary has ${vocabularySize}`,
    { file: path },
    { hint: "Export to llm.c, Megatron or datatrove instead." },
  );
}

async function countTokens(paths: readonly string[]): Promise<number> {
  let tokens = 0;
  for (const path of paths) tokens += (await readTokenFile(path)).metadata.tokens;
  return tokens;
}

function llmcHeader(tokens: number, wide: boolean, path: string): Uint8Array {
  if (tokens >= 2 ** 31) {
    throw new DataError("export-impossible", `An llm.c file holds fewer than 2³¹ tokens, these are ${tokens}`, {
      file: path,
    });
  }
  const header = Buffer.alloc(256 * 4);
  // Magic and version: those of GPT-2's files, or of Llama 3's, which are 32 bits wide.
  header.writeInt32LE(wide ? 20_240_801 : 20_240_520, 0);
  header.writeInt32LE(wide ? 7 : 1, 4);
  header.writeInt32LE(tokens, 8);
  return header;
}

/** One sequence a document: lengths, byte positions, and the documents as ranges of sequences. */
function megatronIndex(lengths: readonly number[], type: TokenType): Uint8Array {
  const head = Buffer.alloc(9 + 8 + 1 + 8 + 8);
  head.write("MMIDIDX\0\0", "latin1");
  head.writeBigUInt64LE(1n, 9);
  head.writeUInt8(type === Uint16Array ? 8 : 4, 17);
  head.writeBigUInt64LE(BigInt(lengths.length), 18);
  head.writeBigUInt64LE(BigInt(lengths.length + 1), 26);
  const pointers = new BigInt64Array(lengths.length);
  let position = 0;
  for (const [i, length] of lengths.entries()) {
    pointers[i] = BigInt(position);
    position += length * type.BYTES_PER_ELEMENT;
  }
  const documents = BigInt64Array.from({ length: lengths.length + 1 }, (_, i) => BigInt(i));
  return Buffer.concat([head, rawBytes(Int32Array.from(lengths)), rawBytes(pointers), rawBytes(documents)]);
}

/** End of each document in tokens, 64 bits. */
function documentEnds(lengths: readonly number[]): Uint8Array {
  let end = 0;
  return rawBytes(
    BigUint64Array.from(lengths, (length) => {
      end += length;
      return BigInt(end);
    }),
  );
}

/** Tokenizer and bytes of a token, count, count for people. */
function datatroveMetadata(tokenizer: string, type: TokenType, tokens: number): string {
  const forPeople = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 }).format(tokens);
  return `${tokenizer}|${type.BYTES_PER_ELEMENT}\n${tokens}\n${forPeople}T`;
}

function appendLengths({ offsets, metadata }: OpenTokenShard, lengths: number[]): void {
  for (let i = 0; i < metadata.documents; i++) lengths.push((offsets[i + 1] as number) - (offsets[i] as number));
}

function bytesOf(values: Uint16Array | Uint32Array, type: TokenType): Uint8Array {
  return rawBytes(values instanceof type ? values : type.from(values));
}

function rawBytes(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
