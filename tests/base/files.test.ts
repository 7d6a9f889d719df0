import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  createAtomicFile,
  digestFile,
  flushFile,
  readJsonIfThere,
  removeTemporaries,
  withoutFlushing,
  writeFileAtomic,
} from "../../forge/base/files.ts";
import { lockFolder } from "../../forge/base/lock.ts";
import { writeFile } from "node:fs/promises";
import { hostname } from "node:os";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-files-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe("atomic files", () => {
  it("shows a file under its name only after the commit, with its digest", async () => {
    const path = join(folder, "deep", "a.bin");
    {
      await using file = await createAtomicFile(path);
      await file.write(Buffer.from("hello "));
      await file.write(Buffer.from("world"));
      expect(await readdir(join(folder, "deep"))).not.toContain("a.bin");
      const digest = await file.commit();
      expect(digest).toEqual(await digestFile(path));
      expect(digest.bytes).toBe(11);
    }
    expect(await readFile(path, "utf8")).toBe("hello world");
    expect(await readdir(join(folder, "deep"))).toEqual(["a.bin"]);
  });

  it("leaves nothing behind when it is disposed without a commit", async () => {
    {
      await using file = await createAtomicFile(join(folder, "b"));
      await file.write(Buffer.from("half"));
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it("keeps the bytes and their order, whatever the sizes of the pieces, and though these are used again", async () => {
    const sizes = [0, 1, 100, 65_535, 65_536, 65_537, 7, 200_000, 40_000, 40_000, 3];
    const parts: Uint8Array[] = [];
    const memory = new Uint8Array(200_000);
    await using file = await createAtomicFile(join(folder, "pieces"));
    for (const [i, size] of sizes.entries()) {
      const piece = memory.subarray(0, size).fill(i + 1);
      parts.push(piece.slice());
      await file.write(piece);
      expect(file.bytes).toBe(parts.reduce((sum, part) => sum + part.byteLength, 0));
    }
    expect(await file.commit()).toEqual(await digestFile(join(folder, "pieces")));
    expect(Buffer.concat(parts).equals(await readFile(join(folder, "pieces")))).toBe(true);
  });

  it("are whole under their names when flushing them is left to the caller, who is told their size", async () => {
    const path = join(folder, "later");
    await withoutFlushing(async () => await writeFileAtomic(path, "some text"));
    expect(await readFile(path, "utf8")).toBe("some text");
    expect(await flushFile(path)).toBe(9);
    expect(await flushFile(join(folder, "not there"))).toBeUndefined();
  });

  it("replaces an existing file as a whole", async () => {
    await writeFileAtomic(join(folder, "c"), "one");
    await writeFileAtomic(join(folder, "c"), "two");
    expect(await readFile(join(folder, "c"), "utf8")).toBe("two");
  });

  it("names the folder that is in the way", async () => {
    await writeFileAtomic(join(folder, "file"), "x");
    await expect(writeFileAtomic(join(folder, "file", "below"), "y")).rejects.toThrow(/file/);
  });

  it("removes only temporary files of dead attempts", async () => {
    await writeFile(join(folder, "x.parquet.tmp-host-1-u"), "");
    await writeFile(join(folder, "x.parquet"), "");
    await removeTemporaries(folder);
    expect(await readdir(folder)).toEqual(["x.parquet"]);
  });
});

describe("folder lock", () => {
  it("refuses a second owner while the first lives, and names it", async () => {
    await using _lock = await lockFolder(folder);
    await expect(lockFolder(folder, { waitMs: 150 })).rejects.toMatchObject({ code: "output-locked", exitCode: 75 });
  });

  it("is free again after it is disposed", async () => {
    {
      await using _first = await lockFolder(folder);
    }
    await using _second = await lockFolder(folder, { waitMs: 0 });
    expect(await readdir(folder)).toEqual([".lock"]);
  });

  it("takes over the lock of a process that is dead", async () => {
    const dead = { host: hostname(), pid: 2 ** 22 - 1, startTime: "1", token: "t" };
    await writeFile(join(folder, ".lock"), JSON.stringify(dead));
    await using _lock = await lockFolder(folder, { waitMs: 0 });
    expect(JSON.parse(await readFile(join(folder, ".lock"), "utf8"))).toMatchObject({ pid: process.pid });
  });

  it("takes over when the pid lives but belongs to another process now", async () => {
    const reused = { host: hostname(), pid: process.pid, startTime: "1", token: "t" };
    await writeFile(join(folder, ".lock"), JSON.stringify(reused));
    await using _lock = await lockFolder(folder, { waitMs: 0 });
    expect(await readFile(join(folder, ".lock"), "utf8")).not.toContain('"token":"t"');
  });
});

describe("a user's mistake is no bug of ours", () => {
  it("names the JSON file that is cut off, and tells a missing one apart", async () => {
    const path = join(folder, "manifest.json");
    expect(await readJsonIfThere(path)).toBeUndefined();
    await writeFile(path, '{"version": 1,');
    await expect(readJsonIfThere(path)).rejects.toMatchObject({ code: "json-malformed", position: { file: path } });
  });

  it("names the file that stands where the output folder should be, or above it", async () => {
    const path = join(folder, "out");
    await writeFile(path, "a file");
    await expect(lockFolder(path)).rejects.toMatchObject({ code: "file-in-the-way", exitCode: 2 });
    await expect(lockFolder(join(path, "below"))).rejects.toMatchObject({ code: "file-in-the-way" });
    await expect(readJsonIfThere(join(path, "manifest.json"))).rejects.toMatchObject({ code: "file-in-the-way" });
  });
});
