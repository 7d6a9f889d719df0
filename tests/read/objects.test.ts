import { gzipSync, zstdCompressSync } from "node:zlib";
import type { SchemaElement } from "hyparquet";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import { readObjects } from "../../forge/read/index.ts";
import { folderOf } from "./support.ts";

async function all(root: string, uri: string): Promise<unknown[]> {
  return await Array.fromAsync(readObjects(uri, { root }));
}

/** A column `answers` of structs with a list of texts, as SQuAD has it, in two row groups. */
async function nestedParquet(rows: readonly { readonly id: bigint; readonly answers: unknown }[]): Promise<Uint8Array> {
  const list = (name: string, element: Partial<SchemaElement>): SchemaElement[] => [
    { name, repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    { name: "element", repetition_type: "OPTIONAL", ...element },
  ];
  const writer = new ByteWriter(1 << 16);
  const parquet = new ParquetWriter({
    writer,
    schema: [
      { name: "root", num_children: 2 },
      { name: "id", type: "INT64", repetition_type: "REQUIRED" },
      { name: "answers", repetition_type: "OPTIONAL", num_children: 1 },
      ...list("text", { type: "BYTE_ARRAY", converted_type: "UTF8" }),
    ],
  });
  for (const row of rows) {
    await parquet.write({
      columnData: [
        { name: "id", data: [row.id] },
        { name: "answers", data: [row.answers] },
      ],
    });
  }
  await parquet.finish();
  return new Uint8Array(writer.getBuffer());
}

describe("records as objects", () => {
  it("come from JSON Lines, plain and compressed, blank lines and a missing last line feed regardless", async () => {
    const lines = '\ufeff{"a":"ü"}\r\n\n  \n{"b":[1,{"c":null}]}';
    await using folder = await folderOf({
      "a.jsonl": lines,
      "a.jsonl.gz": gzipSync(lines),
      "a.jsonl.zst": zstdCompressSync(lines),
      "long.jsonl": Array.from({ length: 30_000 }, (_, i) => JSON.stringify({ i, text: "é".repeat(40) })).join("\n"),
    });
    const expected = [{ a: "ü" }, { b: [1, { c: null }] }];
    for (const name of ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"]) expect(await all(folder.path, name)).toEqual(expected);
    expect((await all(folder.path, "long.jsonl")).map((one) => (one as { i: number }).i)).toEqual([
      ...Array(30_000).keys(),
    ]);
  });

  it("come from Parquet, lists and structs assembled, row groups in order", async () => {
    const rows = [
      { id: 2n ** 60n, answers: { text: ["one", "two"] } },
      { id: 7n, answers: { text: [] } },
      { id: 8n, answers: null },
    ];
    await using folder = await folderOf({ "a.parquet": await nestedParquet(rows) });
    expect(await all(folder.path, "a.parquet")).toEqual([...rows.slice(0, 2), { id: 8n }]);
  });

  it("that cannot be read are an error with file and row, never a gap", async () => {
    const packed = gzipSync(Array.from({ length: 2000 }, (_, i) => `{"i":${Math.sin(i)}}`).join("\n"));
    await using folder = await folderOf({
      "bad.jsonl": '{"a":1}\n\n{"a":\n',
      "list.jsonl": "[1]\n",
      "cut.jsonl.gz": packed.subarray(0, packed.length >> 1),
      "cut.parquet": (await nestedParquet([{ id: 1n, answers: null }])).subarray(0, 40),
    });
    const read = async (uri: string): Promise<unknown[]> => await all(folder.path, uri);
    await expect(read("bad.jsonl")).rejects.toMatchObject({ code: "record-malformed", details: { row: 1 } });
    await expect(read("list.jsonl")).rejects.toMatchObject({ code: "record-malformed", exitCode: 3 });
    await expect(read("cut.jsonl.gz")).rejects.toMatchObject({ code: "file-damaged", exitCode: 3 });
    await expect(read("cut.parquet")).rejects.toMatchObject({ code: "parquet-unreadable", exitCode: 3 });
    await expect(read("no.jsonl")).rejects.toMatchObject({ code: "file-not-found", exitCode: 3 });
  });
});
