/**
 * Ways to look at a finished corpus: which document a token belongs to and where that came from, samples of documents,
 * rejects and duplicates, quantiles of signals. Reads the output's own files; sources only to name a record in them.
 */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { signalPrefix } from "../../schemas/record/document.ts";
import { planSchema, tasksOf } from "../../schemas/run/plan.ts";
import { DataError, exists, ForgeError, random, readJsonIfThere, UsageError } from "../base/index.ts";
import { openSources, readSplit, splitSources, type RecordPlace, type SplitPart } from "../read/index.ts";
import { openParquet, readTokenFile } from "../shard/index.ts";
import type { CorpusInputs } from "./inputs.ts";
import { inputsPath, planPath, tokenizerPath } from "./layout.ts";
import type { IngestInput } from "./tasks/ingest.ts";
import { readSecrets } from "./secrets.ts";

/** Where a token comes from. */
export interface TokenOrigin {
  readonly shard: string;
  readonly position: number;
  /** Number of the document in the shard, and of the token in the document (BOS counts). */
  readonly document: number;
  readonly tokenInDocument: number;
  readonly id: string;
  readonly source: string;
  readonly url: string | null;
  readonly date: string | null;
  /** Text before the token, of it, and behind it, within the document. */
  readonly before: string;
  readonly token: string;
  readonly after: string;
  /** The record in its source, found by reading the source again; null when that is gone. */
  readonly record: SourceRecord | null;
}

/** Where a record stands in its source, whatever stands before it, good or bad. */
export interface SourceRecord {
  /** What `place` counts: where a line begins in the decompressed file; a row; where a WARC record begins; nothing. */
  readonly unit: "line" | "row" | "record" | "file";
  /** From 0; of a WARC the offset of the gzip member, with `+` and the offset in it where it does not begin it. */
  readonly place: RecordPlace;
}

/** Tokens shown on each side. */
const contextTokens = 24;

/**
 * Finds the document of a token.
 *
 * @param shard name or path of a shard below the folder, e.g. `train-00000`
 * @throws UsageError `shard-unknown`; `position-outside` when the shard has fewer tokens
 * @throws DataError when the shard, the tokenizer or the documents cannot be read
 */
export async function locateToken(folder: string, shard: string, position: number): Promise<TokenOrigin> {
  const name = `tokens/${basename(shard).replace(/\.arrow$/, "")}.arrow`;
  if (!(await exists(join(folder, name)))) throw await shardUnknown(folder, shard);
  const { values, offsets, metadata, id, source } = await readTokenFile(join(folder, name));
  if (position >= values.length) {
    throw new UsageError("position-outside", `${name} has ${values.length} tokens, so there is none at ${position}`, {
      hint: "Positions count from 0.",
    });
  }
  let document = 0;
  while ((offsets[document + 1] as number) <= position) document++;
  const start = offsets[document] as number;
  const end = offsets[document + 1] as number;
  const { loadTokenizer } = await import("../tokenize/index.ts");
  const tokenizer = await loadTokenizer(join(folder, tokenizerPath));
  const special = new Set([metadata.bosId, metadata.eosId]);
  const decode = (from: number, to: number): string =>
    tokenizer.decode(
      Uint32Array.from(values.subarray(Math.max(start, from), Math.min(end, to))).filter(
        (token) => !special.has(token),
      ),
    );
  const documentId = id(document);
  const [row] = await findRows(folder, "documents", new Set([documentId]), ["id", "url", "date"]);
  return {
    shard: name,
    position,
    document,
    tokenInDocument: position - start,
    id: documentId,
    source: source(document),
    url: textOrNull(row?.["url"]),
    date: textOrNull(row?.["date"]),
    before: decode(position - contextTokens, position),
    token: special.has(values[position] as number) ? "" : decode(position, position + 1),
    after: decode(position + 1, position + 1 + contextTokens),
    record: await findSourceRecord(folder, documentId, source(document)),
  };
}

