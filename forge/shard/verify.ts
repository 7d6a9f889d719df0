/**
 * Checks an output against its manifest: every file there and unchanged, nothing missing, counts that add up, and a
 * sample of documents whose tokens decode to their text.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import {
  lostDocuments,
  manifestFileSchema,
  stageCountsSchema,
  conservationSchema,
} from "../../schemas/run/manifest.ts";
import { splitNames } from "../../schemas/record/tokens.ts";
import { DataError, digestFile, exists, ForgeError, readJsonIfThere, type Reporter } from "../base/index.ts";
import { listShards } from "./open.ts";
import { openParquet } from "./parquet-read.ts";
import { readTokenFile } from "./token-file.ts";

/** One thing that does not hold. */
export interface VerifyProblem {
  /** Relative to the output folder; absent when it concerns the whole. */
  readonly file?: string;
  readonly message: string;
}

export interface VerifyReport {
  readonly files: number;
  readonly bytes: number;
  readonly rows: number;
  readonly documents: number;
  readonly tokens: number;
  /** Documents whose tokens were decoded and compared with their text. */
  readonly roundTrips: number;
  readonly problems: readonly VerifyProblem[];
}

export interface VerifyOptions {
  /** Decodes token ids to text; without it the round trip is left out. */
  readonly decode?: (ids: Uint32Array) => string;
  /** Documents to decode, spread evenly over the shards. @default 64 */
  readonly sample?: number;
  readonly signal?: AbortSignal;
  readonly reporter?: Reporter;
}

/** What verification needs of a manifest; manifests hold more. */
const verifiableManifestSchema = z.looseObject({
  files: z.array(manifestFileSchema),
  conservation: conservationSchema.optional(),
  stages: z.array(stageCountsSchema).optional(),
  /** Documents that a token budget left out of the shards. */
  figures: z.looseObject({ beyondBudget: z.looseObject({ documents: z.int().nonnegative() }).optional() }).optional(),
});

/**
 * Verifies an output folder. Problems are reported, not thrown.
 *
 * @throws DataError `manifest-missing` or `manifest-invalid` when there is nothing to verify against
 */
export async function verifyOutput(folder: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  const { signal, reporter } = options;
  const path = join(folder, "manifest.json");
  const value = await readJsonIfThere(path);
  if (value === undefined) {
    throw new DataError(
      "manifest-missing",
      `${folder} has no manifest.json`,
      { file: path },
      {
        hint: "It is written last: either the run did not finish (run its command again), or this is no output of forge.",
      },
    );
  }
  const parsed = verifiableManifestSchema.safeParse(value);
  if (!parsed.success) {
    throw new DataError("manifest-invalid", `${path} is not a manifest: ${z.prettifyError(parsed.error)}`, {
      file: path,
    });
  }
  const { files, conservation, stages = [], figures } = parsed.data;
  const problems: VerifyProblem[] = [];
  const totals = { files: 0, bytes: 0, rows: 0, documents: 0, tokens: 0, roundTrips: 0 };
  const whole: { path: string }[] = [];
  let inShards = 0;
  for (const [index, file] of files.entries()) {
    signal?.throwIfAborted();
    reporter?.({ type: "stage-progress", stage: "verify", done: index, total: files.length, unit: "tasks" });
    const damage = await checkFile(folder, file);
    totals.files++;
    totals.bytes += file.bytes;
    if (damage !== undefined) problems.push({ file: file.path, message: damage });
    else whole.push(file);
  }
  problems.push(...(await unlistedFiles(folder, new Set(files.map((file) => file.path)))));
  for (const counts of [...(conservation === undefined ? [] : [{ ...conservation, stage: "the run" }]), ...stages]) {
    const lost = lostDocuments(counts);
    if (lost !== 0) problems.push({ message: `${counts.stage}: ${lost} documents are in none of the outputs` });
  }
  const listed = new Map(files.map((file) => [file.path, file.rows]));
  for (const { path: name } of whole) {
    signal?.throwIfAborted();
    try {
      const rows = await countRows(join(folder, name));
      if (rows === undefined) continue;
      totals.rows += rows.rows;
      totals.tokens += rows.tokens;
      if (name.startsWith("documents/")) totals.documents += rows.rows;
      if (name.startsWith("tokens/")) inShards += rows.rows;
      const promised = listed.get(name);
      if (promised !== undefined && promised !== rows.rows) {
        problems.push({ file: name, message: `has ${rows.rows} rows, ${promised} are listed` });
      }
    } catch (error) {
      if (!(error instanceof ForgeError)) throw error;
      problems.push({ file: name, message: error.message });
    }
  }
  if (conservation !== undefined && problems.length === 0 && totals.documents !== conservation.kept) {
    problems.push({ message: `documents/ has ${totals.documents} rows, ${conservation.kept} were kept` });
  }
  const left = figures?.beyondBudget?.documents;
  if (conservation !== undefined && left !== undefined && problems.length === 0) {
    const expected = conservation.kept - left;
    if (inShards !== expected) {
      problems.push({ message: `tokens/ has ${inShards} documents, ${expected} were to be written` });
    }
  }
  if (options.decode !== undefined && problems.length === 0) {
    const found = await checkRoundTrips(folder, options.decode, options.sample ?? 64);
    totals.roundTrips = found.compared;
    problems.push(...found.problems);
  }
  return { ...totals, problems };
}

