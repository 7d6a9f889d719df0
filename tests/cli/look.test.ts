import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SourceRecord } from "../../forge/pipeline/index.ts";
import { openTokenShards } from "../../forge/shard/index.ts";
import { loadTokenizer } from "../../forge/tokenize/index.ts";
import { build, planted, plantedConfig, plantedFiles, rowsOf, writeFiles } from "../pipeline/corpora.ts";
import { runForge, type Ran } from "../forge.ts";

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "forge-look-"));
  await writeFiles(join(cwd, "in"), plantedFiles());
  await build(plantedConfig(join(cwd, "in")), join(cwd, "out"));
}, 60_000);
afterAll(async () => {
  await rm(cwd, { recursive: true, force: true });
});

const forge = async (...argv: readonly string[]): Promise<Ran> => await runForge(cwd, argv);
const json = async (...argv: readonly string[]): Promise<Record<string, unknown>> => {
  const { code, stdout, stderr } = await forge(...argv, "--json");
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
};

describe("forge where", () => {
  it("finds document, record and text of any token", { timeout: 30_000 }, async () => {
    const { shards } = await openTokenShards(join(cwd, "out"), "train");
    const shard = shards[0];
    if (shard === undefined) throw new Error("there is a shard");
    const tokenizer = await loadTokenizer(join(cwd, "out", "tokenizer"));
    const kept = await rowsOf(join(cwd, "out"), "documents");
    for (const document of [0, 3, shard.metadata.documents - 1]) {
      const start = shard.offsets[document] as number;
      const position = start + 5;
      const origin = await json("where", "out", "--at", `train-00000:${position}`);
      const row = kept.find((one) => one["id"] === origin["id"]);
      expect(origin).toMatchObject({
        id: shard.id(document),
        document,
        tokenInDocument: 5,
        source: row?.["source"],
        url: row?.["url"],
      });
      expect(
        String(row?.["text"]).startsWith(
          `${String(origin["before"])}${String(origin["token"])}${String(origin["after"])}`,
        ),
      ).toBe(true);
      expect(origin["token"]).toBe(tokenizer.decode(Uint32Array.of(shard.values[position] as number)));
    }
  });

  it("names the record's place in its source, whatever malformed records stand before it", async () => {
    const train = (await openTokenShards(join(cwd, "out"), "train")).shards;
    const files = plantedFiles();
    const places = new Map<string, Buffer>([
      ["a/records.jsonl", Buffer.from(files["a/records.jsonl"] ?? "")],
      ["b/packed.jsonl.gz", gunzipSync(files["b/packed.jsonl.gz"] as Uint8Array)],
    ]);
    const seen = new Map<string, number>();
    for (const shard of train) {
      for (let document = 0; document < shard.metadata.documents; document++) {
        const source = shard.source(document);
        if ((seen.get(source) ?? 0) > 5) continue;
        seen.set(source, (seen.get(source) ?? 0) + 1);
        const name = shard.path.split("/").at(-1) ?? "";
        const at = `${name.replace(".arrow", "")}:${shard.offsets[document]}`;
        const { record, url } = (await json("where", "out", "--at", at)) as {
          record: SourceRecord;
          url: string | null;
        };
        const file = places.get(source);
        if (file === undefined) {
          expect(record).toEqual({ unit: "file", place: 0 });
          continue;
        }
        expect(record.unit).toBe("line");
        const line = file.subarray(Number(record.place)).toString("utf8").split("\n")[0] ?? "";
        expect(JSON.parse(line)).toMatchObject({ url });
        const { stdout } = await forge("where", "out", "--at", at);
        expect(stdout).toContain(`source    ${source}, line at byte ${record.place}\n`);
      }
    }
    expect(seen.get("a/records.jsonl")).toBeGreaterThan(4);
    expect(seen.get("b/packed.jsonl.gz")).toBeGreaterThan(0);
  }, 60_000);

  it("says where a token cannot be", async () => {
    expect((await forge("where", "out", "--at", "train-00000:99999999")).code).toBe(2);
    expect((await forge("where", "out", "--at", "train-00000")).stderr).toContain("--at SHARD:POSITION");
  });
});

describe("forge inspect", () => {
  it("shows the same sample for the same seed, and rejects by reason", async () => {
    const first = await json("inspect", "out", "--count", "3");
    expect(first["rows"]).toHaveLength(3);
    expect(await json("inspect", "out", "--count", "3")).toEqual(first);
    const { rows } = (await json("inspect", "out", "--rejected", "too_few_words", "--count", "100")) as {
      rows: Record<string, unknown>[];
    };
    expect(rows).toHaveLength(planted.short);
    expect(new Set(rows.map((row) => row["reason"]))).toEqual(new Set(["too_few_words"]));
    expect((await forge("inspect", "out", "--rejected", "no_such")).code).toBe(2);
  });

  it("puts a removed duplicate beside the document it was removed for", async () => {
    const { clusters } = (await json("inspect", "out", "--duplicates", "--count", "100")) as {
      clusters: { kept: Record<string, unknown>; removed: Record<string, unknown>[] }[];
    };
    expect(clusters.flatMap(({ removed }) => removed)).toHaveLength(planted.exact + planted.near);
    for (const { kept, removed } of clusters) for (const row of removed) expect(row["partnerId"]).toBe(kept["id"]);
    const { stdout } = await forge("inspect", "out", "--duplicates", "--count", "100");
    expect(stdout).toMatch(/^kept [0-9a-f]{32} · cluster of \d+$/m);
    expect(stdout).toMatch(/^removed [0-9a-f]{32} · near-duplicate · Jaccard 0\.\d+$/m);
    expect(stdout).toMatch(/ ≠ /);
  });
});

describe("forge stats", () => {
  it("adds up and shows quantiles of signals", async () => {
    const { stdout, code } = await forge("stats", "out", "--signals");
    expect(code).toBe(0);
    expect(stdout).toMatch(/too_few_words +12/);
    expect(stdout).toMatch(/words +\d+ /);
  });
});

describe("forge export", () => {
  it("writes a mixture and reports what it realised", async () => {
    const written = await json("export", "out", "--format", "megatron", "--weight", "c=2", "--out", "mix/train");
    expect((written["files"] as { path: string }[]).map(({ path }) => path.slice(cwd.length + 1))).toEqual([
      "mix/train.bin",
      "mix/train.idx",
    ]);
    expect(written["mixture"]).toMatchObject([
      { pattern: "c", weight: 2 },
      { pattern: "*", weight: 1 },
    ]);
  });

  it("names the formats when none or a wrong one is given", async () => {
    expect((await forge("export", "out", "--format", "tfrecord")).stderr).toContain(
      "nanogpt, llm.c, megatron, datatrove",
    );
    expect((await forge("export", "out", "--format", "nanogpt", "--weight", "c")).stderr).toContain("PATTERN=WEIGHT");
  });
});
