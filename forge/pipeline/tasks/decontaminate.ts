/**
 * The first stages of decontamination: `index` the evaluation sets, `scan` each partition, `flag` over the whole corpus
 * which hits count. What happens to documents is decided in mark.ts.
 */
import { join } from "node:path";
import type { DecontaminateConfig, EvaluationSet } from "../../../schemas/config/decontaminate.ts";
import type { RemoteConfig } from "../../../schemas/config/remote.ts";
import { utf8Column, type Utf8Column } from "../../base/index.ts";
import {
  findHits,
  flagClusters,
  flagsPath,
  joinHits,
  openContaminationIndex,
  readHits,
  writeContaminationIndex,
  writeFlags,
  writeHits,
  type ContaminationIndex,
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
import { decidedBatches } from "./kept.ts";
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
    // Ids are unique in one corpus only: a copy of another corpus' document stands for itself here. So does a version of
    // a page: its text says nothing about the one that is kept.
    const keptHere = (row: number): string | undefined =>
      decisions.partnerCorpus(row) === undefined && decisions.reason(row) !== "same-url"
        ? decisions.partner(row)
        : undefined;
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

/** The index of the run, as all workers share it. */
export async function openIndex(context: TaskContext): Promise<ContaminationIndex> {
  return await openContaminationIndex(async (path) => await context.shared(`${workFolder}/${path}`));
}

/** Figures as the JSON that a completion record keeps. */
function toResult(figures: IndexFigures | FlagFigures): TaskOutcome["result"] {
  return structuredClone(figures) as unknown as TaskOutcome["result"];
}
