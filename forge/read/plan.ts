/**
 * From a config's sources to files with their hashes, and to splits of about equal size.
 *
 * Large files are cut: JSON Lines and WARC anywhere, Parquet between row groups, Arrow files between record batches, zstd
 * between frames. Small files of a source are grouped in their order; what cannot be cut is a split by itself. The plan
 * depends on names and contents only.
 */
import type { ReadConfig, SourceConfig } from "../../schemas/config/corpus.ts";
import { ConfigError, DataError, mapConcurrent, type ConfigIssue } from "../base/index.ts";
import { describeFile } from "./describe.ts";
import { localSources, type OpenSource } from "./byte-source.ts";
import { sourceUri } from "./identity.ts";
import { listFiles } from "./list-files.ts";
import { needsCutting } from "./pieces.ts";
import type { Border, InputFile, InputPlan, InputSplit, Piece, SplitPart } from "./types.ts";

/** Most files of one split: each costs an open, so tiny ones must not pile up in one task. */
const maxFilesPerSplit = 4096;

export interface PlanSourcesOptions {
  /** Absolute path of the folder that sources are relative to. */
  readonly root: string;
  readonly read: Pick<ReadConfig, "splitBytes" | "pieceBytes">;
  /** Finds files by their URIs. @default those below the root */
  readonly openSource?: OpenSource;
  readonly signal?: AbortSignal;
}

/**
 * Finds, hashes and splits the input.
 *
 * @throws DataError `sources-missing` naming every pattern that leads to nothing and every file that cannot be read
 * @throws DataError `corpus-empty` when all files together hold no byte
 * @throws ConfigError `column-missing` naming the columns that there are, when a file lacks the text column
 */
export async function planSources(sources: readonly SourceConfig[], options: PlanSourcesOptions): Promise<InputPlan> {
  const { root, read, signal, openSource = localSources(root) } = options;
  const problems: string[] = [];
  const issues: ConfigIssue[] = [];
  const files: InputFile[] = [];
  const owners = new Map<string, string>();
  for (const source of sources) {
    const { paths, missing } = await listFiles(source, root);
    problems.push(...missing.map((pattern) => `${source.name}: no file matches ${pattern}`));
    const described = mapConcurrent(paths, 4, (path) => describeFile(source, sourceUri(root, path), read, openSource), {
      ...(signal && { signal }),
    });
    for await (const file of described) {
      if (typeof file === "string") problems.push(`${source.name}: ${file}`);
      else if (owners.has(file.uri))
        problems.push(`${file.uri} belongs to ${owners.get(file.uri)} and to ${source.name}`);
      else {
        const { problem, ...rest } = file;
        if (problem !== undefined) {
          issues.push({ path: `sources.${source.name}.fields.text`, message: `${file.uri} ${problem}` });
        }
        owners.set(file.uri, source.name);
        files.push(rest);
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
  if (issues.length > 0) {
    const [first] = issues;
    throw new ConfigError(
      "column-missing",
      issues.length === 1 ? (first?.message ?? "") : `${issues.length} files lack the text column: ${first?.message}`,
      issues,
      { hint: "Name the column that holds the text under `fields.text` of the source." },
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
  const uncut = files.filter((file) => needsCutting(file, read.pieceBytes));
  return { files, splits: splitSources(files, read.splitBytes), uncut };
}

/**
 * Splits of files in their order, those of one source together.
 *
 * @param pieces of files that were cut, by URI
 */
export function splitSources(
  files: readonly InputFile[],
  splitBytes: number,
  pieces: ReadonlyMap<string, readonly Piece[]> = new Map(),
): readonly InputSplit[] {
  const bySource = Map.groupBy(files, (file) => file.source);
  return [...bySource.values()].flatMap((group) => splitFiles(group, splitBytes, pieces));
}

/** Cuts and groups the files of one source. */
function splitFiles(
  files: readonly InputFile[],
  splitBytes: number,
  pieces: ReadonlyMap<string, readonly Piece[]>,
): readonly InputSplit[] {
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
    const cut = pieces.get(file.uri);
    if (cut !== undefined || file.bytes > splitBytes) {
      const parts = cut?.map((piece) => partOfPiece(file, piece)) ?? partsOf(file, splitBytes);
      if (cut !== undefined || parts.length > 1) {
        close();
        for (const part of parts) splits.push({ source, bytes: part.end - part.start, parts: [part] });
        continue;
      }
    }
    if (groupBytes > 0 && (groupBytes + file.bytes > splitBytes || group.length >= maxFilesPerSplit)) close();
    group.push(partOf(file, { start: 0, row: 0 }));
    groupBytes += file.bytes;
  }
  close();
  return splits;
}

/** Parts of a large file, of about equal size; one part when it cannot be cut. */
function partsOf(file: InputFile, splitBytes: number): readonly SplitPart[] {
  const { bytes, borders } = file;
  const wanted = Math.ceil(bytes / splitBytes);
  const targets = Array.from({ length: wanted }, (_, piece) => Math.floor((bytes * piece) / wanted));
  let cuts: readonly Border[] = [];
  if (borders !== undefined) {
    // At the first border at or behind each target; a long row group swallows the targets inside it.
    const [, ...inner] = borders;
    cuts = targets.slice(1).flatMap((target) => inner.find(({ start }) => start >= target) ?? []);
    cuts = cuts.filter((cut, i) => cut.start !== cuts[i - 1]?.start);
  } else if (isCutAnywhere(file)) cuts = targets.slice(1).map((start) => ({ start }));
  const starts: readonly Border[] = [{ start: 0, row: 0, position: 0 }, ...cuts];
  return starts.map((border, i) => partOf(file, border, starts[i + 1]));
}

/** Formats whose readers find the first record of a range by themselves. */
function isCutAnywhere({ format, compression }: InputFile): boolean {
  if (format === "jsonl") return compression === "none";
  return (format === "warc" || format === "wet") && compression !== "zstd";
}

/** The part from one border to the next, or to the end of the file. */
function partOf(file: InputFile, { start, row, position }: Border, next?: Border): SplitPart {
  const { uri, format, compression, sha256, contentBytes } = file;
  const whole = start === 0 && next === undefined;
  return {
    uri,
    format,
    compression,
    start,
    end: next?.start ?? file.bytes,
    ...(row !== undefined && { row }),
    ...(!whole &&
      contentBytes !== undefined && { positions: { start: position ?? 0, end: next?.position ?? contentBytes } }),
    sha256,
  };
}

function partOfPiece({ uri, format }: InputFile, { path, bytes, sha256, position, damage }: Piece): SplitPart {
  const piece = { path, position, ...(damage !== undefined && { damage }) };
  const row = position === 0 ? { row: 0 } : {};
  return { uri, format, compression: "zstd", start: 0, end: bytes, ...row, piece, sha256 };
}
