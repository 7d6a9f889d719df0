import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DataError, random } from "../../forge/base/index.ts";
import {
  openParquet,
  parquetColumns,
  writeDocuments,
  writeParquet,
  writeParquetBatches,
  type ParquetColumn,
  type ParquetRow,
  type ParquetTexts,
} from "../../forge/shard/index.ts";
import { documentBatch } from "./support.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-parquet-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const columns: readonly ParquetColumn[] = [
  { name: "id", type: "string" },
  { name: "text", type: "string", nullable: true },
  { name: "score", type: "double", nullable: true },
  { name: "count", type: "int64" },
  { name: "kept", type: "boolean" },
];

async function readAll(path: string): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  for await (const group of (await openParquet(path)).rowGroups()) rows.push(...group);
  return rows;
}

test("any rows come back as they were written, whatever the size of a row group", async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          id: fc.string({ unit: "binary" }),
          text: fc.option(fc.string({ unit: "binary", maxLength: 200 })),
          score: fc.option(fc.double({ noNaN: true })),
          count: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
          kept: fc.boolean(),
        }),
        { maxLength: 60 },
      ),
      fc.integer({ min: 1, max: 2000 }),
      async (rows, rowGroupBytes) => {
        const path = join(folder, `${run++}.parquet`);
        const written = await writeParquet(path, columns, rows, { rowGroupBytes });
        expect(written.rows).toBe(rows.length);
        expect((await openParquet(path)).rows).toBe(rows.length);
        expect(await readAll(path)).toEqual(rows);
      },
    ),
    { numRuns: 40 },
  );
});

test("batches of columns come back as they were given, whatever rows are chosen and wherever a row group ends", async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.array(
          fc.record({
            // Few different names: some columns get a dictionary, some do not.
            name: fc.constantFrom("", "a", "bb", "Grüße", "世界 🏋"),
            note: fc.option(fc.string({ unit: "binary", maxLength: 40 })),
            score: fc.option(fc.float({ noNaN: true })),
          }),
          { maxLength: 40 },
        ),
        { maxLength: 4 },
      ),
      fc.boolean(),
      fc.integer({ min: 1, max: 1500 }),
      async (batches, backwards, rowGroupBytes) => {
        const path = join(folder, `batches-${run++}.parquet`);
        const chosen = (rows: number): number[] =>
          Array.from({ length: rows }, (_, i) => (backwards ? rows - 1 - i : i));
        await writeParquetBatches(
          path,
          [
            { name: "name", type: "string" },
            { name: "text", type: "string", nullable: true, long: true },
            { name: "note", type: "string", nullable: true },
            { name: "score", type: "float", nullable: true },
            { name: "row", type: "int32" },
            { name: "absent", type: "double", nullable: true },
          ],
          batches.map((rows) => {
            const notes = texts(rows.map(({ note }) => note));
            const floats = Float32Array.from(rows, ({ score }) => score ?? Number.NaN);
            const of = chosen(rows.length);
            return {
              rows: rows.length,
              columns: {
                name: { ...texts(rows.map(({ name }) => name)), rows: of },
                text: { ...notes, rows: of },
                note: { ...notes, rows: of },
                score: { floats, rows: of },
                row: (i: number) => i,
              },
            };
          }),
          { rowGroupBytes },
        );
        expect(await readAll(path)).toEqual(
          batches.flatMap((rows) =>
            chosen(rows.length).map((at, row) => {
              const { name, note, score } = rows[at] as (typeof rows)[number];
              return { name, text: note, note, score, row, absent: null };
            }),
          ),
        );
      },
    ),
    { numRuns: 60 },
  );
});

