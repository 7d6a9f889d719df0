import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSafetensors, writeSafetensors } from "../../../trainer/checkpoint/index.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "safetensors-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const tensors = [
  { name: "a", shape: [2, 3], values: Float32Array.of(1, -2, 3.5, 0, Number.MIN_VALUE, 1e38) },
  { name: "b", shape: [], values: Float32Array.of(7) },
  { name: "ü", shape: [0, 4], values: new Float32Array(0) },
];

/** A file with a header of one's own making. */
async function craft(name: string, header: unknown, data: Uint8Array): Promise<string> {
  const json = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(json.length));
  const path = join(folder, name);
  await writeFile(path, Buffer.concat([start, json, data]));
  return path;
}

describe("safetensors", () => {
  it("reads back what it wrote, bit by bit, and writes equal bytes for equal content", async () => {
    const [one, two] = [join(folder, "one.safetensors"), join(folder, "two.safetensors")];
    await writeSafetensors(one, tensors, { format: "pt" });
    await writeSafetensors(two, tensors, { format: "pt" });
    expect(await readFile(two)).toEqual(await readFile(one));
    const read = await readSafetensors(one);
    expect(read.metadata).toEqual({ format: "pt" });
    expect([...read.tensors.values()]).toEqual(tensors);
  });

  it("reads a file whose header length is not a multiple of four", async () => {
    const data = new Uint8Array(Float32Array.of(1, 2).buffer);
    for (const padding of ["", "x", "xx", "xxx"]) {
      const header = { [`t${padding}`]: { dtype: "F32", shape: [2], data_offsets: [0, 8] } };
      const { tensors: found } = await readSafetensors(await craft("odd.safetensors", header, data));
      expect([...found.values()][0]?.values).toEqual(Float32Array.of(1, 2));
    }
  });

  it.each([
    ["a gap between tensors", { a: { dtype: "F32", shape: [1], data_offsets: [4, 8] } }, "overlap or leave gaps"],
    ["a tensor beyond the end", { a: { dtype: "F32", shape: [4], data_offsets: [0, 16] } }, "outside the file"],
    [
      "a size that belies the shape",
      { a: { dtype: "F32", shape: [3], data_offsets: [0, 8] } },
      "does not fit its shape",
    ],
    ["another type", { a: { dtype: "F16", shape: [4], data_offsets: [0, 8] } }, "only F32"],
    ["bytes of no tensor", { a: { dtype: "F32", shape: [1], data_offsets: [0, 4] } }, "belong to no tensor"],
    ["a header of another kind", [1, 2], "does not describe tensors"],
  ])("refuses %s", async (_, header, reason) => {
    await expect(readSafetensors(await craft("bad.safetensors", header, new Uint8Array(8)))).rejects.toThrow(reason);
  });

  it("refuses a file cut anywhere, with an error that names it", async () => {
    const path = join(folder, "whole.safetensors");
    await writeSafetensors(path, tensors);
    const bytes = await readFile(path);
    const cut = join(folder, "cut.safetensors");
    for (const length of [0, 7, 8, 40, bytes.length - 1]) {
      await writeFile(cut, bytes.subarray(0, length));
      await expect(readSafetensors(cut)).rejects.toMatchObject({
        code: "safetensors-invalid",
        position: { file: cut },
      });
    }
  });
});
