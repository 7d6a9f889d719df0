/**
 * Repeated lines: what many kept documents say in the same words (menus, licences, cookie notices) is taken out of them.
 *
 * After CCNet (Wenzek et al., 2020), which hashes normalised paragraphs; here the hashes are sorted outside memory, so
 * the whole corpus is compared and not only the shards that fit into it.
 */
import type { RecordBatch } from "apache-arrow";
import {
  createRunFile,
  growingUint32,
  mergeRuns,
  openColumns,
  utf8Column,
  writeColumns,
  writeTextEdits,
  writeTurnedAway,
} from "../base/index.ts";
import type { TextColumn } from "../kernels/types.ts";
import { decisionKind } from "./choose.ts";
import { appendKeyWords, pickTexts } from "./documents.ts";
import { survivorKind } from "./exact.ts";
import { spill } from "./spill.ts";
import { noDocument, reasonCode, type DedupContext, type DedupTask, type DedupTaskResult } from "./types.ts";
import { inputPath, inputPaths, mergeOptions, outputPath, partitionOf } from "./work.ts";

/** Section `lines`: key (four words), dense id, row, line. */
export const lineKind = "dedup-lines-1";
/** Section `repeated`: partition, row, line. */
const repeatedKind = "dedup-repeated-lines-1";
const repeatedOfPartitionKind = "dedup-repeated-lines-of-partition-1";

/** Keys of a partition's lines, of kept documents only and of those that are long enough. */
export async function hashLines(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const { kernels } = context;
  const { minLineCharacters } = lineConfig(context);
  const partition = partitionOf(task, context);
  await using survivors = await openColumns(inputPath(task, 0, context), survivorKind);
  const denseOf = await survivors.u32("dense");
  const key = Array.from({ length: 4 }, () => growingUint32());
  const rest = Array.from({ length: 3 }, () => growingUint32());
  let lines = 0;
  for await (const { texts, rows } of keptTexts(task, context)) {
    const spans = linesOf(texts);
    const normal = kernels.normalizeForDedup(spans.column);
    const characters = kernels.countCodePoints(normal);
    const hashes = kernels.hashTexts(normal);
    for (const [text, row] of rows.entries()) {
      for (let line = spans.first[text] as number; line < (spans.first[text + 1] as number); line++) {
        lines++;
        if ((characters[line] as number) < minLineCharacters || characters[line] === 0) continue;
        appendKeyWords(key, hashes.subarray(16 * line, 16 * (line + 1)), partition.scope);
        rest[0]?.push(denseOf[row] as number);
        rest[1]?.push(row);
        rest[2]?.push(line - (spans.first[text] as number));
      }
    }
  }
  await using runs = await createRunFile(outputPath(task, 0, context), lineKind);
  const compared = key[0]?.length ?? 0;
  await runs.append(
    "lines",
    [...key, ...rest].map((column) => column.finish()),
  );
  return { outputs: [await runs.commit()], counts: { lines, compared } };
}

/**
 * Lines that stand in more than `maxDocuments` kept documents, by partition. With `keepFirst` the first of them in keep
 * order stays. Memory: one block of lines.
 */
export async function findRepeatedLines(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const { maxDocuments, keepFirst } = lineConfig(context);
  const paths = inputPaths(task, context);
  const counts = { distinctRepeated: 0, lines: 0 };
  const allPath = outputPath(task, 0, context);
  await using runs = await createRunFile(allPath, repeatedKind);
  const repeated = spill(runs, "repeated", 3);
  // The line that is being counted: its occurrences wait until there is one document too many.
  const waiting = growingUint32();
  let last: readonly (number | undefined)[] = [];
  let lastDocument = noDocument;
  let seen = 0;
  for await (const { columns, file, order } of mergeRuns(paths, lineKind, "lines", mergeOptions(context))) {
    const [w0, w1, w2, w3, dense, row, line] = columns;
    for (const at of order) {
      if (last[0] !== w0?.[at] || last[1] !== w1?.[at] || last[2] !== w2?.[at] || last[3] !== w3?.[at]) {
        last = [w0?.[at], w1?.[at], w2?.[at], w3?.[at]];
        lastDocument = noDocument;
        seen = 0;
        waiting.clear();
      }
      const document = dense?.[at] as number;
      if (document !== lastDocument) {
        lastDocument = document;
        seen++;
        if (seen === maxDocuments + 1) counts.distinctRepeated++;
      }
      waiting.push(file[at] as number);
      waiting.push(row?.[at] as number);
      waiting.push(line?.[at] as number);
      if (seen <= maxDocuments) continue;
      const words = waiting.finish();
      // Only the first flush of a line holds its first occurrence.
      const isFirst = seen === maxDocuments + 1 && words.length > 3;
      for (let next = keepFirst && isFirst ? 3 : 0; next < words.length; next += 3) {
        repeated.push(words[next] as number, words[next + 1] as number, words[next + 2] as number);
        counts.lines++;
      }
      waiting.clear();
      if (repeated.isFull()) await repeated.flush();
    }
  }
  await repeated.flush();
  const outputs = [await runs.commit()];
  // Ordered by partition now, so each one's file is written in turn.
  let rows = growingUint32();
  let lines = growingUint32();
  let partition = 0;
  const close = async (): Promise<void> => {
    const columns = { row: rows.finish(), line: lines.finish() };
    outputs.push(await writeColumns(outputPath(task, 1 + partition, context), repeatedOfPartitionKind, columns));
    rows = growingUint32();
    lines = growingUint32();
    partition++;
  };
  for await (const { columns, order } of mergeRuns([allPath], repeatedKind, "repeated", mergeOptions(context))) {
    const [of, row, line] = columns as [Uint32Array, Uint32Array, Uint32Array];
    for (const at of order) {
      while (partition < (of[at] as number)) await close();
      rows.push(row[at] as number);
      lines.push(line[at] as number);
    }
  }
  while (partition < paths.length) await close();
  return { outputs, counts };
}

