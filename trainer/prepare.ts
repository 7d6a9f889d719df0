/**
 * From a config to everything a run needs: data opened, model described, start found, plan made. Writes nothing.
 */
import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { ConfigError, DataError, digestFile } from "../forge/base/index.ts";
import { openTokenShards } from "../forge/shard/index.ts";
import { loadTokenizer, type Tokenizer } from "../forge/tokenize/index.ts";
import { specialTokens } from "../schemas/record/chat.ts";
import type { TrainConfig } from "../schemas/config/train.ts";
import type { BackendOptions } from "./backends/index.ts";
import { findCheckpoint, readCheckpoint, type Checkpoint } from "./checkpoint/index.ts";
import {
  createAnswerSamples,
  createWindows,
  readConversations,
  readTokenBytes,
  type SampleSource,
} from "./data/index.ts";
import { describeGpt2, type ModelSpec } from "./model/index.ts";
import { planTraining, stepsOf, type TrainingPlan } from "./plan/index.ts";

export interface PreparedRun {
  readonly config: TrainConfig;
  readonly model: ModelSpec;
  /** Weights to start from; undefined for random ones. */
  readonly start: Checkpoint | undefined;
  readonly train: SampleSource;
  readonly validation: SampleSource | undefined;
  readonly tokenizer: Tokenizer;
  readonly tokenizerFolder: string;
  readonly tokenBytes: (token: number) => number;
  readonly endId: number | null;
  readonly backend: BackendOptions;
  readonly plan: TrainingPlan;
  /** Everything the result depends on; compared on resume. */
  readonly recipe: Readonly<Record<string, string | number | null>>;
  /** What the user should know about the data before the start. */
  readonly notes: readonly string[];
}

interface OpenedData {
  readonly train: SampleSource;
  readonly validation: SampleSource | undefined;
  readonly fingerprint: string;
  readonly notes: readonly string[];
}

/**
 * @throws DataError for missing, damaged or mismatching inputs; EnvironmentError when the run cannot fit
 */
export async function prepareRun(config: TrainConfig): Promise<PreparedRun> {
  const start = config.from === undefined ? undefined : await readCheckpoint(await findCheckpoint(config.from));
  if (start === undefined && config.data.kind === "answers") {
    throw new ConfigError("from-missing", "Fine-tuning on answers wants a model to start from", [
      { path: "from", message: "name a checkpoint or the folder of a pretraining run" },
    ]);
  }
  const tokenizerFolder = start?.folder ?? join(config.data.path, "tokenizer");
  const tokenizer = await loadTokenizer(tokenizerFolder).catch((error: unknown) => {
    if (!(error instanceof DataError && error.code === "file-not-found")) throw error;
    throw new DataError(
      "tokenizer-missing",
      `${tokenizerFolder} holds no tokenizer.json`,
      { file: tokenizerFolder },
      {
        cause: error,
        hint:
          start === undefined
            ? "Set data.path to a folder that `forge build-corpus` finished, or build the corpus first."
            : "Copy the tokenizer.json that the model was trained with into that folder.",
      },
    );
  });
  const model = start?.model ?? describeGpt2(sizesOf(config, tokenizer.vocabularySize));
  if (tokenizer.vocabularySize > model.sizes.vocabularySize) {
    throw new DataError(
      "vocabulary-mismatch",
      `The tokenizer has ${tokenizer.vocabularySize} tokens, the model ${model.sizes.vocabularySize}`,
      { file: tokenizerFolder },
    );
  }
  const data = await openData(config, model, tokenizer);
  const { batch } = config;
  const facts = { rows: batch.rows, samples: data.train.count, sampleTokens: data.train.maxLength };
  const steps = stepsOf(config.length, facts);
  const backend: BackendOptions = {
    model,
    batchRows: batch.rows,
    microBatchRows: Math.min(batch.microBatchRows, batch.rows),
    lanes: batch.lanes,
    threads: Math.min(batch.lanes, config.backend.threads ?? availableParallelism()),
    kernels: config.backend.kernels,
  };
  return {
    config,
    model,
    start,
    train: data.train,
    validation: data.validation,
    tokenizer,
    tokenizerFolder,
    tokenBytes: await readTokenBytes(tokenizerFolder),
    endId: tokenizer.tokenId(specialTokens.end) ?? null,
    backend,
    plan: planTraining(backend, { steps, ...facts }),
    recipe: {
      seed: config.seed,
      steps,
      start: start === undefined ? "random" : (await digestFile(join(start.folder, "model.safetensors"))).sha256,
      data: data.fingerprint,
      tokenizer: tokenizer.sha256,
      ...flatten("model", model.sizes),
      ...flatten("batch", batch),
      ...flatten("optimizer", config.optimizer),
      ...flatten("schedule", config.schedule),
    },
    notes: data.notes,
  };
}

