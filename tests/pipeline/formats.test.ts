/** Web archives, tables and pages through the whole pipeline. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lostDocuments } from "../../schemas/run/manifest.ts";
import { corpusConfigSchema } from "../../schemas/config/corpus.ts";
import type { CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import { arrowFile, parquetFile, warcRecord } from "../read/samples.ts";
import { build, makeText, quarantineOf, rowsOf, writeFiles } from "./corpora.ts";

let work: string;
let manifest: CorpusManifest;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "forge-formats-"));
  const page = (seed: string): string =>
    `<!doctype html><html lang=en><head><title>T</title></head><body><nav><a href="/">Home</a></nav>` +
    `<main><h1>Heading</h1><p>${makeText(120, seed)}</p><p>${makeText(90, `${seed} more`)}</p></main></body></html>`;
  const response = (body: string, type = "text/html", status = 200): Buffer =>
    warcRecord("response", `HTTP/1.1 ${status} X\r\nContent-Type: ${type}\r\n\r\n${body}`, {
      "WARC-Target-URI": "https://example.org/",
      "Content-Type": "application/http; msgtype=response",
    });
  const damaged = gzipSync(response(page("damaged")));
  damaged.fill(0xff, 200, 240);
  await writeFiles(join(work, "in"), {
    "crawl.warc.gz": Buffer.concat([
      gzipSync(warcRecord("warcinfo", "software: test")),
      gzipSync(response(page("one"))),
      gzipSync(response(page("gone"), "text/html", 404)),
      gzipSync(response("\u0089PNG", "image/png")),
      damaged,
      gzipSync(response(makeText(100, "plain"), "text/plain")),
    ]),
    "page.html": page("file"),
    "table.parquet": await parquetFile([makeText(100, "parquet"), null]),
    "table.arrow": arrowFile([makeText(100, "arrow")]),
    "crawl.wet": warcRecord("conversion", makeText(100, "wet"), { "Content-Type": "text/plain" }),
  });
  const config = corpusConfigSchema.parse({
    name: "formats",
    root: join(work, "in"),
    sources: [{ name: "all", path: "*" }],
    filters: [],
    tokenizer: { vocabularySize: 270 },
  });
  manifest = await build(config, join(work, "out"));
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

describe("a corpus of archives, tables and pages", () => {
  it("accounts for every record: kept, rejected by its status or type, or quarantined", async () => {
    const { conservation } = manifest;
    expect(lostDocuments(conservation)).toBe(0);
    expect(conservation).toMatchObject({
      documentsIn: 10,
      kept: 6,
      rejected: { "http-status": 1, "content-type": 1 },
      quarantined: 2,
    });
    const rejects = await rowsOf(join(work, "out"), "rejects");
    expect(rejects.map(({ stage, reason, value }) => [stage, reason, value])).toEqual([
      ["read", "http-status", 404],
      ["read", "content-type", null],
    ]);
    const places = (await quarantineOf(join(work, "out"))).map(({ source, reason, row }) => [source, reason, row]);
    expect(places).toEqual([
      ["crawl.warc.gz", "corrupt-compression", null],
      ["table.parquet", "field-missing", 1],
    ]);
  });

  it("keeps the main text of pages, and texts as they are", async () => {
    const rows = await rowsOf(join(work, "out"), "documents");
    const page = rows.find(({ source }) => source === "page.html")?.["text"];
    expect(page).toContain(makeText(120, "file").split("\n")[0]);
    expect(page).not.toMatch(/<|Home/);
    expect(rows.map(({ text }) => text)).toEqual(
      expect.arrayContaining(["plain", "parquet", "arrow", "wet"].map((seed) => makeText(100, seed))),
    );
  });
});
