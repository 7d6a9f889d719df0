/**
 * The last stage of decontamination: `mark` in each partition what is turned away or cut, with a report of every hit
 * that counts.
 */
import { join } from "node:path";
import type { DecontaminateConfig } from "../../../schemas/config/decontaminate.ts";
import { growingUint32, utf8Column, writeTextEdits, writeTurnedAway, type FileDigest } from "../../base/index.ts";
import {
  attributeHits,
  cutReasons,
  planCut,
  readFlags,
  readHits,
  type Attribution,
  type DocumentHit,
} from "../../decontaminate/index.ts";
import { writeParquet, type ParquetColumn, type ParquetRow } from "../../shard/index.ts";
import type { TaskContext, TaskOutcome } from "../executor.ts";
import { partitionFiles, workFolder } from "../layout.ts";
import { listUnlessEmpty } from "../parquet-columns.ts";
import { openIndex, type ScanInput } from "./decontaminate.ts";
import { decidedBatches, type DecidedBatch } from "./kept.ts";

export interface MarkInput extends ScanInput {
  readonly sets: readonly string[];
  readonly config: Pick<
    DecontaminateConfig,
    "action" | "maxCorpusFrequency" | "window" | "minPieceCharacters" | "maxPieces"
  >;
}

/** What `mark` tells the manifest. */
export interface MarkFigures {
  /** Kept documents that are flagged, and those of them that are so by a copy alone. */
  readonly flagged: number;
  readonly flaggedByCopy: number;
  readonly cutDocuments: number;
  readonly cutCharacters: number;
}

export async function markDocuments(input: MarkInput, context: TaskContext): Promise<TaskOutcome> {
  const { partition, config } = input;
  const { folder } = context;
  const paths = partitionFiles(partition);
  const { edits, turnedAway } = paths.revision("decontaminate");
  const marking = new Marking();
  const report = await writeParquet(
    join(folder, paths.contaminationParquet),
    findingColumns,
    findingRows(input, context, marking),
  );
  const files: (FileDigest & { readonly path: string; readonly rows?: number })[] = [
    ...(await listUnlessEmpty(folder, paths.contaminationParquet, report)),
  ];
  if (config.action !== "report") {
    files.push({ path: edits, ...(await writeTextEdits(join(folder, edits), marking.edits())) });
    files.push({ path: turnedAway, ...(await writeTurnedAway(join(folder, turnedAway), marking.turnedAway())) });
  }
  return { files, result: { ...marking.figures } };
}

/** Columns of `decontamination/part-*.parquet`; see `schemas/record/contamination.ts`. */
const findingColumns: readonly ParquetColumn[] = [
  { name: "set", type: "string" },
  { name: "example", type: "string" },
  { name: "part", type: "string" },
  { name: "documentId", type: "string" },
  { name: "source", type: "string" },
  { name: "keptId", type: "string" },
  { name: "outcome", type: "string" },
  { name: "ngrams", type: "int32" },
  { name: "share", type: "double" },
  { name: "text", type: "string" },
];

/** Bytes of a matched passage that are shown. */
const excerptBytes = 1000;

const contaminated = "contaminated";
const reasons = [contaminated, ...cutReasons] as const;
type Reason = (typeof reasons)[number];

/** What `mark` decides for the rows of a partition, in their order. */
class Marking {
  readonly figures = { flagged: 0, flaggedByCopy: 0, cutDocuments: 0, cutCharacters: 0 };
  readonly #editRows = growingUint32(64);
  readonly #offsets = growingUint32(64);
  readonly #starts = growingUint32(64);
  readonly #ends = growingUint32(64);
  readonly #away: { row: number; reason: Reason; value: number }[] = [];

  turnAway(row: number, reason: Reason, value: number): void {
    this.#away.push({ row, reason, value });
  }

  cut(row: number, ranges: readonly { readonly start: number; readonly end: number }[], characters: number): void {
    this.#editRows.push(row);
    this.#offsets.push(this.#starts.length);
    for (const { start, end } of ranges) {
      this.#starts.push(start);
      this.#ends.push(end);
    }
    this.figures.cutDocuments++;
    this.figures.cutCharacters += characters;
  }

  edits(): Parameters<typeof writeTextEdits>[1] {
    this.#offsets.push(this.#starts.length);
    return {
      rows: this.#editRows.finish(),
      offsets: this.#offsets.finish(),
      starts: this.#starts.finish(),
      ends: this.#ends.finish(),
      separator: "\n\n",
    };
  }

