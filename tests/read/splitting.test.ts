import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createHash } from "node:crypto";
import { constants, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutFile, localSources, planSources, readSplit, splitSources, type Piece } from "../../forge/read/index.ts";
import type { CorpusConfig } from "../../schemas/config/corpus.ts";
import { configOf, folderOf, readAll } from "./support.ts";

const sources = [{ name: "s", path: "a.*" }];

function linesOf(count: number): Buffer {
  const records = Array.from({ length: count }, (_, i) =>
    JSON.stringify({ text: `line ${i} ${"ö".repeat((i * 7) % 90)}` }),
  );
  records[3] = "{broken";
  return Buffer.from(`\uFEFF${records.join("\r\n")}`);
}

/** Frames of so many bytes; the frames of `zstdCompressSync` tell their size. */
function framesOf(content: Buffer, bytes: number, options = {}): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < content.length; at += bytes) {
    frames.push(zstdCompressSync(content.subarray(at, at + bytes), options));
  }
  return Buffer.concat(frames);
}

/** A skippable frame, as seekable files end with and pzstd begins with. */
function skippable(content: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a5e, 0);
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content]);
}

describe("zstd in several frames", () => {
  it("is split at its frames, whatever they divide, into the same documents and ids", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 200, max: 6000 }),
        fc.integer({ min: 1024, max: 4000 }),
        fc.boolean(),
        async (frameBytes, splitBytes, checksum) => {
          const params = { [constants.ZSTD_c_checksumFlag]: checksum ? 1 : 0 };
          const bytes = Buffer.concat([
            skippable(Buffer.from("table")),
            framesOf(linesOf(120), frameBytes, { params }),
            skippable(Buffer.alloc(0)),
          ]);
          await using folder = await folderOf({ "a.jsonl.zst": bytes });
          const whole = await readAll(folder.path, configOf(sources, { splitBytes: 2 ** 30 }));
          const split = await readAll(folder.path, configOf(sources, { splitBytes }));
          expect(whole.documents).toHaveLength(119);
          expect(split.documents).toEqual(whole.documents);
          expect(split.quarantined.map(({ byteOffset }) => byteOffset)).toEqual(
            whole.quarantined.map(({ byteOffset }) => byteOffset),
          );
          if (frameBytes < 1000 && bytes.length > 2 * splitBytes) expect(split.plan.splits.length).toBeGreaterThan(1);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("is left in one piece when it is one frame, is truncated or does not tell the size of its frames", async () => {
    const content = linesOf(400);
    const silent = framesOf(content, 900, { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } });
    for (const bytes of [zstdCompressSync(content), framesOf(content, 900).subarray(0, -3), silent]) {
      await using folder = await folderOf({ "a.jsonl.zst": bytes });
      const config = configOf(sources, { splitBytes: 1024 });
      expect((await readAll(folder.path, config)).plan.splits).toHaveLength(1);
    }
  });
});

interface CutAndRead {
  readonly pieces: readonly Piece[];
  readonly documents: readonly unknown[];
  readonly quarantined: readonly unknown[];
}

/** Cuts every file that must be cut, as the task does, and reads what then is the input. */
async function cutAndRead(root: string, config: CorpusConfig): Promise<CutAndRead> {
  const plan = await planSources(config.sources, { root, read: config.read });
  const pieces = new Map<string, readonly Piece[]>();
  for (const file of plan.uncut) {
    const source = await localSources(root)(file);
    const createPiece = async (index: number) => {
      const name = `pieces/${index}`;
      const chunks: Uint8Array[] = [];
      return {
        name,
        write: async (chunk: Uint8Array) => void chunks.push(Buffer.from(chunk)),
        commit: async () => {
          const bytes = Buffer.concat(chunks);
          await mkdir(dirname(join(root, name)), { recursive: true });
          await writeFile(join(root, name), bytes);
          return { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
        },
        [Symbol.asyncDispose]: async () => undefined,
      };
    };
    const { pieceBytes, compressPieces } = config.read;
    const compression = compressPieces ? "zstd" : "none";
    pieces.set(file.uri, await cutFile(file, { source, pieceBytes, compression, createPiece }));
  }
  const documents: unknown[] = [];
  const quarantined: unknown[] = [];
  for (const split of splitSources(plan.files, config.read.splitBytes, pieces)) {
    const source = config.sources[0] as CorpusConfig["sources"][number];
    for await (const item of readSplit(split, { root, folder: root, source, read: config.read })) {
      if ("quarantine" in item) quarantined.push({ ...item.quarantine, row: null });
      else for (const row of item.batch) documents.push(row.toJSON());
    }
  }
  return { pieces: [...pieces.values()].flat(), documents, quarantined };
}

describe("a compressed file that can only be read from front to back", () => {
  const content = linesOf(300);
  const gzip = gzipSync(content);
  const files: readonly (readonly [string, Uint8Array])[] = [
    ["a.jsonl.gz", gzip],
    ["a.jsonl.zst", zstdCompressSync(content)],
    ["a.jsonl.gz", gzip.subarray(0, gzip.length - 300)],
    ["a.jsonl.gz", Buffer.from(gzip).fill(0xaa, gzip.length - 400, gzip.length - 200)],
    ["a.jsonl.gz", gzip.subarray(0, 20)],
  ];

  it.each(files)("%s gives the same documents, ids and bad input cut into pieces as whole", async (name, bytes) => {
    await using folder = await folderOf({ [name]: bytes });
    const whole = await cutAndRead(folder.path, configOf(sources, { pieceBytes: 2 ** 30 }));
    expect(whole.pieces).toEqual([]);
    for (const compressPieces of [false, true]) {
      const cut = await cutAndRead(folder.path, configOf(sources, { pieceBytes: 1024, compressPieces }));
      if (bytes.length > 256) expect(cut.pieces.length).toBeGreaterThan(3);
      expect(cut.documents).toEqual(whole.documents);
      expect(cut.quarantined).toEqual(whole.quarantined);
    }
  });

  it.each([false, true])(
    "is cut behind whole lines at the wanted size, no byte lost or moved (zstd: %s)",
    async (zstd) => {
      await using folder = await folderOf({ "a.jsonl.gz": gzip });
      const { pieces } = await cutAndRead(folder.path, configOf(sources, { pieceBytes: 2048, compressPieces: zstd }));
      const { readFile } = await import("node:fs/promises");
      const parts = await Promise.all(
        pieces.map(async ({ path }) => {
          const bytes = await readFile(join(folder.path, path));
          return zstd ? zstdDecompressSync(bytes) : bytes;
        }),
      );
      expect(Buffer.concat(parts)).toEqual(content);
      let position = 0;
      for (const [i, part] of parts.entries()) {
        expect(pieces[i]?.position).toBe(position);
        position += part.length;
        if (i === parts.length - 1) continue;
        expect(part.at(-1)).toBe(0x0a);
        expect(part.length).toBeGreaterThanOrEqual(2048);
        expect(part.lastIndexOf(0x0a, -2)).toBeLessThan(2047);
      }
    },
  );

  it("is not cut when it is small", async () => {
    await using folder = await folderOf({ "a.jsonl.gz": gzip });
    for (const [pieceBytes, count] of [
      [gzip.length * 4, 0],
      [gzip.length * 4 - 1, 1],
    ]) {
      const config = configOf(sources, { pieceBytes });
      const { uncut } = await planSources(config.sources, { root: folder.path, read: config.read });
      expect(uncut).toHaveLength(count as number);
    }
  });
});
