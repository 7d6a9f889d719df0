/**
 * External sorting: files of sorted runs, and the runs of many files read back as one ascending sequence.
 *
 * A row is a fixed number of unsigned 32-bit words and sorts by all of them. Every 64th row is kept as a sample beside
 * its run; the samples of all runs give splitters, so a merge reads one key range of every run at a time, sorts it by
 * radix and hands it out. Its memory is one such range and the samples, however many rows there are.
 */
import { assert, DataError, wrapFileError } from "./errors.ts";
import { createAtomicFile, readExactly, type AtomicFile, type FileDigest } from "./files.ts";
import { openFile, type OpenFile } from "./thread-files.ts";
import { sortRows } from "./radix.ts";

const magic = "FORGERUN";
const sampleEvery = 64;

/** Rows that a merge holds at a time, unless told otherwise. */
const defaultBlockRows = 1 << 19;

interface RunEntry {
  readonly section: string;
  readonly width: number;
  readonly rows: number;
  /** Of the samples; the rows follow them. */
  readonly position: number;
}

/** Writes runs, one behind the other. Equal content gives equal bytes. */
export interface RunFileWriter extends AsyncDisposable {
  /**
   * Sorts rows and appends them as a run; no rows, no run.
   *
   * @param section name under which runs are merged later, e.g. `exact`
   * @param columns the words of a row from the most to the least significant
   */
  append(section: string, columns: readonly Uint32Array[]): Promise<void>;
  commit(): Promise<FileDigest>;
}

/** @throws EnvironmentError `disk-full` from `append` or `commit` */
export async function createRunFile(path: string, kind: string): Promise<RunFileWriter> {
  const file: AtomicFile = await createAtomicFile(path);
  const runs: RunEntry[] = [];
  try {
    await file.write(Buffer.from(magic, "latin1"));
  } catch (error) {
    // Nobody has the file yet who could close it.
    await file[Symbol.asyncDispose]();
    throw error;
  }
  return {
    async append(section, columns) {
      const rows = columns[0]?.length ?? 0;
      if (rows === 0) return;
      const position = file.bytes;
      const order = sortRows(columns);
      const words = interleave(columns, order, 1);
      await file.write(bytesOf(interleave(columns, order, sampleEvery)));
      await file.write(bytesOf(words));
      runs.push({ section, width: columns.length, rows, position });
    },
    async commit() {
      const footer = Buffer.from(JSON.stringify({ kind, runs }), "utf8");
      const tail = Buffer.alloc(4 + magic.length);
      tail.writeUInt32LE(footer.byteLength);
      tail.write(magic, 4, "latin1");
      await file.write(Buffer.concat([footer, tail]));
      return await file.commit();
    },
    [Symbol.asyncDispose]: async () => await file[Symbol.asyncDispose](),
  };
}

/** Rows in ascending order: word `w` of the block's row `i` is `columns[w][order[i]]`. */
export interface SortedBlock {
  readonly columns: readonly Uint32Array[];
  /** Index of the file, among those given, that each row (not yet ordered) comes from. */
  readonly file: Uint32Array;
  readonly order: Uint32Array;
}

/**
 * The rows of a section over all files, ascending, in blocks of about `blockRows` rows.
 *
 * @throws DataError `run-file-invalid` when a file is truncated, of another kind or no run file
 */
