import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  contaminatedExampleSchema,
  contaminationSchema,
  type ContaminatedExample,
  type Contamination,
} from "../../schemas/record/contamination.ts";
import type { CorpusConfig } from "../../schemas/config/corpus.ts";
import type { CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import { lostDocuments } from "../../schemas/run/manifest.ts";
import { exists } from "../../forge/base/index.ts";
import { planBuild, previewCard } from "../../forge/pipeline/index.ts";
import { openParquet, verifyOutput, writeParquet } from "../../forge/shard/index.ts";
import { loadTokenizer } from "../../forge/tokenize/index.ts";
import { alter, build, makeText, plantedConfig, rowsOf, snapshot, writeFiles } from "./corpora.ts";
import { buildAndKill } from "./kill.ts";

let work: string;
let root: string;

/** Words without the full stops that `makeText` sets. */
function words(count: number, seed: string): string[] {
  return makeText(count, seed)
    .replace(/[.\n]/g, " ")
    .split(" ")
    .filter((word) => word !== "");
}

const question = words(20, "question").join(" ");
const passage = words(60, "passage").join(" ");
const answer = words(15, "answer").join(" ");
const short = "who painted the famous ceiling of zanzibar cathedral";
const common = words(13, "common").join(" ");
const nearMiss = words(13, "near miss");

const body = (seed: string, count = 200): string => makeText(count, `body ${seed}`);
const punctuated = question
  .split(" ")
  .map((word, i) => (i % 3 === 0 ? `${word.toUpperCase()},` : `“${word}”`))
  .join("  ");

/** A text for each name; the order of the file is that of the names. */
const documents: Readonly<Record<string, string>> = {
  exact: `${body("exact")} ${question} ${body("exact 2")}`,
  "at the start": `${question} ${body("start")}`,
  "at the end": `${body("end")} ${question}`,
  rewritten: `${body("rewritten")}\n${punctuated}\n${body("rewritten 2")}`,
  "part of a passage": `${body("part")} ${passage.split(" ").slice(20, 40).join(" ")} ${body("part 2")}`,
  answer: `${body("answer")} ${answer} ${body("answer 2")}`,
  short: `${body("short")} Who painted — the famous ceiling of Zanzibar cathedral? ${body("short 2")}`,
  "near miss": `${body("near")} ${nearMiss.slice(0, 12).join(" ")} ${body("near 2")}`,
  clean: body("clean", 400),
};
/** One n-gram in more documents than `maxCorpusFrequency`. */
const frequent = Array.from(
  { length: 7 },
  (_, i) => `${body(`frequent ${i}`)} ${common} ${body(`frequent tail ${i}`)}`,
);
/** Near copies of which only the one that is removed has the question. */
const keptCopy = makeText(600, "copies");
const removedCopy = `${alter(keptCopy, 200)} ${question}`;

const names = Object.keys(documents);

function inputs(): Record<string, string | Uint8Array> {
  const line = (text: string, name: string): string => JSON.stringify({ text, url: name });
  const lines = [
    ...names.map((name) => line(documents[name] ?? "", name)),
    ...frequent.map((text, i) => line(text, `frequent ${i}`)),
    line(`${keptCopy} ${makeText(40, "longer")}`, "kept copy"),
    line(removedCopy, "removed copy"),
  ];
  const examples = [
    { key: 7, ask: { text: question }, choices: [answer, "yes"], story: null },
    { key: 8, ask: { text: short }, choices: ["Bob"], story: null },
    { key: 9, ask: { text: common }, choices: [], story: null },
    { key: 10, ask: { text: "why not" }, choices: ["no"], story: null },
    { key: 11, ask: { text: nearMiss.join(" ") }, choices: [], story: null },
  ];
  return {
    "in/a.jsonl": `${lines.join("\n")}\n`,
    "evaluation/one.jsonl.zst": zstdCompressSync(
      examples
        .slice(0, 3)
        .map((one) => JSON.stringify(one))
        .join("\n"),
    ),
    "evaluation/two.jsonl.gz": gzipSync(
      examples
        .slice(3)
        .map((one) => JSON.stringify(one))
        .join("\n"),
    ),
  };
}

const sets = [
  {
    name: "quiz",
    path: "evaluation/*.jsonl.*",
    fields: { question: "ask.text", answer: "choices", id: "key" },
    license: "cc0-1.0",
  },
  { name: "stories", path: "evaluation/stories.parquet", fields: { passage: "story" } },
];

function config(more: Record<string, unknown> = {}): CorpusConfig {
  return plantedConfig(root, {
    sources: [{ name: "records", path: "in" }],
    decontaminate: { sets, maxCorpusFrequency: 6, ...more },
    shard: { tokensPerShard: 8192, validationFraction: 0 },
  });
}

async function findings(out: string, manifest: CorpusManifest): Promise<Contamination[]> {
  const rows = [];
  for (const { path } of manifest.files.filter(({ path }) => path.startsWith("decontamination/part-"))) {
    for await (const group of (await openParquet(join(out, path))).rowGroups()) rows.push(...group);
  }
  return rows.map((row) => contaminationSchema.parse(row));
}

async function examples(out: string): Promise<ContaminatedExample[]> {
  const rows = [];
  for await (const group of (await openParquet(join(out, "decontamination/examples.parquet"))).rowGroups())
    rows.push(...group);
  return rows.map((row) => contaminatedExampleSchema.parse(row));
}

async function keptNames(out: string): Promise<string[]> {
  return (await rowsOf(out, "documents")).map((row) => String(row["url"])).sort();
}

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "forge-decontaminate-"));
  root = join(work, "root");
  await writeFiles(root, inputs());
  await writeParquet(
    join(root, "evaluation/stories.parquet"),
    [{ name: "story", type: "string" }],
    [{ story: passage }],
  );
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