/** Says which shards there are. */
async function shardUnknown(folder: string, shard: string): Promise<UsageError> {
  const entries = await readdir(join(folder, "tokens")).catch(() => []);
  const names = entries
    .filter((name) => name.endsWith(".arrow"))
    .map((name) => name.slice(0, -".arrow".length))
    .sort();
  const shown = names.length > 6 ? [...names.slice(0, 3), "…", ...names.slice(-2)] : names;
  return new UsageError("shard-unknown", `${folder} has no token shard ${shard}`, {
    hint:
      names.length === 0
        ? "It has no tokens/ at all: name the output folder of a finished forge build-corpus."
        : `It has ${shown.join(", ")}`,
  });
}

/** Reads the parts of a source again until the document turns up. */
async function findSourceRecord(folder: string, id: string, uri: string): Promise<SourceRecord | null> {
  const secrets = await readSecrets(folder);
  let place: RecordPlace | undefined;
  const onDocument = (found: string, at: RecordPlace): void => {
    if (found === id) place = at;
  };
  for (const { input, part } of await partsOf(folder, uri)) {
    const split = { ...input.split, parts: [part] };
    const openSource = openSources({ ...input, secrets });
    try {
      for await (const _ of readSplit(split, { ...input, openSource, folder, onDocument })) {
        if (place !== undefined) return { unit: units[part.format] ?? "file", place };
      }
    } catch (error) {
      if (!(error instanceof ForgeError)) throw error;
      return null;
    }
  }
  return null;
}

/** What was read of a source: its parts, or the file itself where its pieces are gone (see pieces.ts). */
async function partsOf(
  folder: string,
  uri: string,
): Promise<readonly { readonly input: IngestInput; readonly part: SplitPart }[]> {
  const plan = planSchema.safeParse(await readJsonIfThere(join(folder, planPath)));
  const tasks = plan.data === undefined ? [] : tasksOf(plan.data, "ingest");
  // The plan made them with this very type.
  const inputs = tasks.map((task) => task.input as unknown as IngestInput);
  const parts = inputs.flatMap((input) =>
    input.split.parts.filter((part) => part.uri === uri).map((part) => ({ input, part })),
  );
  const [first] = parts;
  const pieces = parts.flatMap(({ part }) => part.piece ?? []);
  const isThere = await Promise.all(pieces.map(async ({ path }) => await exists(join(folder, path))));
  if (first === undefined || isThere.every(Boolean)) return parts;
  const described = (await readJsonIfThere(join(folder, inputsPath))) as Partial<CorpusInputs> | undefined;
  const file = described?.uncut?.find((one) => one.uri === uri);
  const [whole] = file === undefined ? [] : splitSources([file], Number.POSITIVE_INFINITY);
  return (whole?.parts ?? []).map((part) => ({ input: first.input, part }));
}

const units: Readonly<Partial<Record<SplitPart["format"], SourceRecord["unit"]>>> = {
  jsonl: "line",
  parquet: "row",
  arrow: "row",
  warc: "record",
  wet: "record",
};

/** One row of `documents/` or `rejects/`, columns by name. */
export type CorpusRow = Readonly<Record<string, unknown>>;

export interface SampleOptions {
  /** @default 5 */
  readonly count?: number;
  /** @default 1 */
  readonly seed?: number;
}

/**
 * A random sample of rows that fulfil a condition: the same for the same output, seed and condition.
 *
 * @param wanted decides by a row's columns without its text
 */
export async function sampleRows(
  folder: string,
  part: "documents" | "rejects",
  wanted: (row: CorpusRow) => boolean,
  { count = 5, seed = 1 }: SampleOptions = {},
): Promise<readonly CorpusRow[]> {
  const stream = random("forge-inspect", seed);
  const chosen: { readonly id: string; readonly key: number }[] = [];
  for await (const row of rowsOf(folder, part, (columns) => columns.filter((name) => name !== "text"))) {
    if (!wanted(row)) continue;
    // Reservoir sampling by the smallest keys.
    chosen.push({ id: String(row["id"]), key: stream.below(2 ** 31) });
    if (chosen.length < 4096) continue;
    chosen.sort((a, b) => a.key - b.key);
    chosen.length = Math.min(chosen.length, count);
  }
  chosen.sort((a, b) => a.key - b.key);
  const ids = chosen.slice(0, count).map(({ id }) => id);
  const rows = await findRows(folder, part, new Set(ids));
  return ids.map((id) => rows.find((row) => row["id"] === id)).filter((row) => row !== undefined);
}

