import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import { build, makeText, plantedConfig, rowsOf, writeFiles } from "./corpora.ts";

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "forge-texts-"));
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

describe("redaction in a corpus", () => {
  const texts = [
    `${makeText(60, 1)} Write to jane@acme.com or bob@acme.com.`,
    `${makeText(60, 2)} From 81.2.69.142, not 10.0.0.1; call +49 30 901820.`,
    `${makeText(60, 3)} IBAN DE89 3704 0044 0532 0130 00, card 4111 1111 1111 1111.`,
    makeText(60, 4),
    "jane@acme.com",
  ];
  let manifest: CorpusManifest;
  const out = (): string => join(work, "redacted");
  beforeAll(async () => {
    const root = join(work, "in");
    await writeFiles(root, { "a/one.jsonl": texts.map((text) => JSON.stringify({ text })).join("\n") });
    manifest = await build(plantedConfig(root, { sources: [{ name: "a", path: "a" }] }), out());
  });

  it("leaves no e-mail address, public IP address, account or card in documents and rejects", async () => {
    const rows = [...(await rowsOf(out(), "documents")), ...(await rowsOf(out(), "rejects"))];
    expect(rows).toHaveLength(texts.length);
    const all = rows.map((row) => row["text"]).join("\n");
    expect(all).not.toMatch(/acme|81\.2\.69|DE89|4111/);
    expect(all).toMatch(/Write to email@example\.com or email@example\.com\./);
    expect(all).toMatch(/From 22\.214\.171\.124, not 10\.0\.0\.1; call \+49 30 901820\./);
  });

  it("counts by kind what it replaced, and every byte that came or went", () => {
    const { repair, redact } = manifest.figures.texts;
    expect(redact.found).toEqual({ email: 3, ipv4: 1, ipv6: 0, iban: 1, paymentCard: 1 });
    expect(redact.changed).toBe(4);
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    expect(repair.bytesIn).toBe(bytes);
    const rejected = Buffer.byteLength("email@example.com");
    expect(repair.bytesOut - redact.bytesOut + redact.bytesIn).toBe(manifest.figures.keptTextBytes + rejected);
  });

  it("says so in the card", async () => {
    const card = await readFile(join(out(), "README.md"), "utf8");
    expect(card).toContain("| e-mail addresses replaced | 3 |");
    expect(card).toContain("Of personal data only e-mail addresses, public IPv4 addresses, public IPv6");
  });

  it("leaves everything on request, and says that too", async () => {
    const redact = { email: false, ipv4: false, ipv6: false, iban: false, paymentCard: false };
    const config = plantedConfig(join(work, "in"), { sources: [{ name: "a", path: "a" }], redact });
    const { figures } = await build(config, join(work, "whole"));
    expect(figures.texts.redact).toEqual({ found: {}, changed: 0, bytesIn: 0, bytesOut: 0 });
    expect(await readFile(join(work, "whole", "README.md"), "utf8")).toContain("No personal data was removed.");
  });
});

describe("pages of HTML in a corpus", () => {
  const page = (body: string, title = "Bridges"): string =>
    `<!doctype html><html><head><title>${title}</title></head><body><nav><a href="/">Home</a></nav>${body}</body></html>`;
  const files = {
    "a/one.html": page(`<main><h1>Of bridges</h1><p>${makeText(60, 1)}</p><p>Ask jane@acme.com.</p></main>`),
    "a/links.html": page("<ul><li><a href='/a'>One</a><li><a href='/b'>Two</a></ul>"),
    "a/two.txt": makeText(60, 2),
    "a/three.html": page(`<p>${makeText(60, 3)}</p>`, ""),
  };
  let manifest: CorpusManifest;
  const out = (): string => join(work, "pages");
  beforeAll(async () => {
    const root = join(work, "pages-in");
    await writeFiles(root, files);
    manifest = await build(plantedConfig(root, { sources: [{ name: "a", path: "a" }] }), out());
  });

  it("become their main text, with their title in meta", async () => {
    const rows = Map.groupBy(await rowsOf(out(), "documents"), (row) => row["source"]);
    expect(rows.get("a/one.html")?.[0]).toMatchObject({
      text: `Of bridges\n\n${makeText(60, 1).replaceAll("\n", "")}\n\nAsk email@example.com.`,
      meta: '{"title":"Bridges"}',
    });
    expect(rows.get("a/two.txt")?.[0]).toMatchObject({ meta: null });
    expect(rows.get("a/three.html")?.[0]).toMatchObject({ meta: null });
  });

  it("are rejected by name when they have none", async () => {
    const rejects = await rowsOf(out(), "rejects");
    const value = Buffer.byteLength(files["a/links.html"]);
    expect(rejects).toMatchObject([{ source: "a/links.html", stage: "extract", reason: "no-main-text", value }]);
    expect(manifest.conservation).toMatchObject({ documentsIn: 4, kept: 3, rejected: { "no-main-text": 1 } });
  });

  it("are counted, with the bytes that their markup took", async () => {
    const { extract, repair } = manifest.figures.texts;
    const pages = [files["a/one.html"], files["a/links.html"], files["a/three.html"]];
    expect(extract).toMatchObject({ pages: 3, bytesIn: Buffer.byteLength(pages.join("")), cut: 0 });
    expect(repair.bytesIn).toBe(extract.bytesOut + Buffer.byteLength(files["a/two.txt"]));
    expect(await readFile(join(out(), "README.md"), "utf8")).toContain("| pages of HTML | 3 |");
  });
});

describe("the language of a text in a corpus", () => {
  const sentence =
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Für größere Häuser wären höhere Türme schöner. ";
  // UTF-8 that was read as Windows-1252, and the same letters as base and accent. Without its end, each is the same text.
  const damages: Readonly<Record<string, (text: string) => string>> = {
    clean: (text) => text,
    mojibake: (text) => Buffer.from(text).toString("latin1").replaceAll("\u009f", "Ÿ"),
    decomposed: (text) => text.normalize("NFD"),
  };

  it("is that of its first 1,000 characters after repair; digits have none", async () => {
    const root = join(work, "language-in");
    const texts: Record<string, string> = { digits: "0101 1010 2024-01-01 3,14159 ".repeat(20) };
    for (const [name, damage] of Object.entries(damages)) texts[name] = damage(`${sentence.repeat(10)}${name}.`);
    const lines = Object.entries(texts).map(([url, text]) => JSON.stringify({ url, text }));
    await writeFiles(root, { "a/one.jsonl": lines.join("\n") });
    const config = plantedConfig(root, {
      sources: [{ name: "a", path: "a" }],
      filters: [{ filter: "language", languages: ["de"] }],
      dedup: { near: false },
    });
    const { conservation } = await build(config, join(work, "language"));
    expect(conservation).toMatchObject({ documentsIn: 4, kept: 3, rejected: { language_unknown: 1 } });
    const rows = await rowsOf(join(work, "language"), "documents");
    expect(rows.map((row) => row["url"]).sort()).toEqual(["clean", "decomposed", "mojibake"]);
    expect(new Set(rows.map((row) => row["languageScore"])).size).toBe(1);
  });
});