test("the memory of a batch may be overwritten as soon as the next one is asked for", async () => {
  const path = join(folder, "reused.parquet");
  const values = new Uint8Array(40);
  const floats = new Float32Array(4);
  const offsets = Int32Array.from([0, 10, 20, 30, 40]);
  const batches = function* () {
    for (let batch = 0; batch < 6; batch++) {
      values.fill(97 + batch);
      floats.fill(batch);
      yield { rows: 4, columns: { text: { values, offsets }, name: { values, offsets }, score: { floats } } };
    }
  };
  const columns: readonly ParquetColumn[] = [
    { name: "text", type: "string", long: true },
    { name: "name", type: "string" },
    { name: "score", type: "float" },
  ];
  // Row groups end within batches.
  await writeParquetBatches(path, columns, batches(), { rowGroupBytes: 150 });
  const letters = Array.from("aaaabbbbccccddddeeeeffff");
  expect(await readAll(path)).toEqual(
    letters.map((letter, row) => ({ text: letter.repeat(10), name: letter.repeat(10), score: Math.floor(row / 4) })),
  );
});

/** A text column as a batch holds it. */
function texts(values: readonly (string | null)[]): ParquetTexts {
  const offsets = Int32Array.from([0, ...values.map((_, i) => Buffer.byteLength(values.slice(0, i + 1).join("")))]);
  return { values: Buffer.from(values.join("")), offsets, isNull: (text) => values[text] === null };
}

test("a row group of many pages comes back whole: texts longer than a page, nulls between, and values that recur", async () => {
  const numbers = random("pages");
  const word = (): string => numbers.uint32().toString(36);
  const rows = Array.from({ length: 3000 }, (_, i) => ({
    id: `${i}-${word()}`,
    kind: i % 3 === 0 ? null : `kind ${i % 5}`,
    // One in a hundred is longer than a page.
    text: i % 7 === 0 ? null : `${word()} `.repeat(i % 100 === 1 ? 180_000 : i % 300),
    score: i % 2 === 0 ? i / 7 : null,
  }));
  const path = join(folder, "pages.parquet");
  await writeParquet(
    path,
    [
      { name: "id", type: "string" },
      { name: "kind", type: "string", nullable: true },
      { name: "text", type: "string", nullable: true, long: true },
      { name: "score", type: "double", nullable: true },
    ],
    rows,
    { rowGroupBytes: 2 ** 26 },
  );
  expect(await readAll(path)).toEqual(rows);
});

test("numbers at the bounds of their types come back, and one beyond is refused", async () => {
  const path = join(folder, "bounds.parquet");
  const typed: readonly ParquetColumn[] = [
    { name: "int", type: "int32" },
    { name: "long", type: "int64" },
    { name: "at", type: "timestamp" },
  ];
  const rows = [
    { int: -(2 ** 31), long: -(2n ** 63n), at: new Date(-1) },
    { int: 2 ** 31 - 1, long: 2n ** 63n - 1n, at: new Date(2 ** 42) },
  ];
  await writeParquet(path, typed, rows);
  expect(await readAll(path)).toEqual(rows);
  for (const beyond of [{ int: 2 ** 31 }, { int: 0.5 }, { long: 2n ** 63n }, { at: 5 }]) {
    await expect(writeParquet(path, typed, [{ ...rows[0], ...beyond }])).rejects.toThrow("Assertion failed");
  }
});

test("equal rows give equal bytes", async () => {
  const rows: ParquetRow[] = Array.from({ length: 500 }, (_, i) => ({
    id: `id ${i}`,
    text: "same words ".repeat(i % 7),
    score: i / 3,
    count: BigInt(i),
    kept: i % 2 === 0,
  }));
  const first = await writeParquet(join(folder, "a.parquet"), columns, rows, { rowGroupBytes: 4000 });
  const second = await writeParquet(join(folder, "b.parquet"), columns, rows, { rowGroupBytes: 4000 });
  expect(second).toEqual(first);
});

test("row groups are bounded by bytes", async () => {
  const rows = Array.from({ length: 100 }, (_, i) => ({ id: String(i), text: "x".repeat(100), count: 0n, kept: true }));
  const path = join(folder, "groups.parquet");
  await writeParquet(path, columns, rows, { rowGroupBytes: 1000 });
  const sizes: number[] = [];
  for await (const group of (await openParquet(path)).rowGroups({ columns: ["id"] })) sizes.push(group.length);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(9);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100);
});

