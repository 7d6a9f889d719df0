import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import type { ConfigError } from "../../forge/base/errors.ts";
import { formatConfig, loadConfig } from "../../forge/console/config.ts";

const schema = z.strictObject({
  out: z.string(),
  shard: z.strictObject({ seed: z.int().min(0).default(0), tokensPerShard: z.int().default(1024) }).prefault({}),
  sources: z.array(z.strictObject({ path: z.string() })).default([]),
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-config-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function file(text: string): Promise<string> {
  const path = join(folder, "c.yaml");
  await writeFile(path, text);
  return path;
}

async function failure(path: string): Promise<ConfigError> {
  return await loadConfig(schema, { path }).then(
    () => {
      throw new Error("should have failed");
    },
    (error: ConfigError) => error,
  );
}

describe("loadConfig", () => {
  it("lets flags win over --set, environment, file and defaults, and says which won", async () => {
    const path = await file("out: a\nshard: { seed: 1 }\n");
    const options = { path, env: { FORGE_SHARD_SEED: "2", FORGE_SHARD_TOKENS_PER_SHARD: "9" } };
    const environment = await loadConfig(schema, options);
    expect(environment.config.shard).toEqual({ seed: 2, tokensPerShard: 9 });
    const set = await loadConfig(schema, { ...options, sets: ["shard.seed=3"] });
    expect(set.config.shard.seed).toBe(3);
    const flag = await loadConfig(schema, {
      ...options,
      sets: ["shard.seed=3"],
      overrides: { "shard.seed": 4, out: undefined },
    });
    expect(flag.config).toMatchObject({ out: "a", shard: { seed: 4 } });
    expect(flag.origins).toEqual({
      out: "file",
      "shard.seed": "flag",
      "shard.tokensPerShard": "environment",
      sources: "default",
    });
    expect(formatConfig(flag)).toContain('out: "a"');
  });

  it("reports every problem at once with line, column and a suggestion", async () => {
    const error = await failure(await file("out: 5\nshards:\n  seed: 1\nshard:\n  seed: -1\nsources:\n  - pth: x\n"));
    expect(error.issues.map(({ path, line, column }) => [path, line, column])).toEqual([
      ["out", 1, 6],
      ["shard.seed", 5, 9],
      ["sources.0.path", 7, 5],
      ["sources.0.pth", 7, 5],
      ["shards", 2, 1],
    ]);
    expect(error.issues.find((issue) => issue.path === "shards")?.hint).toBe('did you mean "shard"?');
    expect(error.issues.find((issue) => issue.path === "sources.0.pth")?.hint).toBe('did you mean "path"?');
  });

  it("names the place where the YAML itself is broken", async () => {
    const error = await failure(await file("out: [1\nshard: {}\n"));
    expect(error.code).toBe("config-not-yaml");
    expect(error.issues[0]).toMatchObject({ line: 2 });
  });

  it("says that the file is missing", async () => {
    await expect(loadConfig(schema, { path: join(folder, "none.yaml") })).rejects.toMatchObject({
      code: "file-not-found",
    });
  });

  it("freezes the whole config", async () => {
    const { config } = await loadConfig(schema, { path: await file("out: a\n") });
    expect(Object.isFrozen(config.shard)).toBe(true);
  });

  it("names --set, a flag or the environment for a value that the file does not hold", async () => {
    const path = await file("out: a\n");
    const failed = loadConfig(schema, { path, sets: ["shard.sed=1", "shard.seed=-1"] });
    const { issues } = await failed.then(
      () => {
        throw new Error("should have failed");
      },
      (error: ConfigError) => error,
    );
    expect(issues.map(({ path: key, file: at }) => [key, at])).toEqual(
      expect.arrayContaining([
        ["shard.seed", undefined],
        ["shard.sed", undefined],
      ]),
    );
    for (const issue of issues) expect(issue.message).toContain("given by --set");
    expect(issues.find(({ path: key }) => key === "shard.sed")?.hint).toContain("seed");
  });
});
