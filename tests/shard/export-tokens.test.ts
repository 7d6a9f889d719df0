import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { exportTokens, writeTokenFile } from "../../forge/shard/index.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-export-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const shards = [
  [
    [1, 2, 3, 256],
    [4, 256],
  ],
  [[256], [5, 6, 7, 8, 9, 256], [10, 256]],
];
const documents = shards.flat();
const flat = documents.flat();

/** Writes the shards of a split; a vocabulary over 2¹⁶ makes them 32 bits wide. */
async function writeShards(vocabularySize: number): Promise<void> {
  const narrow = vocabularySize <= 65_536;
  for (const [index, content] of shards.entries()) {
    let end = 0;
    const offsets = Int32Array.from([0, ...content.map(({ length }) => (end += length))]);
    const values = narrow ? Uint16Array.from(content.flat()) : Uint32Array.from(content.flat());
    await writeTokenFile(
      join(folder, `tokens/train-0000${index}.arrow`),
      {
        values,
        offsets,
        ids: content.map((_, i) => `${index}${i}`.padStart(32, "0")),
        sources: content.map(() => "a"),
      },
      {
        version: 1,
        split: "train",
        tokenizer: "test",
        tokenizerSha256: "0".repeat(64),
        vocabularySize,
        dtype: narrow ? "uint16" : "uint32",
        bosId: null,
        eosId: 256,
        seed: 1,
        documents: content.length,
        tokens: values.length,
      },
    );
  }
}

const words = (bytes: Buffer, width: number, from = 0): number[] =>
  Array.from({ length: (bytes.length - from) / width }, (_, i) => bytes.readUIntLE(from + i * width, width));

test("nanoGPT gets the bare 16-bit stream, and a wide vocabulary is refused", async () => {
  await writeShards(257);
  const prefix = join(folder, "nanogpt");
  const result = await exportTokens(folder, "train", "nanogpt", prefix);
  expect(result).toMatchObject({ tokens: flat.length, documents: documents.length });
  expect(words(await readFile(`${prefix}.bin`), 2)).toEqual(flat);
  await writeShards(65_537);
  await expect(exportTokens(folder, "train", "nanogpt", prefix)).rejects.toMatchObject({ code: "export-impossible" });
});

// Header as llm.c's dataloader.h checks it: 256 32-bit words, magic, version, number of tokens.
test.each([
  [257, 2, 20_240_520, 1],
  [100_000, 4, 20_240_801, 7],
])("llm.c gets its header, with a vocabulary of %i", async (vocabulary, width, magic, version) => {
  await writeShards(vocabulary);
  await exportTokens(folder, "train", "llm.c", join(folder, "llmc"));
  const bytes = await readFile(join(folder, "llmc.bin"));
  expect([0, 4, 8].map((position) => bytes.readInt32LE(position))).toEqual([magic, version, flat.length]);
  expect(bytes.subarray(12, 1024).every((byte) => byte === 0)).toBe(true);
  expect(words(bytes, width, 1024)).toEqual(flat);
});

// The steps of Megatron-LM's _IndexReader and MMapIndexedDataset.__getitem__.
test.each([
  [257, 8, 2],
  [65_500, 4, 4],
  [100_000, 4, 4],
])("Megatron finds every document through its index, with a vocabulary of %i", async (vocabulary, code, width) => {
  await writeShards(vocabulary);
  await exportTokens(folder, "train", "megatron", join(folder, "megatron"));
  const index = await readFile(join(folder, "megatron.idx"));
  const data = await readFile(join(folder, "megatron.bin"));
  expect(index.toString("latin1", 0, 9)).toBe("MMIDIDX\0\0");
  expect(index.readBigUInt64LE(9)).toBe(1n);
  expect(index.readUInt8(17)).toBe(code);
  const sequences = Number(index.readBigUInt64LE(18));
  const bounds = Number(index.readBigUInt64LE(26));
  const pointersAt = 34 + 4 * sequences;
  const documentsAt = pointersAt + 8 * sequences;
  expect(index.length).toBe(documentsAt + 8 * bounds);
  expect(index.readBigInt64LE(index.length - 8), "the last document ends at the last sequence").toBe(BigInt(sequences));
  const read = Array.from({ length: bounds - 1 }, (_, document) => {
    const sequence = Number(index.readBigInt64LE(documentsAt + 8 * document));
    const length = index.readInt32LE(34 + 4 * sequence);
    const start = Number(index.readBigInt64LE(pointersAt + 8 * sequence));
    return words(data.subarray(start, start + width * length), width);
  });
  expect(read).toEqual(documents);
});

test("datatrove gets the ends of documents and its metadata", async () => {
  await writeShards(257);
  const { files } = await exportTokens(folder, "train", "datatrove", join(folder, "trove"));
  expect(files.map(({ path }) => path)).toEqual(
    ["ds", "ds.index", "ds.metadata"].map((end) => join(folder, `trove.${end}`)),
  );
  const data = words(await readFile(join(folder, "trove.ds")), 2);
  const index = await readFile(join(folder, "trove.ds.index"));
  let start = 0;
  const read = documents.map((_, i) => data.slice(start, (start = Number(index.readBigUInt64LE(8 * i)))));
  expect(read).toEqual(documents);
  expect(index.length).toBe(8 * documents.length);
  expect(await readFile(join(folder, "trove.ds.metadata"), "utf8")).toBe(`test|2\n${flat.length}\n${flat.length}T`);
});

test("an export of nothing says that there are no shards", async () => {
  await expect(exportTokens(folder, "train", "llm.c", join(folder, "x"))).rejects.toMatchObject({
    code: "token-shards-missing",
  });
});
