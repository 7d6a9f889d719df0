/**
 * The first stage, one task for each input split: read, repair, then the filters in the config's order.
 *
 * Leaves documents that passed, rejects with stage, reason and measured value, bad input, and what it takes to filter
 * the same documents again without their source.
 */
import { join } from "node:path";
import { makeData, RecordBatch, Struct } from "../../../schemas/arrow.ts";
import { documentArrowSchema, utf8Data } from "../../../schemas/record/document.ts";
import {
  assert,
  createAtomicFile,
  createChannel,
  DataError,
  giveMemoryBack,
  startLaps,
  utf8Column,
  type Laps,
} from "../../base/index.ts";
import { createFilters, type FilteredBatch, type FilterLists } from "../../filter/index.ts";
import { writeParquetBatches, type ParquetBatch } from "../../shard/index.ts";
import { takeRows, takeTexts, writeBatches } from "../batches.ts";
import type { TaskContext, TaskOutcome } from "../executor.ts";
import { partitionFiles } from "../layout.ts";
import { batchValues, listUnlessEmpty, rejectColumns, rejectsZstdLevel, rowsOf } from "../parquet-columns.ts";
import { readDocuments, type ReadingInput, type TurnedAway } from "./reading.ts";
import { fate, openStored, originalsSchema, writeFates, writeStore, type Fates, type StoreKeys } from "./stored.ts";

export interface IngestInput extends ReadingInput, FilterLists, StoreKeys {
  readonly partition: number;
  /** Signal columns of the whole corpus: every partition has the same. */
  readonly signals: readonly string[];
  /** Of the file of rejects. */
  readonly rowGroupBytes: number;
  /** Fail instead of reading the source: the documents must be stored. */
  readonly storedOnly: boolean;
}

/** Counts of one split; in = kept + rejected + quarantined. */
export interface IngestCounts {
  readonly documentsIn: number;
  readonly kept: number;
  readonly rejected: Readonly<Record<string, number>>;
  /** The same by step: a filter, or what comes before them. */
  readonly rejectedBy: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly quarantined: number;
  /** U+FFFD put in for invalid UTF-8 and lone surrogates. */
  readonly replacements: number;
  /** Bytes of kept documents that line rules took out. */
  readonly editedBytes: number;
}

export async function ingest(input: IngestInput, context: TaskContext): Promise<TaskOutcome> {
  const { partition, signals, rowGroupBytes } = input;
  const { folder } = context;
  const paths = partitionFiles(partition);
  const counts = { documentsIn: 0, kept: 0, quarantined: 0, editedBytes: 0 };
  const reading: Record<string, number> = { replacements: 0 };
  const rejected: Record<string, number> = {};
  const rejectedBy: Record<string, Record<string, number>> = {};
  const chain = await createFilters(input, signals);
  const rejects = createChannel<ParquetBatch>();
  const originals = createChannel<RecordBatch>();
  const fates: Fates = { fates: [], edited: [], batchEnds: [] };
  const laps = startLaps();
  const readings = (await openStored(folder, partition, input)) ?? readFromSource(input, folder, laps);
  await using quarantine = await createAtomicFile(join(folder, paths.quarantine));
  const keep = async function* (): AsyncGenerator<RecordBatch, void, undefined> {
    for await (const item of readings) {
      laps.lap("read");
      if ("quarantine" in item) {
        counts.documentsIn++;
        counts.quarantined++;
        await quarantine.write(Buffer.from(`${JSON.stringify(item.quarantine)}\n`, "utf8"));
        continue;
      }
      for (const [name, count] of Object.entries(item.counts)) reading[name] = (reading[name] ?? 0) + count;
      counts.documentsIn += item.batch.numRows;
      const refused = new Set(item.turnedAway.map(({ row }) => row));
      const filtered = chain.apply(item.batch, {
        refused,
        identified: item.identified,
        onFiltered: laps.lap,
      });
      counts.editedBytes += filtered.editedBytes;
      const { kept, turnedAway } = sortOut(filtered, item.turnedAway);
      for (const { stage, reason } of turnedAway) {
        rejected[reason] = (rejected[reason] ?? 0) + 1;
        const ofStep = (rejectedBy[stage] ??= {});
        ofStep[reason] = (ofStep[reason] ?? 0) + 1;
      }
      if (turnedAway.length > 0) await rejects.push(rejectBatch(filtered.batch, turnedAway));
      const edited = kept.filter((row) => filtered.edited[row] === 1);
      if (edited.length > 0) await originals.push(textsOf(item.batch, edited));
      recordFates(fates, item.batch.numRows, kept, item.turnedAway, filtered.edited);
      counts.kept += kept.length;
      const batch = takeRows(filtered.batch, kept, filtered.texts(Int32Array.from(kept)));
      laps.lap("sort-out");
      context.report({ bytes: item.bytes, documents: item.batch.numRows, kept: kept.length, steps: laps.take() });
      // The rejects are written, and what is kept was copied unless it is all of the batch.
      if (kept.length < item.batch.numRows) giveMemoryBack(utf8Column(item.batch, "text", "batch").values);
      if (kept.length > 0) yield batch;
      laps.lap("write");
    }
  };
  /** The two other files end as this one does. */
  const kept = async function* (): AsyncGenerator<RecordBatch, void, undefined> {
    try {
      yield* keep();
      rejects.close();
      originals.close();
    } catch (error) {
      rejects.fail(error);
      originals.fail(error);
      throw error;
    }
  };
  const [documents, turnedAway, before] = await Promise.all([
    writeBatches(join(folder, paths.documents), documentArrowSchema(signals), kept()),
    writeParquetBatches(join(folder, paths.filteredParquet), rejectColumns(signals), rejects, {
      rowGroupBytes,
      zstdLevel: rejectsZstdLevel,
    }),
    writeBatches(join(folder, paths.originals), originalsSchema, originals),
  ]);
  const order = await writeFates(join(folder, paths.fates), fates);
  const bad = await quarantine.commit();
  assert(documents.rows === counts.kept, "all kept documents are written");
  assert(counts.documentsIn === counts.kept + turnedAway.rows + counts.quarantined, "no document is lost in ingest");
  const files = [
    { path: paths.documents, ...documents },
    ...(await listUnlessEmpty(folder, paths.filteredParquet, turnedAway)),
    { path: paths.originals, ...before },
    { path: paths.fates, ...order },
    { path: paths.quarantine, ...bad },
  ];
  laps.lap("write");
  context.report({ bytes: 0, steps: laps.take() });
  const store = await writeStore(folder, partition, input, reading, files);
  return {
    files: [...files, { path: paths.store, ...store }],
    result: { ...counts, ...reading, rejected, rejectedBy },
  };
}

