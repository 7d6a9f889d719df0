/**
 * Token shards in the formats of other trainers: raw streams with or without an index, little-endian.
 *
 * Layouts as their own readers define them: nanoGPT (`data/prepare.py`), llm.c (`dev/data/data_common.py`), Megatron-LM
 * (`megatron/core/datasets/indexed_dataset.py`), datatrove (`pipeline/tokens/tokenizer.py`). One shard is in memory at a
 * time; documents keep their BOS and EOS. A split is written as it is, or as the mixture that the options ask for.
 */
import { join } from "node:path";
import type { SplitName } from "../../schemas/record/tokens.ts";
import {
  createAtomicFile,
  DataError,
  sortRows,
  writeFileAtomic,
  writeFileInPlaces,
  type FileDigest,
} from "../base/index.ts";
import { planMixture, type DocumentOrder, type MixtureOptions, type RealisedWeight } from "./mixture.ts";
import { listShards } from "./open.ts";
import { readTokenFile } from "./token-file.ts";

export const tokenExportFormats = ["nanogpt", "llm.c", "megatron", "datatrove"] as const;
export type TokenExportFormat = (typeof tokenExportFormats)[number];

export interface ExportedTokens {
  readonly files: readonly (FileDigest & { readonly path: string })[];
  readonly tokens: number;
  readonly documents: number;
  /** What became of each weight; empty when the split was written as it is. */
  readonly mixture: readonly RealisedWeight[];
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
  options: MixtureOptions & { readonly signal?: AbortSignal } = {},
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
  const order = await planMixture(paths, options);
  const { lengths } = order;
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const header = format === "llm.c" ? llmcHeader(tokens, type === Uint32Array, dataPath) : new Uint8Array(0);
  const digest =
    order.realised.length === 0
      ? await writeAsStored(dataPath, header, paths, type, options.signal)
      : await writeInOrder(dataPath, header, paths, order, type, options.signal);
  const files = [{ path: dataPath, ...digest }];
  const add = async (path: string, content: Uint8Array | string): Promise<void> => {
    files.push({ path, ...(await writeFileAtomic(path, content)) });
  };
  if (format === "megatron") await add(`${prefix}.idx`, megatronIndex(lengths, type));
  if (format === "datatrove") {
    await add(`${dataPath}.index`, documentEnds(lengths));
    await add(`${dataPath}.metadata`, datatroveMetadata(metadata.tokenizer, type, tokens));
  }
  return { files, tokens, documents: lengths.length, mixture: order.realised };
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

async function writeAsStored(
  path: string,
  header: Uint8Array,
  shards: readonly string[],
  type: TokenType,
  signal: AbortSignal | undefined,
): Promise<FileDigest> {
  await using file = await createAtomicFile(path);
  await file.write(header);
  for (const shard of shards) {
    signal?.throwIfAborted();
    await file.write(bytesOf((await readTokenFile(shard)).values, type));
  }
  return await file.commit();
}

/** Shard after shard, each document to the places that the order gives it. */
async function writeInOrder(
  path: string,
  header: Uint8Array,
  shards: readonly string[],
  order: DocumentOrder,
  type: TokenType,
  signal: AbortSignal | undefined,
): Promise<FileDigest> {
  const starts = new Float64Array(order.lengths.length);
  let end = header.length;
  for (const [i, length] of order.lengths.entries()) {
    starts[i] = end;
    end += length * type.BYTES_PER_ELEMENT;
  }
  // Places by shard, so that each shard is read once.
  const byShard = sortRows([order.shard]);
  return await writeFileInPlaces(path, async (write) => {
    await write(header, 0);
    let next = 0;
    for (const [index, name] of shards.entries()) {
      signal?.throwIfAborted();
      if (order.shard[byShard[next] as number] !== index) continue;
      const { values, offsets } = await readTokenFile(name);
      for (; next < byShard.length && order.shard[byShard[next] as number] === index; next++) {
        const place = byShard[next] as number;
        const document = order.document[place] as number;
        await write(bytesOf(values.subarray(offsets[document], offsets[document + 1]), type), starts[place] as number);
      }
    }
  });
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
function megatronIndex(lengths: Uint32Array, type: TokenType): Uint8Array {
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
function documentEnds(lengths: Uint32Array): Uint8Array {
  let end = 0;
  const ends = new BigUint64Array(lengths.length);
  for (const [i, length] of lengths.entries()) {
    end += length;
    ends[i] = BigInt(end);
  }
  return rawBytes(ends);
}

/** Tokenizer and bytes of a token, count, count for people. */
function datatroveMetadata(tokenizer: string, type: TokenType, tokens: number): string {
  const forPeople = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 }).format(tokens);
  return `${tokenizer}|${type.BYTES_PER_ELEMENT}\n${tokens}\n${forPeople}T`;
}

function bytesOf(values: Uint16Array | Uint32Array, type: TokenType): Uint8Array {
  return rawBytes(values instanceof type ? values : type.from(values));
}

function rawBytes(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
