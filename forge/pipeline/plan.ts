/**
 * The plan of `build-corpus`: config and inputs to stages of tasks, pure and plain JSON.
 *
 * Each task carries all it needs as `input`; its key is the hash of that input, of the keys of the tasks whose files it
 * reads, of the stage's version and of the program's, which stands for its kernels. So a changed limit, model or source
 * file redoes what depends on it, and only that.
 */
import { fieldMappingSchema, type CorpusConfig } from "../../schemas/config/corpus.ts";
import type { Plan, Stage, Task } from "../../schemas/run/plan.ts";
import { filterFiles, type FilterLists } from "../filter/index.ts";
import {
  indexSettings,
  pathsOf,
  planDedup,
  settingsOf,
  type DedupStage,
  type DedupTask,
  type NumberedFiles,
} from "../dedup/index.ts";
import { filterLists, type CorpusInputs } from "./inputs.ts";
import { version as program } from "../base/version.ts";
import { hashJson } from "./keys.ts";
import { publicConfig } from "./secrets.ts";
import { planPieces } from "./plan-pieces.ts";
import { numbered, type Revision } from "./layout.ts";
import { planDecontamination } from "./plan-decontamination.ts";
import { draft, keysOf, makeStage, toJson, type Draft } from "./plan-stage.ts";
import type { IndexInput } from "./tasks/existing.ts";
import type { IngestInput } from "./tasks/ingest.ts";
import type { ReadingInput } from "./tasks/reading.ts";
import type { DedupInput, PartitionInput, ShardsInput, TokenizerInput } from "./tasks/inputs.ts";

/** Counts up when a stage would write other bytes for the same input. */
const versions = { ingest: 21, dedup: 6, tokenizer: 1, encode: 1, order: 2, shard: 1, documents: 7, index: 2 } as const;

/** Tasks that write token shards: shard `i` belongs to task `i mod shardTasks`. */
const shardTasks = 8;

/** Plans a run. The same config and inputs give the same plan, whatever the order in which inputs were listed. */
export function planCorpus(config: CorpusConfig, inputs: CorpusInputs): Plan {
  const pieces = planPieces(config, inputs);
  const ingest = planIngest(config, inputs);
  const dedup = planDedupStages(config, inputs, ingest);
  const decided = keysOf(dedup.find((stage) => stage.name === "decide"));
  const cutLines = dedup.find((stage) => stage.name === "cut-lines");
  const before: readonly Revision[] = cutLines === undefined ? [] : ["lines"];
  const revised = (partition: number): readonly string[] => [
    ingest.tasks[partition]?.key ?? "",
    decided[partition] ?? "",
    ...(cutLines === undefined ? [] : [cutLines.tasks[partition]?.key ?? ""]),
  ];
  const decontamination = planDecontamination(config, inputs, {
    ingested: keysOf(ingest),
    decided,
    before,
    revised,
  });
  const [evaluation, search] = [decontamination.stages.slice(0, 1), decontamination.stages.slice(1)];
  const revisions: readonly Revision[] = [...before, ...decontamination.revisions];
  const kept = (partition: number): readonly string[] => [...revised(partition), ...decontamination.kept(partition)];
  const partitions = inputs.splits.map((_, partition) => partition);
  // What the card alone shows changes no token.
  const { license: _license, ...tokenizerConfig } = config.tokenizer;
  const tokenizer = makeStage("tokenizer", "learn or copy the tokenizer", versions.tokenizer, [
    draft(
      "tokenizer",
      {
        partitions: partitions.length,
        revisions,
        config: tokenizerConfig,
        given: inputs.tokenizer,
      } satisfies TokenizerInput,
      inputs.tokenizer === null ? partitions.flatMap(kept) : [],
    ),
  ]);
  const perPartition = (name: "encode" | "documents", summary: string, more: readonly string[]): Stage =>
    makeStage(
      name,
      summary,
      versions[name],
      partitions.map((partition) =>
        draft(
          numbered(partition),
          {
            partition,
            revisions,
            rowGroupBytes: config.shard.rowGroupBytes,
            signals: inputs.signals,
          } satisfies PartitionInput,
          [...kept(partition), ...more],
        ),
      ),
    );
  const tokenizerKey = keysOf(tokenizer);
  const encode = perPartition("encode", "turn kept documents into tokens", tokenizerKey);
  const { seed, validationFraction, tokensPerShard, tokenBudget } = config.shard;
  const order = makeStage("order", "shuffle all documents and cut them into shards", versions.order, [
    draft(
      "order",
      {
        partitions: partitions.length,
        task: 0,
        tasks: 1,
        seed,
        validationFraction,
        tokensPerShard,
        tokenBudget,
      } satisfies ShardsInput,
      keysOf(encode),
    ),
  ]);
  const shard = makeStage(
    "shard",
    "write token shards",
    versions.shard,
    [...Array(shardTasks).keys()].map((task) =>
      draft(
        numbered(task),
        {
          partitions: partitions.length,
          task,
          tasks: shardTasks,
          seed,
          validationFraction,
          tokensPerShard,
          tokenBudget,
        } satisfies ShardsInput,
        keysOf(order),
      ),
    ),
  );
  const documents = perPartition("documents", "write kept and rejected documents", []);
  const index = makeStage(
    "index",
    "keep what later corpora are compared with",
    versions.index,
    partitions.map((partition) => {
      const input: IndexInput = { partition, revisions, config: config.dedup };
      const matters = { partition, revisions, config: settingsFor("index", config.dedup) };
      return {
        ...draft(numbered(partition), input, [...kept(partition), ...keysAt(dedup, "sign", partition)]),
        matters,
      };
    }),
  );
  return {
    version: 1,
    madeFrom: madeFrom(config, inputs),
    stages: [
      ...(pieces === undefined ? [] : [pieces]),
      // Files that the config names come first: what is wrong in them shows before hours of work.
      ...(inputs.tokenizer === null ? [] : [tokenizer]),
      ...evaluation,
      ingest,
      ...dedup,
      ...search,
      ...(inputs.tokenizer === null ? [tokenizer] : []),
      encode,
      order,
      shard,
      documents,
      ...(config.dedup.keepIndex ? [index] : []),
    ],
  };
}