  turnedAway(): Parameters<typeof writeTurnedAway>[1] {
    return {
      rows: Uint32Array.from(this.#away, ({ row }) => row),
      reason: Uint8Array.from(this.#away, ({ reason }) => reasons.indexOf(reason)),
      reasons,
      value: Float32Array.from(this.#away, ({ value }) => value),
    };
  }
}

type Outcome = "reported" | "cut" | "dropped" | "duplicate" | "removed";

/** Walks the documents, decides about the flagged ones and yields a row for each finding. */
async function* findingRows(
  input: MarkInput,
  context: TaskContext,
  marking: Marking,
): AsyncGenerator<ParquetRow, void, undefined> {
  const { partition, before, sets, config } = input;
  const { folder } = context;
  const flags = await readFlags(join(folder, workFolder));
  if (flags.clusters.size === 0) return;
  const all = await readHits(join(folder, partitionFiles(partition).contaminationHits));
  const hitsOf = new Map<number, DocumentHit[]>();
  for (const [i, gram] of all.grams.entries()) {
    if ((flags.documents[gram] as number) > config.maxCorpusFrequency) continue;
    const row = all.texts[i] as number;
    const own = hitsOf.get(row) ?? [];
    hitsOf.set(row, own);
    own.push({ position: all.positions[i] as number, gram });
  }
  const index = await openIndex(context);
  for await (const batch of decidedBatches(folder, partition, before)) {
    const { firstRow } = batch;
    const texts = utf8Column(batch.batch, "text", "documents");
    for (const { row, keptId, stage } of rowsOf(batch)) {
      const hits = hitsOf.get(firstRow + row);
      const isFlagged = flags.clusters.has(keptId);
      if (hits === undefined && (!isFlagged || stage !== undefined)) continue;
      const text = texts.values.subarray(texts.offsets[row], texts.offsets[row + 1]);
      const found = hits === undefined ? nothingFound : attributeHits(text, hits, index);
      const outcome =
        stage === undefined
          ? decide(firstRow + row, text, found, config, marking)
          : stage === "dedup"
            ? "duplicate"
            : "removed";
      for (const { set, example, part, ngrams, share, longest } of found.findings) {
        yield {
          set: sets[set],
          example,
          part,
          documentId: textAt(batch, "id", row),
          source: textAt(batch, "source", row),
          keptId,
          outcome,
          ngrams,
          share,
          text: excerpt(text, longest),
        };
      }
    }
  }
}

const nothingFound: Attribution = { findings: [], matches: [] };

/** What happens to a kept document that is flagged. */
function decide(
  row: number,
  text: Uint8Array,
  { findings, matches }: Attribution,
  config: MarkInput["config"],
  marking: Marking,
): Outcome {
  marking.figures.flagged++;
  if (matches.length === 0) marking.figures.flaggedByCopy++;
  if (config.action === "report") return "reported";
  const ngrams = findings.reduce((sum, finding) => sum + finding.ngrams, 0);
  if (config.action === "drop") {
    marking.turnAway(row, contaminated, ngrams);
    return "dropped";
  }
  // A copy has the hit and this text has not: there is nothing to take out of it.
  if (matches.length === 0) return "reported";
  const cut = planCut(text, matches, config);
  if ("reason" in cut) {
    marking.turnAway(row, cut.reason, cut.pieces);
    return "dropped";
  }
  marking.cut(row, cut.ranges, cut.characters);
  return "cut";
}

/** All rows in their order, each with the stage that removed it and the document that is kept for it. */
function rowsOf({ batch, removed }: DecidedBatch): { row: number; keptId: string; stage: string | undefined }[] {
  const away = new Map(removed.map((one) => [one.row, one]));
  const ids = batch.getChild("id");
  return Array.from({ length: batch.numRows }, (_, row) => {
    const one = away.get(row);
    return { row, keptId: one?.partner ?? String(ids?.get(row)), stage: one?.stage };
  });
}

function textAt({ batch }: DecidedBatch, name: string, row: number): string {
  return String(batch.getChild(name)?.get(row));
}

/** The matched passage, or its beginning, ended at a character. */
function excerpt(text: Uint8Array, { start, end }: { readonly start: number; readonly end: number }): string {
  let stop = Math.min(end, start + excerptBytes);
  while (stop < end && ((text[stop] as number) & 0xc0) === 0x80) stop--;
  return Buffer.from(text.subarray(start, stop)).toString("utf8");
}
