import { createHash } from "node:crypto";
import { open, readdir, rename, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { localSources, planSources, type OpenSource } from "../../forge/read/index.ts";
import { configOf, folderOf, readAll, type Sources } from "./support.ts";

async function plan(root: string, sources: Sources, read = {}) {
  const config = configOf(sources, read);
  return await planSources(config.sources, { root, read: config.read });
}

describe("planSources", () => {
  it("lists files by name, each once, whatever the order of the patterns", async () => {
    await using folder = await folderOf({ "b/x.md": "x", "a.txt": "a", "b/c/y.md": "y", "Z.md": "z" });
    const one = await plan(folder.path, [{ name: "s", path: ["b/**/*.md", "a.txt", "*.md", "b/x.md"] }]);
    const other = await plan(folder.path, [{ name: "s", path: ["*.md", "a.txt", "b"] }]);
    expect(one.files.map(({ uri }) => uri)).toEqual(["Z.md", "a.txt", "b/c/y.md", "b/x.md"]);
    expect(other).toEqual(one);
  });

  it("leaves out what is excluded", async () => {
    await using folder = await folderOf({ "a.md": "a", "old/a.md": "b" });
    const { files } = await plan(folder.path, [{ name: "s", path: "**/*.md", exclude: ["old/**"] }]);
    expect(files.map(({ uri }) => uri)).toEqual(["a.md"]);
  });

  it("knows format and compression by the name, unless the config says otherwise", async () => {
    await using folder = await folderOf({
      "a.jsonl.gz": "-",
      "b.d.mts": "-",
      "c.MD": "-",
      "d.zst": "-",
      "e.ndjson": "-",
      "f.json.gz": "-",
      "g.JSONL.zstd": "-",
      "h.wet.gzip": "-",
    });
    const auto = await plan(folder.path, [{ name: "s", path: "*" }]);
    expect(auto.files.map(({ format, compression }) => [format, compression])).toEqual([
      ["jsonl", "gzip"],
      ["typescript-doc-comments", "none"],
      ["markdown", "none"],
      ["text", "zstd"],
      ["jsonl", "none"],
      ["jsonl", "gzip"],
      ["jsonl", "zstd"],
      ["wet", "gzip"],
    ]);
    const told = await plan(folder.path, [{ name: "s", path: "e.ndjson", format: "text" }]);
    expect(told.files[0]?.format).toBe("text");
  });

  it("names every missing source in one error", async () => {
    await using folder = await folderOf({ "a.txt": "a" });
    await symlink(join(folder.path, "nowhere"), join(folder.path, "broken.txt"));
    const sources = [
      { name: "one", path: ["a.txt", "none/*.md"] },
      { name: "two", path: "broken.txt" },
      { name: "three", preset: "brown-corpus" },
    ];
    const error = await plan(folder.path, sources).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "sources-missing", exitCode: 3 });
    for (const part of [
      "one: no file matches none/*.md",
      "two: no file matches broken.txt",
      "three: no file matches preset",
    ]) {
      expect((error as Error).message).toContain(part);
    }
  });

  it.each(["a.jsonl.bz2", "a.jsonl.xz", "a.tar.gz", "a.zip", "a.7z", "a.tgz"])(
    "refuses %s, which would pass for a text of strange characters",
    async (name) => {
      await using folder = await folderOf({ [name]: "packed", "b.txt": "text" });
      const error = await plan(folder.path, [{ name: "s", path: "*" }]).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: "sources-missing", exitCode: 3 });
      expect((error as Error).message).toContain(`${name} is packed as`);
      expect(error).toMatchObject({ details: { missing: [] } });
      expect((error as Error).message).toContain("`exclude` it");
      expect((await plan(folder.path, [{ name: "s", path: "*", exclude: [name] }])).files.length).toBe(1);
    },
  );

  it("follows links in a folder to files and folders, but not back to a folder around them", async () => {
    await using folder = await folderOf({ "blobs/1": "one", "far/b.txt": "two", "in/c.txt": "three" });
    const at = (name: string): string => join(folder.path, name);
    await symlink("../blobs/1", at("in/a.txt"));
    await symlink("../far", at("in/far"));
    await symlink(".", at("far/self"));
    await symlink("../in", at("far/again"));
    const { files } = await plan(folder.path, [{ name: "s", path: "in" }]);
    expect(files.map(({ uri }) => uri)).toEqual(["in/a.txt", "in/c.txt", "in/far/b.txt"]);
    await symlink("nowhere", at("in/gone.txt"));
    await expect(plan(folder.path, [{ name: "s", path: "in" }])).rejects.toThrow("in/gone.txt does not exist");
  });

  it("takes a name for what it is before it takes it for a glob", async () => {
    await using folder = await folderOf({
      "a [1] {x} *.txt": "one",
      "a 1 x b.txt": "two",
      "#%20?.jsonl": '{"text":"3"}',
    });
    const { files } = await plan(folder.path, [{ name: "s", path: ["a [1] {x} *.txt", "#%20?.jsonl"] }]);
    expect(files.map(({ uri }) => uri)).toEqual(["#%20?.jsonl", "a [1] {x} *.txt"]);
  });

  it("refuses a file that two sources claim", async () => {
    await using folder = await folderOf({ "a.txt": "a" });
    const sources = [
      { name: "one", path: "a.txt" },
      { name: "two", path: "*.txt" },
    ];
    await expect(plan(folder.path, sources)).rejects.toMatchObject({
      code: "sources-missing",
      message: expect.stringContaining("a.txt belongs to one and to two"),
    });
  });

  it("says so when there is no text at all", async () => {
    await using folder = await folderOf({ "a.txt": "", "b.txt": "" });
    await expect(plan(folder.path, [{ name: "s", path: "*.txt" }])).rejects.toMatchObject({
      code: "corpus-empty",
      exitCode: 3,
    });
  });

  it("groups small files and cuts large JSON Lines, without gap or overlap", async () => {
    const small = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`s/${String(i).padStart(2, "0")}.txt`, "x".repeat(100)]),
    );
    await using folder = await folderOf({ ...small, "t.jsonl": "x".repeat(5000) });
    const { splits } = await plan(folder.path, [{ name: "s", path: ["s", "t.jsonl"] }], { splitBytes: 1024 });
    expect(splits.slice(0, 3).map(({ parts }) => parts.length)).toEqual([10, 10, 10]);
    const ranges = splits.slice(3).flatMap(({ parts }) => parts.map(({ start, end }) => [start, end]));
    expect(ranges).toEqual([
      [0, 1000],
      [1000, 2000],
      [2000, 3000],
      [3000, 4000],
      [4000, 5000],
    ]);
    for (const { bytes, parts } of splits)
      expect(bytes).toBe(parts.reduce((sum, { start, end }) => sum + end - start, 0));
  });

  it("changes the hash of a file with its content, not with its folder", async () => {
    await using one = await folderOf({ "a.txt": "a" });
    await using other = await folderOf({ "a.txt": "b" });
    const sources = [{ name: "s", path: "a.txt" }];
    const before = await plan(one.path, sources);
    expect((await plan(other.path, sources)).files[0]?.fingerprint).not.toBe(before.files[0]?.fingerprint);
    await writeFile(join(other.path, "a.txt"), "a");
    expect(await plan(other.path, sources)).toEqual(before);
  });
});

