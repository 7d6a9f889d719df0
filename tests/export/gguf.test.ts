/** The GGUF writer and reader: exact conversions, exact layout, honest errors. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError } from "../../forge/base/errors.ts";
import {
  decodeWeights,
  encodeWeights,
  fromFloat16Bits,
  openGguf,
  toFloat16Bits,
  writeGguf,
  type GgufMetadata,
  type GgufTensor,
  type TensorTypeName,
} from "../../trainer/export/gguf/index.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-gguf-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Nearest of all 65,536 halves by distance in double precision, ties to the even one: slow and obvious. */
function nearestHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const magnitude = Math.abs(value);
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  if (magnitude >= 65520) return sign | 0x7c00;
  let low = 0;
  let high = 0x7bff;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fromFloat16Bits(middle) <= magnitude) low = middle;
    else high = middle;
  }
  const [below, above] = [magnitude - fromFloat16Bits(low), fromFloat16Bits(high) - magnitude];
  const bits = below < above ? low : above < below ? high : low % 2 === 0 ? low : high;
  return sign | bits;
}

describe("conversions", () => {
  it("gives back every one of the 65,536 half-precision numbers", () => {
    const changed: number[] = [];
    for (let bits = 0; bits < 65536; bits++) {
      const value = fromFloat16Bits(bits);
      if (!Number.isNaN(value) && toFloat16Bits(value) !== bits) changed.push(bits);
    }
    expect(changed).toEqual([]);
    expect(toFloat16Bits(NaN) & 0x7fff).toBe(0x7e00);
  });

  // IEEE 754-2019, binary16: largest 65504, smallest normal 2^-14, smallest subnormal 2^-24.
  it.each([
    [65504, 0x7bff],
    [65519.99609375, 0x7bff],
    [65520, 0x7c00],
    [1e30, 0x7c00],
    [-Infinity, 0xfc00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [2 ** -25 * (1 + 2 ** -20), 0x0001],
    [3 * 2 ** -25, 0x0002],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [-0, 0x8000],
    [1e-45, 0x0000],
  ])("rounds %d to the half 0x%s", (value, bits) => {
    expect(toFloat16Bits(value)).toBe(bits);
  });

  it("rounds any float to the nearest half, ties to even", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (value) => {
        expect(toFloat16Bits(value)).toBe(nearestHalf(value));
      }),
      { numRuns: 5000 },
    );
    // Random floats seldom fall between subnormal halves or on ties.
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 14), max: 2 ** 14 }), (n) => {
        expect(toFloat16Bits(n * 2 ** -27)).toBe(nearestHalf(n * 2 ** -27));
      }),
      { numRuns: 2000 },
    );
  });

  it("quantises to Q8_0 as ggml's reference does, byte for byte", () => {
    const block = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 }), {
      minLength: 32,
      maxLength: 32,
    });
    fc.assert(
      fc.property(block, (values) => {
        const weights = Float32Array.from(values);
        // quantize_row_q8_0_ref in ggml-quants.c, in the plainest form.
        const scale = Math.fround(Math.max(...weights.map(Math.abs)) / 127);
        const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
        const half = nearestHalf(scale);
        const expected = [half & 0xff, half >> 8];
        for (const weight of weights) {
          const scaled = Math.fround(weight * inverse);
          const rounded = scaled < 0 ? -Math.floor(-scaled + 0.5) : Math.floor(scaled + 0.5);
          expected.push(rounded & 0xff);
        }
        expect([...encodeWeights(weights, "q8_0")]).toEqual(expected);
      }),
    );
  });

  it("loses at most half a step of each Q8_0 block", () => {
    const weights = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i) * (i < 32 ? 1 : 100));
    const back = decodeWeights(encodeWeights(weights, "q8_0"), "q8_0");
    for (const [i, weight] of weights.entries()) {
      // The scale itself is rounded to a half: 2^-11 of 127 steps more.
      const step = (i < 32 ? 1 : 100) / 127;
      expect(Math.abs(weight - (back[i] as number))).toBeLessThanOrEqual(step * (0.5 + 127 * 2 ** -11));
    }
  });
});

const metadata: GgufMetadata = [
  ["general.architecture", { type: "string", value: "test" }],
  ["test.count", { type: "uint32", value: 4_000_000_000 }],
  ["test.negative", { type: "int32", value: -7 }],
  ["test.epsilon", { type: "float32", value: Math.fround(1e-5) }],
  ["test.yes", { type: "bool", value: true }],
  ["test.words", { type: "array", of: "string", value: ["", "Ġthe", "日本", "a".repeat(300_000)] }],
  ["test.numbers", { type: "array", of: "int32", value: [1, -2, 3] }],
];

