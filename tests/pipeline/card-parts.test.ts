/** Which files of an output its card names as the data set: what `datasets` is given (tests/oracle/card.test.ts). */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { build, makeText, plantedConfig, writeFiles } from "./corpora.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-card-parts-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

it("no file is without a row, for `datasets` stumbles over one before others: a glob names all", async () => {
  const lines = (words: readonly number[]): string =>
    words.map((count, i) => JSON.stringify({ text: makeText(count, `${count} ${i}`) })).join("\n");
  await writeFiles(join(folder, "in"), {
    "a.jsonl": lines([100, 101, 3]),
    "b.jsonl": lines([3, 4]),
    "c.jsonl": lines([100, 103, 2]),
  });
  const partsOf = async (paths: readonly string[]): Promise<Map<string, unknown>> => {
    const out = join(folder, `out-${paths.length}`);
    const sources = paths.map((path) => ({ name: path.slice(0, 1), path }));
    await build(plantedConfig(join(folder, "in"), { sources }), out);
    const front = (await readFile(join(out, "README.md"), "utf8")).split("---\n")[1] ?? "";
    const { configs } = parse(front) as { configs: { config_name: string; data_files: { path: unknown }[] }[] };
    const parts = new Map(configs.map(({ config_name, data_files }) => [config_name, data_files[0]?.path]));
    return parts;
  };
  expect(await partsOf(["a.jsonl", "b.jsonl", "c.jsonl"])).toEqual(
    new Map([
      ["default", "documents/*.parquet"],
      ["rejects", "rejects/*.parquet"],
    ]),
  );
  const written = async (part: string): Promise<readonly string[]> =>
    (await readdir(join(folder, "out-3", part))).sort();
  expect(await written("documents")).toEqual(["part-00000.parquet", "part-00002.parquet"]);
  expect(await written("rejects")).toEqual([
    "part-00000-filtered.parquet",
    "part-00001-filtered.parquet",
    "part-00002-filtered.parquet",
    // Its first document is that of a.jsonl.
    "part-00002-removed.parquet",
  ]);
});
