/**
 * The end of a run: adds up what tasks counted, holds it against the law of conservation, writes quarantine list, card
 * and, last of all, the manifest.
 */
import type { CorpusConfig } from "../../schemas/config/corpus.ts";
import type { CorpusFigures, CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import { lostDocuments, type Conservation, type ManifestFile, type StageCounts } from "../../schemas/run/manifest.ts";
import type { CompletionRecord } from "../../schemas/run/plan.ts";
import { assert } from "../base/index.ts";
import { version } from "../base/version.ts";
import { datasetOf } from "../read/index.ts";
import type { LeftDocuments, PlannedShard } from "../shard/index.ts";
import { sealWithCard, type ReasonsOfFiles } from "./card-files.ts";
import type { CorpusInputs } from "./inputs.ts";
import { partitionFiles, revisions } from "./layout.ts";
import { nothingKept, writeQuarantine } from "./quarantine.ts";
import type { FlagFigures, IndexFigures } from "./tasks/decontaminate.ts";
import type { DocumentFigures } from "./tasks/documents.ts";
import type { IngestCounts } from "./tasks/ingest.ts";
import type { MarkFigures } from "./tasks/mark.ts";
import { publicConfig } from "./secrets.ts";
import { textFigures } from "./text-figures.ts";

/** Writes what closes an output and returns its manifest. */
export async function seal(
  folder: string,
  config: CorpusConfig,
  inputs: CorpusInputs,
  records: readonly CompletionRecord[],
): Promise<CorpusManifest> {
  const byStage = groupByStage(records);
  const ingest = resultsOf<IngestCounts>(byStage, "ingest");
  const documents = resultsOf<DocumentFigures>(byStage, "documents");
  const stages = stageCounts(ingest, documents);
  const conservation = wholeRun(stages);
  for (const counts of [...stages, { ...conservation, stage: "the run" }]) {
    assert(lostDocuments(counts) === 0, `${counts.stage} loses ${lostDocuments(counts)} documents`);
  }
  const quarantine = await writeQuarantine(folder, ingest.length);
  if (conservation.kept === 0) throw nothingKept(conservation);
  const figures = corpusFigures(config, inputs, byStage, ingest, documents);
  const steps = Object.values(figures.rejectedBy).flatMap((reasons) => Object.values(reasons));
  assert(sum(steps) === sum(Object.values(conservation.rejected)), "each rejected document has its step");
  // Where the output lies is not part of it: it may be moved.
  const { out: _out, ...settings } = publicConfig(config);
  const draft: CorpusManifest = {
    version: 1,
    kind: "corpus",
    name: config.name,
    description: config.description ?? null,
    program: version,
    config: JSON.parse(JSON.stringify(settings)) as CorpusManifest["config"],
    conservation,
    stages,
    figures,
    files: [...outputFiles(records), quarantine],
  };
  return await sealWithCard(folder, draft, reasonsOfFiles(ingest, documents));
}

function reasonsOfFiles(ingest: readonly IngestCounts[], documents: readonly DocumentFigures[]): ReasonsOfFiles {
  const files = new Map<string, ReadonlySet<string>>();
  for (const [partition, { rejected }] of ingest.entries()) {
    files.set(partitionFiles(partition).filteredParquet, new Set(Object.keys(rejected)));
  }
  for (const [partition, { rejected }] of documents.entries()) {
    files.set(partitionFiles(partition).removedParquet, new Set(Object.values(rejected).flatMap(Object.keys)));
  }
  return files;
}

type ByStage = ReadonlyMap<string, readonly CompletionRecord[]>;

function groupByStage(records: readonly CompletionRecord[]): ByStage {
  return Map.groupBy(records, (record) => record.id.slice(0, record.id.indexOf("/")));
}

function resultsOf<Result>(byStage: ByStage, stage: string): readonly Result[] {
  // Each stage's tasks return this very shape; records keep it as JSON.
  return (byStage.get(stage) ?? []).map((record) => record.result as unknown as Result);
}

/** Files that belong to the output, not to its making. */
function outputFiles(records: readonly CompletionRecord[]): ManifestFile[] {
  return records.flatMap((record) => record.files).filter((file) => !file.path.startsWith(".work/"));
}

function stageCounts(ingest: readonly IngestCounts[], documents: readonly DocumentFigures[]): StageCounts[] {
  const filtered: StageCounts = {
    stage: "ingest",
    documentsIn: sum(ingest.map((one) => one.documentsIn)),
    kept: sum(ingest.map((one) => one.kept)),
    rejected: addCounts(ingest.map((one) => one.rejected)),
    quarantined: sum(ingest.map((one) => one.quarantined)),
  };
  const stages = [filtered];
  for (const stage of stagesBehindIngest(documents)) {
    const rejected = addCounts(documents.map((one) => one.rejected[stage] ?? {}));
    const documentsIn = stages.at(-1)?.kept ?? 0;
    stages.push({ stage, documentsIn, kept: documentsIn - sum(Object.values(rejected)), rejected, quarantined: 0 });
  }
  const kept = sum(documents.map((one) => one.kept));
  assert(kept === stages.at(-1)?.kept, `${kept} documents are kept, ${stages.at(-1)?.kept} came through all stages`);
  return stages;
}

/** In the order in which they stand in the pipe; deduplication also when it removed nothing. */
function stagesBehindIngest(documents: readonly DocumentFigures[]): readonly string[] {
  const found = new Set(documents.flatMap((one) => [...Object.keys(one.rejected), ...Object.keys(one.editedBytes)]));
  return ["dedup", ...[...found].filter((stage) => stage !== "dedup").sort((a, b) => pipeOrder(a) - pipeOrder(b))];
}

function pipeOrder(stage: string): number {
  const order = revisions.findIndex((name) => name === stage);
  assert(order >= 0, `${stage} is one of ${revisions.join(", ")}`);
  return order;
}

function wholeRun(stages: readonly StageCounts[]): Conservation {
  return {
    documentsIn: stages[0]?.documentsIn ?? 0,
    kept: stages.at(-1)?.kept ?? 0,
    rejected: addCounts(stages.map((stage) => stage.rejected)),
    quarantined: sum(stages.map((stage) => stage.quarantined)),
  };
}

function corpusFigures(
  config: CorpusConfig,
  inputs: CorpusInputs,
  byStage: ByStage,
  ingest: readonly IngestCounts[],
  documents: readonly DocumentFigures[],
): CorpusFigures {
  const partitionsOf = (name: string): number[] =>
    inputs.splits.flatMap((split, i) => (split.source === name ? [i] : []));
  const sources = config.sources.map(({ name, license, description }) => {
    const partitions = partitionsOf(name);
    const files = inputs.files.filter((file) => file.source === name);
    return {
      name,
      files: files.length,
      bytes: sum(files.map((file) => file.bytes)),
      documentsIn: sum(partitions.map((i) => ingest[i]?.documentsIn ?? 0)),
      kept: sum(partitions.map((i) => documents[i]?.kept ?? 0)),
      keptTextBytes: sum(partitions.map((i) => documents[i]?.textBytes ?? 0)),
      license: license ?? null,
      description: description ?? null,
      revisions: Object.fromEntries(
        files.flatMap(({ uri, remote }) => (remote?.revision === undefined ? [] : [[datasetOf(uri), remote.revision]])),
      ),
    };
  });
  const [tokenizer] = resultsOf<CorpusFigures["tokenizer"]>(byStage, "tokenizer");
  const [order] = resultsOf<{ readonly shards: readonly PlannedShard[]; readonly left: LeftDocuments }>(
    byStage,
    "order",
  );
  assert(tokenizer !== undefined && order !== undefined, "tokenizer and order have records");
  assertTokens(order, resultsOf<EncodedCounts>(byStage, "encode"), documents);
  const [chosen] = resultsOf<{ readonly unresolved: number }>(byStage, "choose");
  const verified = resultsOf<{ readonly pairs: number; readonly verified: number }>(byStage, "verify");
  const contamination = contaminationFigures(config, byStage, documents);
  const clusterSizes = addHistograms(documents.map((one) => one.clusterSizes));
  const tokens: CorpusFigures["tokens"] = {};
  for (const shard of order.shards) {
    const split = (tokens[shard.split] ??= { documents: 0, tokens: 0, shards: 0 });
    split.documents += shard.documents;
    split.tokens += shard.tokens;
    split.shards++;
  }
  return {
    sources,
    languages: addCounts(documents.map((one) => one.languages)),
    lengths: addHistograms(documents.map((one) => one.lengths)),
    keptTextBytes: sum(documents.map((one) => one.textBytes)),
    rejectedBy: rejectedBySteps([...ingest.map((one) => one.rejectedBy), ...documents.map((one) => one.rejected)]),
    editedBytes: addCounts([
      { ingest: sum(ingest.map((one) => one.editedBytes)) },
      ...documents.map((one) => one.editedBytes),
    ]),
    replacements: sum(ingest.map((one) => one.replacements)),
    texts: textFigures(ingest),
    duplicates: {
      clusters: sum(clusterSizes.slice(1)),
      largestCluster: largest(documents.map((one) => one.largestCluster)),
      clusterSizes,
      comparedPairs: sum(verified.map((one) => one.pairs)),
      verifiedPairs: sum(verified.map((one) => one.verified)),
      unresolved: chosen?.unresolved ?? 0,
    },
    repeatedLines: repeatedLineFigures(config, byStage),
    contamination,
    tokenizer,
    tokens,
    beyondBudget: order.left,
  };
}

interface EncodedCounts {
  readonly documents: number;
  readonly tokens: number;
}

/** Every kept document was encoded, and its tokens stand in a shard or lie beyond the budget. */
function assertTokens(
  { shards, left }: { readonly shards: readonly EncodedCounts[]; readonly left: LeftDocuments },
  encoded: readonly EncodedCounts[],
  documents: readonly DocumentFigures[],
): void {
  const kept = sum(documents.map((one) => one.kept));
  for (const what of ["documents", "tokens"] as const) {
    const made = sum(encoded.map((one) => one[what]));
    const placed = sum(shards.map((one) => one[what])) + left[what];
    assert(made === placed, `${made} ${what} were encoded, ${placed} are in shards or beyond the budget`);
    if (what === "documents") assert(made === kept, `${kept} documents are kept, ${made} were encoded`);
  }
}

function rejectedBySteps(
  parts: readonly Readonly<Record<string, Readonly<Record<string, number>>>>[],
): CorpusFigures["rejectedBy"] {
  const steps = [...new Set(parts.flatMap((part) => Object.keys(part)))].sort();
  return Object.fromEntries(steps.map((step) => [step, addCounts(parts.map((part) => part[step] ?? {}))]));
}

function repeatedLineFigures({ dedup }: CorpusConfig, byStage: ByStage): CorpusFigures["repeatedLines"] {
  if (dedup.lines === undefined) return null;
  const cuts = resultsOf<{
    readonly editedDocuments: number;
    readonly turnedAway: number;
    readonly bytesRemoved: number;
  }>(byStage, "cut-lines");
  return {
    editedDocuments: sum(cuts.map((one) => one.editedDocuments)),
    rejected: sum(cuts.map((one) => one.turnedAway)),
    bytesRemoved: sum(cuts.map((one) => one.bytesRemoved)),
  };
}

function contaminationFigures(
  { decontaminate }: CorpusConfig,
  byStage: ByStage,
  documents: readonly DocumentFigures[],
): CorpusFigures["contamination"] {
  const { sets, action, ngram, maxCorpusFrequency } = decontaminate;
  if (sets.length === 0) return null;
  const [index] = resultsOf<IndexFigures>(byStage, "decontaminate-index");
  const [flag] = resultsOf<FlagFigures>(byStage, "decontaminate-flag");
  const marks = resultsOf<MarkFigures>(byStage, "decontaminate-mark");
  assert(index !== undefined && flag !== undefined, "the stages of decontamination have records");
  const dropped = documents.flatMap((one) => Object.values(one.rejected["decontaminate"] ?? {}));
  return {
    action,
    ngram,
    maxCorpusFrequency,
    ngrams: index.ngrams,
    wholes: index.wholes,
    indexBytes: index.bytes,
    sets: sets.map(({ name, license }, i) => {
      const [indexed, found] = [index.sets[i], flag.sets[i]];
      assert(indexed !== undefined && found !== undefined, `the evaluation set ${name} has figures`);
      return { name, license: license ?? null, ...indexed, ...found };
    }),
    flagged: sum(marks.map((one) => one.flagged)),
    flaggedByCopy: sum(marks.map((one) => one.flaggedByCopy)),
    dropped: sum(dropped),
    cutDocuments: sum(marks.map((one) => one.cutDocuments)),
    cutCharacters: sum(marks.map((one) => one.cutCharacters)),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** 0 of none. A call with as many arguments as there are partitions would overflow the stack. */
function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

/** Sums by name, names sorted. */
function addCounts(parts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const part of parts) for (const [name, value] of Object.entries(part)) total[name] = (total[name] ?? 0) + value;
  return Object.fromEntries(Object.entries(total).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function addHistograms(parts: readonly (readonly number[])[]): number[] {
  const length = largest(parts.map((part) => part.length));
  return Array.from({ length }, (_, bucket) => sum(parts.map((part) => part[bucket] ?? 0)));
}
