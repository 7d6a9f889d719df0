/**
 * Files to splits of about equal size: what one task reads.
 *
 * Large files are cut: JSON Lines and WARC anywhere, Parquet between row groups, Arrow files between record batches.
 * Small files of a source are grouped in their order; what cannot be cut is a split by itself.
 */
import type { Border, InputFile, InputSplit, Piece, SplitPart } from "./types.ts";

/** Most files of one split: each costs an open, so tiny ones must not pile up in one task. */
const maxFilesPerSplit = 4096;

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
  const { uri, format, compression, fingerprint, remote, copy, contentBytes } = file;
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
    ...(copy !== undefined && { copy: copy.path }),
    fingerprint: copy?.sha256 ?? fingerprint,
    // What was copied is not fetched again.
    ...(remote !== undefined && copy === undefined && { remote }),
  };
}

function partOfPiece({ uri, format, fingerprint: whole }: InputFile, made: Piece): SplitPart {
  const { path, bytes, sha256: fingerprint = whole, compression, position, damage } = made;
  const piece = { path, position, ...(damage !== undefined && { damage }) };
  const row = position === 0 ? { row: 0 } : {};
  return { uri, format, compression, start: 0, end: bytes, ...row, piece, fingerprint };
}
