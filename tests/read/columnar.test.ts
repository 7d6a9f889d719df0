import { gzipSync } from "node:zlib";
import { ByteWriter, parquetWrite } from "hyparquet-writer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeLz4Block, decodeLz4Frame } from "../../forge/read/lz4.ts";
import { arrowFile, arrowMagic, arrowStream, parquetFile } from "./samples.ts";
import { configOf, folderOf, readAll } from "./support.ts";

async function parquetOf(columns: Readonly<Record<string, readonly unknown[]>>): Promise<Uint8Array> {
  const writer = new ByteWriter(1 << 16);
  const columnData = Object.entries(columns).map(([name, data]) => ({ name, data: [...data] }));
  await parquetWrite({ writer, columnData, codec: "UNCOMPRESSED" });
  return new Uint8Array(writer.getBuffer());
}

describe("Parquet and Arrow", () => {
  it("take text, url, date, language and wanted columns from where the config says", async () => {
    await using folder = await folderOf({
      "a.parquet": await parquetOf({
        body: ["Hello"],
        link: ["https://a.b/"],
        when: [new Date(Date.UTC(2024, 0, 2))],
        lang: ["en"],
        id: [2n ** 60n + 1n],
        tags: [{ a: ["x", { b: "y" }] }],
      }),
    });
    const fields = { text: "body", url: "link", date: "when", language: "lang", meta: ["id", "tags", "none"] };
    const { documents } = await readAll(folder.path, configOf([{ name: "s", path: "*", fields }]));
    expect(documents).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        text: "Hello",
        url: "https://a.b/",
        source: "a.parquet",
        date: "2024-01-02T00:00:00.000Z",
        language: "en",
        languageScore: null,
        meta: '{"id":1152921504606846977,"tags":{"a":["x",{"b":"y"}]}}',
      },
    ]);
  });

  it("without the text column are refused before anything runs, naming the columns that there are", async () => {
    await using folder = await folderOf({
      "a.parquet": await parquetOf({ title: ["t"], nested: [{ text: "inner" }], count: [1] }),
      "b.arrow": arrowFile(["x"]),
    });
    const read = (text: string) => readAll(folder.path, configOf([{ name: "s", path: "*", fields: { text } }]));
    await expect(read("text")).rejects.toMatchObject({
      code: "column-missing",
      exitCode: 2,
      message: 'a.parquet has no column "text"; its columns: title, nested, count',
      issues: [{ path: "sources.s.fields.text" }],
    });
    await expect(read("nested")).rejects.toThrow(/a\.parquet has a column "nested" that is no text/);
    await expect(read("count")).rejects.toThrow(/a\.parquet has a column "count" that is no text/);
    await expect(read("title")).rejects.toThrow('b.arrow has no column "title"; its columns: text');
  });

  it("quarantine a damaged row group or batch with its rows and keep the others", async () => {
    const texts = Array.from({ length: 100 }, (_, i) => `document ${i} ${"word ".repeat(20)}`);
    // In front of the values stand the page's header, or the offsets of the texts, and the batch's own header.
    for (const [name, bytes, distance, length] of [
      ["a.parquet", Buffer.from(await parquetFile(texts)), 24, 20],
      ["a.arrow", Buffer.from(arrowFile(texts)), 60, 8],
      ["a.arrow", Buffer.from(arrowFile(texts)), 250, 60],
    ] as const) {
      const at = bytes.indexOf("document 25 ");
      bytes.fill(0xff, at - distance, at - distance + length);
      await using folder = await folderOf({ [name]: bytes });
      const { documents, quarantined } = await readAll(folder.path, configOf([{ name: "s", path: name }]));
      expect(documents.map(({ text }) => text)).toEqual([...texts.slice(0, 25), ...texts.slice(50)]);
      expect(quarantined).toMatchObject([{ source: name, reason: "damaged-data", row: 25 }]);
      expect(quarantined[0]?.byteOffset).toBeGreaterThan(0);
      expect(quarantined[0]?.byteOffset).toBeLessThan(at);
    }
  });

  it("are read to the end where streams were joined, and what else stands behind one is told", async () => {
    const [first, second] = [arrowStream(["one", "two"]), arrowStream(["three"])];
    await using folder = await folderOf({
      "a.ipc": Buffer.concat([first, second]),
      "b.ipc.gz": gzipSync(Buffer.concat([first, second])),
      "c.ipc": Buffer.concat([first, Buffer.from("something else")]),
    });
    const { documents, quarantined } = await readAll(folder.path, configOf([{ name: "s", path: "*" }]));
    const all = ["one", "two", "three"];
    expect(documents.map(({ text }) => text)).toEqual([...all, ...all, "one", "two"]);
    expect(new Set(documents.map(({ id }) => id)).size).toBe(8);
    expect(quarantined.map(({ source, reason }) => [source, reason])).toEqual([["c.ipc", "damaged-data"]]);
  });

  it("tell that a file lost its end even where the loss begins between two batches", async () => {
    const texts = Array.from({ length: 60 }, (_, i) => `text ${i}`);
    const stream = Buffer.from(arrowStream(texts));
    // The last batch and what marks the stream's end: a batch begins with this mark.
    const batches = [...stream.toString("latin1").matchAll(/\xff\xff\xff\xff/g)].map(({ index }) => index);
    const cut = stream.subarray(0, batches.at(-2));
    await using folder = await folderOf({ "a.arrow": Buffer.concat([arrowMagic, cut]) });
    const { documents, quarantined } = await readAll(folder.path, configOf([{ name: "s", path: "*" }]));
    expect(documents.map(({ text }) => text)).toEqual(texts.slice(0, 50));
    expect(quarantined.map(({ reason, message }) => [reason, /the end of the file is missing/.test(message)])).toEqual([
      ["damaged-data", true],
    ]);
  });

  it("have invalid UTF-8 and texts beyond the limit treated as JSON Lines have", async () => {
    const bytes = Buffer.from(await parquetFile(["x".repeat(2000), "bad ~ byte", "fine"]));
    bytes.fill(0xff, bytes.indexOf("~"), bytes.indexOf("~") + 1);
    await using folder = await folderOf({ "a.parquet": bytes });
    const read = (onInvalidUtf8: string) =>
      readAll(folder.path, configOf([{ name: "s", path: "*" }], { maxRecordBytes: 1024, onInvalidUtf8 }));
    const replaced = await read("replace");
    expect(replaced.documents.map(({ text }) => text)).toEqual(["bad \ufffd byte", "fine"]);
    expect(replaced.replacements).toBe(1);
    expect(replaced.quarantined).toMatchObject([{ reason: "record-too-long", row: 0, byteLength: 2000 }]);
    const strict = await read("quarantine");
    expect(strict.quarantined.map(({ reason, row }) => [reason, row])).toEqual([
      ["record-too-long", 0],
      ["invalid-utf8", 1],
    ]);
  });

  it("read a row group that is larger than what is decoded at once, row by row the same", async () => {
    const texts = Array.from({ length: 500 }, (_, i) => (i % 99 === 7 ? null : `${i} ${"x".repeat(80_000 + i)}`));
    await using folder = await folderOf({
      "a.parquet": await parquetOf({ text: texts, url: texts.map((_, i) => `u${i}`) }),
    });
    const { documents, quarantined } = await readAll(folder.path, configOf([{ name: "s", path: "*" }]));
    expect(documents.map(({ text }) => text)).toEqual(texts.filter((text) => text !== null));
    expect(documents.map(({ url }) => url)).toEqual(texts.flatMap((text, i) => (text === null ? [] : [`u${i}`])));
    expect(quarantined.map(({ row }) => row)).toEqual([7, 106, 205, 304, 403]);
  });

  it("stand beside other formats under one glob", async () => {
    await using folder = await folderOf({
      "a.parquet": await parquetFile(["from Parquet"]),
      "b.arrow": arrowFile(["from Arrow"]),
      "c.jsonl.gz": gzipSync('{"text":"from JSON Lines"}\n'),
      "d.txt": "from text",
    });
    const { documents } = await readAll(folder.path, configOf([{ name: "s", path: "*" }]));
    expect(documents.map(({ text }) => text)).toEqual(["from Parquet", "from Arrow", "from JSON Lines", "from text"]);
  });
});

