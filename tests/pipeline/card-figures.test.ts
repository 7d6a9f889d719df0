/** Every figure of a dataset card, counted again from the files of the output and from what was planted, not from the manifest. */
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { corpusConfigSchema } from "../../schemas/config/corpus.ts";
import { openParquet, openTokenShards } from "../../forge/shard/index.ts";
import { loadTokenizer } from "../../forge/tokenize/index.ts";
import { alter, build, makeText as makeTestText, quarantineOf, rowsOf, writeFiles } from "./corpora.ts";

type Row = Record<string, unknown>;

/** Without blanks before lines and a lone full stop behind them, which the line rules of C4 would take out. */
function makeText(words: number, seed: string): string {
  return makeTestText(words, seed).replaceAll("\n ", "\n").replace(/\n\.$/, "");
}

const question = makeText(20, "question").replace(/[.\n]/g, "");
const notice = "This very line stands at the end of several of the documents that were written for this test";
const joined = (seed: string): string => makeText(260, seed);

/** Texts of the records, by what was planted in them. */
const records = {
  plain: Array.from({ length: 30 }, (_, i) => makeText(120 + i * 9, `plain ${i}`)),
  copies: [...Array(3).fill(makeText(201, "copied")), ...Array(6).fill(makeText(210, "copied more"))] as string[],
  near: [makeText(300, "near"), alter(makeText(300, "near"), 100)],
  short: Array.from({ length: 7 }, (_, i) => `${makeText(4, `short ${i}`)}${i < 2 ? " ask@sommerfeld-post.de" : ""}`),
  redacted: [0, 1, 2].map((i) => `${makeText(150, `mail ${i}`)} Write to jane.${i}@sommerfeld-post.de about it.`),
  shortLines: [0, 1, 2, 3].map((i) => `${makeText(150, `lines ${i}`)}\nok go`),
  repeated: [0, 1, 2, 3].map((i) => `${makeText(150, `repeated ${i}`)}\n${notice}.`),
  evaluated: [0, 1].map((i) => `${joined(`before ${i}`)} ${question} ${joined(`behind ${i}`)}`),
  control: [0, 1].map((i) => `${makeText(150, `control ${i}`)} bell\u0007 rings here.`),
  decomposed: [`${makeText(150, "decomposed")} a cafe\u0301 there.`],
};
const languages = ["en", "en", "de", "no"];

const page = (title: string, text: string): string =>
  `<!doctype html><html><head><title>${title}</title></head><body><nav><a href="/">home</a></nav><main><p>${text.replaceAll("\n", " ")}</p></main></body></html>`;
const pages: Record<string, string> = {
  "pages/one.html": page("one", makeText(300, "page one")),
  "pages/two.html": page("two", makeText(205, "page two")),
};

let work: string;
let out: string;
let card: string;
let documents: Row[];
let rejects: Row[];

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "forge-card-figures-"));
  out = join(work, "out");
  const lines = Object.values(records)
    .flat()
    .map((text, i) => JSON.stringify({ text, language: languages[i % 4] }));
  const invalid = Buffer.concat([
    Buffer.from(`{"language":"en","text":"${makeText(90, "invalid").replaceAll("\n", " ")} `),
    Uint8Array.of(0xff, 0x20, 0xfe),
    Buffer.from(' end."}\n'),
  ]);
  const examples = [
    { ask: question, key: "planted" },
    { ask: makeText(20, "nowhere"), key: "elsewhere" },
    { ask: "why so", key: "short" },
  ];
  await writeFiles(join(work, "in"), {
    ...pages,
    "records/good.jsonl": `${lines.join("\n")}\n`,
    "records/bad.jsonl": Buffer.concat([Buffer.from('{"text": 7}\nnot json\n'), invalid]),
    "evaluation.jsonl": examples.map((one) => JSON.stringify(one)).join("\n"),
  });
  const config = corpusConfigSchema.parse({
    name: "figures",
    description: "A corpus *with* everything that a card tells of.",
    root: join(work, "in"),
    sources: [
      { name: "records", path: "records", license: "mit" },
      { name: "pages", path: "pages", license: "cc0-1.0", language: "en", description: "Pages | of this test" },
    ],
    filters: [
      { filter: "length", minWords: 10 },
      { filter: "c4", minSentences: null },
    ],
    read: { splitBytes: 16_384 },
    dedup: { bands: 10, rows: 5, lines: { maxDocuments: 1, minDocumentCharacters: 100 } },
    decontaminate: {
      sets: [{ name: "quiz", path: "evaluation.jsonl", fields: { question: "ask", id: "key" }, license: "mit" }],
      action: "cut",
    },
    tokenizer: { name: "figures-300", vocabularySize: 300 },
    shard: { tokensPerShard: 8192, validationFraction: 0.2, tokenBudget: 20_000 },
  });
  await build(config, out);
  card = await readFile(join(out, "README.md"), "utf8");
  documents = await rowsOf(out, "documents");
  rejects = await rowsOf(out, "rejects");
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

