/** What a run is made from, found before anything is planned: source files with hashes, models, a given tokenizer. */
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { sourceConfigSchema, type CorpusConfig, type SourceConfig } from "../../schemas/config/corpus.ts";
import { DataError, digestFile, readJsonIfThere, UsageError } from "../base/index.ts";
import { filterFiles, signalNames, wholeLists, type FilterLists } from "../filter/index.ts";
import { refuseWrongConfig } from "./check-config.ts";
import { inputsPath } from "./layout.ts";
import { planSources, type InputFile, type InputSplit } from "../read/index.ts";
import { describeExisting, type ExistingPart } from "./tasks/existing.ts";
import type { EvaluationFile } from "./tasks/evaluation.ts";

/** Plain JSON. Everything that decides the output is in here or in the config. */
export interface CorpusInputs {
  /** Absolute. Where the files are; does not decide any byte of the output. */
  readonly root: string;
  readonly files: readonly InputFile[];
  /** One ingest task each; together they are the partitions of all later stages. */
  readonly splits: readonly InputSplit[];
  /** Files that are cut into pieces or copied first; until then each is one split. */
  readonly uncut: readonly InputFile[];
  /** URLs with what gives access, by URI; see secrets.ts. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** SHA-256 of model files that filters use, by their name or path. */
  readonly models: Readonly<Record<string, string>>;
  /** A tokenizer that the config names; null when one is trained. */
  readonly tokenizer: { readonly path: string; readonly sha256: string } | null;
  /** Files of the evaluation sets, by set, then by URI. */
  readonly evaluation: readonly EvaluationFile[];
  /** Corpora to deduplicate against, in the config's order. */
  readonly existing: readonly ExistingPart[];
  /** Signal columns that the filters of all sources produce, sorted. */
  readonly signals: readonly string[];
  /** Documents come from what an earlier run stored; sources are not looked at. */
  readonly storedOnly?: boolean;
}

/**
 * Finds and hashes the inputs of a run.
 *
 * @param cwd folder that `config.root` and the tokenizer's path are relative to
 * @throws ConfigError `config-invalid`; DataError when a source, a model or the tokenizer is not there
 */
export async function describeInputs(config: CorpusConfig, cwd: string, signal?: AbortSignal): Promise<CorpusInputs> {
  refuseWrongConfig(config);
  const root = resolve(cwd, config.root);
  const { read, remote } = config;
  const found = await planSources(config.sources, { root, read, remote, ...(signal && { signal }) });
  const { evaluation, ...settings } = await describeSettings(config, cwd, root, signal);
  return {
    root,
    ...found,
    ...settings,
    evaluation: evaluation.files,
    secrets: { ...evaluation.secrets, ...found.secrets },
  };
}

/** What a run needs besides its sources. */
async function describeSettings(
  config: CorpusConfig,
  cwd: string,
  root: string,
  signal?: AbortSignal,
): Promise<Pick<CorpusInputs, "models" | "tokenizer" | "existing" | "signals"> & { readonly evaluation: Evaluation }> {
  const lists = config.sources.map((source) => filterLists(config, source));
  const models: Record<string, string> = {};
  for (const { name, path } of lists.flatMap((one) => wholeLists(one).flatMap((filters) => filterFiles(filters)))) {
    models[name] ??= (await digestFile(path)).sha256;
  }
  return {
    models,
    tokenizer:
      config.tokenizer.path === undefined ? null : await describeTokenizer(resolve(cwd, config.tokenizer.path)),
    evaluation: await describeEvaluationSets(config, root, signal),
    existing: await describeExisting(config.dedup, cwd),
    signals: [...new Set(lists.flatMap((one) => signalNames(one)))].sort(),
  };
}

/**
 * Inputs of a run that filters again what an earlier run read: its sources as they were then.
 *
 * @throws ConfigError `config-invalid`; UsageError `corpus-not-there`
 */
export async function storedInputs(folder: string, config: CorpusConfig, cwd: string): Promise<CorpusInputs> {
  refuseWrongConfig(config);
  const json = await readJsonIfThere(join(folder, inputsPath));
  if (json === undefined) {
    throw new UsageError("corpus-not-there", `${folder} holds no corpus whose documents could be filtered again`, {
      hint: "Build it first: forge build-corpus CONFIG.yaml",
    });
  }
  const {
    root,
    files,
    splits,
    uncut = [],
  } = json as Pick<CorpusInputs, "root" | "files" | "splits"> & Partial<Pick<CorpusInputs, "uncut">>;
  const { evaluation, ...settings } = await describeSettings(config, cwd, root);
  const { files: sets, secrets } = evaluation;
  return { root, files, splits, uncut, ...settings, evaluation: sets, secrets, storedOnly: true };
}

interface Evaluation {
  readonly files: CorpusInputs["evaluation"];
  readonly secrets: Readonly<Record<string, string>>;
}

async function describeEvaluationSets(
  config: CorpusConfig,
  root: string,
  signal: AbortSignal | undefined,
): Promise<Evaluation> {
  const { read, remote } = config;
  const { sets } = config.decontaminate;
  if (sets.length === 0) return { files: [], secrets: {} };
  const sources = sets.map(({ name, path }) => sourceConfigSchema.parse({ name, path, format: "jsonl" }));
  const { files, secrets } = await planSources(sources, { root, read, remote, ...(signal && { signal }) }).catch(
    (error: unknown) => {
      if (!(error instanceof DataError)) throw error;
      const { code, message, position, hint } = error;
      throw new DataError(code, `Evaluation sets: ${message}`, position, {
        cause: error,
        ...(hint !== undefined && { hint }),
      });
    },
  );
  const described = files.map(({ source, uri, fingerprint, remote: far }) => ({
    set: sets.findIndex(({ name }) => name === source),
    uri,
    fingerprint,
    ...(far !== undefined && { remote: far }),
  }));
  return { files: described, secrets };
}

async function describeTokenizer(path: string): Promise<CorpusInputs["tokenizer"]> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const file = isFolder ? join(path, "tokenizer.json") : path;
  return { path: file, sha256: (await digestFile(file)).sha256 };
}

/** What a source's documents go through: its own filters if it has any, with their languages; else the corpus'. */
export function filterLists(config: CorpusConfig, source: SourceConfig | undefined): FilterLists {
  const from = source?.filters === undefined && source?.filtersByLanguage === undefined ? config : source;
  return { filters: from.filters ?? config.filters, filtersByLanguage: from.filtersByLanguage ?? {} };
}
