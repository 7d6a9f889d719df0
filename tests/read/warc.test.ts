import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { planSources, readSplit } from "../../forge/read/index.ts";
import { localSources, readBytes, type OpenSource } from "../../forge/read/byte-source.ts";
import { WarcParser, type WarcEvent } from "../../forge/read/warc-records.ts";
import { warcRecord } from "./samples.ts";
import { configOf, folderOf, readAll, type Found } from "./support.ts";

const url = { "WARC-Target-URI": "https://example.org/page" };

function response(body: string | Uint8Array, headers: readonly string[] = [], status = 200): Buffer {
  const head = [`HTTP/1.1 ${status} Whatever`, ...headers].join("\r\n");
  const block = Buffer.concat([Buffer.from(`${head}\r\n\r\n`), Buffer.from(body)]);
  return warcRecord("response", block, { ...url, "Content-Type": "application/http; msgtype=response" });
}

async function read(records: readonly Buffer[], config = {}, name = "a.warc"): Promise<Found> {
  await using folder = await folderOf({ [name]: Buffer.concat(records) });
  return await readAll(folder.path, configOf([{ name: "s", path: name }], config));
}

const page = "<!doctype html><html><body><p>Grüße aus Köln</p></body></html>";
const html = "Content-Type: text/html; charset=utf-8";

