import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createRunFile, mergeRuns, random } from "../../forge/base/index.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-runs-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

type Row = readonly number[];

/** Writes each list of rows as a run: the inner lists of one file become its runs. */
async function writeRuns(name: string, runs: readonly (readonly Row[])[], section = "rows"): Promise<string> {
  const path = join(folder, name);
  await using file = await createRunFile(path, "test-1");
  for (const rows of runs) {
    const width = rows[0]?.length ?? 2;
    await file.append(
      section,
      Array.from({ length: width }, (_, word) => Uint32Array.from(rows, (row) => row[word] as number)),
    );
  }
  await file.commit();
  return path;
}

async function merged(paths: readonly string[], blockRows?: number): Promise<{ rows: Row[]; largest: number }> {
  const rows: Row[] = [];
  let largest = 0;
  for await (const block of mergeRuns(paths, "test-1", "rows", blockRows === undefined ? {} : { blockRows })) {
    largest = Math.max(largest, block.order.length);
    for (const at of block.order) rows.push(block.columns.map((column) => column[at] as number));
  }
  return { rows, largest };
}

const byWords = (a: Row, b: Row): number => {
  const word = a.findIndex((value, i) => value !== b[i]);
  return word < 0 ? 0 : (a[word] as number) - (b[word] as number);
};

describe("sorted runs", () => {
  test("of many files come back as one ascending sequence", async () => {
    const word = fc.oneof(fc.nat(3), fc.constantFrom(0xffff_ffff, 0x8000_0000), fc.nat());
    const run = fc.array(fc.tuple(word, word), { maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(run, { maxLength: 3 }), { minLength: 1, maxLength: 4 }), async (files) => {
        const paths = await Promise.all(files.map(async (runs, i) => await writeRuns(`property-${i}`, runs)));
        const { rows } = await merged(paths, 128);
        expect(rows).toEqual(files.flat(2).sort(byWords));
      }),
      { numRuns: 30 },
    );
  });

  test("are read in blocks of about the size asked for, also where most rows are equal in their first words", async () => {
    const draw = random("runs");
    const rows = Array.from({ length: 40_000 }, (_, i) => [i % 10 === 0 ? draw.below(1000) : 7, i]);
    const shuffled = random("runs", "order").shuffle([...rows]);
    const paths = await Promise.all(
      [0, 1, 2, 3].map(async (i) => await writeRuns(`blocks-${i}`, [shuffled.filter((_, at) => at % 4 === i)])),
    );
    const result = await merged(paths, 4096);
    expect(result.rows).toEqual(rows.sort(byWords));
    // A range is cut at samples, so each run adds at most one step of 64 rows.
    expect(result.largest).toBeLessThanOrEqual(4096 + 4 * 64);
  });

  test("name the file of each row", async () => {
    const paths = [await writeRuns("file-0", [[[5], [1]]]), await writeRuns("file-1", [[[3]]])];
    for await (const { columns, file, order } of mergeRuns(paths, "test-1", "rows")) {
      expect(Array.from(order, (at) => [columns[0]?.[at], file[at]])).toEqual([
        [1, 0],
        [3, 1],
        [5, 0],
      ]);
    }
  });

  test("of another section or of nothing give nothing", async () => {
    const path = await writeRuns("sections", [[[1, 2]]], "other");
    expect((await merged([path])).rows).toEqual([]);
    expect((await merged([])).rows).toEqual([]);
  });

  test("of a file that is cut off, of another kind or no run file at all are a data error that names it", async () => {
    const path = await writeRuns("damaged", [
      [
        [1, 2],
        [3, 4],
      ],
    ]);
    const { byteLength } = await readFile(path);
    for (const size of [byteLength - 1, 20, 5, 0]) {
      await truncate(path, size);
      await expect(merged([path])).rejects.toMatchObject({ code: "run-file-invalid", position: { file: path } });
    }
    await writeFile(path, "nothing like it, but long enough");
    await expect(merged([path])).rejects.toMatchObject({ code: "run-file-invalid" });
    const good = await writeRuns("good", [[[1, 2]]]);
    const other = mergeRuns([good], "test-2", "rows")[Symbol.asyncIterator]();
    await expect(other.next()).rejects.toMatchObject({ code: "run-file-invalid" });
  });
});