export async function* mergeRuns(
  paths: readonly string[],
  kind: string,
  section: string,
  options: { readonly blockRows?: number; readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<SortedBlock, void, undefined> {
  const { blockRows = defaultBlockRows, signal } = options;
  const runs: Run[] = [];
  for (const [file, path] of paths.entries()) runs.push(...(await readSamples(path, file, kind, section)));
  const width = runs[0]?.width ?? 0;
  if (width === 0) return;
  assert(
    runs.every((run) => run.width === width),
    `all runs of ${section} have ${width} words a row`,
  );
  const splitters = chooseSplitters(runs, width, Math.max(1, Math.floor(blockRows / sampleEvery)));
  for (let range = 0; range <= splitters.length; range++) {
    signal?.throwIfAborted();
    const block = await readRange(runs, paths, width, splitters[range - 1], splitters[range]);
    if (block.order.length > 0) yield block;
  }
}

interface Run extends RunEntry {
  /** Index of its file. */
  readonly file: number;
  /** Every 64th row, row by row. */
  readonly samples: Uint32Array;
}

async function readSamples(path: string, file: number, kind: string, section: string): Promise<Run[]> {
  await using handle = await openRun(path);
  const { size } = await handle.stat();
  const tail = Buffer.alloc(4 + magic.length);
  await fill(handle, tail, size - tail.byteLength, path);
  if (tail.toString("latin1", 4) !== magic) throw invalid(path, "it does not end as one");
  const footerBytes = tail.readUInt32LE();
  const footer = Buffer.alloc(footerBytes);
  await fill(handle, footer, size - tail.byteLength - footerBytes, path);
  const parsed = JSON.parse(footer.toString("utf8")) as { readonly kind: string; readonly runs: readonly RunEntry[] };
  if (parsed.kind !== kind) throw invalid(path, `it holds ${parsed.kind}, ${kind} was expected`);
  const found: Run[] = [];
  for (const entry of parsed.runs) {
    if (entry.section !== section) continue;
    const samples = new Uint32Array(Math.ceil(entry.rows / sampleEvery) * entry.width);
    await fill(handle, bytesOf(samples), entry.position, path);
    found.push({ ...entry, file, samples });
  }
  return found;
}

/** Keys that cut all runs into ranges of about `samplesPerRange` samples; none when one range is enough. */
function chooseSplitters(runs: readonly Run[], width: number, samplesPerRange: number): Uint32Array[] {
  const total = runs.reduce((sum, run) => sum + run.samples.length / width, 0);
  if (total <= samplesPerRange) return [];
  const columns = Array.from({ length: width }, () => new Uint32Array(total));
  let next = 0;
  for (const { samples } of runs) {
    for (let at = 0; at < samples.length; at += width, next++) {
      for (const [word, column] of columns.entries()) column[next] = samples[at + word] as number;
    }
  }
  const order = sortRows(columns);
  const splitters: Uint32Array[] = [];
  for (let at = samplesPerRange; at < total; at += samplesPerRange) {
    const row = order[at] as number;
    splitters.push(Uint32Array.from(columns, (column) => column[row] as number));
  }
  return splitters;
}

/** All rows in `[low, high)`; an absent bound is open. */
async function readRange(
  runs: readonly Run[],
  paths: readonly string[],
  width: number,
  low: Uint32Array | undefined,
  high: Uint32Array | undefined,
): Promise<SortedBlock> {
  const parts: { readonly words: Uint32Array; readonly file: number }[] = [];
  let opened: { readonly file: number; readonly handle: OpenFile } | undefined;
  try {
    for (const run of runs) {
      // Samples stand at rows 0, 64, 128, …: the bounds lie at most one step before the first sample not below them.
      const from = low === undefined ? 0 : Math.max(0, lowerBound(run.samples, width, low) - 1) * sampleEvery;
      const end =
        high === undefined ? run.rows : Math.min(run.rows, lowerBound(run.samples, width, high) * sampleEvery);
      if (from >= end) continue;
      const path = paths[run.file] as string;
      if (opened?.file !== run.file) {
        await opened?.handle.close();
        opened = { file: run.file, handle: await openRun(path) };
      }
      const words = new Uint32Array((end - from) * width);
      await fill(opened.handle, bytesOf(words), run.position + 4 * (run.samples.length + from * width), path);
      const first = low === undefined ? 0 : lowerBound(words, width, low);
      const last = high === undefined ? end - from : lowerBound(words, width, high);
      if (first < last) parts.push({ words: words.subarray(first * width, last * width), file: run.file });
    }
  } finally {
    await opened?.handle.close();
  }
  const rows = parts.reduce((sum, part) => sum + part.words.length / width, 0);
  const columns = Array.from({ length: width }, () => new Uint32Array(rows));
  const file = new Uint32Array(rows);
  let next = 0;
  for (const part of parts) {
    file.fill(part.file, next, next + part.words.length / width);
    for (let at = 0; at < part.words.length; at += width, next++) {
      for (let word = 0; word < width; word++) (columns[word] as Uint32Array)[next] = part.words[at + word] as number;
    }
  }
  return { columns, file, order: sortRows(columns) };
}

/** Index of the first of some sorted rows that is not below a key. */
function lowerBound(words: Uint32Array, width: number, key: Uint32Array): number {
  let low = 0;
  let high = words.length / width;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBelow(words, middle * width, key)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isBelow(words: Uint32Array, at: number, key: Uint32Array): boolean {
  for (let word = 0; word < key.length; word++) {
    const difference = (words[at + word] as number) - (key[word] as number);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** Every `step`-th row of an order, row by row. */
function interleave(columns: readonly Uint32Array[], order: Uint32Array, step: number): Uint32Array {
  const width = columns.length;
  const words = new Uint32Array(Math.ceil(order.length / step) * width);
  for (const [word, column] of columns.entries()) {
    for (let at = 0, to = word; at < order.length; at += step, to += width)
      words[to] = column[order[at] as number] as number;
  }
  return words;
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

async function openRun(path: string): Promise<OpenFile> {
  try {
    return await openFile(path, "r");
  } catch (error) {
    throw wrapFileError(error, path);
  }
}

/** Fills `target` from a position. @throws DataError when the file ends before */
async function fill(handle: OpenFile, target: Uint8Array, position: number, path: string): Promise<void> {
  if (position < 0 || !(await readExactly(handle, target, position))) throw invalid(path, "it is truncated");
}

function invalid(path: string, problem: string): DataError {
  return new DataError(
    "run-file-invalid",
    `${path} cannot be read as a file of sorted runs: ${problem}`,
    { file: path },
    { hint: "Remove it and run the same command again: the task that writes it is redone." },
  );
}