describe("reading WARC", () => {
  it("gives responses, resources and conversions with URL and date, and passes over the other types", async () => {
    const records = [
      warcRecord("warcinfo", "software: x"),
      warcRecord("request", "GET / HTTP/1.1\r\n\r\n", url),
      response(page, [html]),
      warcRecord("resource", "as it was", { "WARC-Target-URI": "<file:///a>", "Content-Type": "text/plain" }),
      warcRecord("conversion", "converted", { ...url, "Content-Type": "text/plain" }),
      warcRecord("revisit", "HTTP/1.1 200 OK\r\n\r\n", url),
      warcRecord("metadata", "x: y", url),
    ];
    const { documents, quarantined, rejected } = await read(records);
    expect(documents.map(({ text, url: from, date, mediaType }) => [text, from, date, mediaType])).toEqual([
      [page, "https://example.org/page", "2024-05-01T10:00:00Z", "text/html"],
      ["as it was", "file:///a", "2024-05-01T10:00:00Z", undefined],
      ["converted", "https://example.org/page", "2024-05-01T10:00:00Z", undefined],
    ]);
    expect([quarantined, rejected]).toEqual([[], []]);
  });

  const bytes = Buffer.from(page);
  it.each([
    [
      "chunked",
      Buffer.from(
        `5;x=y\r\n${page.slice(0, 5)}\r\n${(bytes.length - 5).toString(16)}\r\n${page.slice(5)}\r\n0\r\n\r\n`,
      ),
      ["Transfer-Encoding: chunked"],
    ],
    ["gzip", gzipSync(bytes), ["Content-Encoding: gzip"]],
    ["zlib", deflateSync(bytes), ["Content-Encoding: deflate"]],
    ["bare deflate", deflateRawSync(bytes), ["Content-Encoding: deflate"]],
    ["Brotli", brotliCompressSync(bytes), ["Content-Encoding: br"]],
    ["zstd", zstdCompressSync(bytes), ["Content-Encoding: zstd"]],
    ["two encodings", brotliCompressSync(gzipSync(bytes)), ["Content-Encoding: gzip, br"]],
    [
      "headers that the crawler kept although it decoded the body",
      bytes,
      ["Transfer-Encoding: chunked", "Content-Encoding: gzip"],
    ],
    ["headers that the crawler kept although it decoded Brotli", bytes, ["Content-Encoding: br"]],
  ])("decodes a body in %s", async (_name, body, headers) => {
    const { documents, quarantined } = await read([response(body, [html, ...headers])]);
    expect([documents.map(({ text }) => text), quarantined]).toEqual([[page], []]);
  });

  it("takes what there is of a body that was cut short, and quarantines one that is damaged or unknown", async () => {
    const cut = gzipSync(Buffer.from(`${page}${"x".repeat(5000)}${Math.PI}`)).subarray(0, -12);
    const damaged = gzipSync(bytes);
    damaged.fill(0xff, 12, 40);
    const records = [cut, damaged, bytes].map((body, i) =>
      response(body, [html, `Content-Encoding: ${["gzip", "gzip", "sdch"][i]}`]),
    );
    const { documents, quarantined } = await read(records);
    expect(documents).toHaveLength(1);
    expect(documents[0]?.["text"]).toMatch(/^<!doctype html>.*x{1000}/);
    expect(quarantined.map(({ reason, row, message }) => [reason, row, /sdch/.test(message)])).toEqual([
      ["damaged-data", 1, false],
      ["damaged-data", 2, true],
    ]);
  });

  it("quarantines a body that becomes too long when it is decoded", async () => {
    const bomb = gzipSync(Buffer.alloc(1 << 22, "a"));
    const { quarantined } = await read([response(bomb, [html, "Content-Encoding: gzip"])], { maxRecordBytes: 1 << 20 });
    expect(quarantined.map(({ reason }) => reason)).toEqual(["record-too-long"]);
  });

  const greeting = "Grüße";
  const latin = Buffer.from(greeting, "latin1");
  const wide = Buffer.from(`\uFEFF${greeting}`, "utf16le");
  it.each([
    ["what the header says", latin, "text/plain; charset=ISO-8859-1", greeting],
    ["a byte order mark before the header", wide, "text/plain; charset=utf-8", greeting],
    ["the byte order mark of UTF-8", Buffer.from(`\uFEFF${greeting}`), "text/plain", greeting],
    [
      "<meta charset>",
      Buffer.concat([Buffer.from('<html><meta charset="latin1">'), latin]),
      "text/html",
      `<html><meta charset="latin1">${greeting}`,
    ],
    [
      "<meta http-equiv>",
      Buffer.concat([Buffer.from("<html><meta content='text/html; charset=windows-1252'>"), latin]),
      "text/html",
      `<html><meta content='text/html; charset=windows-1252'>${greeting}`,
    ],
    ["Japanese bytes", Buffer.from([0x93, 0xfa, 0x96, 0x7b]), "text/plain; charset=Shift_JIS", "日本"],
    ["valid UTF-8 where nobody says anything", Buffer.from(greeting), "text/plain", greeting],
    ["windows-1252 for all else", latin, "text/plain", greeting],
    ["a charset that nobody knows: as if nobody had said anything", latin, "text/plain; charset=klingon", greeting],
  ])("reads the charset from %s", async (_name, body, type, expected) => {
    const { documents, replacements } = await read([response(body, [`Content-Type: ${type}`])]);
    expect([documents.map(({ text }) => text), replacements]).toEqual([[expected], 0]);
  });

  it("counts what a charset's decoder cannot read", async () => {
    const { documents, replacements } = await read([
      response(Buffer.from([0x93, 0xfa, 0xff]), ["Content-Type: text/plain; charset=Shift_JIS"]),
    ]);
    expect([documents.map(({ text }) => text), replacements]).toEqual([["日\ufffd"], 1]);
  });

  it("rejects, with reason and value, other statuses than 2xx and what is neither text nor page", async () => {
    const { documents, rejected, quarantined } = await read([
      response(page, [html], 404),
      response("", ["Location: /"], 301),
      response(page, [html], 299),
      response("\x89PNG", ["Content-Type: image/png"]),
      response("\n<!-- a --><HTML><body>x</body>", []),
      response("%PDF-1.4", []),
    ]);
    expect(documents).toHaveLength(2);
    expect(rejected.map(({ reason, value, text, url: from }) => [reason, value, text, from])).toEqual([
      ["http-status", 404, "", "https://example.org/page"],
      ["http-status", 301, "", "https://example.org/page"],
      ["content-type", Number.NaN, "", "https://example.org/page"],
      ["content-type", Number.NaN, "", "https://example.org/page"],
    ]);
    expect(quarantined).toEqual([]);
  });

  it("keeps wanted header fields in meta, the record's before the response's", async () => {
    const record = response("text", ["Content-Type: text/plain", "Server: nginx"]);
    await using folder = await folderOf({ "a.warc": record });
    const fields = { meta: ["Server", "WARC-Type", "Content-Type", "none"] };
    const { documents } = await readAll(folder.path, configOf([{ name: "s", path: "*", fields }]));
    expect(documents[0]?.["meta"]).toBe(
      '{"Server":"nginx","WARC-Type":"response","Content-Type":"application/http; msgtype=response"}',
    );
  });

  it.each(["0.17", "0.18", "1.0", "1.1"])("reads version %s, plain, in gzip and in zstd", async (version) => {
    const records = ["one", "two"].map((text) => {
      const record = warcRecord("conversion", text, { "Content-Type": "text/plain" }).toString();
      return Buffer.from(record.replace("WARC/1.0", `WARC/${version}`));
    });
    const files = {
      "a.warc": records,
      "a.warc.gz": records.map((record) => gzipSync(record)),
      "a.warc.zst": records.map((record) => zstdCompressSync(record)),
    };
    for (const [name, parts] of Object.entries(files)) {
      const { documents, quarantined } = await read(parts, {}, name);
      expect([documents.map(({ text }) => text), quarantined], name).toEqual([["one", "two"], []]);
    }
  });

  it("knows a record by its member's place, so that splits and other records do not change its id", async () => {
    const [a, b, c] = ["a", "b", "c"].map((text) => warcRecord("conversion", text, { "Content-Type": "text/plain" }));
    if (a === undefined || b === undefined || c === undefined) throw new Error("three records");
    const one = await read([gzipSync(a), gzipSync(Buffer.concat([b, c]))], {}, "x.warc.gz");
    const other = await read([gzipSync(a), gzipSync(b), gzipSync(c)], {}, "x.warc.gz");
    expect(one.documents.map(({ text }) => text)).toEqual(["a", "b", "c"]);
    expect(one.documents.slice(0, 2).map(({ id }) => id)).toEqual(other.documents.slice(0, 2).map(({ id }) => id));
    expect(new Set(one.documents.map(({ id }) => id)).size).toBe(3);
  });
});