function tensor(name: string, type: TensorTypeName, shape: readonly number[]): GgufTensor & { weights: Float32Array } {
  const weights = Float32Array.from({ length: shape.reduce((n, size) => n * size, 1) }, (_, i) =>
    Math.fround(Math.cos(i)),
  );
  return { name, type, shape, weights, load: () => Promise.resolve(weights) };
}

const tensors = [
  tensor("one", "f32", [5]),
  tensor("two", "f16", [3, 7]),
  tensor("three", "q8_0", [2, 64]),
  tensor("four", "f32", [2, 3, 4]),
];

describe("GGUF files", () => {
  it("give back metadata, shapes and weights, each tensor on a multiple of 32", async () => {
    const path = join(folder, "round.gguf");
    const digest = await writeGguf(path, metadata, tensors);
    await using file = await openGguf(path);
    expect([...file.metadata]).toEqual(metadata.map(([key, { value }]) => [key, value]));
    expect([...file.tensors.keys()]).toEqual(tensors.map(({ name }) => name));
    for (const { name, shape, type, weights } of tensors) {
      const entry = file.tensors.get(name);
      expect(entry).toMatchObject({ shape, type });
      expect((entry?.offset ?? 1) % 32).toBe(0);
      expect(await file.readBytes(name)).toEqual(encodeWeights(weights, type));
    }
    expect(await file.readWeights("one")).toEqual(tensors[0]?.weights);
    expect(digest.bytes % 32).toBe(0);
  });

  it("are the same bytes each time and leave nothing but the file", async () => {
    const [a, b] = [join(folder, "same", "a.gguf"), join(folder, "same", "b.gguf")];
    const [first, second] = [await writeGguf(a, metadata, tensors), await writeGguf(b, metadata, tensors)];
    expect(second).toEqual(first);
    expect((await readdir(join(folder, "same"))).sort()).toEqual(["a.gguf", "b.gguf"]);
  });

  it("do not appear under their name when a tensor cannot be loaded", async () => {
    const path = join(folder, "failed", "model.gguf");
    const broken = { ...tensor("two", "f32", [4]), load: () => Promise.reject(new Error("disk gone")) };
    await expect(writeGguf(path, metadata, [tensors[0] as GgufTensor, broken])).rejects.toThrow("disk gone");
    expect(await readdir(join(folder, "failed"))).toEqual([]);
  });

  it("that are cut off anywhere are refused with a DataError, wherever the cut falls", async () => {
    const path = join(folder, "whole.gguf");
    await writeGguf(path, metadata.slice(0, 5), tensors);
    const whole = await readFile(path);
    const cut = join(folder, "cut.gguf");
    // The padding behind the last tensor holds nothing, so only cuts before it can be noticed.
    const last = tensors.at(-1)?.weights.byteLength ?? 0;
    const dataEnd = whole.length - ((32 - (last % 32)) % 32);
    for (let length = 0; length < dataEnd; length += length < 600 ? 7 : 61) {
      await writeFile(cut, whole.subarray(0, length));
      await expect(openGguf(cut)).rejects.toThrow(DataError);
    }
  });

  it("with any one byte of the header changed are read or refused, never a crash or a hang", async () => {
    const path = join(folder, "whole2.gguf");
    await writeGguf(path, metadata.slice(0, 5), tensors);
    const whole = await readFile(path);
    const damagedPath = join(folder, "damaged.gguf");
    const change = fc.tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 1, max: 255 }));
    await fc.assert(
      fc.asyncProperty(change, async ([at, flip]) => {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] as number) ^ flip;
        await writeFile(damagedPath, bytes);
        try {
          await using file = await openGguf(damagedPath);
          expect(file.tensors.size).toBeGreaterThanOrEqual(0);
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("say what is wrong and where", async () => {
    const path = join(folder, "not.gguf");
    await writeFile(path, "PK\u0003\u0004 this is a zip, or so it says");
    await expect(openGguf(path)).rejects.toMatchObject({
      code: "gguf-damaged",
      position: { file: path, byteOffset: 0 },
    });
    await expect(openGguf(join(folder, "absent.gguf"))).rejects.toMatchObject({ code: "file-not-found" });
  });
});
