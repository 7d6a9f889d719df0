import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decisionsPath, planDedup, readDecisions, runDedupTask } from "../../forge/dedup/index.ts";
import { dedupConfigSchema } from "../../schemas/config/dedup.ts";
import { plantCorpus } from "./planted.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-planted-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe("of 100,000 documents in clusters, copies, hubs and chains", () => {
  // The second is so small that families, buckets and verification groups go over many blocks.
  const sizes = [
    ["held at once", {}],
    ["in small blocks", { rows: 20_000, shingles: 20_000 }],
  ] as const;

  test.each(sizes)("exactly those with a kept partner are removed, %s", { timeout: 240_000 }, async (_, blocks) => {
    const { documents, partitions, kernels, check } = await plantCorpus(100_000, { partitions: 7, batchRows: 3000 });
    const config = dedupConfigSchema.parse({ bands: 4, threshold: 0.8, leaders: 16 });
    const counts: Record<string, number> = {};
    for (const stage of planDedup(partitions.length, config)) {
      for (const task of stage.tasks) {
        const done = await runDedupTask(task, { folder, config, kernels, partitions, blocks });
        for (const [name, value] of Object.entries(done.counts)) {
          counts[`${stage.name}.${name}`] = (counts[`${stage.name}.${name}`] ?? 0) + value;
        }
      }
    }
    const result = await check(async (partition) => await readDecisions(join(folder, decisionsPath(partition))));
    expect(result.problems).toEqual([]);
    expect(result.kept + result.near + result.exact).toBe(documents);
    expect(result).toMatchObject({ kept: counts["decide.kept"], near: counts["decide.near"] });
    // Of each hub all but the leaders were not compared with everyone before them.
    expect(counts["choose.unresolved"]).toBe(2 * (1000 - 17));
    expect(counts["match.largestBucket"]).toBeGreaterThanOrEqual(1000);
  });
});