it("takes zeros behind the last gzip member for padding, and tells of anything else there", async () => {
  const member = gzipSync(warcRecord("conversion", "text", { "Content-Type": "text/plain" }));
  for (const [behind, reasons] of [
    [Buffer.alloc(3_000_000), []],
    [Buffer.concat([Buffer.alloc(2_000_000), Buffer.from("x")]), ["corrupt-compression"]],
    [Buffer.concat([Buffer.alloc(512), member]), ["corrupt-compression"]],
  ] as const) {
    const { documents, quarantined } = await read([member, behind], {}, "a.warc.gz");
    expect(quarantined.map(({ reason }) => reason)).toEqual(reasons);
    // What follows damage is found again.
    expect(documents.length).toBe(behind.length < 1000 ? 2 : 1);
  }
});

describe("a damaged WARC", () => {
  const texts = Array.from({ length: 60 }, (_, i) => `page ${i} ${Math.sin(i)} ${"lorem ipsum ".repeat(i % 9)}`);
  const records = texts.map((text, i) =>
    i % 5 === 3 ? warcRecord("request", text) : warcRecord("conversion", text, { "Content-Type": "text/plain" }),
  );
  const wanted = texts.filter((_, i) => i % 5 !== 3);
  const files: readonly (readonly [string, Buffer])[] = [
    ["a.warc", Buffer.concat(records)],
    ["a.warc.gz", Buffer.concat(records.map((record) => gzipSync(record)))],
  ];

  it("in zstd frames gives the same documents and ids however it is split between frames", async () => {
    for (const bytesOfFrame of [200, 1000, 4000]) {
      const whole = Buffer.concat(records);
      const frames: Buffer[] = [];
      for (let at = 0; at < whole.length; at += bytesOfFrame) {
        frames.push(zstdCompressSync(whole.subarray(at, at + bytesOfFrame)));
      }
      const one = await read(frames, { splitBytes: 2 ** 30 }, "a.warc.zst");
      const many = await read(frames, { splitBytes: 1024 }, "a.warc.zst");
      expect(many.plan.splits.length).toBeGreaterThan(1);
      expect(one.documents.map(({ text }) => text)).toEqual(wanted);
      expect([many.documents, many.quarantined]).toEqual([one.documents, one.quarantined]);
    }
  });

  it.each([
    ["a.warc.gz", gzipSync(Buffer.concat(records), { level: 0 })],
    ["a.warc", warcRecord("conversion", "one long record ".repeat(1000), { "Content-Type": "text/plain" })],
  ])("%s has each of its parts look for a record no further than to its end", async (name, bytes) => {
    await using folder = await folderOf({ [name]: bytes });
    const config = configOf([{ name: "s", path: name }], { splitBytes: 1024 });
    const { splits } = await planSources(config.sources, { root: folder.path, read: config.read });
    expect(splits.length).toBeGreaterThan(4);
    const [source] = config.sources as [never];
    for (const [i, split] of splits.entries()) {
      let read = 0;
      const openSource: OpenSource = async (file) => {
        const local = await localSources(folder.path)(file);
        return {
          ...local,
          async *read(start = 0, end = local.size) {
            for (let at = start; at < end; at += 512) {
              const bytesThere = await readBytes(local, at, Math.min(end, at + 512));
              read += bytesThere.length;
              yield bytesThere;
            }
          },
        };
      };
      let documents = 0;
      for await (const item of readSplit(split, { root: folder.path, source, read: config.read, openSource })) {
        if ("batch" in item) documents += item.batch.numRows;
      }
      expect(documents > 0).toBe(i === 0);
      if (i > 0 && name === "a.warc") expect(read).toBeLessThan(2048);
    }
  });

  it.each(files)("%s gives the records behind the damage, which is told with its place", async (name, good) => {
    const bytes = Buffer.from(good);
    const at = name.endsWith("gz") ? bytes.indexOf(gzipSync(records[20] as Buffer)) : bytes.indexOf("page 20 ");
    if (name.endsWith("gz")) bytes.fill(0x55, at + 30, at + 60);
    else bytes.write("Content-Length: 999", bytes.lastIndexOf("Content-Length:", at), "latin1");
    const { documents, quarantined } = await read([bytes], {}, name);
    const missing = wanted.filter((text) => !documents.some((row) => row["text"] === text));
    expect(missing).toEqual([texts[20]]);
    expect(quarantined).toHaveLength(1);
    expect(quarantined[0]).toMatchObject({ source: name, byteOffset: name.endsWith("gz") ? at : expect.any(Number) });
  });

  it.each(files)("%s gives the same documents and entries however it is split", async (name, good) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.uint8Array({ minLength: 1, maxLength: 40 })), { maxLength: 3 }),
        fc.integer({ min: 1024, max: 4000 }),
        async (damages, splitBytes) => {
          const bytes = Buffer.from(good);
          for (const [at, noise] of damages) bytes.set(noise.subarray(0, bytes.length - at), at);
          const whole = await read([bytes], {}, name);
          const split = await read([bytes], { splitBytes }, name);
          expect(split.documents).toEqual(whole.documents);
          const places = ({ quarantined }: Found) => quarantined.map(({ reason, byteOffset }) => [reason, byteOffset]);
          expect(places(split)).toEqual(places(whole));
          if (damages.length === 0) expect(whole.documents.map(({ text }) => text)).toEqual(wanted);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("the parser of WARC records", () => {
  it("joins a long record once, and finds the same events however the bytes come", () => {
    const records = [response(page, [html]), response("x".repeat(1 << 15), [html]), response(page, [html])];
    const damaged = [Buffer.from("no record\nWARC/9.9\r\n\r\n"), ...records, Buffer.from("WARC/1.0\r\n")];
    const bytes = Buffer.concat(damaged);
    const parse = (chunkBytes: number): unknown[] => {
      const parser = new WarcParser({ maxBlockBytes: 1 << 24, wants: () => true });
      const found: unknown[] = [];
      const take = (event: WarcEvent): void => {
        const { kind, offset, row } = event;
        found.push([kind, offset, row, event.kind === "record" ? event.block.length : null]);
      };
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        for (const event of parser.push(bytes.subarray(at, at + chunkBytes))) take(event);
      }
      for (const event of parser.finish()) take(event);
      return found;
    };
    const whole = parse(bytes.length);
    expect(whole).toHaveLength(5);
    for (const chunkBytes of [7, 1000, 10_001]) {
      const joined = vi.spyOn(Buffer, "concat");
      expect(parse(chunkBytes)).toEqual(whole);
      const moved = joined.mock.results.reduce((sum, { value }) => sum + (value as Buffer).length, 0);
      joined.mockRestore();
      expect(moved).toBeLessThan(2 * bytes.length);
    }
  });
});