describe("decontamination that drops", () => {
  let out: string;
  let manifest: CorpusManifest;
  beforeAll(async () => {
    out = join(work, "drop");
    manifest = await build(config(), out);
  });

  it("removes every document with a hit and the kept one of a cluster with a hit, and no other", async () => {
    expect(await keptNames(out)).toEqual(
      [...["near miss", "clean"], ...frequent.map((_, i) => `frequent ${i}`)].sort(),
    );
    const rejects = (await rowsOf(out, "rejects")).filter((row) => row["stage"] === "decontaminate");
    expect(rejects).toHaveLength(8);
    expect(rejects.every((row) => row["reason"] === "contaminated")).toBe(true);
    expect(manifest.conservation.rejected).toEqual({ contaminated: 8, "near-duplicate": 1 });
    expect([manifest.conservation, ...manifest.stages].map(lostDocuments)).toEqual([0, 0, 0, 0]);
  });

  it("attributes every hit to evaluation set, example, part and document", async () => {
    const found = await findings(out, manifest);
    const texts = new Map(
      [...(await rowsOf(out, "rejects")), ...(await rowsOf(out, "documents"))].map((row) => [row["id"], row["text"]]),
    );
    const nameOf = (id: string): string | undefined =>
      [...names, "removed copy"].find((name) => (documents[name] ?? removedCopy) === texts.get(id));
    expect(found.map(({ set, example, part, documentId }) => [nameOf(documentId), set, example, part])).toEqual([
      ["exact", "quiz", "7", "question"],
      ["at the start", "quiz", "7", "question"],
      ["at the end", "quiz", "7", "question"],
      ["rewritten", "quiz", "7", "question"],
      ["part of a passage", "stories", "evaluation/stories.parquet#0", "passage"],
      ["answer", "quiz", "7", "answer"],
      ["short", "quiz", "8", "question"],
      ["removed copy", "quiz", "7", "question"],
    ]);
    const by = (name: string): Contamination => found.find(({ documentId }) => nameOf(documentId) === name) as never;
    expect(by("exact")).toMatchObject({ ngrams: 8, share: 1, text: question, outcome: "dropped" });
    expect(by("rewritten")).toMatchObject({ ngrams: 8, share: 1, outcome: "dropped" });
    expect(by("part of a passage")).toMatchObject({ ngrams: 8, share: 8 / 48 });
    expect(by("short")).toMatchObject({
      ngrams: 1,
      share: 1,
      text: "Who painted — the famous ceiling of Zanzibar cathedral",
    });
    const copy = by("removed copy");
    expect(copy.outcome).toBe("duplicate");
    expect(texts.get(copy.keptId)).toContain(keptCopy);
  });

  it("tells what became of each example, also of those that cannot be looked for", async () => {
    expect((await examples(out)).map(({ example, status, documents: count }) => [example, status, count])).toEqual([
      ["7", "contaminated", 6],
      ["8", "contaminated", 1],
      ["9", "frequent", 0],
      ["10", "too-short", 0],
      ["11", "clean", 0],
      ["evaluation/stories.parquet#0", "contaminated", 1],
    ]);
    expect(manifest.figures.contamination).toMatchObject({
      action: "drop",
      sets: [
        { name: "quiz", license: "cc0-1.0", examples: 5, tooShort: 1, contaminated: 2, frequent: 1, documents: 7 },
        { name: "stories", license: null, examples: 1, tooShort: 0, contaminated: 1, frequent: 0, documents: 1 },
      ],
      flagged: 8,
      flaggedByCopy: 1,
      dropped: 8,
      cutDocuments: 0,
      cutCharacters: 0,
    });
  });

  it("shows the figures in the card", async () => {
    const card = (await previewCard(out)).find(({ path }) => path === "README.md")?.content ?? "";
    expect(card).toContain("| quiz | cc0-1.0 | 5 | 2 | 1 | 1 | 7 |");
    expect(card).toContain("| of them by a removed duplicate alone | 1 |");
    expect(card).toContain("| `contaminated` | decontaminate | 8 |");
  });

  it("passes its own verification, which misses a report that is gone and sees one too many", async () => {
    const tokenizer = await loadTokenizer(join(out, "tokenizer"));
    const report = await verifyOutput(out, { decode: (ids) => tokenizer.decode(ids) });
    expect(report.problems).toEqual([]);
    await writeFiles(out, { "decontamination/stray.parquet": "" });
    expect((await verifyOutput(out)).problems).toEqual([
      { file: "decontamination/stray.parquet", message: "is not listed in the manifest" },
    ]);
    await rm(join(out, "decontamination/stray.parquet"));
  });

  it("writes the same bytes with 2 and 5 worker threads", { timeout: 120_000 }, async () => {
    const first = await snapshot(out);
    for (const workers of [2, 5]) {
      await build(config(), join(work, `drop-${workers}`), { workers });
      expect(await snapshot(join(work, `drop-${workers}`))).toEqual(first);
    }
  });
});

