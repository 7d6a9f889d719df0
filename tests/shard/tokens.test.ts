import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DataError, digestFile, formatJson, random } from "../../forge/base/index.ts";
import {
  encodePartition,
  openTokenShards,
  parquetColumns,
  planShards,
  readShardPlan,
  readTokenFile,
  validationFlags,
  verifyOutput,
  writeDocuments,
  writeShard,
  writeTokenFile,
  type PlannedShard,
} from "../../forge/shard/index.ts";
import { splitNames, type TokenShardMetadata } from "../../schemas/record/tokens.ts";
import { byteTokenizer, decodeBytes, documentBatch, type TestDocument } from "./support.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-tokens-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const settings = { seed: 7, validationFraction: 0.25, tokensPerShard: 300, tokenBudget: null };
const idOf = (name: string): string => createHash("sha256").update(name).digest("hex").slice(0, 32);
const someDocuments = (count: number): TestDocument[] =>
  Array.from({ length: count }, (_, i) => ({
    id: idOf(`document ${i}`),
    text: `Document ${i}: ${"größe ".repeat(i % 9)}`,
    source: `file-${i % 3}.txt`,
  }));

/** Encodes, plans and writes into `<folder>/<name>`. */
async function build(
  name: string,
  partitions: readonly (readonly TestDocument[])[],
  options: { readonly backwards?: boolean; readonly config?: Parameters<typeof planShards>[1] } = {},
): Promise<{ readonly out: string; readonly shards: readonly PlannedShard[] }> {
  const config = options.config ?? settings;
  const out = join(folder, name);
  const inputs: string[] = [];
  for (const [index, documents] of partitions.entries()) {
    const path = join(out, ".work", `${index}.col`);
    const batches = documents.length === 0 ? [] : [documentBatch(documents)];
    await encodePartition(batches, byteTokenizer, path, { key: `part ${index}` });
    inputs.push(path);
  }
  const plan = join(out, ".work", "plan.col");
  const { shards } = await planShards(inputs, config, plan);
  expect(await readShardPlan(plan)).toEqual(shards);
  for (const shard of options.backwards === true ? shards.toReversed() : shards) {
    await writeShard(shard, plan, inputs, byteTokenizer, { folder: out, seed: config.seed });
  }
  return { out, shards };
}

async function contents(out: string, shards: readonly PlannedShard[]): Promise<Map<string, string>> {
  const digests = await Promise.all(shards.map(async ({ path }) => [path, (await digestFile(join(out, path))).sha256]));
  return new Map(digests as [string, string][]);
}

test("every document lies whole in exactly one shard, ended by EOS", async () => {
  const documents = someDocuments(120);
  const { out, shards } = await build("out", [documents.slice(0, 50), documents.slice(50)]);
  expect(shards.length).toBeGreaterThan(4);
  const found = new Map<string, { text: string; source: string }>();
  for (const split of splitNames) {
    const opened = await openTokenShards(out, split);
    for (const shard of opened.shards) {
      for (let document = 0; document < shard.metadata.documents; document++) {
        const tokens = shard.values.subarray(shard.offsets[document], shard.offsets[document + 1]);
        expect(tokens.at(-1)).toBe(byteTokenizer.eosId);
        expect(found.has(shard.id(document))).toBe(false);
        found.set(shard.id(document), {
          text: decodeBytes(Uint32Array.from(tokens.subarray(0, -1))),
          source: shard.source(document),
        });
      }
    }
    expect(opened.tokens).toBe(opened.shards.reduce((sum, { values }) => sum + values.length, 0));
    await opened.close();
  }
  expect(found).toEqual(new Map(documents.map(({ id, text, source }) => [id, { text, source }])));
});

test("shards are the same bytes for any partitioning and any order of tasks", async () => {
  let run = 0;
  const documents = someDocuments(60);
  const whole = await build("whole", [documents]);
  const expected = await contents(whole.out, whole.shards);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 6 }), fc.nat(), fc.boolean(), async (parts, seed, backwards) => {
      const shuffled = random(seed).shuffle([...documents]);
      const spread = Array.from({ length: parts }, (_, part) => shuffled.filter((_, i) => i % parts === part));
      const other = await build(`run-${run++}`, [[], ...spread], { backwards });
      expect(await contents(other.out, other.shards)).toEqual(expected);
    }),
    { numRuns: 8 },
  );
});

test("another seed gives another order", async () => {
  const documents = someDocuments(60);
  const a = await build("a", [documents]);
  const b = await build("b", [documents], { config: { ...settings, seed: 8 } });
  expect(await contents(a.out, a.shards)).not.toEqual(await contents(b.out, b.shards));
});

