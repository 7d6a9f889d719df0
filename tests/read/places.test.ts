import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { constants, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { localSources, planSources, type ByteSource } from "../../forge/read/index.ts";
import type { PlacesOptions } from "../../forge/read/places.ts";
import { inspectZstd } from "../../forge/read/zstd-frames.ts";
import { configOf, folderOf } from "./support.ts";

/** Each look ends a slice, which is slow: from the third on the file is read from front to back. */
const givesUp: PlacesOptions = { sliceMs: -1, fastReads: Infinity };
/** Each look ends a slice, none of which is slow. */
const yields: PlacesOptions = { sliceMs: -1, fastReads: 0 };

/** What no compressor makes smaller, so that a frame has blocks of 128 KB; behind it what becomes one repeated block. */
function noise(bytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  let state = 1;
  for (let i = 0; i < bytes * 0.8; i++) {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    content[i] = state >> 16;
  }
  return content;
}

function skippable(bytes: number): Buffer {
  const frame = Buffer.alloc(8 + bytes, 7);
  frame.writeUInt32LE(0x184d2a50, 0);
  frame.writeUInt32LE(bytes, 4);
  return frame;
}

function frame(bytes: number, checksum: boolean): Buffer {
  return zstdCompressSync(noise(bytes), { params: { [constants.ZSTD_c_checksumFlag]: checksum ? 1 : 0 } });
}

async function sourceOf(folder: { readonly path: string }): Promise<ByteSource> {
  return await localSources(folder.path)({ uri: "a.zst" });
}

/** The same source, of which nothing can be read by its place. */
function farAway(source: ByteSource): ByteSource {
  return { uri: source.uri, size: source.size, read: (start, end) => source.read(start, end) };
}

describe("frames of zstd, found by the places of their headers", () => {
  it("are those that a reader of the whole file finds, also in files that are cut off or damaged", async () => {
    const part = fc.oneof(
      fc.record({ bytes: fc.integer({ min: 0, max: 400_000 }), checksum: fc.boolean() }),
      fc.record({ skipped: fc.integer({ min: 0, max: 3_000_000 }) }),
    );
    const damage = fc.option(fc.record({ place: fc.nat(), byte: fc.nat(255), cut: fc.boolean() }));
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 6 }), damage, async (parts, where) => {
        let bytes = Buffer.concat(
          parts.map((one) => ("skipped" in one ? skippable(one.skipped) : frame(one.bytes, one.checksum))),
        );
        if (where !== null) {
          const place = where.place % bytes.length;
          if (where.cut) bytes = bytes.subarray(0, place);
          else bytes[place] = where.byte;
        }
        await using folder = await folderOf({ "a.zst": bytes });
        const source = await sourceOf(folder);
        const expected = await inspectZstd(farAway(source));
        if (where === null) {
          const frames = parts.filter((one) => "bytes" in one).length;
          expect(expected.borders).toHaveLength(frames > 1 ? frames : 0);
        }
        for (const options of [{}, givesUp, yields]) expect(await inspectZstd(source, options)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it("need nothing but headers to be read", async () => {
    await using folder = await folderOf({ "a.zst": Buffer.concat([frame(300_000, true), frame(300_000, true)]) });
    const source = await sourceOf(folder);
    let bytesRead = 0;
    const counted: ByteSource = {
      ...source,
      read: () => {
        throw new Error("the file is read");
      },
      openPlaces: async () => {
        const places = await source.openPlaces?.();
        if (places === undefined) throw new Error("a file on this machine is read by places");
        return {
          readAt: (position, count) => {
            bytesRead += count;
            return places.readAt(position, count);
          },
          [Symbol.asyncDispose]: async () => await places[Symbol.asyncDispose](),
        };
      },
    };
    expect((await inspectZstd(counted, yields)).borders).toHaveLength(2);
    expect(bytesRead).toBeLessThan(100);
  });

  it("tell of a file that becomes shorter", async () => {
    await using folder = await folderOf({ "a.zst": Buffer.concat([frame(200_000, true), frame(200_000, true)]) });
    const source = await sourceOf(folder);
    await truncate(join(folder.path, "a.zst"), 1000);
    for (const options of [{}, givesUp]) {
      await expect(inspectZstd(source, options)).rejects.toMatchObject({ code: "file-changed" });
    }
    await expect(inspectZstd(farAway(source))).rejects.toMatchObject({ code: "file-changed" });
  });

  it("are looked for no further once the run is interrupted", async () => {
    await using folder = await folderOf({ "a.jsonl.zst": Buffer.concat(Array(2000).fill(frame(10, false))) });
    const { sources, read } = configOf([{ name: "s", path: "a.jsonl.zst" }], { splitBytes: 1024 });
    const reason = new Error("interrupted");
    const source = await localSources(folder.path)({ uri: "a.jsonl.zst" });
    let looks = 0;
    const stop = new AbortController();
    const interrupting: ByteSource = {
      ...source,
      openPlaces: async () => {
        const places = await source.openPlaces?.();
        if (places === undefined) throw new Error("a file on this machine is read by places");
        return {
          readAt: (position, count) => {
            if (++looks === 10) stop.abort(reason);
            return places.readAt(position, count);
          },
          [Symbol.asyncDispose]: async () => await places[Symbol.asyncDispose](),
        };
      },
    };
    const planned = planSources(sources, {
      root: folder.path,
      read,
      openSource: async () => interrupting,
      signal: stop.signal,
    });
    await expect(planned).rejects.toBe(reason);
    expect(looks).toBe(10);
  });
});
