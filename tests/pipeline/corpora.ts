/** Small corpora with planted duplicates and damage, and ways to look at what became of them. */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { random } from "../../forge/base/index.ts";
import { localExecutor } from "../../forge/execute/index.ts";
import { buildCorpus, type BuildOptions } from "../../forge/pipeline/index.ts";
import { openParquet } from "../../forge/shard/index.ts";
import { corpusConfigSchema, type CorpusConfig } from "../../schemas/config/corpus.ts";
import type { CorpusManifest } from "../../schemas/run/corpus-manifest.ts";

const vocabulary = (
  "the a of to and in that it was for on with as his they at be this from or had by but some what there we can out " +
  "other were all your when up use word how said an each she which do their time if will way about many then them " +
  "would write like so these her long make thing see him two has look more day could go come did my sound no most"
).split(" ");

/** A text of so many words, wholly determined by its seed. */
export function makeText(words: number, seed: string | number): string {
  const stream = random("test-text", seed);
  const parts: string[] = [];
  for (let i = 0; i < words; i++) {
    parts.push(vocabulary[stream.below(vocabulary.length)] as string);
    if (i % 11 === 10) parts[i] += i % 33 === 32 ? ".\n" : ".";
  }
  return `${parts.join(" ")}.`;
}

/** The text with one word in so many replaced by one that occurs nowhere else. */
export function alter(text: string, oneIn: number): string {
  return text
    .split(" ")
    .map((word, i) => (i % oneIn === oneIn - 1 ? `zyx${i}` : word))
    .join(" ");
}

export type Files = Readonly<Record<string, string | Uint8Array>>;

/** Writes files below a folder. */
export async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}

/** What was planted into `plantedFiles`. */
export const planted = { records: 64, exact: 4, near: 3, short: 12, quarantined: 4 } as const;

/** 40 distinct texts, 4 exact and 3 near copies, texts that filters reject, and one of each common damage. */
export function plantedFiles(): Files {
  const distinct = Array.from({ length: 40 }, (_, i) => makeText(120 + (i % 7) * 40, i));
  const copies = distinct.slice(0, planted.exact);
  const nearCopies = distinct.slice(10, 10 + planted.near).map((text) => alter(text, 90));
  const short = Array.from({ length: 12 }, (_, i) => makeText(4, `short ${i}`));
  const line = (text: string, i: number): string => JSON.stringify({ text, url: `https://example.org/${i}` });
  const lines = [...distinct.slice(0, 30), ...copies, ...nearCopies, ...short].map(line);
  lines.splice(5, 0, '{"text": "unfinished', '{"title": "no text"}', '{"text": 7}');
  const compressed = gzipSync(distinct.slice(30, 38).map(line).join("\n"));
  return {
    "a/records.jsonl": `${lines.join("\n")}\n`,
    "b/packed.jsonl.gz": compressed,
    "c/one.md": distinct[38] as string,
    "c/two.txt": distinct[39] as string,
    "c/three.txt": Buffer.concat([
      Buffer.from(`${makeText(100, "bad")} `),
      Uint8Array.of(0xff, 0xfe),
      Buffer.from(" end."),
    ]),
    "d/empty-line.jsonl": "\n\n",
    "d/malformed.jsonl": "not json\n",
  };
}

/** A config for `plantedFiles` below `root`: small splits, so that there are several partitions. */
export function plantedConfig(root: string, more: Record<string, unknown> = {}): CorpusConfig {
  return corpusConfigSchema.parse({
    name: "planted",
    root,
    sources: [
      { name: "records", path: ["a", "b", "d"], license: "cc0-1.0" },
      { name: "files", path: "c/*" },
    ],
    filters: [{ filter: "length", minWords: 10 }],
    read: { splitBytes: 16_384 },
    dedup: { bands: 8, rows: 5, verifyGroups: 2 },
    tokenizer: { name: "planted-300", vocabularySize: 300 },
    shard: { tokensPerShard: 8192, validationFraction: 0.2 },
    ...more,
  });
}

/** Builds in this thread unless told otherwise: starting threads is what most of a small build costs. */
export async function build(
  config: CorpusConfig,
  out: string,
  options: Partial<BuildOptions> & { readonly workers?: number } = {},
): Promise<CorpusManifest> {
  const { workers = 0, ...rest } = options;
  return await buildCorpus(config, { out, executor: localExecutor({ workers }), ...rest });
}

/** Files of an output that may differ between equal runs: the event log, and what holds the machine's paths. */
const unstable = ["events.ndjson", join(".work", "plan.json"), join(".work", "inputs.json")];

/** SHA-256 of every other file of an output. */
export async function snapshot(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => !unstable.includes(path))
    .sort();
  const digests: Record<string, string> = {};
  for (const path of paths) {
    digests[path] = createHash("sha256")
      .update(await readFile(join(folder, path)))
      .digest("hex");
  }
  return digests;
}

/** All rows of the Parquet files of `documents/` or `rejects/`. */
export async function rowsOf(folder: string, part: "documents" | "rejects"): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  for (const name of (await readdir(join(folder, part))).sort()) {
    const reader = await openParquet(join(folder, part, name));
    for await (const group of reader.rowGroups()) rows.push(...group);
  }
  return rows;
}

/** Entries of `quarantine.jsonl`. */
export async function quarantineOf(folder: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(folder, "quarantine.jsonl"), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