describe("LZ4", () => {
  // Token 0x4f: 4 literals and a match of 15 + 4 + 2; distance 4; last token: 5 literals.
  const block = Uint8Array.of(0x4f, 0x61, 0x62, 0x63, 0x64, 4, 0, 2, 0x50, 0x76, 0x77, 0x78, 0x79, 0x7a);
  const text = `${"abcd".repeat(6)}avwxyz`;

  it("decodes literals and matches that overlap themselves", () => {
    expect(Buffer.from(decodeLz4Block(block, 30)).toString()).toBe(text);
  });

  it("decodes frames of linked, bare and checked blocks", () => {
    const stored = Buffer.from("stored");
    const frame = Buffer.concat([
      Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x50, 0x40, 0x00]),
      Buffer.from([block.length, 0, 0, 0]),
      block,
      Buffer.from([1, 2, 3, 4, stored.length, 0, 0, 0x80]),
      stored,
      Buffer.from([1, 2, 3, 4, 0, 0, 0, 0]),
    ]);
    expect(Buffer.from(decodeLz4Frame(frame)).toString()).toBe(`${text}stored`);
    expect(() => decodeLz4Frame(frame.subarray(0, -4))).toThrow("ends too early");
  });

  it("refuses damaged input with an error, never with a crash or a wrong length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(100), (bytes, size) => {
        try {
          expect(decodeLz4Block(bytes, size).length).toBe(size);
        } catch (error) {
          expect((error as Error).message).toMatch(/^the LZ4 block/);
        }
      }),
    );
  });
});
