/**
 * The stages of decontamination: `index` the evaluation sets, `scan` each partition, `flag` over the whole corpus,
 * `mark` in each partition what is turned away or cut, with a report of every hit.
 */
import { join } from "node:path";
import type { DecontaminateConfig, EvaluationSet } from "../../../schemas/config/decontaminate.ts";
import type { RemoteConfig } from "../../../schemas/config/remote.ts";
import {
  growingUint32,
  utf8Column,
  writeTextEdits,
  writeTurnedAway,
  type FileDigest,
  type Utf8Column,
} from "../../base/index.ts";
import {
  attributeHits,
  cutReasons,
  findHits,
  flagClusters,
  flagsPath,
  joinHits,
  openContaminationIndex,
  planCut,
  readFlags,
  readHits,
  writeContaminationIndex,
  writeFlags,
  writeHits,
  type Attribution,
  type ContaminationIndex,
  type DocumentHit,
  type ExampleOutcome,
  type Hits,
  type PartitionHits,
  type SetOutcome,
} from "../../decontaminate/index.ts";
import { decisionsPath, readDecisions } from "../../dedup/index.ts";
import { loadKernels } from "../../kernels/index.ts";
import { writeParquet, type ParquetColumn, type ParquetRow } from "../../shard/index.ts";
import { readBatches } from "../batches.ts";
import type { TaskContext, TaskOutcome } from "../executor.ts";
import { contaminatedExamplesPath, partitionFiles, workFolder, type Revision } from "../layout.ts";
import { readSecrets } from "../secrets.ts";
import { asDocuments, readExamples, type EvaluationFile } from "./evaluation.ts";
import { decidedBatches, type DecidedBatch } from "./kept.ts";
import type { TextPreparation } from "./reading.ts";

export interface EvaluationIndexInput {
  readonly config: Pick<DecontaminateConfig, "ngram" | "minWords"> & {
    readonly sets: readonly Pick<EvaluationSet, "name" | "fields">[];
  };
  /** What was done to documents is done to examples. */
  readonly preparation: TextPreparation;
  readonly files: readonly EvaluationFile[];
  /** Absolute; decides no byte of the output. */
  readonly root: string;
  readonly remote: RemoteConfig;
}

export interface ScanInput {
  readonly partition: number;
  /** Stages whose revisions of the texts are applied before: those in front of decontamination. */
  readonly before: readonly Revision[];
}

export interface FlagInput {
  readonly partitions: number;
  readonly sets: readonly string[];
  readonly maxCorpusFrequency: number;
}

export interface MarkInput extends ScanInput {
  readonly sets: readonly string[];
  readonly config: Pick<
    DecontaminateConfig,
    "action" | "maxCorpusFrequency" | "window" | "minPieceCharacters" | "maxPieces"
  >;
}

/** What `index` tells the manifest. */
export interface IndexFigures {
  readonly ngrams: number;
  readonly wholes: number;
  /** Memory of the index, held once for all workers. */
  readonly bytes: number;
  readonly sets: readonly { readonly examples: number; readonly tooShort: number }[];
}

/** What `flag` tells the manifest. */
export interface FlagFigures {
  readonly clusters: number;
  readonly sets: readonly SetOutcome[];
}

/** What `mark` tells the manifest. */
export interface MarkFigures {
  /** Kept documents that are flagged, and those of them that are so by a copy alone. */
  readonly flagged: number;
  readonly flaggedByCopy: number;
  readonly cutDocuments: number;
  readonly cutCharacters: number;
}

export async function indexEvaluationSets(input: EvaluationIndexInput, context: TaskContext): Promise<TaskOutcome> {
  const { config, preparation, files, root, remote } = input;
  const { sets, ngram, minWords } = config;
  const kernels = await loadKernels();
  const sources = { root, remote, secrets: await readSecrets(context.folder) };
  const examples = asDocuments(readExamples(sets, files, sources), preparation, kernels);
  const written = await writeContaminationIndex(examples, join(context.folder, workFolder), {
    ngram,
    minWords,
    sets: sets.length,
    kernels,
  });
  const figures: IndexFigures = {
    ngrams: written.ngrams,
    wholes: written.wholes,
    bytes: written.files.reduce((sum, file) => sum + file.bytes, 0),
    sets: written.sets,
  };
  return {
    files: written.files.map(({ path, ...digest }) => ({ path: `${workFolder}/${path}`, ...digest })),
    result: toResult(figures),
  };
}

