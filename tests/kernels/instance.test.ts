import { describe, expect, test } from "vitest";
import { loadKernels } from "../../forge/kernels/index.ts";
import { kernelInstance } from "../../forge/kernels/instance.ts";
import { column, reference, wasm } from "./support.ts";

describe("The kernels' instance", () => {
  test("does not grow with the number of batches", async () => {
    const instance = await kernelInstance();
    const batch = column(Array.from({ length: 200 }, (_, i) => `text ${i} `.repeat(100)));
    const records = new TextEncoder().encode('{"text":"abc"}\n'.repeat(5000));
    const work = (): void => {
      wasm.signMinHash(batch);
      wasm.normalizeForDedup(batch);
      wasm.hashLines(batch);
      wasm.extractJsonLines(records, { fields: ["text"], maxRecordBytes: 1000, final: true });
    };
    work();
    const before = instance?.memory().length;
    for (let i = 0; i < 50; i++) work();
    expect(instance?.memory().length).toBe(before);
  });

  test("keeps earlier results when later batches overwrite its memory", () => {
    const first = wasm.normalizeForDedup(column(["The FIRST batch"]));
    wasm.normalizeForDedup(column(["something quite different that is longer"]));
    expect(Buffer.from(first.values).toString()).toBe("the first batch");
  });

  test("works on a batch far larger than any before", () => {
    const text = "Größe 12 ".repeat(2_000_000);
    const { values } = wasm.normalizeForDedup(column([text]));
    expect(values.length).toBe(Buffer.byteLength("große 0 ") * 2_000_000 - 1);
  });

  test("handles an empty column and an empty chunk", () => {
    const empty = { values: new Uint8Array(0), offsets: new Int32Array([0]), length: 0 };
    for (const kernels of [wasm, reference]) {
      expect(kernels.hashTexts(empty).length).toBe(0);
      expect(kernels.normalizeForDedup(empty).values.length).toBe(0);
      expect(kernels.signMinHash(empty).signatures.length).toBe(0);
      const lines = kernels.extractJsonLines(empty.values, { fields: ["a"], maxRecordBytes: 9, final: true });
      expect([lines.length, lines.consumed]).toEqual([0, 0]);
    }
  });

  test("is left aside when FORGE_KERNELS asks for the reference", async () => {
    const before = process.env["FORGE_KERNELS"];
    try {
      process.env["FORGE_KERNELS"] = "reference";
      expect((await loadKernels()).implementation).toBe("reference");
      process.env["FORGE_KERNELS"] = "wasm";
      expect((await loadKernels()).implementation).toBe("wasm");
      process.env["FORGE_KERNELS"] = "fast";
      await expect(loadKernels()).rejects.toThrow(/FORGE_KERNELS is fast/);
    } finally {
      if (before === undefined) delete process.env["FORGE_KERNELS"];
      else process.env["FORGE_KERNELS"] = before;
    }
  });
});
