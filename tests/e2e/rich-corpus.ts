/**
 * A small corpus in which every part of `build-corpus` has something to do: pages, tables and records, damage, all kinds
 * of duplicates, repeated lines, contamination, a corpus that came before, an index for one that comes after, a budget.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { writeParquet } from "../../forge/shard/index.ts";
import { corpusConfigSchema, type CorpusConfig } from "../../schemas/config/corpus.ts";
import { alter, build, makeText, writeFiles, type Files } from "../pipeline/corpora.ts";

/** Names relative to the working directory, so that the same config stands for every folder. */
export const inFolder = "in";
export const earlierFolder = "earlier";

const body = (seed: string, words = 160): string => makeText(words, `rich ${seed}`).replaceAll("\n", " ");
const many = (count: number, make: (i: number) => string): string[] => Array.from({ length: count }, (_, i) => make(i));
const notice = "We use cookies and similar things to remember who you are, as the banner at the bottom tells.";
const earlier = many(24, (i) => body(`earlier ${i}`));
const question = body("question", 20).replaceAll(".", "");
const story = body("story", 60).replaceAll(".", "");

const page = (seed: string): string =>
  `<!doctype html><html lang=en><head><title>T</title></head><body><nav><a href="/">Home</a></nav><main><h1>Heading</h1>` +
  `<p>${body(seed, 120)}</p><p>${notice}</p><p>${body(`${seed} more`, 90)}</p></main></body></html>`;

/** Files of the sources, but for the table. */
function sourceFiles(): Files {
  const own = many(48, (i) => body(`own ${i}`));
  const texts: readonly (readonly [text: string, date?: string, url?: string])[] = [
    ...own.map((text, i) => [text, `2024-01-${String(1 + (i % 28)).padStart(2, "0")}`] as const),
    // Copies within: bytes, normal form, near.
    ...own.slice(0, 4).map((text) => [text, "2024-02-01"] as const),
    ...own.slice(4, 8).map((text) => [text.toUpperCase(), "no date"] as const),
    ...own.slice(8, 12).map((text) => [`${alter(text, 90)} At last.`] as const),
    // Of an earlier corpus: bytes, near.
    ...earlier.slice(0, 4).map((text) => [text] as const),
    ...earlier.slice(4, 8).map((text) => [`${alter(text, 90)} At last.`] as const),
    // Versions of pages.
    ...many(4, (i) => body(`version one ${i}`)).map((text, i) => [text, "2023-01-01", `http://a.test/${i}`] as const),
    ...many(4, (i) => body(`version two ${i}`)).map((text, i) => [text, "2023-06-01", `http://A.test/${i}/`] as const),
    // Repeated lines, of which one leaves too little.
    ...many(6, (i) => `${body(`menu ${i}`)}\n${notice}\n${body(`menu tail ${i}`, 30)}`).map((text) => [text] as const),
    [`Too little besides.\n${notice}`],
    // Contamination that is cut, at the start, within, at the end, and behind a cut line; that is too much to cut.
    [`${question} ${body("contaminated start", 250)}`],
    [`${body("contaminated within", 200)} ${question.toUpperCase()} ${body("contaminated within 2", 200)}`],
    [`${body("contaminated end", 250)} ${story}`],
    [`${notice}\n${body("contaminated behind", 120)} ${question}`],
    [`${body("contaminated short", 20)} ${question}`],
    ["Short."],
  ];
  const lines = texts.map(([text, date, url]) =>
    JSON.stringify({ text, ...(date && { date }), url: url ?? `http://b.test/${text.length}/${text.slice(0, 30)}` }),
  );
  lines.splice(7, 0, '{"text": "unfinished', '{"title": "no text"}');
  const half = lines.length >> 1;
  return {
    "pages/one/a.html": page("page a"),
    "pages/one/b.html": page("page b"),
    "pages/two/c.html": page("page c"),
    "pages/two/d.html": page("page a"),
    "records/b.jsonl": `${lines.slice(0, half).join("\n")}\n`,
    // So large that it is cut into pieces first.
    "records/a.jsonl.gz": gzipSync(lines.slice(half).join("\n")),
    "evaluation/questions.jsonl": JSON.stringify({ question }),
  };
}

/**
 * Writes the inputs below a working directory, among them the earlier corpus.
 *
 * @param order of the files' making, which a listing may follow
 */
export async function writeRichInputs(cwd: string, order: "as named" | "backwards"): Promise<void> {
  const root = join(cwd, inFolder);
  const files = Object.entries(sourceFiles());
  await writeFiles(root, Object.fromEntries(order === "backwards" ? files.reverse() : files));
  await mkdir(join(root, "evaluation"), { recursive: true });
  await writeParquet(join(root, "evaluation/stories.parquet"), [{ name: "story", type: "string" }], [{ story }]);
  const rows = many(8, (i) => body(`table ${i}`)).map((content, i) => ({ content, address: `http://c.test/${i}` }));
  const columns = ["content", "address"].map((name) => ({ name, type: "string" as const }));
  await writeParquet(join(root, "table/rows.parquet"), columns, rows, { rowGroupBytes: 2048 });
  await writeFiles(root, {
    "earlier/a.jsonl": earlier
      .map((text) => JSON.stringify({ text, url: `http://e.test/${text.slice(0, 30)}` }))
      .join("\n"),
  });
  await build(
    richConfig({ sources: [{ name: "earlier", path: "earlier" }], dedup: { ...dedup, against: [] }, shard: {} }),
    join(cwd, earlierFolder),
    { cwd },
  );
}

const dedup = {
  bands: 8,
  rows: 5,
  url: true,
  keep: "newest",
  verifyGroups: 3,
  keepIndex: true,
  against: [earlierFolder],
  lines: { maxDocuments: 2, minDocumentCharacters: 100 },
};

export function richConfig(more: Record<string, unknown> = {}): CorpusConfig {
  return corpusConfigSchema.parse({
    name: "rich",
    root: inFolder,
    sources: [
      { name: "pages", path: ["pages/one", "pages/two/*.html"] },
      { name: "records", path: "records/**/*.jsonl*" },
      { name: "table", path: "table/*", fields: { text: "content", url: "address" } },
    ],
    filters: [{ filter: "length", minWords: 3 }],
    read: { splitBytes: 8192, pieceBytes: 16_384 },
    dedup,
    decontaminate: {
      action: "cut",
      sets: [
        { name: "questions", path: "evaluation/*.jsonl", fields: { question: "question" } },
        { name: "stories", path: "evaluation/stories.parquet", fields: { passage: "story" } },
      ],
    },
    tokenizer: { name: "rich-300", vocabularySize: 300 },
    shard: { tokensPerShard: 4096, validationFraction: 0.2, tokenBudget: 24_000 },
    ...more,
  });
}