/** What the output depends on, by name: compared by `--update` and by the refusal to mix outputs. */
function madeFrom(config: CorpusConfig, inputs: CorpusInputs): Plan["madeFrom"] {
  const { out: _out, root: _root, remote: _remote, ...rest } = publicConfig(config);
  return Object.fromEntries<Task["input"]>([
    ["program", program] as const,
    ...Object.entries(rest).map(([name, value]) => [`config.${name}`, toJson(value)] as const),
    ...inputs.files.map((file) => [`input ${file.uri}`, file.fingerprint] as const),
    ...inputs.evaluation.map(({ uri, fingerprint }) => [`evaluation ${uri}`, fingerprint] as const),
    ...inputs.existing.map(
      ({ corpus, rank, index, documents }) =>
        // Two crawls may have the same name.
        [`existing ${rank + 1} ${corpus} ${index.path}`, `${index.sha256} ${documents.sha256}`] as const,
    ),
    ...Object.entries(inputs.models).map(([name, sha256]) => [`model ${name}`, sha256] as const),
    ...(inputs.tokenizer === null ? [] : [["tokenizer", inputs.tokenizer.sha256] as const]),
  ]);
}

function planIngest(config: CorpusConfig, inputs: CorpusInputs): Stage {
  const settings = new Map(config.sources.map((source) => [source.name, settingsOfSource(config, source, inputs)]));
  const tasks = inputs.splits.map((split, partition) => {
    const { source, lists, languageKey } = settings.get(split.source) ?? settingsOfSource(config, undefined, inputs);
    const reading: Omit<ReadingInput, "root" | "remote"> = {
      split: { ...split, parts: split.parts.map(({ remote: _, ...part }) => part) },
      read: config.read,
      extract: config.extract,
      repair: config.repair,
      redact: config.redact,
      source: {
        fields: source?.fields ?? fieldMappingSchema.parse({}),
        ...(source?.language && { language: source.language }),
      },
    };
    const matters: Omit<IngestInput, "root" | "remote" | "storedOnly"> = {
      ...reading,
      ...lists,
      partition,
      signals: inputs.signals,
      rowGroupBytes: config.shard.rowGroupBytes,
      readKey: hashJson({ program, version: versions.ingest, reading }),
      languageKey,
    };
    // The root may be moved: ids and texts do not depend on it. Nor do they on where documents are read from.
    const { root, storedOnly = false } = inputs;
    const input: IngestInput = { ...matters, split, root, remote: config.remote, storedOnly };
    return { ...draft(numbered(partition), input, Object.values(inputs.models)), matters, bytes: split.bytes };
  });
  return makeStage("ingest", "read, extract, repair, redact, identify language, filter", versions.ingest, tasks);
}

/** What all splits of a source have in common. */
function settingsOfSource(
  config: CorpusConfig,
  source: CorpusConfig["sources"][number] | undefined,
  inputs: CorpusInputs,
) {
  const lists = filterLists(config, source);
  return { source, lists, languageKey: hashJson(languageModels(lists, inputs.models)) };
}