describe("decontamination that cuts", () => {
  let out: string;
  let manifest: CorpusManifest;
  beforeAll(async () => {
    out = join(work, "cut");
    manifest = await build(config({ action: "cut" }), out);
  });

  it("takes matches with 200 characters on each side out of the texts, and counts bytes and characters", async () => {
    const rows = new Map((await rowsOf(out, "documents")).map((row) => [row["url"], String(row["text"])]));
    const original = documents["exact"] ?? "";
    const at = original.indexOf(question);
    expect(rows.get("exact")).toBe(`${original.slice(0, at - 200)}\n\n${original.slice(at + question.length + 200)}`);
    const start = documents["at the start"] ?? "";
    expect(rows.get("at the start")).toBe(start.slice(question.length + 200));
    expect(rows.get("clean")).toBe(documents["clean"]);
    expect(rows.has("kept copy")).toBe(true);
    const { contamination, keptTextBytes, editedBytes } = manifest.figures;
    expect(contamination).toMatchObject({ flagged: 8, flaggedByCopy: 1, dropped: 0, cutDocuments: 7 });
    const before = [
      ...names.map((name) => documents[name] ?? ""),
      ...frequent,
      `${keptCopy} ${makeText(40, "longer")}`,
    ];
    const bytes = before.reduce((sum, text) => sum + Buffer.byteLength(text.trim()), 0);
    expect(keptTextBytes + (editedBytes["decontaminate"] ?? 0)).toBe(bytes);
    const characters = (texts: Iterable<string>): number => [...texts].reduce((sum, text) => sum + [...text].length, 0);
    const separators = [...rows.values()].filter((text) => text.includes("\n\n")).length * "\n\n".length;
    expect(contamination?.cutCharacters).toBe(characters(before) - characters(rows.values()) + separators);
  });

  it("leaves no hit behind: a second pass over its own output finds nothing", async () => {
    const again = join(work, "again");
    const lines = (await rowsOf(out, "documents")).map((row) => JSON.stringify({ text: row["text"], url: row["url"] }));
    await writeFiles(root, { "again/a.jsonl": lines.join("\n") });
    const second = await build(
      { ...config(), sources: config().sources.map((one) => ({ ...one, path: "again" })) },
      again,
    );
    expect(second.figures.contamination).toMatchObject({ flagged: 0, dropped: 0 });
  });
});

