/**
 * The first of two steps in which a run is planned: files that only one worker could read are cut into pieces, files
 * that cannot be read where they are get copied, and only then is known how many tasks read them.
 */
import type { CorpusConfig } from "../../schemas/config/corpus.ts";
import type { CompletionRecord, Plan, Stage } from "../../schemas/run/plan.ts";
import { needsCopying, needsCutting, splitSources, type InputFile, type Piece } from "../read/index.ts";
import { hashJson } from "./keys.ts";
import type { CorpusInputs } from "./inputs.ts";
import { makeStage } from "./plan-stage.ts";
import type { SplitInput, SplitResult } from "./tasks/split.ts";

export const splitStageName = "split";
const splitVersion = 3;

/** One task for each file that must be cut or copied; undefined when there is none. */
export function planPieces(config: CorpusConfig, inputs: CorpusInputs): Stage | undefined {
  const { pieceBytes, compressPieces, splitBytes } = config.read;
  const drafts = inputs.uncut.map((one) => {
    const { uri, format, compression, bytes, fingerprint, remote } = one;
    const source = config.sources.find(({ name }) => name === one.source);
    const copy = isCopied(one, config) &&
      source !== undefined && { copy: { source: { fields: source.fields }, read: { splitBytes } } };
    const file = { uri, format, compression, fingerprint };
    // Those of files elsewhere are kept.
    const isCompressed = compressPieces || remote !== undefined;
    const pieces = { pieceBytes, compression: isCompressed ? "zstd" : "none" } as const;
    const matters = { file, ...(copy || pieces) };
    const input: SplitInput = {
      file: { ...file, ...(remote && { remote }) },
      ...pieces,
      ...copy,
      root: inputs.root,
      remote: config.remote,
    };
    // By the file's name, so that other files may come and go.
    return { name: hashJson(uri).slice(0, 16), input, matters, needs: [], bytes };
  });
  if (drafts.length === 0) return undefined;
  return makeStage(splitStageName, "cut or copy files that cannot be read in parts", splitVersion, drafts, []);
}

/** A file that is cut need not be copied before. */
function isCopied(file: InputFile, { read }: CorpusConfig): boolean {
  return needsCopying(file) && !needsCutting(file, read.pieceBytes);
}

/** The plan of the first step alone. */
export function withoutLaterStages(plan: Plan): Plan {
  return { ...plan, stages: plan.stages.filter(({ name }) => name === splitStageName) };
}

/** The plan of the second step alone. */
export function withoutPieces(plan: Plan): Plan {
  return { ...plan, stages: plan.stages.filter(({ name }) => name !== splitStageName) };
}

/** The inputs with the pieces that the first step's tasks made, as ordinary splits. */
export function withPieces(
  inputs: CorpusInputs,
  config: CorpusConfig,
  records: readonly CompletionRecord[],
): CorpusInputs {
  // The task returns this very shape; its record keeps it as JSON. Tasks and records have the order of the files.
  const results = new Map(inputs.uncut.map(({ uri }, i) => [uri, records[i]?.result as unknown as SplitResult]));
  const pieces = new Map<string, readonly Piece[]>();
  const files = inputs.files.map((file): InputFile => {
    const result = results.get(file.uri);
    if (result === undefined) return file;
    if ("copied" in result) return { ...file, ...result.copied };
    pieces.set(file.uri, result.pieces);
    return { ...file, bytes: file.bytes === 0 ? result.bytes : file.bytes };
  });
  return { ...inputs, files, splits: splitSources(files, config.read.splitBytes, pieces) };
}
