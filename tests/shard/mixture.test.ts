import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportTokens, writeTokenFile } from "../../forge/shard/index.ts";

let folder: string;
/** Document `i` is `length` times its number, then an end mark. */
const documents = Array.from({ length: 60 }, (_, i) => ({
  number: i,
  length: 1 + ((i * 7) % 13),
  source: `${["books", "web", "code"][i % 3] ?? ""}/${i}.txt`,
}));
const end = 999;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-mixture-"));
  for (let shard = 0; shard < 3; shard++) {
    const own = documents.slice(shard * 20, (shard + 1) * 20);
    const parts = own.map(({ number, length }) => [...Array.from({ length }, () => number), end]);
    let at = 0;
    await writeTokenFile(
      join(folder, `tokens/train-0000${shard}.arrow`),
      {
        values: Uint16Array.from(parts.flat()),
        offsets: Int32Array.from([0, ...parts.map((part) => (at += part.length))]),
        ids: own.map(({ number }) => createHash("md5").update(String(number)).digest("hex")),
        sources: own.map(({ source }) => source),
      },
      {
        version: 1,
        split: "train",
        tokenizer: "test",
        tokenizerSha256: "0".repeat(64),
        vocabularySize: 1000,
        dtype: "uint16",
        bosId: null,
        eosId: end,
        seed: 1,
        documents: own.length,
        tokens: at,
      },
    );
  }
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Numbers of the documents written, in their order; asserts that each is whole. */
async function exported(options: Parameters<typeof exportTokens>[4]): Promise<{
  readonly numbers: number[];
  readonly result: Awaited<ReturnType<typeof exportTokens>>;
}> {
  const result = await exportTokens(folder, "train", "nanogpt", join(folder, "out", "x"), options);
  const bytes = await readFile(join(folder, "out", "x.bin"));
  expect(bytes.length).toBe(2 * result.tokens);
  const numbers: number[] = [];
  let run: number[] = [];
  for (let at = 0; at < bytes.length; at += 2) {
    const token = bytes.readUInt16LE(at);
    if (token !== end) {
      run.push(token);
      continue;
    }
    expect(new Set(run).size).toBe(1);
    expect(run.length).toBe(documents[run[0] as number]?.length);
    numbers.push(run[0] as number);
    run = [];
  }
  expect(run).toEqual([]);
  expect(numbers).toHaveLength(result.documents);
  return { numbers, result };
}

const copiesOf = (numbers: readonly number[], number: number): number => numbers.filter((one) => one === number).length;

describe("exporting a mixture", () => {
  it("writes a split as it is without weights", async () => {
    const { numbers, result } = await exported({});
    expect(numbers).toEqual(documents.map(({ number }) => number));
    expect(result.mixture).toEqual([]);
  });

  it("writes whole epochs of a source, and the others once, in a new order", async () => {
    const { numbers, result } = await exported({ weights: [{ pattern: "books", weight: 3 }] });
    for (const { number, source } of documents) {
      expect(copiesOf(numbers, number)).toBe(source.startsWith("books/") ? 3 : 1);
    }
    expect(numbers).not.toEqual(numbers.toSorted((a, b) => a - b));
    expect(
      result.mixture.map(({ pattern, documents: all, writtenDocuments }) => [pattern, all, writtenDocuments]),
    ).toEqual([
      ["books", 20, 60],
      ["*", 40, 40],
    ]);
  });

  it("leaves a source out whose weight is 0", async () => {
    const { numbers } = await exported({ weights: [{ pattern: "web/**", weight: 0 }] });
    expect(numbers.some((number) => number % 3 === 1)).toBe(false);
    expect(numbers).toHaveLength(40);
  });

  it("realises any weight to within one document, and reports it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 4, noNaN: true }), fc.nat(1000), async (weight, seed) => {
        const { numbers, result } = await exported({ weights: [{ pattern: "code/*.txt", weight }], seed });
        const code = documents.filter(({ source }) => source.startsWith("code/"));
        const tokens = code.reduce((sum, { length }) => sum + length + 1, 0);
        const written = code.reduce((sum, { number, length }) => sum + copiesOf(numbers, number) * (length + 1), 0);
        expect(Math.abs(written - weight * tokens)).toBeLessThanOrEqual(14);
        expect(result.mixture[0]).toMatchObject({ tokens, writtenTokens: written });
        // No document is written twice more often than another.
        const copies = code.map(({ number }) => copiesOf(numbers, number));
        expect(Math.max(...copies) - Math.min(...copies)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 30 },
    );
  });

  it("is the same for the same seed and another for another", async () => {
    const weights = [{ pattern: "books", weight: 1.5 }];
    const first = await exported({ weights, seed: 5 });
    expect((await exported({ weights, seed: 5 })).numbers).toEqual(first.numbers);
    expect((await exported({ weights, seed: 6 })).numbers).not.toEqual(first.numbers);
  });

  it("ends with the document that reaches the wanted tokens", async () => {
    const all = (await exported({ weights: [{ pattern: "books", weight: 2 }] })).numbers;
    const { numbers, result } = await exported({ weights: [{ pattern: "books", weight: 2 }], maxTokens: 100 });
    expect(numbers).toEqual(all.slice(0, numbers.length));
    expect(result.tokens).toBeGreaterThanOrEqual(100);
    expect(result.tokens).toBeLessThan(100 + 14);
  });

  it("names a pattern that matches nothing", async () => {
    await expect(exported({ weights: [{ pattern: "boks", weight: 2 }] })).rejects.toMatchObject({
      code: "mixture-unmatched",
    });
  });
});