/** Byte ranges of a partition's repeated lines; documents that are left too short are turned away whole. */
export async function cutLines(task: DedupTask, context: DedupContext): Promise<DedupTaskResult> {
  const { minDocumentCharacters } = lineConfig(context);
  await using repeated = await openColumns(inputPath(task, 2, context), repeatedOfPartitionKind);
  const repeatedRow = await repeated.u32("row");
  const repeatedLine = await repeated.u32("line");
  const edits = { rows: growingUint32(), offsets: growingUint32(), starts: growingUint32(), ends: growingUint32() };
  const away = { rows: growingUint32(), left: [] as number[] };
  const counts = { editedDocuments: 0, turnedAway: 0, bytesRemoved: 0 };
  edits.offsets.push(0);
  let next = 0;
  for await (const { texts, rows } of keptTexts(task, context)) {
    const spans = linesOf(texts);
    for (const [text, row] of rows.entries()) {
      if (repeatedRow[next] !== row) continue;
      const ranges: [number, number][] = [];
      for (; repeatedRow[next] === row; next++) {
        const line = (spans.first[text] as number) + (repeatedLine[next] as number);
        const start = (spans.column.offsets[line] as number) - (texts.offsets[text] as number);
        const end = (spans.column.offsets[line + 1] as number) - (texts.offsets[text] as number);
        const before = ranges.at(-1);
        if (before?.[1] === start) before[1] = end;
        else ranges.push([start, end]);
      }
      const bytes = (texts.offsets[text + 1] as number) - (texts.offsets[text] as number);
      const final = ranges.at(-1);
      // A text does not end with the feed of the line before those taken from its end.
      if (final !== undefined && final[1] === bytes && final[0] > 0) final[0]--;
      const left = charactersLeft(texts, text, ranges);
      if (left < minDocumentCharacters) {
        away.rows.push(row);
        away.left.push(left);
        counts.turnedAway++;
        continue;
      }
      edits.rows.push(row);
      for (const [start, end] of ranges) {
        edits.starts.push(start);
        edits.ends.push(end);
        counts.bytesRemoved += end - start;
      }
      edits.offsets.push(edits.starts.length);
      counts.editedDocuments++;
    }
  }
  const outputs = [
    await writeTextEdits(outputPath(task, 0, context), {
      rows: edits.rows.finish(),
      offsets: edits.offsets.finish(),
      starts: edits.starts.finish(),
      ends: edits.ends.finish(),
      separator: "",
    }),
    await writeTurnedAway(outputPath(task, 1, context), {
      rows: away.rows.finish(),
      reason: new Uint8Array(away.rows.length),
      reasons: ["repeated-lines"],
      value: Float32Array.from(away.left),
    }),
  ];
  return { outputs, counts };
}

function lineConfig({ config }: DedupContext): NonNullable<DedupContext["config"]["lines"]> {
  if (config.lines === undefined) throw new Error("Repeated lines are looked for only where they are configured");
  return config.lines;
}

/** Texts of the kept documents and their rows in the partition, batch by batch. */
async function* keptTexts(
  task: DedupTask,
  context: DedupContext,
): AsyncGenerator<{ readonly texts: TextColumn; readonly rows: readonly number[] }, void, undefined> {
  const partition = partitionOf(task, context);
  await using decisions = await openColumns(inputPath(task, 1, context), decisionKind);
  const reason = await decisions.u8("reason");
  let firstRow = 0;
  for await (const batch of partition.open()) {
    context.signal?.throwIfAborted();
    const rows = keptRows(batch, reason, firstRow);
    const texts = utf8Column(batch, "text", partition.key);
    const start = firstRow;
    firstRow += batch.numRows;
    if (rows.length === 0) continue;
    yield { texts: pickTexts(texts, rows), rows: rows.map((row) => start + row) };
  }
}

function keptRows(batch: RecordBatch, reason: Uint8Array, firstRow: number): number[] {
  const rows: number[] = [];
  for (let row = 0; row < batch.numRows; row++) if (reason[firstRow + row] === reasonCode.kept) rows.push(row);
  return rows;
}

interface Lines {
  /** Each line with its line feed, over the bytes of the texts. */
  readonly column: TextColumn;
  /** First line of each text, and behind the last one the number of all. */
  readonly first: Uint32Array;
}

function linesOf({ values, offsets, length }: TextColumn): Lines {
  const bounds = growingUint32();
  const first = new Uint32Array(length + 1);
  for (let text = 0; text < length; text++) {
    first[text] = bounds.length;
    const end = offsets[text + 1] as number;
    let start = offsets[text] as number;
    while (start < end) {
      bounds.push(start);
      const feed = values.indexOf(10, start);
      start = feed < 0 || feed >= end ? end : feed + 1;
    }
  }
  first[length] = bounds.length;
  bounds.push(offsets[length] as number);
  return { column: { values, offsets: Int32Array.from(bounds.finish()), length: bounds.length - 1 }, first };
}

/** Code points of a text outside some ranges. */
function charactersLeft(
  { values, offsets }: TextColumn,
  text: number,
  ranges: readonly (readonly [number, number])[],
): number {
  const base = offsets[text] as number;
  const end = (offsets[text + 1] as number) - base;
  let at = 0;
  let characters = 0;
  for (const [start, stop] of [...ranges, [end, end] as const]) {
    for (; at < start; at++) if (((values[base + at] as number) & 0xc0) !== 0x80) characters++;
    at = stop;
  }
  return characters;
}