/** What decides which language is found: the model and how much of a text it sees. */
function languageModels(lists: FilterLists, models: CorpusInputs["models"]): unknown {
  const filter = lists.filters.find((one) => one.filter === "language");
  if (filter === undefined) return null;
  const files = filterFiles([filter]).map(({ name }) => models[name] ?? null);
  return { files, maxCodePoints: filter.maxCodePoints };
}

function planDedupStages(config: CorpusConfig, inputs: CorpusInputs, ingest: Stage): readonly Stage[] {
  const keyOfFile = new Map<string, string>();
  const scopes = scopesOf(config);
  const partitions = inputs.splits.map((split) => {
    const sourceRank = config.sources.findIndex((source) => source.name === split.source);
    return { sourceRank, scope: scopes[sourceRank] ?? 0 };
  });
  const all = [...partitions, ...inputs.existing.map(({ folder: _folder, ...part }) => part)];
  const shared = {
    config: config.dedup,
    partitions: runsOf(partitions),
    existing: runsOf(inputs.existing.map(({ corpus, rank }) => ({ corpus, rank }))),
  };
  const keyOf = (path: string): string => keyOfFile.get(path) ?? "";
  // Of files that many tasks read, looked up and hashed once.
  const keysOfFiles = new Map<string, string>();
  const keyOfAll = (files: NumberedFiles): string => {
    const key = keysOfFiles.get(files.folder) ?? hashJson(pathsOf(files).map(keyOf));
    keysOfFiles.set(files.folder, key);
    return key;
  };
  const toDraft = (task: DedupTask): Draft => {
    const reads = task.partition === null ? undefined : inputs.existing[task.partition - partitions.length];
    const input: DedupInput = { ...shared, task, reads: reads ?? null };
    const partition = task.partition === null ? null : all[task.partition];
    const matters = { task, config: settingsFor(task.stage, config.dedup), partition };
    const needs = task.inputs.map((input) => (typeof input === "string" ? keyOf(input) : keyOfAll(input)));
    if (task.partition !== null) needs.push(ingest.tasks[task.partition]?.key ?? "");
    return { ...draft(task.name, input, needs), matters };
  };
  return planDedup(inputs.splits.length, config.dedup, inputs.existing.length).map((stage: DedupStage) => {
    const made = makeStage(stage.name, dedupSummaries[stage.name], versions.dedup, stage.tasks.map(toDraft));
    for (const [index, task] of stage.tasks.entries()) {
      for (const path of task.outputs) keyOfFile.set(path, made.tasks[index]?.key ?? "");
    }
    return made;
  });
}

/** Equal neighbours as one, with their number. */
function runsOf<Item extends object>(items: readonly Item[]): (Item & { readonly count: number })[] {
  const runs: { item: Item; json: string; count: number }[] = [];
  for (const item of items) {
    const json = JSON.stringify(item);
    const last = runs.at(-1);
    if (last?.json === json) last.count++;
    else runs.push({ item, json, count: 1 });
  }
  return runs.map(({ item, count }) => ({ ...item, count }));
}

/** Of the settings those that decide what a stage writes. */
function settingsFor(
  stage: DedupStage["name"] | "index",
  config: CorpusConfig["dedup"],
): Readonly<Record<string, unknown>> {
  const names = stage === "index" ? [...indexSettings, "url" as const, "normalForm" as const] : settingsOf[stage];
  return Object.fromEntries(names.map((name) => [name, config[name]]));
}

/** Key of a partition's task in a stage, if there is that stage. */
function keysAt(stages: readonly Stage[], name: string, partition: number): readonly string[] {
  const key = stages.find((stage) => stage.name === name)?.tasks[partition]?.key;
  return key === undefined ? [] : [key];
}

/** For each source the scope in which its documents are compared, as a number. */
function scopesOf({ sources, dedup }: CorpusConfig): readonly number[] {
  if (dedup.scope === "global") return sources.map(() => 0);
  const names = sources.map(({ name, snapshot }) => (dedup.scope === "snapshot" ? (snapshot ?? name) : name));
  return names.map((name) => names.indexOf(name) + 1);
}

const dedupSummaries = {
  fingerprint: "hash every document",
  exact: "find exact copies and number the others in keep order",
  sign: "sign documents with MinHash",
  match: "find candidates for near duplicates",
  candidates: "collect candidate pairs",
  gather: "gather n-grams of candidates",
  verify: "compare candidates by their true Jaccard",
  choose: "choose which document stays",
  decide: "write the fate of each document",
  lines: "hash the lines of kept documents",
  "repeated-lines": "find lines that many documents repeat",
  "cut-lines": "take repeated lines out of documents",
} as const satisfies Record<DedupStage["name"], string>;
