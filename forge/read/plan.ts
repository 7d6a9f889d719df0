/**
 * From a config's sources to files with their hashes, and to splits of about equal size.
 *
 * JSON Lines that are not compressed are cut into byte ranges; small files of a source are grouped in their order; a
 * compressed or large other file is a split by itself. The plan depends on names and contents only.
 */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import type { ReadConfig, SourceConfig } from "../../schemas/config/corpus.ts";
import { DataError, digestFile, ForgeError, mapConcurrent, wrapFileError, type FileDigest } from "../base/index.ts";
import { compressionOf, formatOf } from "./formats.ts";
import { sourceUri } from "./identity.ts";
import { listFiles } from "./list-files.ts";
import type { InputFile, InputPlan, InputSplit, SplitPart } from "./types.ts";

/** Most files of one split: each costs an open, so tiny ones must not pile up in one task. */
const maxFilesPerSplit = 4096;

export interface PlanSourcesOptions {
  /** Absolute path of the folder that sources are relative to. */
  readonly root: string;
  readonly read: Pick<ReadConfig, "splitBytes">;
  readonly signal?: AbortSignal;
}

/**
 * Finds, hashes and splits the input.
 *
 * @throws DataError `sources-missing` naming every pattern that leads to nothing and every file that cannot be read
 * @throws DataError `corpus-empty` when all files together hold no byte
 */
export async function planSources(sources: readonly SourceConfig[], options: PlanSourcesOptions): Promise<InputPlan> {
  const { root, read, signal } = options;
  const problems: string[] = [];
  const files: InputFile[] = [];
  const owners = new Map<string, string>();
  for (const source of sources) {
    const { paths, missing } = await listFiles(source, root);
    problems.push(...missing.map((pattern) => `${source.name}: no file matches ${pattern}`));
    const described = mapConcurrent(paths, 4, (path) => describeFile(source, root, path), {
      ...(signal && { signal }),
    });
    for await (const file of described) {
      if (typeof file === "string") problems.push(`${source.name}: ${file}`);
      else if (owners.has(file.uri))
        problems.push(`${file.uri} belongs to ${owners.get(file.uri)} and to ${source.name}`);
      else {
        owners.set(file.uri, source.name);
        files.push(file);
      }
    }
  }
  if (problems.length > 0) {
    throw new DataError(
      "sources-missing",
      problems.length === 1
        ? `Source ${problems[0]}`
        : `${problems.length} problems with the sources:\n  ${problems.join("\n  ")}`,
      {},
      { hint: `Paths are relative to ${root}`, details: { problems } },
    );
  }
  if (files.every((file) => file.bytes === 0)) {
    throw new DataError(
      "corpus-empty",
      "The sources hold no text: every file is empty",
      {},
      { hint: `Paths are relative to ${root}` },
    );
  }
  return {
    files,
    splits: sources.flatMap((source) =>
      splitFiles(
        files.filter((file) => file.source === source.name),
        read.splitBytes,
      ),
    ),
  };
}

async function describeFile(source: SourceConfig, root: string, path: string): Promise<InputFile | string> {
  try {
    const { bytes, sha256 } = await digest(path);
    const name = basename(path);
    const format = formatOf(name, source.preset === "brown-corpus" ? "brown" : source.format);
    return { source: source.name, uri: sourceUri(root, path), format, compression: compressionOf(name), bytes, sha256 };
  } catch (error) {
    if (error instanceof ForgeError) return error.message;
    throw error;
  }
}

/** Like `digestFile`, which opens a stream; most files here are too small for that. */
async function digest(path: string): Promise<FileDigest> {
  try {
    if ((await stat(path)).size > 1 << 20) return await digestFile(path);
    const content = await readFile(path);
    return { bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") };
  } catch (error) {
    throw wrapFileError(error, path);
  }
}

/** Cuts and groups the files of one source. */
export function splitFiles(files: readonly InputFile[], splitBytes: number): readonly InputSplit[] {
  const splits: InputSplit[] = [];
  let group: SplitPart[] = [];
  let groupBytes = 0;
  const source = files[0]?.source ?? "";
  const close = (): void => {
    if (group.length > 0) splits.push({ source, bytes: groupBytes, parts: group });
    group = [];
    groupBytes = 0;
  };
  for (const file of files) {
    if (file.bytes === 0) continue;
    if (file.format === "jsonl" && file.compression === "none" && file.bytes > splitBytes) {
      close();
      const pieces = Math.ceil(file.bytes / splitBytes);
      for (let piece = 0; piece < pieces; piece++) {
        const start = Math.floor((file.bytes * piece) / pieces);
        const end = Math.floor((file.bytes * (piece + 1)) / pieces);
        splits.push({ source, bytes: end - start, parts: [partOf(file, start, end)] });
      }
      continue;
    }
    if (groupBytes > 0 && (groupBytes + file.bytes > splitBytes || group.length >= maxFilesPerSplit)) close();
    group.push(partOf(file, 0, file.bytes));
    groupBytes += file.bytes;
  }
  close();
  return splits;
}

function partOf(file: InputFile, start: number, end: number): SplitPart {
  const { uri, format, compression, sha256 } = file;
  return { uri, format, compression, start, end, sha256 };
}
