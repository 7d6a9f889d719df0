import { constants, createZstdCompress, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadKernels, type TextKernels } from "../../forge/kernels/index.ts";
import { readSplit, splitSources } from "../../forge/read/index.ts";
import { readJsonLines } from "../../forge/read/json-lines.ts";
import { Collector } from "../../forge/read/read.ts";
import type { SplitPart } from "../../forge/read/types.ts";
import { configOf, folderOf, readAll } from "./support.ts";

const sources = [{ name: "docs", path: "docs.jsonl" }];

function lines(...texts: readonly string[]): string {
  return texts.map((text) => `${JSON.stringify({ text })}\n`).join("");
}

describe("reading JSON Lines", () => {
  it("takes text, url, date, language and wanted fields from where the config says", async () => {
    const record = { body: "Hello", link: "https://a.b/", when: "2024-01-02", lang: "en", tags: ["x"], title: "T" };
    await using folder = await folderOf({ "docs.jsonl": `${JSON.stringify(record)}\n` });
    const fields = { text: "body", url: "link", date: "when", language: "lang", meta: ["title", "tags", "none"] };
    const { documents } = await readAll(folder.path, configOf([{ ...sources[0], fields }]));
    expect(documents).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        text: "Hello",
        url: "https://a.b/",
        source: "docs.jsonl",
        date: "2024-01-02",
        language: "en",
        languageScore: null,
        meta: '{"title":"T","tags":["x"]}',
      },
    ]);
  });

  it("gives the same documents and ids however the file is split and batched", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.string({ unit: "grapheme", maxLength: 300 }), fc.constantFrom("\n", "\r\n", "\n\n")), {
          minLength: 5,
          maxLength: 60,
        }),
        fc.integer({ min: 1024, max: 4000 }),
        async (records, splitBytes) => {
          const file = records.map(([text, end]) => JSON.stringify({ text: text.toWellFormed() }) + end).join("");
          await using folder = await folderOf({ "docs.jsonl": file });
          const whole = await readAll(folder.path, configOf(sources));
          const split = await readAll(folder.path, configOf(sources, { splitBytes, batchBytes: 1024 }));
          expect(split.documents).toEqual(whole.documents);
          expect(whole.documents.map(({ text }) => text)).toEqual(records.map(([text]) => text.toWellFormed()));
          expect(split.plan.splits.length).toBe(Math.max(1, Math.ceil(Buffer.byteLength(file) / splitBytes)));
        },
      ),
      { numRuns: 30 },
    );
  });

  it("gives the same documents from plain, gzip and zstd files", async () => {
    const content = Buffer.from(lines("one", "two", "three"));
    await using folder = await folderOf({
      "a.jsonl": content,
      "b.jsonl.gz": Buffer.concat([gzipSync(content.subarray(0, 20)), gzipSync(content.subarray(20))]),
      "c.jsonl.zst": zstdCompressSync(content),
    });
    const { documents } = await readAll(folder.path, configOf([{ name: "docs", path: "*" }]));
    expect(documents.map(({ text }) => text)).toEqual([
      "one",
      "two",
      "three",
      "one",
      "two",
      "three",
      "one",
      "two",
      "three",
    ]);
    expect(new Set(documents.map(({ id }) => id)).size).toBe(9);
  });

  it("reads all frames of a zstd file, not only the first, and those that are to be skipped", async () => {
    const skippable = Buffer.from([0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    const frames = ["one", "two", "three"].map((text) => zstdCompressSync(Buffer.from(lines(text))));
    await using folder = await folderOf({
      "docs.jsonl.zst": Buffer.concat([skippable, ...frames.flatMap((frame) => [frame, skippable])]),
    });
    const { documents, quarantined } = await readAll(folder.path, configOf([{ name: "docs", path: "*" }]));
    expect(documents.map(({ text }) => text)).toEqual(["one", "two", "three"]);
    expect(quarantined).toEqual([]);
  });

  it("takes zeros behind gzip for padding, and tells of anything else", async () => {
    const first = gzipSync(lines("one"));
    const second = gzipSync(lines("two"));
    second[0] = 0;
    await using folder = await folderOf({
      "a.jsonl.gz": Buffer.concat([first, Buffer.alloc(100)]),
      "b.jsonl.gz": Buffer.concat([first, second]),
      "c.jsonl.gz": Buffer.concat([first, Buffer.from("garbage")]),
    });
    const { documents, quarantined } = await readAll(folder.path, configOf([{ name: "docs", path: "*" }]));
    expect(documents.filter(({ text }) => text === "one")).toHaveLength(3);
    expect(quarantined.map(({ source, reason }) => [source, reason])).toEqual([
      ["b.jsonl.gz", "corrupt-compression"],
      ["c.jsonl.gz", "corrupt-compression"],
    ]);
  });

  it("reads zstd of the longest window, as `zstd --long=31` makes it", async () => {
    const chunks: Buffer[] = [];
    const params = { [constants.ZSTD_c_windowLog]: 31, [constants.ZSTD_c_enableLongDistanceMatching]: 1 };
    const compress = createZstdCompress({ params });
    compress.end(lines("one", "two"));
    for await (const chunk of compress) chunks.push(chunk as Buffer);
    await using folder = await folderOf({ "a.jsonl.zst": Buffer.concat(chunks) });
    const { documents, quarantined } = await readAll(folder.path, configOf([{ name: "docs", path: "*" }]));
    expect([documents.map(({ text }) => text), quarantined]).toEqual([["one", "two"], []]);
  });

  it("takes of keys that repeat the last, and keys and texts with their escapes undone", async () => {
    await using folder = await folderOf({
      "a.jsonl": [
        String.raw`{"text":1,"text":"last"}`,
        String.raw`{"text":"first","text":2}`,
        String.raw`{"t\u0065xt":"\ud83c\udfcb\u0000\/"}`,
        String.raw`{"text":"a lone \ud800."}`,
      ].join("\n"),
    });
    const { documents, quarantined } = await readAll(folder.path, configOf([{ name: "docs", path: "*" }]));
    expect(documents.map(({ text }) => text)).toEqual(["last", "🏋\u0000/", "a lone \ufffd."]);
    expect(quarantined.map(({ row, reason }) => [row, reason])).toEqual([[1, "field-not-text"]]);
  });

  it("gives the same batches and bad input however the bytes come in", async () => {
    const line = (i: number): string | Uint8Array => {
      if (i % 97 === 0) return "{broken";
      if (i % 89 === 0) return JSON.stringify({ text: "long ".repeat(60_000) });
      const text = `document ${i} ${"word ".repeat((i * 7919) % 2000)}`;
      return i % 101 === 0 ? Buffer.from(`{"text": "${text}\xff"}`, "latin1") : JSON.stringify({ text });
    };
    const lines = Array.from({ length: 1000 }, (_, i) => Buffer.from(line(i)));
    const content = Buffer.concat(lines.flatMap((one) => [one, Buffer.from("\n")]));
    const config = configOf([{ name: "s", path: "a.jsonl" }], {
      maxRecordBytes: 2 ** 18,
      onInvalidUtf8: "replace",
      batchBytes: 2 ** 20,
      splitBytes: 2 ** 22,
    });
    const readIn = async (chunkBytes: number): Promise<{ batches: number[]; found: string[] }> => {
      const source = {
        uri: "a.jsonl",
        size: content.length,
        async *read(start = 0, end = content.length) {
          for (let at = start; at < end; at += chunkBytes) yield content.subarray(at, Math.min(end, at + chunkBytes));
        },
      };
      const file = { source: "s", uri: "a.jsonl", format: "jsonl", compression: "none", fingerprint: "" } as const;
      const found: unknown[] = [];
      const batches: number[] = [];
      for (const split of splitSources([{ ...file, bytes: content.length }], config.read.splitBytes)) {
        const options = { root: "/", source: config.sources[0] as (typeof config.sources)[number], read: config.read };
        for await (const item of readSplit(split, { ...options, openSource: async () => source })) {
          if ("quarantine" in item) found.push(item.quarantine);
          else {
            batches.push(item.batch.numRows);
            found.push(...[...item.batch].map((row) => row.toJSON() as unknown));
          }
        }
      }
      return { batches, found: found.map((one) => JSON.stringify(one)).sort() };
    };
    const whole = await readIn(content.length);
    expect(whole.found).toHaveLength(1000);
    expect(whole.batches.length).toBeGreaterThan(2);
    for (const chunkBytes of [70_000, 2 ** 19, 2 ** 20, 2 ** 20 + 1, 3_000_001]) {
      expect(await readIn(chunkBytes)).toEqual(whole);
    }
  });

  it("gives a line to the kernel when it is whole, however much longer than a chunk it is", async () => {
    const texts = ["before", "x".repeat(20 << 20), "between", "y".repeat(5 << 20)];
    const content = Buffer.from(lines(...texts).trimEnd());
    const kernels = await loadKernels();
    for (const end of [content.length, 30]) {
      let given = 0;
      const counting: TextKernels = {
        ...kernels,
        extractJsonLines(chunk, options) {
          given += chunk.length;
          return kernels.extractJsonLines(chunk, options);
        },
      };
      const { read, sources: configured } = configOf(sources, { maxRecordBytes: 2 ** 26 });
      const [{ fields, language }] = configured as [(typeof configured)[number]];
      const source = {
        uri: "docs.jsonl",
        size: content.length,
        async *read(from = 0, to = content.length) {
          for (let at = from; at < to; at += 100_000) yield content.subarray(at, Math.min(to, at + 100_000));
        },
      };
      const part: SplitPart = {
        uri: "docs.jsonl",
        format: "jsonl",
        compression: "none",
        start: 0,
        end,
        fingerprint: "",
      };
      const collect = new Collector(2 ** 30);
      for await (const _ of readJsonLines({ source, part, read, fields, language, kernels: counting }, collect));
      expect(collect.builder.length).toBe(end === 30 ? 2 : 4);
      expect(given).toBeLessThan(content.length + (2 << 20));
    }
  });

  it("passes over a byte order mark at the beginning of a file, however it is compressed and split", async () => {
    const file = Buffer.from(`\uFEFF${lines("first", "x".repeat(1500), "third")}`);
    await using folder = await folderOf({ "a.jsonl": file, "b.jsonl.gz": gzipSync(file) });
    const config = configOf([{ name: "docs", path: "*" }], { splitBytes: 1024 });
    const { documents, quarantined } = await readAll(folder.path, config);
    expect(quarantined).toEqual([]);
    const texts = ["first", "x".repeat(1500), "third"];
    expect(documents.map(({ text }) => text)).toEqual([...texts, ...texts]);
  });

  it("quarantines bad records with row, position, sample and reason, and keeps the good ones", async () => {
    const bad = ["{not json", '{"other":"field"}', '{"text":5}', "[1]", '"text"'];
    const file = [JSON.stringify({ text: "good" }), ...bad, JSON.stringify({ text: "also good" })].join("\n");
    await using folder = await folderOf({ "docs.jsonl": file });
    const { documents, quarantined } = await readAll(folder.path, configOf(sources));
    expect(documents.map(({ text }) => text)).toEqual(["good", "also good"]);
    expect(quarantined.map(({ reason, row }) => [reason, row])).toEqual([
      ["malformed-json", 1],
      ["field-missing", 2],
      ["field-not-text", 3],
      ["malformed-json", 4],
      ["malformed-json", 5],
    ]);
    expect(quarantined[0]).toMatchObject({ source: "docs.jsonl", byteOffset: 16, byteLength: 9, sample: "{not json" });
    // Shows which fields there are.
    expect(quarantined[1]).toMatchObject({ byteLength: 17, sample: '{"other":"field"}' });
  });

  it.each([
    JSON.stringify([{ text: "a" }]),
    JSON.stringify([{ text: "a" }], null, 2),
    JSON.stringify({ text: "a" }, null, 2),
  ])("tells what to do about a file that is one JSON document: %s", async (file) => {
    await using folder = await folderOf({ "docs.json": file });
    const { quarantined } = await readAll(folder.path, configOf([{ name: "docs", path: "docs.json" }]));
    expect(quarantined[0]?.message).toMatch(/looks like one JSON document.*`jq -c '\.\[\]'`/);
    expect(quarantined.slice(1).some(({ message }) => /jq/.test(message))).toBe(false);
  });

  it.each([5000, 3_000_000])(
    "quarantines a line of %i bytes that is longer than allowed, and goes on",
    async (length) => {
      const long = JSON.stringify({ text: "x".repeat(length) });
      const file = `${lines("before")}${long}\n${lines("after")}`;
      await using folder = await folderOf({ "docs.jsonl": file, "docs.jsonl.gz": gzipSync(file) });
      for (const path of ["docs.jsonl", "docs.jsonl.gz"]) {
        for (const splitBytes of [2 ** 30, 40_000]) {
          const { documents, quarantined } = await readAll(
            folder.path,
            configOf([{ name: "docs", path }], { maxRecordBytes: 1024, splitBytes }),
          );
          expect(documents.map(({ text }) => text)).toEqual(["before", "after"]);
          expect(quarantined).toEqual([
            expect.objectContaining({ reason: "record-too-long", byteOffset: 18, byteLength: long.length }),
          ]);
          expect(quarantined[0]?.sample).toMatch(/^\{"text":"xxx/);
        }
      }
    },
  );

  it("replaces invalid UTF-8 and counts it, or quarantines the record, as the config says", async () => {
    const file = Buffer.concat([
      Buffer.from('{"text":"a'),
      Buffer.from([0xff, 0xc3]),
      Buffer.from('b"}\n'),
      Buffer.from(lines("good")),
    ]);
    await using folder = await folderOf({ "docs.jsonl": file });
    const replaced = await readAll(folder.path, configOf(sources));
    expect(replaced.documents.map(({ text }) => text)).toEqual(["a\ufffd\ufffdb", "good"]);
    expect([replaced.replacements, replaced.quarantined]).toEqual([2, []]);
    const strict = await readAll(folder.path, configOf(sources, { onInvalidUtf8: "quarantine" }));
    expect(strict.documents.map(({ text }) => text)).toEqual(["good"]);
    expect(strict.quarantined).toEqual([expect.objectContaining({ reason: "invalid-utf8", row: 0, byteOffset: 0 })]);
    expect(strict.documents[0]?.["id"]).toBe(replaced.documents[1]?.["id"]);
  });

  it("counts lone surrogates among what was replaced, of documents only, however the file is split", async () => {
    const file = [
      String.raw`{"text":"one \ud800.","url":"https://a.b/\udfff"}`,
      ...Array.from({ length: 100 }, (_, i) => `{"text":"good ${i} \\ud83c\\udfcb"}`),
      String.raw`{"url":"\ud800"}`,
      String.raw`{"text":"not asked for","other":"\ud800"}`,
      String.raw`{"text":"two \udc00\ud800"}`,
    ].join("\n");
    const last = Buffer.concat([Buffer.from('\n{"text":"\\ud800 and '), Buffer.from([0xff]), Buffer.from('"}\n')]);
    await using folder = await folderOf({ "docs.jsonl": Buffer.concat([Buffer.from(file), last]) });
    for (const read of [{}, { splitBytes: 1024, batchBytes: 1024 }]) {
      const { documents, replacements, quarantined } = await readAll(folder.path, configOf(sources, read));
      const texts = documents.map(({ text, url }) => `${String(text)}${String(url)}`).join("");
      expect(replacements).toBe(6);
      expect(texts.split("\ufffd")).toHaveLength(6 + 1);
      expect(quarantined.map(({ reason }) => reason)).toEqual(["field-missing"]);
    }
  });

  it("keeps the good records of a truncated file and quarantines the rest as one entry", async () => {
    const texts = Array.from({ length: 3000 }, (_, i) => `document ${i} ${Math.sin(i)}`);
    const content = Buffer.from(lines(...texts));
    const offsets = [0];
    for (const text of texts) offsets.push((offsets.at(-1) as number) + Buffer.byteLength(lines(text)));
    for (const [name, bytes] of [
      ["docs.jsonl.gz", gzipSync(content)],
      ["docs.jsonl.zst", zstdCompressSync(content)],
    ] as const) {
      await using folder = await folderOf({ [name]: bytes.subarray(0, bytes.length - 5000) });
      const { documents, quarantined } = await readAll(folder.path, configOf([{ name: "docs", path: name }]));
      expect(documents.length).toBeLessThan(texts.length);
      if (name.endsWith("gz")) expect(documents.length).toBeGreaterThan(1000);
      expect(documents.map(({ text }) => text)).toEqual(texts.slice(0, documents.length));
      expect(quarantined).toEqual([
        expect.objectContaining({
          source: name,
          reason: "truncated",
          row: null,
          byteOffset: offsets[documents.length],
          byteLength: null,
        }),
      ]);
    }
  });

  it("reports damage in the middle of a compressed file without losing what came before", async () => {
    const bytes = gzipSync(
      Buffer.from(lines(...Array.from({ length: 3000 }, (_, i) => `document ${i} ${Math.cos(i)}`))),
    );
    bytes.fill(0xaa, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 200);
    await using folder = await folderOf({ "docs.jsonl.gz": bytes });
    const { documents, quarantined } = await readAll(folder.path, configOf([{ name: "docs", path: "docs.jsonl.gz" }]));
    expect(documents[0]?.["text"]).toBe("document 0 1");
    expect(quarantined.at(-1)).toMatchObject({ reason: "corrupt-compression", row: null });
  });
});