/** Rows with the given ids. */
export async function findRows(
  folder: string,
  part: "documents" | "rejects",
  ids: ReadonlySet<string>,
  columns?: readonly string[],
): Promise<readonly CorpusRow[]> {
  const found: CorpusRow[] = [];
  if (ids.size === 0) return found;
  for await (const row of rowsOf(folder, part, (all) => columns ?? all)) {
    if (!ids.has(String(row["id"]))) continue;
    found.push(row);
    if (found.length === ids.size) break;
  }
  return found;
}

/** A kept document with documents that were removed for its sake. */
export interface DuplicateCluster {
  readonly kept: CorpusRow;
  readonly removed: readonly CorpusRow[];
}

/** A sample of duplicates, each with the document that it was removed for. */
export async function sampleClusters(folder: string, options: SampleOptions): Promise<readonly DuplicateCluster[]> {
  // Of copies of another corpus' documents the kept one does not lie here.
  const isCopy = (row: CorpusRow): boolean => row["partnerId"] !== null && (row["partnerCorpus"] ?? null) === null;
  const removed = await sampleRows(folder, "rejects", isCopy, options);
  const kept = await findRows(folder, "documents", new Set(removed.map((row) => String(row["partnerId"]))));
  return kept.map((one) => ({ kept: one, removed: removed.filter((row) => row["partnerId"] === one["id"]) }));
}

/** Quantiles of one signal over the kept documents. */
export interface SignalQuantiles {
  readonly signal: string;
  readonly documents: number;
  readonly quantiles: Readonly<Record<string, number>>;
}

const quantiles = { "1 %": 0.01, "5 %": 0.05, "25 %": 0.25, "50 %": 0.5, "75 %": 0.75, "95 %": 0.95, "99 %": 0.99 };

/** Signals kept in memory at once: 4 bytes a document and signal; more documents than this are sampled evenly. */
const mostDocuments = 1_000_000;

/** Quantiles of every signal of the kept documents: what to look at before a limit is changed. */
export async function signalQuantiles(folder: string): Promise<readonly SignalQuantiles[]> {
  const values = new Map<string, number[]>();
  let row = 0;
  let step = 1;
  for await (const document of rowsOf(folder, "documents", (all) =>
    all.filter((name) => name.startsWith(signalPrefix)),
  )) {
    if (row++ % step !== 0) continue;
    for (const [name, value] of Object.entries(document)) {
      const column = values.get(name) ?? [];
      values.set(name, column);
      if (typeof value === "number") column.push(value);
    }
    if (row / step < mostDocuments) continue;
    step *= 2;
    for (const [name, column] of values)
      values.set(
        name,
        column.filter((_, i) => i % 2 === 0),
      );
  }
  return [...values].map(([name, column]) => {
    const sorted = Float64Array.from(column).sort();
    const at = (part: number): number => sorted[Math.floor(part * (sorted.length - 1))] ?? Number.NaN;
    return {
      signal: name.slice(signalPrefix.length),
      documents: sorted.length,
      quantiles: Object.fromEntries(Object.entries(quantiles).map(([label, part]) => [label, at(part)])),
    };
  });
}

async function* rowsOf(
  folder: string,
  part: "documents" | "rejects",
  choose: (columns: readonly string[]) => readonly string[],
): AsyncGenerator<CorpusRow, void, undefined> {
  let names: string[];
  try {
    names = (await readdir(join(folder, part))).filter((name) => name.endsWith(".parquet")).sort();
  } catch (error) {
    throw new DataError(
      "corpus-not-there",
      `${folder} has no ${part}/`,
      { file: folder },
      {
        cause: error,
        hint: "Name a folder that forge build-corpus wrote.",
      },
    );
  }
  for (const name of names) {
    const reader = await openParquet(join(folder, part, name));
    const columns = choose(reader.columns);
    if (columns.length === 0) continue;
    for await (const rows of reader.rowGroups({ columns })) yield* rows;
  }
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
