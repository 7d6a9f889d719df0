/** The tokenizer and what is done with it: learn or copy it, encode partitions, order documents, write shards. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { exists, utf8Column, writeFileAtomic, type FileDigest } from "../../base/index.ts";
import type { TextColumn } from "../../kernels/types.ts";
import { encodePartition, planShards, readShardPlan, writeShard } from "../../shard/index.ts";
import { loadTokenizer, trainTokenizer, type Tokenizer } from "../../tokenize/index.ts";
import type { TaskContext, TaskOutcome } from "../executor.ts";
import { orderPath, partitionFiles, tokenizerPath } from "../layout.ts";
import type { EncodeInput, ShardsInput, TokenizerInput } from "./inputs.ts";
import { keptBatches } from "./kept.ts";

/** Learns a tokenizer from all kept documents, or copies the one that the config names. */
export async function makeTokenizer(input: TokenizerInput, context: TaskContext): Promise<TaskOutcome> {
  const { config, given } = input;
  const files: TaskOutcome["files"] = [];
  const write = async (path: string, content: string | Uint8Array): Promise<void> => {
    files.push({ path, ...(await writeFileAtomic(join(context.folder, path), content)) });
  };
  if (given === null) {
    const columns = keptColumns(context.folder, input);
    const folder = join(context.folder, dirname(tokenizerPath));
    // An empty corpus is reported when its rejects are written, with the reasons (see seal.ts).
    const trained = await trainTokenizer(columns, folder, config, { allowEmpty: true });
    files.push(
      ...trained.files.map(({ name, ...digest }) => ({ path: `${dirname(tokenizerPath)}/${name}`, ...digest })),
    );
  } else {
    // Read where it lies, so that what is wrong with it is said of the file that the config names.
    await loadTokenizer(given.path, config.name);
    await write(tokenizerPath, await readFile(given.path));
    // It says which tokens are BOS and EOS.
    const beside = join(dirname(given.path), "tokenizer_config.json");
    if (await exists(beside)) await write("tokenizer/tokenizer_config.json", await readFile(beside));
  }
  const tokenizer = await loadTokenizer(join(context.folder, tokenizerPath), config.name);
  const { name, sha256, vocabularySize } = tokenizer;
  return { files, result: { name, sha256, vocabularySize, trained: given === null } };
}

async function* keptColumns(
  folder: string,
  { partitions, revisions }: TokenizerInput,
): AsyncGenerator<TextColumn, void, undefined> {
  for (let partition = 0; partition < partitions; partition++) {
    for await (const batch of keptBatches(folder, partition, revisions)) yield utf8Column(batch, "text", "documents");
  }
}

/** Tokens of a partition's kept documents. */
export async function encode(input: EncodeInput, context: TaskContext): Promise<TaskOutcome> {
  const { partition, revisions } = input;
  const { encoded, documents } = partitionFiles(partition);
  const tokenizer = await openTokenizer(context.folder, input.tokenizer);
  const batches = keptBatches(context.folder, partition, revisions);
  const {
    documents: count,
    tokens,
    ...digest
  } = await encodePartition(batches, tokenizer, join(context.folder, encoded), {
    key: documents,
  });
  return { files: [{ path: encoded, ...digest }], result: { documents: count, tokens } };
}

/** The global order of documents, cut into shards. */
export async function orderShards(input: ShardsInput, context: TaskContext): Promise<TaskOutcome> {
  const { shards, left, ...digest } = await planShards(
    encodedPaths(input, context.folder),
    input,
    join(context.folder, orderPath),
  );
  return {
    files: [{ path: orderPath, ...digest }],
    result: { shards: shards.map((shard) => ({ ...shard })), left: { ...left } },
  };
}

/** Every `tasks`-th shard of the order. */
export async function writeShards(input: ShardsInput, context: TaskContext): Promise<TaskOutcome> {
  const { folder } = context;
  const plan = join(folder, orderPath);
  const own = (await readShardPlan(plan)).filter((_, index) => index % input.tasks === input.task);
  const files: (FileDigest & { path: string; rows: number })[] = [];
  if (own.length === 0) return { files, result: null };
  const tokenizer = await openTokenizer(folder, input.tokenizer);
  for (const shard of own) {
    const written = await writeShard(shard, plan, encodedPaths(input, folder), tokenizer, { folder, seed: input.seed });
    files.push({ path: shard.path, ...written });
  }
  return { files, result: null };
}

function encodedPaths(input: ShardsInput, folder: string): string[] {
  return [...Array(input.partitions).keys()].map((partition) => join(folder, partitionFiles(partition).encoded));
}

async function openTokenizer(folder: string, name: string): Promise<Tokenizer> {
  return await loadTokenizer(join(folder, tokenizerPath), name);
}
