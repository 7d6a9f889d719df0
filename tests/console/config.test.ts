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
      ["shards", 2, 1],
      ["shard.seed", 5, 9],
      ["sources.0.path", 7, 5],
      ["sources.0.pth", 7, 5],
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
      exitCode: 2,
      hint: expect.stringContaining("YAML") as string,
    });
  });

  it("says what is expected and what stands there instead", async () => {
    const words = z.strictObject({
      color: z.enum(["red", "green"]),
      size: z.int().min(1).max(9),
      names: z.array(z.string()).min(1),
      email: z.union([z.literal(false), z.string()]),
      filters: z.array(
        z.discriminatedUnion("filter", [
          z.strictObject({ filter: z.literal("long"), minWords: z.int().default(1) }),
          z.strictObject({ filter: z.literal("short"), maxWords: z.int().default(1) }),
        ]),
      ),
    });
    const yaml = `color: rde
size: 2.5
names: []
email: 3
filters:
  - filter: shrot
  - short
  - filter: short
    minWords: 3
  - filter: short
    maxWord: 3
`;
    const error = await loadConfig(words, { path: await file(yaml) }).catch((thrown: unknown) => thrown as ConfigError);
    const issues = "issues" in error ? error.issues : [];
    expect(issues.map(({ path, message, hint }) => [path, message, hint])).toEqual([
      ["color", '"rde" is not known', 'did you mean "red"?'],
      ["size", "expected a whole number, not 2.5", undefined],
      ["names", "expected at least 1 entry, not []", undefined],
      ["email", "expected false or text, not 3", undefined],
      ["filters.0.filter", '"shrot" is not known', 'did you mean "short"?'],
      ["filters.1", 'expected a map of keys and values, not "short"', undefined],
      // Another kind of filter has such a key: that is no help.
      ["filters.2.minWords", "unknown key", 'did you mean "maxWords"?'],
      ["filters.3.maxWord", "unknown key", 'did you mean "maxWords"?'],
    ]);
    await expect(loadConfig(words, { path: await file("size: 1\n") })).rejects.toMatchObject({
      issues: expect.arrayContaining([
        expect.objectContaining({ path: "color", message: "is missing", hint: "known: red, green" }),
        expect.objectContaining({ path: "names", message: "is missing: expected a list" }),
      ]) as unknown,
    });
  });

  it("sets one value of a list that the file leaves to its default", async () => {
    const lists = z.strictObject({
      steps: z.array(z.strictObject({ name: z.string(), limit: z.int() })).default([
        { name: "a", limit: 1 },
        { name: "b", limit: 2 },
      ]),
    });
    const loaded = await loadConfig(lists, { path: await file("{}"), sets: ["steps.1.limit=5"] });
    expect(loaded.config.steps).toEqual([
      { name: "a", limit: 1 },
      { name: "b", limit: 5 },
    ]);
    expect(loaded.origins["steps.1.limit"]).toBe("set");
    // The schema's own default stays as it was.
    expect((await loadConfig(lists, {})).config.steps[1]?.limit).toBe(2);
  });

  it("shows what a check has against a config at the place of the value", async () => {
    const check = (): { path: string; message: string }[] => [{ path: "shard.seed", message: "is odd" }];
    const failed = loadConfig(schema, { path: await file("out: a\nshard:\n  seed: 3\n"), check });
    await expect(failed).rejects.toMatchObject({
      code: "config-invalid",
      issues: [{ path: "shard.seed", message: "is odd", line: 3, column: 9 }],
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
