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
import { filterLists, type CorpusInputs } from "./inputs.ts";
import { version as program } from "../base/version.ts";
import { hashJson } from "./keys.ts";
import { publicConfig } from "./secrets.ts";
import { planPieces } from "./plan-pieces.ts";
import { numbered, type Revision } from "./layout.ts";
import { planDedupStages, settingsFor } from "./plan-dedup.ts";
import { planDecontamination } from "./plan-decontamination.ts";
import { allOf, draft, keysOf, makeStage, sameOf, toJson } from "./plan-stage.ts";
import type { IndexInput } from "./tasks/existing.ts";
import type { IngestInput } from "./tasks/ingest.ts";
import type { ReadingInput } from "./tasks/reading.ts";
import type { DocumentsInput, EncodeInput, ShardsInput, TokenizerInput } from "./tasks/inputs.ts";

/** Counts up when a stage would write other bytes for the same input. */
const versions = { ingest: 21, tokenizer: 1, encode: 1, order: 2, shard: 1, documents: 7, index: 2 } as const;

/** Tasks that write token shards: shard `i` belongs to task `i mod shardTasks`. */
const shardTasks = 8;

/** Plans a run. The same config and inputs give the same plan, whatever the order in which inputs were listed. */
export function planCorpus(config: CorpusConfig, inputs: CorpusInputs): Plan {
  const pieces = planPieces(config, inputs);
  const ingest = planIngest(config, inputs, pieces);
  const dedup = planDedupStages(config, inputs, ingest);
  const decide = dedup.find((stage) => stage.name === "decide");
  const decided = keysOf(decide);
  const cutLines = dedup.find((stage) => stage.name === "cut-lines");
  const before: readonly Revision[] = cutLines === undefined ? [] : ["lines"];
  const revised = (partition: number): readonly string[] => [
    ingest.tasks[partition]?.key ?? "",
    decided[partition] ?? "",
    ...(cutLines === undefined ? [] : [cutLines.tasks[partition]?.key ?? ""]),
  ];
  const decontamination = planDecontamination(config, inputs, {
    ingest,
    decide,
    revision: cutLines,
    before,
    revised,
  });
  // Whose tasks are behind all that makes a partition's kept documents what they are.
  const mark = decontamination.revisions.length > 0 ? decontamination.stages.at(-1) : undefined;
  const last = mark ?? cutLines ?? decide;
  const [evaluation, search] = [decontamination.stages.slice(0, 1), decontamination.stages.slice(1)];
  const revisions: readonly Revision[] = [...before, ...decontamination.revisions];
  const kept = (partition: number): readonly string[] => [...revised(partition), ...decontamination.kept(partition)];
  const partitions = inputs.splits.map((_, partition) => partition);
  // What the card alone shows changes no token.
  const { license: _license, ...tokenizerConfig } = config.tokenizer;
  const tokenizer = makeStage(
    "tokenizer",
    "learn or copy the tokenizer",
    versions.tokenizer,
    [
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
    ],
    inputs.tokenizer === null ? allOf(last) : [],
  );
  const encode = makeStage(
    "encode",
    "turn kept documents into tokens",
    versions.encode,
    partitions.map((partition) => {
      const input: EncodeInput = { partition, revisions, tokenizer: tokenizerConfig.name };
      return draft(numbered(partition), input, [...kept(partition), ...keysOf(tokenizer)]);
    }),
    [...allOf(tokenizer), ...sameOf(last)],
  );
  const { seed, validationFraction, tokensPerShard, tokenBudget, rowGroupBytes } = config.shard;
  const shards = {
    partitions: partitions.length,
    tokenizer: tokenizerConfig.name,
    ...{ seed, validationFraction, tokensPerShard, tokenBudget },
  };
  const order = makeStage(
    "order",
    "shuffle all documents and cut them into shards",
    versions.order,
    [draft("order", { ...shards, task: 0, tasks: 1 } satisfies ShardsInput, keysOf(encode))],
    allOf(encode),
  );
  const shard = makeStage(
    "shard",
    "write token shards",
    versions.shard,
    [...Array(shardTasks).keys()].map((task) =>
      draft(numbered(task), { ...shards, task, tasks: shardTasks } satisfies ShardsInput, keysOf(order)),
    ),
    allOf(order),
  );
  const documents = makeStage(
    "documents",
    "write kept and rejected documents",
    versions.documents,
    partitions.map((partition) => {
      const input: DocumentsInput = { partition, revisions, rowGroupBytes, signals: inputs.signals };
      return draft(numbered(partition), input, kept(partition));
    }),
    sameOf(last),
  );
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
    sameOf(last),
  );
  // Files that the config names come first, and all reading waits for them: what is wrong in them shows at once.
  const named = [...(inputs.tokenizer === null ? [] : [tokenizer]), ...evaluation];
  return {
    version: 1,
    madeFrom: madeFrom(config, inputs),
    stages: [
      ...(pieces === undefined ? [] : [pieces]),
      ...named,
      { ...ingest, after: [...(ingest.after ?? []), ...allOf(...named)] },
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

function planIngest(config: CorpusConfig, inputs: CorpusInputs, pieces: Stage | undefined): Stage {
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
  const summary = "read, extract, repair, redact, identify language, filter";
  return makeStage("ingest", summary, versions.ingest, tasks, allOf(pieces));
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

/** Key of a partition's task in a stage, if there is that stage. */
function keysAt(stages: readonly Stage[], name: string, partition: number): readonly string[] {
  const key = stages.find((stage) => stage.name === name)?.tasks[partition]?.key;
  return key === undefined ? [] : [key];
}