export async function scanPartition(input: ScanInput, context: TaskContext): Promise<TaskOutcome> {
  const { partition, before } = input;
  const { documents, contaminationHits } = partitionFiles(partition);
  const kernels = await loadKernels();
  const index = await openIndex(context);
  const found: { firstRow: number; hits: Hits }[] = [];
  let firstRow = 0;
  for await (const column of textColumns(context.folder, partition, before)) {
    const hits = findHits(column, index, kernels);
    if (hits.texts.length > 0) found.push({ firstRow, hits });
    firstRow += column.length;
  }
  const hits = joinHits(found);
  const digest = await writeHits(join(context.folder, contaminationHits), hits);
  const result = { source: documents, documents: new Set(hits.texts).size, hits: hits.texts.length };
  return { files: [{ path: contaminationHits, ...digest }], result };
}

/** Texts of all rows of a partition, removed ones too: a copy's hit flags its cluster. */
async function* textColumns(
  folder: string,
  partition: number,
  before: readonly Revision[],
): AsyncGenerator<Utf8Column, void, undefined> {
  const { documents } = partitionFiles(partition);
  if (before.length === 0) {
    for await (const batch of readBatches(join(folder, documents))) yield utf8Column(batch, "text", documents);
    return;
  }
  for await (const { batch } of decidedBatches(folder, partition, before)) yield utf8Column(batch, "text", documents);
}

export async function flagDocuments(input: FlagInput, context: TaskContext): Promise<TaskOutcome> {
  const { partitions, sets, maxCorpusFrequency } = input;
  const { folder } = context;
  const index = await openIndex(context);
  const flags = await flagClusters(hitsOfPartitions(folder, partitions), index, {
    maxCorpusFrequency,
    sets: sets.length,
  });
  const digest = await writeFlags(join(folder, workFolder), flags);
  const examples = await writeParquet(
    join(folder, contaminatedExamplesPath),
    exampleColumns,
    exampleRows(flags.examples, sets),
  );
  const figures: FlagFigures = { clusters: flags.clusters.size, sets: flags.sets };
  return {
    files: [
      { path: `${workFolder}/${flagsPath}`, ...digest },
      { path: contaminatedExamplesPath, ...examples },
    ],
    result: toResult(figures),
  };
}

async function* hitsOfPartitions(folder: string, partitions: number): AsyncGenerator<PartitionHits, void, undefined> {
  for (let partition = 0; partition < partitions; partition++) {
    const hits = await readHits(join(folder, partitionFiles(partition).contaminationHits));
    if (hits.texts.length === 0) continue;
    const decisions = await readDecisions(join(folder, workFolder, decisionsPath(partition)));
    // Ids are unique in one corpus only: a copy of another corpus' document stands for itself here.
    const keptHere = (row: number): string | undefined =>
      decisions.partnerCorpus(row) === undefined ? decisions.partner(row) : undefined;
    yield { hits, cluster: (row) => keptHere(row) ?? decisions.id(row) };
  }
}

/** Columns of `decontamination/examples.parquet`; see `schemas/record/contamination.ts`. */
const exampleColumns: readonly ParquetColumn[] = [
  { name: "set", type: "string" },
  { name: "example", type: "string" },
  { name: "status", type: "string" },
  { name: "words", type: "int32" },
  { name: "ngrams", type: "int32" },
  { name: "ngramsFound", type: "int32" },
  { name: "ngramsFrequent", type: "int32" },
  { name: "documents", type: "int32" },
];

function* exampleRows(examples: readonly ExampleOutcome[], sets: readonly string[]): Generator<ParquetRow> {
  for (const { set, id, ...outcome } of examples) yield { ...outcome, set: sets[set], example: id };
}

export async function markDocuments(input: MarkInput, context: TaskContext): Promise<TaskOutcome> {
  const { partition, config } = input;
  const { folder } = context;
  const paths = partitionFiles(partition);
  const { edits, turnedAway } = paths.revision("decontaminate");
  const marking = new Marking();
  const files: (FileDigest & { path: string; rows?: number })[] = [];
  const report = await writeParquet(
    join(folder, paths.contaminationParquet),
    findingColumns,
    findingRows(input, context, marking),
  );
  files.push({ path: paths.contaminationParquet, ...report });
  if (config.action !== "report") {
    files.push({ path: edits, ...(await writeTextEdits(join(folder, edits), marking.edits())) });
    files.push({ path: turnedAway, ...(await writeTurnedAway(join(folder, turnedAway), marking.turnedAway())) });
  }
  return { files, result: toResult(marking.figures) };
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

async function openIndex(context: TaskContext): Promise<ContaminationIndex> {
  return await openContaminationIndex(async (path) => await context.shared(`${workFolder}/${path}`));
}

/** Figures as the JSON that a completion record keeps. */
function toResult(figures: IndexFigures | FlagFigures | MarkFigures): TaskOutcome["result"] {
  return structuredClone(figures) as unknown as TaskOutcome["result"];
}