it("leaves a page alone of which only another version gives something away: the texts are not alike", async () => {
  const page = (text: string, date: string): string => JSON.stringify({ text, date, url: "https://example.org/page" });
  const [kept, older] = [body("page now"), `${body("page then")} ${question}`];
  await writeFiles(root, { "versions/a.jsonl": `${page(kept, "2024-01-01")}\n${page(older, "2020-01-01")}\n` });
  const versions = {
    ...config(),
    sources: config().sources.map((one) => ({ ...one, path: "versions" })),
    dedup: { ...config().dedup, url: true, keep: "newest" as const },
  };
  const out = join(work, "versions");
  const manifest = await build(versions, out);
  expect((await rowsOf(out, "documents")).map((row) => row["text"])).toEqual([kept]);
  expect(manifest.conservation.rejected).toEqual({ "same-url": 1 });
  expect(await findings(out, manifest)).toMatchObject([{ example: "7", outcome: "duplicate" }]);
});

it("finds an example whose addresses are placeholders in the documents, and whose characters were repaired", async () => {
  const text = `${words(8, "letter").join(" ")} jane.roe@university.edu ${words(8, "letter 2").join(" ")}`;
  const shy = text.replace(" ", " \u00ad\u200b").replace("ee", "e\u00ade");
  await writeFiles(root, {
    "letters/a.jsonl": JSON.stringify({ text: `${body("letter")} ${text} ${body("letter 2")}` }),
    "letters.jsonl": JSON.stringify({ text: shy }),
  });
  const letters = config({
    action: "report",
    sets: [{ name: "letters", path: "letters.jsonl", fields: { question: "text" } }],
  });
  const out = join(work, "letters");
  const manifest = await build(
    { ...letters, sources: config().sources.map((one) => ({ ...one, path: "letters" })) },
    out,
  );
  const [found] = await findings(out, manifest);
  expect(found).toMatchObject({ share: 1, text: expect.stringContaining("email@example.com") as string });
});

describe("decontamination behind the removal of repeated lines", () => {
  it("cuts in the text that the lines left, and finds nothing in lines that are gone", async () => {
    const banner = `The banner of a site: ${short}`;
    const pages = ["one", "two", "three", "four"].map((name) => `${banner}\n${body(`page ${name}`, 150)}`);
    pages[2] += `\n${question}`;
    await writeFiles(root, {
      "pages/a.jsonl": pages.map((text, i) => JSON.stringify({ text, url: `${i}` })).join("\n"),
    });
    const behind = {
      ...config({ action: "cut" }),
      sources: config().sources.map((one) => ({ ...one, path: "pages" })),
    };
    const lines = { maxDocuments: 2, minLineCharacters: 10, minDocumentCharacters: 10, keepFirst: false };
    const out = join(work, "behind");
    const manifest = await build({ ...behind, dedup: { ...behind.dedup, lines } }, out);
    const texts = (await rowsOf(out, "documents")).map((row) => [row["url"], row["text"]]);
    const bodies = pages.map((text) => text.slice(banner.length + 1));
    bodies[2] = bodies[2]?.slice(0, -(question.length + 1)).slice(0, -199) ?? "";
    expect(Object.fromEntries(texts)).toEqual(Object.fromEntries(bodies.entries()));
    expect((await findings(out, manifest)).map(({ example, outcome, text }) => [example, outcome, text])).toEqual([
      ["7", "cut", question],
    ]);
  });
});