describe("the preset node-modules-documentation", () => {
  it("takes documentation only, without links, hidden folders and lock files", async () => {
    await using folder = await folderOf({
      "node_modules/a/README.md": "# a",
      "node_modules/a/LICENSE": "MIT",
      "node_modules/a/license.js": "code",
      "node_modules/a/CHANGELOG.txt": "1.0",
      "node_modules/a/index.d.ts": "/** Doc. */",
      "node_modules/a/index.js": "code",
      "node_modules/@s/b/LICENSE-MIT": "MIT",
      "node_modules/.cache/x.md": "cache",
      "node_modules/.package-lock.json": "{}",
      "elsewhere/c/README.md": "linked",
    });
    await symlink(join(folder.path, "elsewhere/c"), join(folder.path, "node_modules/c"));
    const { files } = await plan(folder.path, [{ name: "docs", preset: "node-modules-documentation" }]);
    expect(files.map(({ uri }) => uri.replace("node_modules/", ""))).toEqual([
      "@s/b/LICENSE-MIT",
      "a/CHANGELOG.txt",
      "a/LICENSE",
      "a/README.md",
      "a/index.d.ts",
    ]);
  });
});

describe("the fingerprint of a local file", () => {
  const fingerprint = async (root: string, openSource = localSources(root)): Promise<string | undefined> => {
    const config = configOf([{ name: "s", path: "*.txt" }]);
    const { files } = await planSources(config.sources, { root, read: config.read, openSource });
    return files[0]?.fingerprint;
  };

  it("is its SHA-256, whenever it was written", async () => {
    await using folder = await folderOf({ "a.txt": "abc" });
    const expected = createHash("sha256").update("abc").digest("hex");
    expect(await fingerprint(folder.path)).toBe(expected);
    await utimes(join(folder.path, "a.txt"), 1, 1);
    expect(await fingerprint(folder.path)).toBe(expected);
  });

  it("of a large one takes a look at a small part of it, and changes with its size, its time and what was looked at", async () => {
    await using folder = await folderOf({ "a.txt": "first" });
    const path = join(folder.path, "a.txt");
    const size = 64 * 2 ** 20 + 1;
    const put = async (at: number, text: string, seconds = 1): Promise<void> => {
      await using file = await open(path, "r+");
      await file.write(text, at);
      await file.utimes(seconds, seconds);
    };
    await truncate(path, size);
    await put(0, "x");
    let read = 0;
    const counted: OpenSource = async (file) => {
      const source = await localSources(folder.path)(file);
      const count = async function* (start?: number, end?: number) {
        for await (const chunk of source.read(start, end)) {
          read += chunk.length;
          yield chunk;
        }
      };
      return { ...source, read: count };
    };
    const first = await fingerprint(folder.path, counted);
    expect(first).toMatch(/^sampled-[0-9a-f]{64}$/);
    expect(read).toBeLessThanOrEqual(2 ** 22);
    expect(await fingerprint(folder.path)).toBe(first);
    const seen = [first];
    await put(100_000, "y", 2);
    seen.push(await fingerprint(folder.path));
    await put(0, "z", 2);
    seen.push(await fingerprint(folder.path));
    await put(size - 1, "z", 2);
    seen.push(await fingerprint(folder.path));
    await put(size, "z", 2);
    seen.push(await fingerprint(folder.path));
    expect(new Set(seen).size).toBe(5);
  });
});