test("a missing value of a required column is a data error with its row, and leaves no file", async () => {
  const path = join(folder, "bad.parquet");
  const rows = [
    { id: "a", count: 1n, kept: true },
    { id: "b", count: null, kept: true },
  ];
  await expect(writeParquet(path, columns, rows)).rejects.toMatchObject({
    code: "parquet-value-null",
    position: { row: 1, column: "count" },
  });
  await expect(openParquet(path)).rejects.toMatchObject({ code: "file-not-found" });
});

test("a truncated or corrupt file is a data error that names it", async () => {
  const path = join(folder, "whole.parquet");
  const rows = Array.from({ length: 200 }, (_, i) => ({
    id: `row ${i * i}`,
    text: `${i}`.repeat(50),
    count: 1n,
    kept: true,
  }));
  await writeParquet(path, columns, rows);
  const bytes = await readFile(path);
  const broken = join(folder, "broken.parquet");
  const flipped = Buffer.from(bytes);
  flipped.fill(0xff, 100, 400);
  for (const content of [bytes.subarray(0, 0), bytes.subarray(0, 50), bytes.subarray(0, bytes.length - 1), flipped]) {
    await writeFile(broken, content);
    const error: unknown = await readAll(broken).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(DataError);
    expect(error).toMatchObject({ code: "parquet-unreadable", position: { file: broken } });
  }
});

test("document batches keep their columns", async () => {
  const documents = [
    { id: "0".repeat(32), text: "Grüße, 世界 🏋", source: "a.txt" },
    { id: "1".repeat(32), text: "", source: "b.txt" },
  ];
  const batch = documentBatch(documents);
  const path = join(folder, "documents.parquet");
  // A slice has offsets that do not begin at 0.
  await writeDocuments(path, await parquetColumns(batch.schema), [batch, batch.slice(1, 2)]);
  expect(await readAll(path)).toEqual([...documents, documents[1]]);
});

test("a file that becomes shorter while it is read is a data error that names it", async () => {
  const path = join(folder, "shrinking.parquet");
  const text = (i: number): string => String.fromCharCode(97 + (i % 26)).repeat(50 + i);
  const rows = Array.from({ length: 200 }, (_, i) => ({ id: `row ${i}`, text: text(i), count: 1n, kept: true }));
  await writeParquet(path, columns, rows);
  const reader = await openParquet(path);
  await truncate(path, 100);
  await expect(Array.fromAsync(reader.rowGroups())).rejects.toMatchObject({
    code: "parquet-unreadable",
    message: expect.stringContaining("became shorter") as string,
    position: { file: path },
  });
});

test("rows that are chosen by a column come back alone, from every row group, page and neighbourhood", async () => {
  const path = join(folder, "chosen.parquet");
  const draw = random(7);
  // Pages of a megabyte: a row group has several.
  const rows = Array.from({ length: 900 }, (_, i) => ({
    id: `row ${i}`,
    text: i % 50 === 0 ? null : String.fromCharCode(97 + (i % 26)).repeat(draw.below(12_000)),
    score: i % 3 === 0 ? i / 7 : null,
    count: BigInt(i % 4),
    kept: i % 2 === 0,
  }));
  await writeParquet(path, columns, rows, { rowGroupBytes: 3e6 });
  for (const chosen of [[0], [1, 2, 899], [5, 60, 124, 190, 450, 451, 700, 898], rows.map((_, i) => i), []]) {
    const found: Record<string, unknown>[] = [];
    const ids = new Set(chosen.map((i) => `row ${i}`));
    const wanted = {
      column: "id",
      choose: (values: readonly unknown[]) => [...values.keys()].filter((i) => ids.has(String(values[i]))),
      large: ["text"],
    };
    for await (const group of (await openParquet(path)).rowGroups({ columns: ["text", "count", "id"], wanted })) {
      found.push(...group);
    }
    expect(found).toEqual(chosen.map((i) => ({ text: rows[i]?.text, count: rows[i]?.count, id: rows[i]?.id })));
  }
});
