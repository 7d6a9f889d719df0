/**
 * The first stage, one task for each input split: read, repair, then the filters in the config's order.
 *
 * Leaves three files: documents that passed, rejects with stage, reason and measured value, and bad input.
 */
import { join } from "node:path";
import { Field, Float32, makeData, RecordBatch, Schema, Struct, Utf8, type Data } from "apache-arrow";
import type { ReadConfig, SourceConfig } from "../../../schemas/config/corpus.ts";
import { documentArrowSchema, float32Data, Utf8ColumnBuilder } from "../../../schemas/record/document.ts";
import type { RepairConfig } from "../../../schemas/config/extract.ts";
import { assert, createAtomicFile, utf8Column } from "../../base/index.ts";
import { repairTexts } from "../../extract/index.ts";
import { createFilters, type FilterLists } from "../../filter/index.ts";
import { readSplit, type InputSplit } from "../../read/index.ts";
import { replaceTexts, takeRows, writeBatches } from "../batches.ts";
import type { TaskContext, TaskOutcome } from "../executor.ts";
import { partitionFiles } from "../layout.ts";

export interface IngestInput extends FilterLists {
  readonly partition: number;
  /** Absolute; the one thing here that decides no byte of the output. */
  readonly root: string;
  readonly split: InputSplit;
  readonly source: Pick<SourceConfig, "fields" | "language">;
  readonly read: ReadConfig;
  readonly repair: RepairConfig;
  /** Signal columns of the whole corpus: every partition has the same. */
  readonly signals: readonly string[];
}

/** Counts of one split; in = kept + rejected + quarantined. */
export interface IngestCounts {
  readonly documentsIn: number;
  readonly kept: number;
  readonly rejected: Readonly<Record<string, number>>;
  readonly quarantined: number;
  /** U+FFFD put in for invalid UTF-8. */
  readonly replacements: number;
  /** Bytes of kept documents that line rules took out. */
  readonly editedBytes: number;
}

export async function ingest(input: IngestInput, context: TaskContext): Promise<TaskOutcome> {
  const { partition, split, signals } = input;
  const paths = partitionFiles(partition);
  const counts = { documentsIn: 0, kept: 0, quarantined: 0, replacements: 0, editedBytes: 0 };
  const rejected: Record<string, number> = {};
  const chain = await createFilters(input, signals);
  const rejects: RecordBatch[] = [];
  await using quarantine = await createAtomicFile(join(context.folder, paths.quarantine));
  const keep = async function* (): AsyncGenerator<RecordBatch, void, undefined> {
    for await (const item of readSplit(split, input)) {
      if ("quarantine" in item) {
        counts.documentsIn++;
        counts.quarantined++;
        await quarantine.write(Buffer.from(`${JSON.stringify(item.quarantine)}\n`, "utf8"));
        continue;
      }
      counts.documentsIn += item.batch.numRows;
      counts.replacements += item.replacements;
      const { text } = repairTexts(utf8Column(item.batch, "text", "batch"), input.repair);
      // What is left empty is turned away below.
      const repaired = replaceTexts(item.batch, text);
      const filtered = chain.apply(repaired);
      counts.editedBytes += filtered.editedBytes;
      const { kept, turnedAway } = sortOut(filtered.batch, filtered.rejections);
      for (const { reason } of turnedAway) rejected[reason] = (rejected[reason] ?? 0) + 1;
      if (turnedAway.length > 0) rejects.push(rejectBatch(filtered.batch, turnedAway));
      counts.kept += kept.length;
      context.report({ bytes: textBytes(item.batch) });
      if (kept.length > 0) yield takeRows(filtered.batch, kept);
    }
  };
  const documents = await writeBatches(join(context.folder, paths.documents), documentArrowSchema(signals), keep());
  const turnedAway = await writeBatches(join(context.folder, paths.rejects), rejectSchema, rejects);
  const bad = await quarantine.commit();
  assert(documents.rows === counts.kept, "all kept documents are written");
  assert(counts.documentsIn === counts.kept + turnedAway.rows + counts.quarantined, "no document is lost in ingest");
  return {
    files: [
      { path: paths.documents, ...documents },
      { path: paths.rejects, ...turnedAway },
      { path: paths.quarantine, ...bad },
    ],
    result: { ...counts, rejected },
  };
}

/** Stands for the bytes read so far: close enough for a progress line. */
function textBytes(batch: RecordBatch): number {
  const { offsets, length } = utf8Column(batch, "text", "batch");
  return (offsets[length] as number) - (offsets[0] as number);
}

interface TurnedAway {
  readonly row: number;
  readonly stage: string;
  readonly reason: string;
  /** NaN where the rule measures nothing. */
  readonly value: number;
}

function sortOut(
  batch: RecordBatch,
  rejections: readonly ({ readonly filter: string; readonly reason: string; readonly value: number | null } | null)[],
): { readonly kept: readonly number[]; readonly turnedAway: readonly TurnedAway[] } {
  const { offsets } = utf8Column(batch, "text", "batch");
  const kept: number[] = [];
  const turnedAway: TurnedAway[] = [];
  for (const [row, rejection] of rejections.entries()) {
    if (rejection !== null) {
      const { filter, reason, value } = rejection;
      turnedAway.push({ row, stage: filter, reason, value: value ?? Number.NaN });
    } else if (offsets[row + 1] === offsets[row])
      turnedAway.push({ row, stage: "repair", reason: "empty-text", value: 0 });
    else kept.push(row);
  }
  return { kept, turnedAway };
}

const rejectSchema = new Schema([
  new Field("id", new Utf8(), false),
  new Field("source", new Utf8(), false),
  new Field("stage", new Utf8(), false),
  new Field("reason", new Utf8(), false),
  new Field("value", new Float32(), true),
  new Field("text", new Utf8(), false),
]);

function rejectBatch(batch: RecordBatch, turnedAway: readonly TurnedAway[]): RecordBatch {
  const taken = takeRows(
    batch,
    turnedAway.map(({ row }) => row),
  );
  const column = (name: string): Data =>
    taken.data.children[taken.schema.fields.findIndex((field) => field.name === name)] as Data;
  const labels = (pick: (one: TurnedAway) => string): Data => {
    const builder = new Utf8ColumnBuilder();
    for (const one of turnedAway) builder.appendString(pick(one));
    return builder.finish();
  };
  const children = [
    column("id"),
    column("source"),
    labels((one) => one.stage),
    labels((one) => one.reason),
    float32Data(Float32Array.from(turnedAway, (one) => one.value)),
    column("text"),
  ];
  const type = new Struct(rejectSchema.fields);
  return new RecordBatch(rejectSchema, makeData({ type, length: turnedAway.length, nullCount: 0, children }));
}