test("the split of a document depends on its id and the seed alone, in the asked proportion", () => {
  const ids = Buffer.from(Array.from({ length: 4000 }, (_, i) => idOf(`split ${i}`)).join(""), "hex");
  const flags = validationFlags(ids, 1, 0.1);
  const count = flags.reduce((sum, flag) => sum + flag, 0);
  // Six standard deviations of 4,000 draws at 0.1.
  expect(Math.abs(count - 400)).toBeLessThan(6 * Math.sqrt(4000 * 0.1 * 0.9));
  expect(validationFlags(ids.subarray(1600, 3200), 1, 0.1)).toEqual(flags.subarray(100, 200));
  expect(validationFlags(ids, 2, 0.1)).not.toEqual(flags);
  // Ids that count up are not spread by themselves: the hash must do it.
  const counting = Buffer.alloc(16 * 4000);
  for (let i = 0; i < 4000; i++) counting.writeUInt32LE(i, 16 * i);
  const among = validationFlags(counting, 1, 0.1).reduce((sum, flag) => sum + flag, 0);
  expect(Math.abs(among - 400)).toBeLessThan(6 * Math.sqrt(4000 * 0.1 * 0.9));
});

test("an empty corpus has no shards, and opening them says what is missing", async () => {
  const { out, shards } = await build("empty", [[]]);
  expect(shards).toEqual([]);
  await expect(openTokenShards(out, "train")).rejects.toMatchObject({ code: "token-shards-missing" });
});

describe("a damaged shard", () => {
  const metadata: TokenShardMetadata = {
    version: 1,
    split: "train",
    tokenizer: "bytes",
    tokenizerSha256: "b".repeat(64),
    vocabularySize: 257,
    dtype: "uint16",
    bosId: null,
    eosId: 256,
    seed: 1,
    documents: 2,
    tokens: 5,
  };
  const shard = {
    values: Uint16Array.of(1, 2, 256, 3, 256),
    offsets: Int32Array.of(0, 3, 5),
    ids: [idOf("a"), idOf("b")],
    sources: ["a.txt", "b.txt"],
  };

  test("is refused when it was truncated anywhere", async () => {
    const path = join(folder, "tokens.arrow");
    await writeTokenFile(path, shard, metadata);
    await expect(readTokenFile(path)).resolves.toMatchObject({ metadata });
    const bytes = await readFile(path);
    for (const size of [0, 4, 8, 100, bytes.length >> 1, bytes.length - 10, bytes.length - 1]) {
      await writeFile(path, bytes.subarray(0, size));
      const error: unknown = await readTokenFile(path).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(DataError);
      expect(error).toMatchObject({ code: "token-shard-invalid", position: { file: path } });
    }
  });

  test.each([
    ["more tokens are promised", { tokens: 6 }, {}],
    ["fewer documents are promised", { documents: 1 }, {}],
    ["an id is not in the vocabulary", { vocabularySize: 256, eosId: null }, {}],
    ["a document does not end with EOS", {}, { values: Uint16Array.of(1, 2, 3, 3, 256) }],
    ["a document does not begin with BOS", { bosId: 9 }, {}],
    ["the type is another", { dtype: "uint32" as const }, {}],
  ])("is refused when %s", async (_, change, content) => {
    const path = join(folder, "tokens.arrow");
    await writeTokenFile(path, { ...shard, ...content }, { ...metadata, ...change });
    await expect(readTokenFile(path)).rejects.toMatchObject({ code: "token-shard-invalid" });
  });

  test("is refused among shards of another tokenizer", async () => {
    await writeTokenFile(join(folder, "tokens/train-00000.arrow"), shard, metadata);
    await writeTokenFile(join(folder, "tokens/train-00001.arrow"), shard, {
      ...metadata,
      tokenizerSha256: "c".repeat(64),
    });
    await expect(openTokenShards(folder, "train")).rejects.toMatchObject({ code: "token-shards-differ" });
  });

  test("of 32-bit ids comes back as it was written", async () => {
    const path = join(folder, "wide.arrow");
    const wide = { ...shard, values: Uint32Array.of(70_000, 2, 256, 3, 256) };
    await writeTokenFile(path, wide, { ...metadata, dtype: "uint32", vocabularySize: 100_000 });
    const read = await readTokenFile(path);
    expect([...read.values]).toEqual([...wide.values]);
    expect(read.source(1)).toBe("b.txt");
  });
});

