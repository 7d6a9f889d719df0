/** Corpora of one document, of none that is left, and of one that is larger than a shard, with every part switched on. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { locateToken } from "../../forge/pipeline/index.ts";
import { openTokenShards, verifyOutput } from "../../forge/shard/index.ts";
import { loadTokenizer } from "../../forge/tokenize/index.ts";
import type { CorpusConfig } from "../../schemas/config/corpus.ts";
import { build, makeText, plantedConfig, rowsOf, writeFiles } from "./corpora.ts";

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "forge-small-"));
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

const question = makeText(20, "question").replace(/[.\n]/g, "");

async function corpus(name: string, texts: readonly string[], shard: Record<string, unknown>): Promise<CorpusConfig> {
  const root = join(work, name);
  await writeFiles(root, {
    "in/a.jsonl": texts.map((text) => JSON.stringify({ text, url: "https://example.org/" })).join("\n"),
    "set.jsonl": JSON.stringify({ question }),
  });
  return plantedConfig(root, {
    sources: [{ name: "in", path: "in" }],
    dedup: { bands: 8, rows: 5, lines: { minDocumentCharacters: 10 }, keepIndex: true },
    decontaminate: { sets: [{ name: "set", path: "set.jsonl", fields: { question: "question" } }] },
    shard: { tokensPerShard: 200, validationFraction: 0, ...shard },
  });
}

const decoder = async (out: string): Promise<(ids: Uint32Array) => string> => {
  const tokenizer = await loadTokenizer(join(out, "tokenizer"));
  return (ids) => tokenizer.decode(ids);
};

describe("a corpus of one document", () => {
  it.each([0, 0.5])("is whole, with %f of the documents for validation", async (validationFraction) => {
    const text = makeText(60, "only");
    const config = await corpus(`one-${validationFraction}`, [text], { validationFraction, seed: 1 });
    const out = join(work, `one-${validationFraction}-out`);
    const manifest = await build(config, out);
    expect(manifest.conservation).toMatchObject({ documentsIn: 1, kept: 1, rejected: {}, quarantined: 0 });
    expect((await rowsOf(out, "documents")).map((row) => [row["text"], row["clusterSize"]])).toEqual([[text, 1]]);
    const report = await verifyOutput(out, { decode: await decoder(out) });
    expect(report).toMatchObject({ problems: [], documents: 1, roundTrips: 1 });
    expect(Object.values(manifest.figures.tokens)).toMatchObject([{ documents: 1, shards: 1 }]);
    // Copies of it are all that a second one could bring.
    const again = { ...config, dedup: { ...config.dedup, against: [out] } };
    await expect(build(again, join(work, `again-${validationFraction}`))).rejects.toMatchObject({
      code: "nothing-kept",
      message: expect.stringContaining("1 exact-duplicate") as string,
    });
  });
});

describe("a corpus of which nothing is left", () => {
  it.each([
    ["the filters", "too_few_words", [makeText(5, "a"), makeText(5, "b")]],
    ["decontamination", "contaminated", [`${makeText(60, "a")} ${question}`, `${question} ${makeText(60, "b")}`]],
  ])("by %s is said to be so, with the reason, and its rejects can be looked at", async (name, reason, texts) => {
    const out = join(work, `${reason}-out`);
    const config = await corpus(reason, texts, {});
    await expect(build(config, out), name).rejects.toMatchObject({
      code: "nothing-kept",
      message: expect.stringContaining(`2 ${reason}`) as string,
      exitCode: 3,
    });
    expect((await rowsOf(out, "rejects")).map((row) => [row["reason"], row["text"]])).toEqual(
      texts.map((text) => [reason, text]),
    );
  });
});

describe("a document larger than a shard", () => {
  it("lies whole in one, which ends with it, and each of its tokens is found", async () => {
    const large = makeText(2000, "large");
    const texts = [makeText(60, "a"), large, makeText(60, "b"), makeText(60, "c")];
    const out = join(work, "large-out");
    await build(await corpus("large", texts, {}), out);
    const { shards } = await openTokenShards(out, "train");
    const sizes = shards.map(({ metadata }) => metadata.tokens);
    expect(Math.max(...sizes)).toBeGreaterThan(2000);
    expect(shards.reduce((sum, { metadata }) => sum + metadata.documents, 0)).toBe(4);
    for (const shard of shards) {
      const last = shard.metadata.documents - 1;
      // Before its last document it was not full.
      expect(shard.offsets[last]).toBeLessThan(200);
      for (const position of [0, shard.metadata.tokens >> 1, shard.metadata.tokens - 1]) {
        const origin = await locateToken(out, shard.path, position);
        const text = texts.find((one) => one.includes(`${origin.before}${origin.token}${origin.after}`));
        expect(text).toBeDefined();
        expect(origin.record?.place).toBe(
          texts
            .slice(0, texts.indexOf(text ?? ""))
            .reduce((sum, one) => sum + JSON.stringify({ text: one, url: "https://example.org/" }).length + 1, 0),
        );
      }
    }
    await expect(locateToken(out, "train-00000", sizes[0] as number)).rejects.toMatchObject({
      code: "position-outside",
    });
    expect((await verifyOutput(out, { decode: await decoder(out) })).problems).toEqual([]);
  });
});