function section(heading: string): string {
  return card.split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
}

/** Rows of all tables under a heading but their heads, cells trimmed and without ticks. */
function rowsUnder(heading: string): string[][] {
  const isRow = (line: string): boolean => line.startsWith("|");
  const lines = section(heading).split("\n");
  return lines
    .filter((line, i) => isRow(line) && !line.startsWith("| ---") && !(lines[i + 1] ?? "").startsWith("| ---"))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll("`", "")),
    );
}

function factsUnder(heading: string): Record<string, string> {
  return Object.fromEntries(rowsUnder(heading).map(([name = "", value = ""]) => [name, value]));
}

/** A size as a card shows it. */
function size(bytes: number): string {
  return bytes < 1000
    ? `${bytes} B`
    : bytes < 999_950
      ? `${(bytes / 1e3).toFixed(1)} kB`
      : `${(bytes / 1e6).toFixed(1)} MB`;
}

const digits = (value: number): string => new Intl.NumberFormat("en-US").format(value);
const share = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;
const bytesOf = (rows: readonly Row[]): number =>
  rows.reduce((sum, row) => sum + Buffer.byteLength(String(row["text"])), 0);

function tally(values: readonly unknown[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
  return counts;
}

/** Labels and notes of a chart's bars. */
async function barsOf(name: string): Promise<string[][]> {
  const svg = await readFile(join(out, "card", `${name}.svg`), "utf8");
  const texts = [...svg.matchAll(/<text x="[\d.]+" y="(\d+)"(?: text-anchor="end")?>([^<]*)<\/text>/g)];
  return Object.values(Object.groupBy(texts, ([, y = ""]) => y)).map((row) =>
    (row ?? []).map(([, , text = ""]) => text),
  );
}

/** Values of a histogram by powers of two, from its first bucket that is not empty, as a chart shows them. */
function buckets(values: readonly number[]): string[] {
  const counts: number[] = [];
  for (const value of values) {
    let bucket = 0;
    while (2 ** (bucket + 1) <= value) bucket++;
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  return Array.from(counts.slice(counts.findIndex((count) => count > 0)), (count) => digits(count ?? 0));
}

async function decontaminationRows(prefix: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const name of (await readdir(join(out, "decontamination"))).filter((one) => one.startsWith(prefix)).sort()) {
    for await (const group of (await openParquet(join(out, "decontamination", name))).rowGroups()) rows.push(...group);
  }
  return rows;
}

describe("every figure of the card, counted again from the files", () => {
  it("numbers: documents in and out, bytes of text, tokens", async () => {
    const quarantined = (await quarantineOf(out)).length;
    const documentsIn = documents.length + rejects.length + quarantined;
    const train = await openTokenShards(out, "train");
    const validation = await openTokenShards(out, "validation");
    expect(documentsIn).toBe(Object.values(records).flat().length + 2 + 3);
    expect(factsUnder("In numbers")).toEqual({
      "documents in": digits(documentsIn),
      kept: `${digits(documents.length)} (${share(documents.length, documentsIn)})`,
      rejected: digits(rejects.length),
      "quarantined (unreadable input)": "2",
      "text kept": size(bytesOf(documents)),
      tokens: digits(train.tokens + validation.tokens),
    });
  });

  it("sources: files, sizes, documents, kept, licences", async () => {
    const quarantine = await quarantineOf(out);
    const expected = [];
    for (const [name, license, description] of [
      ["records", "mit", ""],
      ["pages", "cc0-1.0", "Pages \\| of this test"],
    ] as const) {
      const names = await readdir(join(work, "in", name));
      const sizes = await Promise.all(names.map(async (file) => (await stat(join(work, "in", name, file))).size));
      const isOf = (row: Row): boolean => String(row["source"]).startsWith(`${name}/`);
      const kept = documents.filter(isOf);
      const all = kept.length + rejects.filter(isOf).length + quarantine.filter(isOf).length;
      expected.push([
        name,
        description,
        license,
        String(names.length),
        size(sizes.reduce((sum, one) => sum + one, 0)),
        String(all),
        String(kept.length),
        size(bytesOf(kept)),
      ]);
    }
    expect(rowsUnder("Sources")).toEqual(expected);
  });

  it("funnel: each step's documents, in the table and in the chart", async () => {
    const steps = tally(rejects.map((row) => row["stage"]));
    expect([...steps.keys()].sort()).toEqual(["dedup", "length"]);
    let left = documents.length + rejects.length + 2;
    const all = left;
    const table: string[][] = [];
    const chart = [["documents in", `${left} (100.0 %)`]];
    for (const step of ["reading", "length", "c4", "dedup", "lines", "decontaminate"]) {
      const away = step === "reading" ? 2 : (steps.get(step) ?? 0);
      table.push([step, String(left), String(away), String(left - away), share(left - away, left)]);
      left -= away;
      chart.push([step === "reading" ? "readable" : `after ${step}`, `${left} (${share(left, all)})`]);
    }
    expect(left).toBe(documents.length);
    expect(rowsUnder("Funnel")).toEqual(table);
    expect(await barsOf("funnel")).toEqual(chart);
  });

  it("rejected: reasons with their steps, and examples that are in rejects/", () => {
    const counted = tally(rejects.map((row) => `${String(row["reason"])} ${String(row["stage"])}`));
    const all = documents.length + rejects.length + 2;
    expect(
      rowsUnder("Rejected")
        .map(([reason, step, ...rest]) => [`${reason} ${step}`, ...rest])
        .sort(),
    ).toEqual([...counted].map(([key, value]) => [key, String(value), share(value, all)]).sort());
    const examples = [...section("Rejected").matchAll(/^- `([^`]+)`, `([^`]+)`.*: “(.{6})/gm)];
    expect(new Set(examples.map(([, reason]) => reason))).toEqual(new Set(rejects.map((row) => row["reason"])));
    for (const [, reason, source, text] of examples) {
      const matching = rejects.filter((row) => row["reason"] === reason && row["source"] === source);
      expect(matching.some((row) => String(row["text"]).startsWith(text ?? ""))).toBe(true);
    }
  });

  it("extraction, repair, redaction: what was planted", () => {
    const texts = [...documents, ...rejects].map((row) => String(row["text"]));
    const occurrences = (needle: string): string =>
      String(texts.reduce((sum, text) => sum + text.split(needle).length - 1, 0));
    const ofPages = [...documents, ...rejects].filter((row) => String(row["source"]).startsWith("pages/"));
    expect(factsUnder("Extraction")).toEqual({
      "pages of HTML": "2",
      "their bytes": digits(Object.values(pages).reduce((sum, text) => sum + text.length, 0)),
      "bytes of the texts in them": digits(bytesOf(ofPages)),
      "of them read up to a budget only": "0",
      "texts repaired": String(records.control.length + records.decomposed.length),
      "of them with mojibake decoded": "0",
      "of them not in Unicode's composed form": String(records.decomposed.length),
      "control and invisible characters taken out": String(records.control.length),
      "invalid UTF-8 and lone surrogates, replaced by U+FFFD": occurrences("\uFFFD"),
      "texts with personal data replaced": String(texts.filter((text) => text.includes("email@example.com")).length),
      "e-mail addresses replaced": occurrences("email@example.com"),
      "public IPv4 addresses replaced": "0",
      "public IPv6 addresses replaced": "0",
      "bank account numbers (IBAN) replaced": "0",
      "payment card numbers replaced": "0",
    });
    expect(occurrences("email@example.com")).toBe("5");
  });

  it("taken out of kept texts: bytes of the planted lines, and of what stood around the question", () => {
    const cut = documents.filter((row) =>
      records.evaluated.some((text) => text.startsWith(String(row["text"]).slice(0, 80))),
    );
    const before = records.evaluated.reduce((sum, text) => sum + text.length, 0);
    const repeats = records.repeated.filter((text) => !documents.some((row) => row["text"] === text));
    expect(repeats).toHaveLength(records.repeated.length - 1);
    expect(cut).toHaveLength(2);
    expect(rowsUnder("Taken out")).toEqual([
      ["around parts of evaluation sets", digits(before - bytesOf(cut))],
      ["by rules for lines", digits(records.shortLines.length * "\nok go".length)],
      ["lines that other documents repeat", digits(repeats.length * (notice.length + 2))],
    ]);
    expect(section("Taken out")).toContain(`Of repeated lines ${repeats.length} documents`);
  });

  it("duplicates: groups, their sizes in the chart, pairs", async () => {
    const sizes = documents.map((row) => Number(row["clusterSize"]));
    const facts = factsUnder("Duplicates");
    expect(facts).toMatchObject({
      "kept documents without a copy": String(sizes.filter((one) => one === 1).length),
      "kept documents that stand for several": String(sizes.filter((one) => one > 1).length),
      "largest group": String(Math.max(...sizes)),
      "kept although a budget left them uncompared": "0",
    });
    const removed = rejects.filter((row) => row["stage"] === "dedup");
    expect(sizes.reduce((sum, one) => sum + one, 0)).toBe(documents.length + removed.length);
    expect((await barsOf("clusters")).map(([, note]) => note)).toEqual(buckets(sizes.filter((one) => one > 1)));
    expect(await barsOf("clusters")).toContainEqual(["4 – 7", "1"]);
    const near = removed.filter((row) => row["reason"] === "near-duplicate").length;
    expect(near).toBe(1);
    expect(facts["of them at or above the threshold"]).toBe("1");
    expect(Number(facts["candidate pairs compared"])).toBeGreaterThanOrEqual(1);
  });

  it("contamination: examples found and documents cut, from the report", async () => {
    const hits = await decontaminationRows("part-");
    const examples = await decontaminationRows("examples");
    const status = tally(examples.map((row) => row["status"]));
    const flagged = new Set(hits.map((row) => row["keptId"]));
    const own = new Set(hits.filter((row) => row["documentId"] === row["keptId"]).map((row) => row["keptId"]));
    const cut = new Set(hits.filter((row) => row["outcome"] === "cut").map((row) => row["documentId"]));
    expect(flagged.size).toBe(records.evaluated.length);
    const [set, ...rest] = rowsUnder("Contamination");
    expect(set).toEqual([
      "quiz",
      "mit",
      String(examples.length),
      String(status.get("contaminated")),
      String(status.get("frequent") ?? 0),
      String(status.get("too-short")),
      String(flagged.size),
    ]);
    const before = records.evaluated.reduce((sum, text) => sum + text.length, 0);
    const after = bytesOf(documents.filter((row) => cut.has(row["id"])));
    expect(Object.fromEntries(rest)).toEqual({
      action: "cut",
      "kept documents flagged": String(flagged.size),
      "of them by a removed duplicate alone": String(flagged.size - own.size),
      dropped: String(rejects.filter((row) => row["stage"] === "decontaminate").length),
      cut: String(cut.size),
      // Two line feeds stand for each cut.
      "characters cut": digits(before - after + 2 * cut.size),
    });
  });

  it("languages, in the table and in the chart", async () => {
    const counted = [...tally(documents.map((row) => row["language"]))].sort(
      ([a, x], [b, y]) => y - x || (a < b ? -1 : 1),
    );
    expect(counted.map(([code]) => code).sort()).toEqual(["de", "en", "no"]);
    expect(rowsUnder("Languages")).toEqual(
      counted.map(([code, value]) => [code, String(value), share(value, documents.length)]),
    );
    expect(await barsOf("language")).toEqual(
      counted.map(([code, value]) => [code, `${value} (${share(value, documents.length)})`]),
    );
  });

  it("lengths in the chart", async () => {
    const notes = (await barsOf("length")).map(([, note]) => note);
    expect(notes).toEqual(buckets(documents.map((row) => Buffer.byteLength(String(row["text"])))));
  });

  it("tokens of each split, and what is beyond the budget", async () => {
    const expected: string[][] = [];
    let sharded = 0;
    let spent = 0;
    for (const split of ["train", "validation"] as const) {
      const opened = await openTokenShards(out, split);
      sharded += opened.documents;
      spent += opened.tokens;
      expected.push([split, String(opened.documents), digits(opened.tokens), String(opened.shards.length)]);
    }
    expect(rowsUnder("Tokens")).toEqual(expected);
    const tokenizer = await loadTokenizer(join(out, "tokenizer", "tokenizer.json"));
    const { metadata } = await openTokenShards(out, "train");
    const marks = Number(metadata.bosId !== null) + Number(metadata.eosId !== null);
    const all = documents.reduce((sum, row) => sum + tokenizer.encode(String(row["text"])).length + marks, 0);
    expect(sharded).toBeLessThan(documents.length);
    expect(section("Tokens")).toContain(
      `budget of 20,000 tokens; ${documents.length - sharded} kept documents with ${digits(all - spent)} tokens are beyond it`,
    );
  });

  it("files of each folder", async () => {
    for (const [folder = "", , files, bytes] of rowsUnder("Files")) {
      const names = await readdir(join(out, folder));
      const sizes = await Promise.all(names.map(async (name) => (await stat(join(out, folder, name))).size));
      expect([folder, files, bytes]).toEqual([
        folder,
        String(names.length),
        size(sizes.reduce((sum, one) => sum + one, 0)),
      ]);
    }
    expect(rowsUnder("Files")).toHaveLength(5);
  });

  it("front matter: languages, licences, sizes, and examples of each part", async () => {
    const source = card.split("---\n")[1] ?? "";
    // As PyYAML reads it, to which a bare `no` is false.
    const matter = parse(source, { version: "1.1" }) as Row;
    const sizeOf = async (folder: string): Promise<number> => {
      const names = await readdir(join(out, folder));
      const sizes = await Promise.all(names.map(async (name) => (await stat(join(out, folder, name))).size));
      return sizes.reduce((sum, one) => sum + one, 0);
    };
    expect(matter["language"]).toEqual(rowsUnder("Languages").map(([code]) => code));
    expect(matter["language"]).toContain("no");
    expect(matter["license"]).toEqual(["mit", "cc0-1.0"]);
    expect(matter["size_categories"]).toEqual(["n<1K"]);
    expect(matter["configs"]).toEqual([
      { config_name: "default", default: true, data_files: [{ split: "train", path: "documents/*.parquet" }] },
      { config_name: "rejects", data_files: [{ split: "train", path: "rejects/*.parquet" }] },
      { config_name: "contamination", data_files: [{ split: "train", path: "decontamination/part-*.parquet" }] },
    ]);
    expect(matter["dataset_info"]).toEqual([
      {
        config_name: "default",
        splits: [{ name: "train", num_examples: documents.length }],
        download_size: await sizeOf("documents"),
      },
      {
        config_name: "rejects",
        splits: [{ name: "train", num_examples: rejects.length }],
        download_size: await sizeOf("rejects"),
      },
    ]);
  });

  it("the config that it shows resolves to the one that was built", async () => {
    const shown = parse(/```yaml\n([\s\S]*?)```/.exec(card)?.[1] ?? "") as object;
    const { config } = JSON.parse(await readFile(join(out, "manifest.json"), "utf8")) as { config: { root: string } };
    expect(corpusConfigSchema.parse({ ...shown, root: config.root })).toEqual(corpusConfigSchema.parse(config));
    expect(JSON.stringify(shown)).not.toContain("maxRecordBytes");
  });
});