/** Defaults of the sizes live in the schema; `model: {}` and no model at all mean the same. */
function sizesOf(config: TrainConfig, vocabularySize: number) {
  if (config.model === undefined) {
    throw new ConfigError("model-missing", "A run from random weights wants the sizes of its model", [
      { path: "model", message: "give model (model: {} takes the defaults), or from: a checkpoint to start from" },
    ]);
  }
  const { layers, width, heads, context } = config.model;
  return { layers, width, heads, context, vocabularySize };
}

function openData(config: TrainConfig, model: ModelSpec, tokenizer: Tokenizer): Promise<OpenedData> {
  return config.data.kind === "tokens"
    ? openTokens(config.data.path, model, tokenizer)
    : openAnswers(config.data, config.seed, model, tokenizer);
}

async function openTokens(path: string, model: ModelSpec, tokenizer: Tokenizer): Promise<OpenedData> {
  const hash = createHash("sha256");
  const open = async (split: "train" | "validation") => {
    const shards = await openTokenShards(path, split);
    if (shards.metadata.tokenizerSha256 !== tokenizer.sha256) {
      throw new DataError(
        "tokenizer-mismatch",
        `The ${split} shards of ${path} were made with another tokenizer than the model's (${shards.metadata.tokenizer})`,
        { file: path },
        { hint: "Build the corpus with tokenizer.path set to the model's tokenizer.json." },
      );
    }
    const values = shards.shards.map((shard) => shard.values);
    for (const part of values) hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
    return createWindows(values, model.sizes.context, `the ${split} shards of ${path}`);
  };
  const train = await open("train");
  const notes = [
    `${train.unusedTokens} tokens at the end of the stream are too few for a window of ${model.sizes.context}`,
  ];
  const validation = await open("validation").catch((error: unknown) => {
    // A small corpus may have no validation split, or less than one window of it; then no loss is measured on it.
    if (!(error instanceof DataError && ["too-few-tokens", "token-shards-missing"].includes(error.code))) throw error;
    notes.push(`no validation loss: ${error.message}`);
    return undefined;
  });
  return { train, validation, fingerprint: hash.digest("hex"), notes };
}

async function openAnswers(
  data: Extract<TrainConfig["data"], { kind: "answers" }>,
  seed: number,
  model: ModelSpec,
  tokenizer: Tokenizer,
): Promise<OpenedData> {
  const conversations = await readConversations(data.path);
  const { context } = model.sizes;
  const samples = createAnswerSamples(conversations, tokenizer, {
    context,
    seed,
    validationFraction: data.validationFraction,
  });
  const notes = [
    `${samples.rows} answers: ${samples.train.count} to train on, ${samples.validation?.count ?? 0} held out, ` +
      `${samples.truncated} cut at ${context} tokens, ${samples.withoutLoss} left out because the answer begins beyond it`,
  ];
  const fingerprint = createHash("sha256").update(JSON.stringify([conversations, data.validationFraction]));
  return { train: samples.train, validation: samples.validation, fingerprint: fingerprint.digest("hex"), notes };
}

function flatten(prefix: string, values: object): Record<string, string | number | null> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [`${prefix}.${key}`, value as string | number | null]),
  );
}