function readFromSource(input: IngestInput, folder: string, laps: Laps): ReturnType<typeof readDocuments> {
  if (!input.storedOnly) return readDocuments(input, folder, laps.lap);
  throw new DataError(
    "stored-documents-gone",
    `The stored documents of ${input.split.parts[0]?.uri ?? "a split"} and what follows it are gone or damaged`,
    {},
    { hint: "Run `forge build-corpus CONFIG --update` once: it reads the source again." },
  );
}

function recordFates(
  { fates, edited, batchEnds }: Fates,
  rows: number,
  kept: readonly number[],
  refused: readonly TurnedAway[],
  isEdited: Uint8Array,
): void {
  const first = fates.length;
  for (let row = 0; row < rows; row++) fates.push(fate.filtered);
  for (let row = 0; row < rows; row++) edited.push(0);
  for (const row of kept) {
    fates[first + row] = fate.kept;
    edited[first + row] = isEdited[row] as number;
  }
  for (const { row } of refused) fates[first + row] = fate.refused;
  batchEnds.push(first + rows);
}

function sortOut(
  { batch, rejections }: FilteredBatch,
  refused: readonly TurnedAway[],
): { readonly kept: readonly number[]; readonly turnedAway: readonly TurnedAway[] } {
  const { offsets } = utf8Column(batch, "text", "batch");
  const before = new Map(refused.map((one) => [one.row, one]));
  const kept: number[] = [];
  const turnedAway: TurnedAway[] = [];
  for (const [row, rejection] of rejections.entries()) {
    const earlier = before.get(row);
    if (earlier !== undefined) turnedAway.push(earlier);
    else if (rejection !== null) {
      const { filter, reason, value } = rejection;
      turnedAway.push({ row, stage: filter, reason, value: value ?? Number.NaN });
    } else if (offsets[row + 1] === offsets[row])
      turnedAway.push({ row, stage: "repair", reason: "empty-text", value: 0 });
    else kept.push(row);
  }
  return { kept, turnedAway };
}

/** Rejected documents with the texts that they came with. */
function rejectBatch(batch: RecordBatch, turnedAway: readonly TurnedAway[]): ParquetBatch {
  const rows = turnedAway.map(({ row }) => row);
  const at = (i: number): TurnedAway => turnedAway[i] as TurnedAway;
  const columns = {
    ...rowsOf(batchValues(batch), rows),
    stage: (i: number) => at(i).stage,
    reason: (i: number) => at(i).reason,
    value: (i: number) => (Number.isNaN(at(i).value) ? null : at(i).value),
  };
  return { rows: rows.length, columns };
}

function textsOf(batch: RecordBatch, rows: readonly number[]): RecordBatch {
  const children = [utf8Data(takeTexts(utf8Column(batch, "text", "batch"), rows))];
  const type = new Struct(originalsSchema.fields);
  return new RecordBatch(originalsSchema, makeData({ type, length: rows.length, nullCount: 0, children }));
}
