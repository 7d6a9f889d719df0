import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { corpusConfigSchema, type CorpusConfig } from "../../schemas/config/corpus.ts";
import { countDone, estimateBuild, planBuild } from "../../forge/pipeline/index.ts";
import { build, makeText, plantedConfig, plantedFiles, writeFiles } from "./corpora.ts";

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "forge-estimate-"));
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

const lines = Array.from({ length: 400 }, (_, i) => JSON.stringify({ text: makeText(100, i) })).join("\n");

function config(path: string, more: Record<string, unknown> = {}): CorpusConfig {
  return corpusConfigSchema.parse({ name: "estimated", root: work, sources: [{ name: "in", path }], ...more });
}

describe("the estimate of a build", () => {
  it("counts plain text once and compressed text five times, disk by text and time by text and workers", async () => {
    const packed = gzipSync(lines);
    await writeFiles(work, { "plain/a.jsonl": lines, "packed/a.jsonl.gz": packed });
    const plain = estimateBuild(await planBuild(config("plain")), config("plain"), 1);
    expect(plain).toMatchObject({ inputBytes: lines.length, textBytes: lines.length, cut: { files: 0, pieces: 0 } });
    expect(plain.diskBytes).toBe(3 * lines.length);
    const gz = estimateBuild(await planBuild(config("packed")), config("packed"), 1);
    expect(gz).toMatchObject({ inputBytes: packed.length, textBytes: 5 * packed.length });
    const four = estimateBuild(await planBuild(config("plain")), config("plain"), 4);
    expect((plain.seconds.most - 2) / (four.seconds.most - 2)).toBeCloseTo(4);
    expect(plain.seconds.least).toBeLessThan(plain.seconds.most);
  });

  it("tells of compressed files that are cut into pieces first", async () => {
    const cut = config("packed", { read: { pieceBytes: 16_384, splitBytes: 16_384 } });
    const { cut: told, diskBytes, textBytes } = estimateBuild(await planBuild(cut), cut, 1);
    expect(diskBytes).toBe(4 * textBytes);
    expect(told.files).toBe(1);
    expect(told.pieces).toBeGreaterThan(1);
  });

  it("knows which tasks are done, all of them behind a build and none under another config", async () => {
    await writeFiles(join(work, "in"), plantedFiles());
    const planted = plantedConfig(join(work, "in"));
    const out = join(work, "out");
    const plan = await planBuild(planted);
    expect([...(await countDone(out, plan)).values()].every((count) => count === 0)).toBe(true);
    await build(planted, out);
    const done = await countDone(out, plan);
    expect([...done]).toEqual(plan.stages.map(({ name, tasks }) => [name, tasks.length]));
    const other = await countDone(out, await planBuild({ ...planted, filters: [] }));
    expect(other.get("ingest")).toBe(0);
  });
});
