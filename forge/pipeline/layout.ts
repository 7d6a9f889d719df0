/** Where things stand in an output folder. Paths are relative to it, with forward slashes. */

/** Everything a run of `build-corpus` may write; nothing else is ever removed. */
export const outputEntries = [
  ".work",
  "README.md",
  "card",
  "decontamination",
  "documents",
  "events.ndjson",
  "index",
  "manifest.json",
  "quarantine.jsonl",
  "rejects",
  "tokenizer",
  "tokens",
] as const;

export const planPath = ".work/plan.json";
/** What was read, so that it can be filtered again without its sources. */
export const inputsPath = ".work/inputs.json";
/** URLs that give access, while a run needs them. */
export const secretsPath = ".work/secrets.json";
/** Work folder that the paths of dedup tasks are relative to. */
export const workFolder = ".work";
export const tokenizerPath = "tokenizer/tokenizer.json";
export const quarantinePath = "quarantine.jsonl";
/** What became of each example of the evaluation sets. */
export const contaminatedExamplesPath = "decontamination/examples.parquet";
export const orderPath = ".work/shard/order.col";

/**
 * Stages that revise what deduplication kept, in the order in which their files are applied; each name is also their
 * folder below the work folder.
 */
export const revisions = ["lines", "decontaminate"] as const;
export type Revision = (typeof revisions)[number];

/** Files of one partition: what one ingest task read. */
export interface PartitionFiles {
  readonly documents: string;
  /** Documents that were rejected as they were read and filtered: what refiltering reads again. */
  readonly filteredParquet: string;
  readonly quarantine: string;
  /** What lets documents be filtered again without their source; see tasks/stored.ts. */
  readonly originals: string;
  readonly fates: string;
  readonly store: string;
  readonly encoded: string;
  readonly documentsParquet: string;
  /** Documents that later stages removed. */
  readonly removedParquet: string;
  /** What later corpora need to be deduplicated against this one. */
  readonly index: string;
  readonly contaminationHits: string;
  readonly contaminationParquet: string;
  /** Files of a stage that takes ranges out of texts or turns documents away; see base/text-edits.ts. */
  revision(name: Revision): { readonly edits: string; readonly turnedAway: string };
}

export function partitionFiles(partition: number): PartitionFiles {
  const number = numbered(partition);
  return {
    documents: `.work/ingest/${number}-documents.arrow`,
    quarantine: `.work/ingest/${number}-quarantine.jsonl`,
    originals: `.work/ingest/${number}-originals.arrow`,
    fates: `.work/ingest/${number}-fates.col`,
    store: `.work/ingest/${number}-store.json`,
    encoded: `.work/shard/${number}-tokens.col`,
    documentsParquet: `documents/part-${number}.parquet`,
    index: `index/part-${number}.col`,
    filteredParquet: `rejects/part-${number}-filtered.parquet`,
    removedParquet: `rejects/part-${number}-removed.parquet`,
    contaminationHits: `${workFolder}/decontaminate/${number}-hits.col`,
    contaminationParquet: `decontamination/part-${number}.parquet`,
    revision: (name) => ({
      edits: `${workFolder}/${name}/${number}-edits.col`,
      turnedAway: `${workFolder}/${name}/${number}-turned-away.col`,
    }),
  };
}

/** A piece of a file that was cut; `name` stands for the file. */
export function piecePath(name: string, index: number): string {
  return `.work/pieces/${name}-${numbered(index)}`;
}

/** A copy of a file that cannot be read where it is. */
export function copyPath(name: string): string {
  return `.work/pieces/${name}`;
}

/** Five digits, so that names sort as numbers do. */
export function numbered(index: number): string {
  return String(index).padStart(5, "0");
}