async function checkFile(folder: string, file: z.infer<typeof manifestFileSchema>): Promise<string | undefined> {
  const path = join(folder, file.path);
  if (!(await exists(path))) return "is missing";
  const digest = await digestFile(path);
  if (digest.bytes !== file.bytes) return `has ${digest.bytes} bytes, ${file.bytes} are listed`;
  return digest.sha256 === file.sha256 ? undefined : "was changed: its SHA-256 differs";
}

/** Data files that the manifest does not name: leftovers that a reader of the folder would take for data. */
async function unlistedFiles(folder: string, listed: ReadonlySet<string>): Promise<VerifyProblem[]> {
  const problems: VerifyProblem[] = [];
  for (const part of ["documents", "rejects", "tokens", "answers", "decontamination"]) {
    const names: readonly string[] = await readdir(join(folder, part)).catch(() => []);
    for (const name of [...names].sort()) {
      const path = `${part}/${name}`;
      if (!listed.has(path)) problems.push({ file: path, message: "is not listed in the manifest" });
    }
  }
  return problems;
}

async function countRows(path: string): Promise<{ readonly rows: number; readonly tokens: number } | undefined> {
  if (path.endsWith(".parquet")) return { rows: (await openParquet(path)).rows, tokens: 0 };
  if (!path.endsWith(".arrow")) return undefined;
  const { metadata } = await readTokenFile(path);
  return { rows: metadata.documents, tokens: metadata.tokens };
}

async function checkRoundTrips(
  folder: string,
  decode: (ids: Uint32Array) => string,
  sample: number,
): Promise<{ readonly compared: number; readonly problems: VerifyProblem[] }> {
  const decoded = new Map<string, string>();
  const paths = await Promise.all(
    splitNames.map(async (split) => (await listShards(folder, split)).map((name) => join(folder, "tokens", name))),
  );
  const shards = paths.flat();
  const perShard = Math.max(1, Math.ceil(sample / Math.max(1, shards.length)));
  for (const path of shards) {
    const shard = await readTokenFile(path);
    const { documents, bosId, eosId } = shard.metadata;
    const step = Math.max(1, Math.floor(documents / perShard));
    for (let document = 0; document < documents; document += step) {
      const start = (shard.offsets[document] as number) + (bosId === null ? 0 : 1);
      const end = (shard.offsets[document + 1] as number) - (eosId === null ? 0 : 1);
      decoded.set(shard.id(document), decode(Uint32Array.from(shard.values.subarray(start, end))));
    }
  }
  const problems: VerifyProblem[] = [];
  let compared = 0;
  const names = await readdir(join(folder, "documents")).catch(() => []);
  for (const name of names.filter((name) => name.endsWith(".parquet")).sort()) {
    const reader = await openParquet(join(folder, "documents", name));
    for await (const rows of reader.rowGroups({ columns: ["id", "text"] })) {
      for (const row of rows) {
        const text = decoded.get(String(row["id"]));
        if (text === undefined) continue;
        decoded.delete(String(row["id"]));
        compared++;
        if (text !== row["text"]) {
          problems.push({ file: `documents/${name}`, message: `the tokens of ${String(row["id"])} give another text` });
        }
      }
    }
  }
  for (const id of decoded.keys()) problems.push({ message: `the tokens of ${id} have no document` });
  return { compared, problems };
}