describe("verification", () => {
  const documents = someDocuments(40);

  async function output(): Promise<string> {
    const { out, shards } = await build("out", [documents]);
    const batch = documentBatch(documents);
    const path = "documents/part-00000.parquet";
    const { rows, ...digest } = await writeDocuments(join(out, path), await parquetColumns(batch.schema), [batch]);
    const tokenFiles = await Promise.all(
      shards.map(async (shard) => ({
        path: shard.path,
        rows: shard.documents,
        ...(await digestFile(join(out, shard.path))),
      })),
    );
    const manifest = {
      version: 1,
      files: [{ path, rows, ...digest }, ...tokenFiles],
      conservation: { documentsIn: 45, kept: 40, rejected: { short: 4 }, quarantined: 1 },
    };
    await writeFile(join(out, "manifest.json"), formatJson(manifest));
    return out;
  }

  test("passes a whole output and decodes a sample", async () => {
    const report = await verifyOutput(await output(), { decode: decodeBytes, sample: 10 });
    expect(report.problems).toEqual([]);
    expect(report.documents).toBe(40);
    expect(report.roundTrips).toBeGreaterThanOrEqual(10);
  });

  test("names a changed, a missing and an unlisted file", async () => {
    const out = await output();
    const path = join(out, "documents/part-00000.parquet");
    const bytes = await readFile(path);
    bytes[60] = (bytes[60] as number) ^ 1;
    await writeFile(path, bytes);
    await rm(join(out, "tokens/train-00000.arrow"));
    await writeFile(join(out, "tokens/train-99999.arrow"), "leftover");
    const { problems } = await verifyOutput(out);
    expect(problems.map(({ file }) => file).sort()).toEqual([
      "documents/part-00000.parquet",
      "tokens/train-00000.arrow",
      "tokens/train-99999.arrow",
    ]);
  });

  test("finds tokens that decode to another text, and counts that do not add up", async () => {
    const out = await output();
    const wrong = await verifyOutput(out, { decode: (ids) => decodeBytes(ids).toUpperCase() });
    expect(wrong.problems.length).toBeGreaterThan(0);
    const path = join(out, "manifest.json");
    const manifest = JSON.parse(await readFile(path, "utf8")) as { conservation: { documentsIn: number } };
    manifest.conservation.documentsIn++;
    await writeFile(path, formatJson(manifest));
    const { problems } = await verifyOutput(out);
    expect(problems.map(({ message }) => message)).toEqual(["the run: 1 documents are in none of the outputs"]);
  });

  test("finds documents that are in no shard, unless a token budget left them out", async () => {
    const out = await output();
    const path = join(out, "manifest.json");
    const manifest = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
    const found = async (documents: number): Promise<string[]> => {
      await writeFile(path, formatJson({ ...manifest, figures: { beyondBudget: { documents } } }));
      return (await verifyOutput(out)).problems.map(({ message }) => message);
    };
    expect(await found(0)).toEqual([]);
    expect(await found(1)).toEqual(["tokens/ has 40 documents, 39 were to be written"]);
  });

  test("says that a run did not finish when there is no manifest", async () => {
    await expect(verifyOutput(folder)).rejects.toMatchObject({ code: "manifest-missing" });
  });
});

test("a token budget takes the first documents of the order, changes no place and no split, and counts the rest", async () => {
  const all = someDocuments(60);
  const whole = await build("whole", [all]);
  const total = whole.shards.reduce((sum, shard) => sum + shard.tokens, 0);
  const inOrder = async (name: string, split: "train" | "validation"): Promise<string[]> => {
    const opened = await openTokenShards(join(folder, name), split);
    return opened.shards.flatMap((shard) => Array.from({ length: shard.metadata.documents }, (_, i) => shard.id(i)));
  };
  const budget = Math.floor(total / 2);
  const part = await build("part", [all], { config: { ...settings, tokenBudget: budget } });
  const taken = part.shards.reduce((sum, shard) => sum + shard.tokens, 0);
  expect(taken).toBeGreaterThanOrEqual(budget);
  expect(taken).toBeLessThan(budget + 120);
  for (const split of ["train", "validation"] as const) {
    const ids = await inOrder("part", split);
    expect(ids.length).toBeGreaterThan(0);
    expect((await inOrder("whole", split)).slice(0, ids.length)).toEqual(ids);
  }
  const plan = join(folder, "part", ".work", "plan.col");
  const { left } = await planShards(
    [join(folder, "part", ".work", "0.col")],
    { ...settings, tokenBudget: budget },
    plan,
  );
  expect(left.tokens).toBe(total - taken);
  expect(left.documents).toBe(60 - part.shards.reduce((sum, shard) => sum + shard.documents, 0));
});

test("the order is the same however many documents are sorted at a time, and leaves nothing but the plan", async () => {
  const documents = someDocuments(90);
  const { out } = await build("out", [documents.slice(0, 40), documents.slice(40, 41), documents.slice(41)]);
  const inputs = [0, 1, 2].map((index) => join(out, ".work", `${index}.col`));
  for (const tokenBudget of [null, 1, 700]) {
    const config = { ...settings, tokenBudget };
    const whole = await planShards(inputs, config, join(out, ".work", "whole.col"));
    const inParts = await planShards(inputs, config, join(out, ".work", "parts.col"), 7);
    expect(inParts).toEqual(whole);
    expect(whole.shards.reduce((sum, shard) => sum + shard.documents, 0)).toBe(90 - whole.left.documents);
  }
  expect((await readdir(join(out, ".work"))).filter((name) => name.includes("runs"))).toEqual([]);
});