describe("ids", () => {
  it("stay when the root moves and when other sources are added", async () => {
    await using folder = await folderOf({ "in/a.txt": "one", "in/b.jsonl": '{"text":"two"}\n{"text":"three"}\n' });
    const before = await readAll(join(folder.path, "in"), configOf([{ name: "s", path: "*" }]));
    await rename(join(folder.path, "in"), join(folder.path, "moved"));
    await writeFile(join(folder.path, "moved/0.txt"), "zero");
    const after = await readAll(join(folder.path, "moved"), configOf([{ name: "s", path: "*" }]));
    expect(after.documents.slice(1)).toEqual(before.documents);
    expect(await readdir(join(folder.path, "moved"))).toHaveLength(3);
  });

  it("of a file that vanished after the plan: one quarantined entry, and the rest is read", async () => {
    await using folder = await folderOf({ "a.txt": "a", "b.txt": "b" });
    const config = configOf([{ name: "s", path: "*.txt" }]);
    const { splits } = await planSources(config.sources, { root: folder.path, read: config.read });
    await rm(join(folder.path, "a.txt"));
    const { readSplit } = await import("../../forge/read/index.ts");
    const items = await Array.fromAsync(
      readSplit(splits[0] as never, { root: folder.path, source: config.sources[0] as never, read: config.read }),
    );
    expect(items).toMatchObject([
      { quarantine: { source: "a.txt", reason: "file-unreadable" } },
      { batch: { numRows: 1 } },
    ]);
  });
});