describe("decontamination that is killed", () => {
  it("ends in the same bytes, whichever of its stages was cut short", { timeout: 120_000 }, async () => {
    const whole = join(work, "whole");
    const events: string[] = [];
    await build(config({ action: "cut" }), whole, {
      reporter: (event) => void events.push("stage" in event ? `${event.type} ${event.stage}` : event.type),
    });
    const configPath = join(work, "config.json");
    await writeFile(configPath, JSON.stringify(config({ action: "cut" })));
    const out = join(work, "killed");
    for (const stage of ["index", "scan", "flag", "mark"]) {
      const started = events.indexOf(`stage-start decontaminate-${stage}`);
      expect(started).toBeGreaterThanOrEqual(0);
      await buildAndKill(configPath, out, started + 2);
      expect(await exists(join(out, "manifest.json"))).toBe(false);
    }
    await build(config({ action: "cut" }), out);
    expect(await snapshot(out)).toEqual(await snapshot(whole));
  });

  it(
    "redoes marks alone for another window, and leaves no report when no set is left",
    { timeout: 120_000 },
    async () => {
      const target = join(work, "update");
      await build(config({ action: "cut" }), target);
      const redone = async (more: Record<string, unknown>): Promise<string[]> => {
        const done: string[] = [];
        await build(config(more), target, {
          update: true,
          reporter: (event) => void (event.type === "task-skip" && done.push(event.task)),
        });
        const tasks = (await planBuild(config(more))).stages.flatMap((stage) => stage.tasks.map(({ id }) => id));
        return [...new Set(tasks.filter((id) => !done.includes(id)).map((id) => id.split("/")[0] ?? ""))];
      };
      const written = ["tokenizer", "encode", "order", "shard", "documents"];
      expect(await redone({ action: "cut", window: 100 })).toEqual(["decontaminate-mark", ...written]);
      expect(await redone({ action: "cut", window: 100, maxCorpusFrequency: 20 })).toEqual([
        "decontaminate-flag",
        "decontaminate-mark",
        ...written,
      ]);
      expect(await redone({ sets: [] })).toEqual(written);
      const names = await readdir(target, { recursive: true });
      expect(names.filter((name) => /decontaminat.+\./.test(name))).toEqual([]);
    },
  );
});

describe("decontamination that reports", () => {
  it("changes no document: the output is that of a build without it, and the report is there", async () => {
    const out = join(work, "report");
    const manifest = await build(config({ action: "report" }), out);
    const plain = join(work, "plain");
    await build({ ...config(), decontaminate: { ...config().decontaminate, sets: [] } }, plain);
    const own = (all: Record<string, string>): [string, string][] =>
      Object.entries(all).filter(([path]) => /^(documents|rejects|tokens|tokenizer)/.test(path));
    expect(own(await snapshot(out))).toEqual(own(await snapshot(plain)));
    const found = await findings(out, manifest);
    expect(found.map(({ outcome }) => outcome)).toEqual([...Array(7).fill("reported"), "duplicate"]);
    expect(manifest.figures.contamination).toMatchObject({ flagged: 8, dropped: 0 });
  });

  it("names a field that no record has, a nested one, and a record that is no object", async () => {
    const wrong = (fields: Record<string, string>): CorpusConfig => config({ sets: [{ ...sets[0], fields }] });
    await expect(build(wrong({ question: "prompt" }), join(work, "e1"))).rejects.toMatchObject({
      code: "evaluation-field-missing",
      exitCode: 3,
    });
    await expect(build(wrong({ question: "ask" }), join(work, "e2"))).rejects.toMatchObject({
      code: "evaluation-field-nested",
      hint: "Name the field inside it: ask.text",
    });
    await expect(build(config({ sets: [{ ...sets[0], path: "no/*.jsonl" }] }), join(work, "e4"))).rejects.toMatchObject(
      {
        code: "sources-missing",
        message: "Evaluation sets: Source quiz: no file matches no/*.jsonl",
      },
    );
    await writeFiles(root, { "broken/a.jsonl": '{"ask": "a"}\n[1]\n' });
    const broken = config({ sets: [{ name: "broken", path: "broken", fields: { question: "ask" } }] });
    await expect(build(broken, join(work, "e3"))).rejects.toMatchObject({
      code: "record-malformed",
      details: { row: 1 },
    });
  });
});
