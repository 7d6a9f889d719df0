import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NgramIndex, planNgramIndex } from "../../forge/kernels/ngram-index.ts";
import { random } from "../../forge/base/random.ts";
import { column, wasm } from "./support.ts";

describe("The n-gram index", () => {
  test("finds planted n-grams, where they stand and whose they are, and nothing else", () => {
    const question = "how many moons does the planet jupiter have as of this year in all";
    const other = "what is the name of the longest river that flows through south america today";
    const index = NgramIndex.create(100);
    index.add(wasm.shingles(column([question, other]), 13), [41, 7]);
    expect(index.size).toBe(4);
    const dirty = `Intro words here. ${question.toUpperCase().replace(" ", ", ")} and more`;
    const { texts, positions, items } = index.lookup(wasm.shingles(column(["a clean text", dirty, other], 3), 13));
    expect([...texts]).toEqual([1, 1, 2, 2]);
    expect([...positions]).toEqual([3, 4, 0, 1]);
    expect([...items]).toEqual([41, 41, 7, 7]);
  });

  test("holds what a Map would hold, for any capacity", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(40), fc.nat(3)), { maxLength: 60 }),
        fc.array(fc.tuple(fc.nat(40), fc.nat(3)), { maxLength: 30 }),
        (added, asked) => {
          // Few distinct low halves, so that slots collide all the time.
          const sequence = (pairs: ReadonlyArray<readonly [number, number]>) => ({
            hashes: Uint32Array.from(pairs.flatMap(([high, low]) => [low, Math.imul(high, 0x9e37_79b1) >>> 0])),
            offsets: Int32Array.from({ length: pairs.length + 1 }, (_, i) => i),
          });
          const index = NgramIndex.create(Math.max(1, added.length));
          const map = new Map<number, number>();
          index.add(
            sequence(added),
            added.map((_, i) => i),
          );
          for (const [i, [high]] of added.entries()) if (!map.has(high)) map.set(high, i);
          const hits = index.lookup(sequence(asked));
          // Nothing is missed; an entry is known by its upper half and the neighbourhood of its slot.
          for (const [i, [high, low]] of asked.entries()) {
            const wasAdded = added.some((pair) => pair[0] === high && pair[1] === low);
            if (wasAdded) expect([...hits.texts]).toContain(i);
            if (!map.has(high)) expect([...hits.texts]).not.toContain(i);
          }
        },
      ),
    );
  });

  test("mistakes no random n-gram for a planted one in two million look-ups", () => {
    const stream = random("ngram-index");
    const fill = (count: number) => ({
      hashes: Uint32Array.from({ length: 2 * count }, () => stream.uint32()),
      offsets: Int32Array.of(0, count),
    });
    const planted = fill(200_000);
    const index = NgramIndex.create(200_000);
    index.add(planted, [5]);
    expect(index.lookup(planted).texts.length).toBe(200_000);
    expect(index.lookup(fill(2_000_000)).texts.length).toBe(0);
  });

  test("is read by another thread without a copy", async () => {
    const index = NgramIndex.create(10);
    const sequence = wasm.shingles(column(["one two three"]), 2);
    index.add(sequence, [9]);
    const code = `
      import { parentPort, workerData } from "node:worker_threads";
      const { NgramIndex } = await import(workerData.module);
      parentPort.postMessage(NgramIndex.open(workerData.shared).lookup(workerData.sequence));`;
    const module = new URL("../../forge/kernels/ngram-index.ts", import.meta.url).href;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
      workerData: { module, shared: index.shared, sequence },
    });
    const hits = await new Promise<{ items: Uint32Array }>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    await worker.terminate();
    expect([...hits.items]).toEqual([9, 9]);
  });

  test("states its memory: below 1.4 GB for 10⁸ n-grams", () => {
    expect(planNgramIndex(1e8).bytes).toBeLessThan(1.4e9);
    expect(NgramIndex.create(1000).shared.byteLength).toBe(planNgramIndex(1000).bytes);
  });

  test("refuses more than its capacity", () => {
    const index = NgramIndex.create(2);
    expect(() => index.add(wasm.shingles(column(["a b c d"]), 1), [0])).toThrow(/room/);
  });
});
