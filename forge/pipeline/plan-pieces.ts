/**
 * The first of two steps in which a run is planned: files that only one worker could read are cut into pieces, and only
 * then is known how many tasks read them.
 */
import type { CorpusConfig } from "../../schemas/config/corpus.ts";
import type { CompletionRecord, Plan, Stage } from "../../schemas/run/plan.ts";
import { splitSources, type Piece } from "../read/index.ts";
import { hashJson } from "./keys.ts";
import type { CorpusInputs } from "./inputs.ts";
import { makeStage } from "./plan-stage.ts";
import type { SplitInput } from "./tasks/split.ts";

export const splitStageName = "split";
const splitVersion = 1;

/** One task for each file that must be cut; undefined when there is none. */
export function planPieces(config: CorpusConfig, inputs: CorpusInputs): Stage | undefined {
  const { pieceBytes } = config.read;
  const drafts = inputs.uncut.map((file) => {
    const { uri, compression, bytes, sha256 } = file;
    const matters = { file: { uri, compression, sha256 }, pieceBytes };
    const input: SplitInput = { ...matters, root: inputs.root };
    // By the file's name, so that other files may come and go.
    return { name: hashJson(uri).slice(0, 16), input, matters, needs: [], bytes };
  });
  if (drafts.length === 0) return undefined;
  return makeStage(splitStageName, "cut compressed files into pieces", splitVersion, drafts);
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
  const results = records.map(({ result }) => result as unknown as { readonly pieces: readonly Piece[] });
  const pieces = new Map(inputs.uncut.map(({ uri }, i) => [uri, results[i]?.pieces ?? []]));
  return { ...inputs, splits: splitSources(inputs.files, config.read.splitBytes, pieces) };
}
