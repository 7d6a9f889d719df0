import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copyCard, refreshCard } from "../../forge/pipeline/index.ts";
import { openTokenShards } from "../../forge/shard/index.ts";
import { build, plantedConfig, plantedFiles, quarantineOf, rowsOf, snapshot, writeFiles } from "./corpora.ts";

let work: string;
let out: string;
let card: string;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "forge-card-"));
  out = join(work, "out");
  await writeFiles(join(work, "in"), plantedFiles());
  await build(plantedConfig(join(work, "in"), { description: "A planted corpus." }), out);
  card = await readFile(join(out, "README.md"), "utf8");
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

/** The rows of the table under a heading, cells trimmed. */
function tableUnder(heading: string): string[][] {
  const section = card.split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
  const lines = section.split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function number(text: string | undefined): number {
  return Number((text ?? "").replace(/ \(.*/, "").replaceAll(",", ""));
}

describe("the dataset card", () => {
  it("has front matter that is YAML and counts what documents/ holds", async () => {
    const matter = parse(card.split("---\n")[1] ?? "") as Record<string, never>;
    const documents = await rowsOf(out, "documents");
    expect(matter["pretty_name"]).toBe("planted");
    expect(matter["size_categories"]).toEqual(["n<1K"]);
    expect(matter["dataset_info"]).toMatchObject([
      { config_name: "default", splits: [{ name: "train", num_examples: documents.length }] },
      { config_name: "rejects" },
    ]);
  });

  it("shows the figures that the files themselves give", async () => {
    const documents = await rowsOf(out, "documents");
    const rejects = await rowsOf(out, "rejects");
    const quarantined = await quarantineOf(out);
    const figures = new Map(tableUnder("In numbers").map(([name = "", value]) => [name, number(value)]));
    expect(figures.get("kept")).toBe(documents.length);
    expect(figures.get("rejected")).toBe(rejects.length);
    expect(figures.get("quarantined (unreadable input)")).toBe(quarantined.length);
    expect(figures.get("documents in")).toBe(documents.length + rejects.length + quarantined.length);

    const reasons = new Map(
      tableUnder("Rejected").map(([name = "", , value]) => [name.replaceAll("`", ""), number(value)]),
    );
    const counted = Object.groupBy(rejects, (row) => String(row["reason"]));
    expect(Object.fromEntries(reasons)).toEqual(
      Object.fromEntries(Object.entries(counted).map(([reason, rows]) => [reason, rows?.length])),
    );

    const clusters = documents.map((row) => Number(row["clusterSize"]));
    const duplicates = new Map(tableUnder("Duplicates").map(([name = "", value]) => [name, number(value)]));
    expect(duplicates.get("kept documents that stand for several")).toBe(clusters.filter((size) => size > 1).length);
    expect(duplicates.get("largest group")).toBe(Math.max(...clusters));

    const languages = Object.groupBy(documents, (row) =>
      typeof row["language"] === "string" ? row["language"] : "unknown",
    );
    expect(tableUnder("Languages")).toEqual(
      Object.entries(languages).map(([code, rows]) => [code, String(rows?.length), "100.0 %"]),
    );

    for (const [split = "", inSplit, tokens, shards] of tableUnder("Tokens")) {
      const opened = await openTokenShards(out, split as "train");
      expect([number(inSplit), number(tokens), number(shards)]).toEqual([
        opened.documents,
        opened.tokens,
        opened.shards.length,
      ]);
    }
  });

  it("gives of every reason an example that is in rejects/", async () => {
    const texts = new Set(
      (await rowsOf(out, "rejects")).map((row) => String(row["text"]).slice(0, 10).replace(/\s+/g, " ")),
    );
    const examples = [...card.matchAll(/^- `([^`]+)`.*: “(.{10})/gm)];
    expect(new Set(examples.map((match) => match[1]))).toEqual(
      new Set((await rowsOf(out, "rejects")).map((row) => row["reason"])),
    );
    for (const match of examples) expect(texts).toContain(match[2]);
  });

  it("draws the kept documents by length in bars that add up", async () => {
    const svg = await readFile(join(out, "card", "length.svg"), "utf8");
    const notes = [...svg.matchAll(/<text x="[\d.]+" y="\d+">([\d,]+)<\/text>/g)].map((match) => number(match[1]));
    expect(notes.reduce((sum, value) => sum + value, 0)).toBe((await rowsOf(out, "documents")).length);
  });

  it("comes back to the same bytes when it is written again", async () => {
    const before = await snapshot(out);
    await writeFile(join(out, "README.md"), "overwritten by hand");
    await refreshCard(out);
    expect(await snapshot(out)).toEqual(before);
  });

  it("is copied elsewhere with its plots beside it, and its links lead to them", async () => {
    for (const [name, plot] of [
      ["copies/planted/README.md", "funnel.svg"],
      ["copies/Planted text.md", "Planted text-funnel.svg"],
    ] as const) {
      const file = join(work, name);
      const written = await copyCard(out, file);
      const copy = await readFile(file, "utf8");
      const links = [...copy.matchAll(/!\[[^\]]*\]\(([^)]*)\)/g)].map(([, link = ""]) => decodeURI(link));
      expect(links).toContain(plot);
      expect(written.slice(1).sort()).toEqual([...links].sort());
      for (const link of links) {
        const original = join(out, "card", link.replace("Planted text-", ""));
        expect(await readFile(join(dirname(file), link))).toEqual(await readFile(original));
      }
      const withoutLinks = (text: string): string => text.replace(/^!\[.*$/gm, "");
      expect(withoutLinks(copy)).toBe(withoutLinks(card));
    }
  });

  it("takes away a plot that an earlier card had", async () => {
    await writeFile(join(out, "card", "old.svg"), "<svg/>");
    const { files } = await refreshCard(out);
    expect((await readdir(join(out, "card"))).map((name) => `card/${name}`).sort()).toEqual(
      files.map(({ path }) => path).filter((path) => path.startsWith("card/")),
    );
  });
});
