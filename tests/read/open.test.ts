import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createZstdCompress, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { localSources } from "../../forge/read/byte-source.ts";
import { openBytes } from "../../forge/read/open.ts";
import type { Compression } from "../../forge/read/types.ts";
import { folderOf } from "./support.ts";

/** Text that a decoder needs several of its buffers for. */
const content = Buffer.from(
  Array.from(
    { length: 90_000 },
    (_, i) => `line ${i} of ${i * 7919} ${i % 7 === 0 ? randomBytes(20).toString("hex") : ""}`,
  ).join("\n"),
);

async function inOneFrame(path: string): Promise<Buffer> {
  // Streamed, so that the frame does not tell its size and is larger than what is decoded at once.
  return Buffer.concat(await Array.fromAsync(createReadStream(path).pipe(createZstdCompress())));
}

describe("bytes of a file, lent", () => {
  it("are those that are given away, whatever the compression", async () => {
    await using folder = await folderOf({ "a.txt": content });
    const files: readonly (readonly [Compression, Uint8Array])[] = [
      ["none", content],
      ["gzip", gzipSync(content)],
      ["zstd", await inOneFrame(join(folder.path, "a.txt"))],
      [
        "zstd",
        Buffer.concat([zstdCompressSync(content.subarray(0, 900_000)), zstdCompressSync(content.subarray(900_000))]),
      ],
    ];
    for (const [compression, bytes] of files) {
      await using one = await folderOf({ a: bytes });
      const source = await localSources(one.path)({ uri: "a" });
      const seen: Uint8Array[] = [];
      const copies: Buffer[] = [];
      for await (const chunk of openBytes(source, compression, { borrow: true })) {
        seen.push(chunk);
        copies.push(Buffer.from(chunk));
      }
      expect(Buffer.concat(copies).equals(content)).toBe(true);
      // What was lent first cannot be read any more; what was given away can.
      expect(seen[0]?.length).toBe(0);
      const given = await Array.fromAsync(openBytes(source, compression));
      expect(Buffer.concat(given).equals(content)).toBe(true);
    }
  });
});
