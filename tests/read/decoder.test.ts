/** Decoding in this thread must be told apart from decoding in Node's by nothing but the time it takes. */
import {
  createGunzip,
  createInflateRaw,
  createZstdDecompress,
  deflateRawSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { random } from "../../forge/base/index.ts";
import { DamagedStream, decompressWith } from "../../forge/read/decoder.ts";
import { ThreadEngine, type DecodingStream } from "../../forge/read/thread-engine.ts";

const chunkSize = 4096;

/** Some of it repeats, some does not. */
function content(bytes: number, seed: number): Buffer {
  const stream = random("decoder", seed);
  return Buffer.from(Array.from({ length: bytes }, (_, i) => (i % 7 < 4 ? 97 + (i % 26) : stream.below(256))));
}

const kinds: Readonly<
  Record<string, { readonly pack: (bytes: Buffer) => Buffer; readonly open: () => DecodingStream }>
> = {
  gzip: { pack: gzipSync, open: () => createGunzip({ chunkSize }) },
  "gzip of two members": {
    pack: (bytes) => Buffer.concat([gzipSync(bytes.subarray(0, 100)), gzipSync(bytes.subarray(100))]),
    open: () => createGunzip({ chunkSize }),
  },
  deflate: { pack: deflateRawSync, open: () => createInflateRaw({ chunkSize }) },
  zstd: { pack: (bytes) => zstdCompressSync(bytes), open: () => createZstdDecompress({ chunkSize }) },
};

interface Decoded {
  readonly bytes: Buffer;
  readonly taken: number;
  readonly damage: readonly string[];
}

async function decode(packed: Buffer, pieces: number, stream: DecodingStream, inThread: boolean): Promise<Decoded> {
  const parts: Buffer[] = [];
  const damage: string[] = [];
  const source = (async function* () {
    // Its chunks are freed when they were used, so they must be its own.
    for (let at = 0; at < packed.length; at += pieces) yield Uint8Array.from(packed.subarray(at, at + pieces));
  })();
  try {
    for await (const chunk of decompressWith(source, stream, { inThread, borrow: true }))
      parts.push(Buffer.from(chunk));
  } catch (error) {
    if (!(error instanceof DamagedStream)) throw error;
    damage.push(error.reason, error.cause);
  }
  return { bytes: Buffer.concat(parts), taken: stream.bytesWritten, damage };
}

describe.each(Object.entries(kinds))("decoding %s in this thread", (_, { pack, open }) => {
  it("is possible in this Node", () => {
    expect(ThreadEngine.of(open())).toBeDefined();
  });

  it("gives all there is, and takes no more than that", async () => {
    const bytes = content(300_000, 1);
    const packed = pack(bytes);
    const followed = Buffer.concat([packed, Buffer.from("\u0000and something else")]);
    for (const pieces of [1000, 1 << 20]) {
      const decoded = await decode(followed, pieces, open(), true);
      expect(decoded.bytes.equals(bytes)).toBe(true);
      expect(decoded).toMatchObject({ taken: packed.length, damage: [] });
    }
  });

  it("ends as in another thread wherever the data are cut or damaged, with the same bytes before", async () => {
    const packed = pack(content(40_000, 2));
    const damage = fc.record({
      cut: fc.integer({ min: 0, max: packed.length }),
      flip: fc.option(fc.integer({ min: 0, max: packed.length - 1 }), { nil: undefined }),
      pieces: fc.constantFrom(500, 5000, 1 << 20),
    });
    await fc.assert(
      fc.asyncProperty(damage, async ({ cut, flip, pieces }) => {
        const damaged = Buffer.from(packed.subarray(0, cut));
        if (flip !== undefined && flip < cut) damaged[flip] = (damaged[flip] as number) ^ 0x55;
        const here = await decode(damaged, pieces, open(), true);
        const there = await decode(damaged, pieces, open(), false);
        expect({ ...here, bytes: here.bytes.length }).toEqual({ ...there, bytes: there.bytes.length });
        expect(here.bytes.equals(there.bytes)).toBe(true);
      }),
    );
  });

  it("stops when its taker does", async () => {
    const packed = pack(content(300_000, 3));
    const stream = open();
    const source = (async function* () {
      for (let at = 0; at < packed.length; at += 1000) yield Uint8Array.from(packed.subarray(at, at + 1000));
    })();
    for await (const _chunk of decompressWith(source, stream, { inThread: true })) break;
    expect(stream.destroyed).toBe(true);
    expect((await source.next()).done).toBe(true);
  });
});
