/**
 * The stages of decontamination in a plan: index the evaluation sets, scan, flag over all, mark.
 *
 * A changed evaluation set redoes the index, the scans and what follows from them; another deduplication keeps the
 * scans; another action, limit or window redoes marks only.
 */
import type { CorpusConfig } from "../../schemas/config/corpus.ts";
import type { Stage } from "../../schemas/run/plan.ts";
import type { CorpusInputs } from "./inputs.ts";
import { numbered, type Revision } from "./layout.ts";
import { allOf, draft, keysOf, makeStage, sameOf } from "./plan-stage.ts";
import type { EvaluationIndexInput, FlagInput, ScanInput } from "./tasks/decontaminate.ts";
import type { MarkInput } from "./tasks/mark.ts";

/** Counts up when a stage would write other bytes for the same input; the n-gram index's layout counts, too. */
const version = 5;

interface Upstream {
  readonly ingest: Stage;
  readonly decide: Stage | undefined;
  /** The last stage that revised documents before; absent when none did. */
  readonly revision: Stage | undefined;
  /** Stages whose revisions come first. */
  readonly before: readonly Revision[];
  /** Keys of all that makes the documents of a partition what they are in front of decontamination. */
  readonly revised: (partition: number) => readonly string[];
}

interface Decontamination {
  /** The first reads the evaluation sets and needs nothing of the corpus. None when there is no evaluation set. */
  readonly stages: readonly Stage[];
  /** Empty when it changes no document. */
  readonly revisions: readonly Revision[];
  /** Keys that the kept documents of a partition depend on. */
  readonly kept: (partition: number) => readonly string[];
}

export function planDecontamination(config: CorpusConfig, inputs: CorpusInputs, upstream: Upstream): Decontamination {
  const { sets, action, ngram, minWords, maxCorpusFrequency, window, minPieceCharacters, maxPieces } =
    config.decontaminate;
  if (sets.length === 0) return { stages: [], revisions: [], kept: () => [] };
  const { ingest, decide, revision, before, revised } = upstream;
  const ingested = keysOf(ingest);
  const names = sets.map(({ name }) => name);
  const partitions = inputs.splits.map((_, partition) => partition);
  const indexInput: EvaluationIndexInput = {
    config: { sets: sets.map(({ name, fields }) => ({ name, fields })), ngram, minWords },
    preparation: { repair: config.repair, redact: config.redact },
    files: inputs.evaluation,
    root: inputs.root,
    remote: config.remote,
  };
  const { root: _root, remote: _remote, files, ...rest } = indexInput;
  const matters = { ...rest, files: files.map(({ set, uri, fingerprint }) => ({ set, uri, fingerprint })) };
  const index = makeStage(
    "decontaminate-index",
    "index the n-grams of evaluation sets",
    version,
    [{ ...draft("index", indexInput, []), matters }],
    [],
  );
  const scan = makeStage(
    "decontaminate-scan",
    "find evaluation sets in documents",
    version,
    partitions.map((partition) =>
      draft(numbered(partition), { partition, before } satisfies ScanInput, [
        ...keysOf(index),
        ...(before.length === 0 ? [ingested[partition] ?? ""] : revised(partition)),
      ]),
    ),
    // Nearly always beside deduplication, whose stages of one task leave threads free.
    [...allOf(index), ...sameOf(revision ?? ingest)],
  );
  const flag = makeStage(
    "decontaminate-flag",
    "tell common phrases from contamination",
    version,
    [
      draft("flag", { partitions: partitions.length, sets: names, maxCorpusFrequency } satisfies FlagInput, [
        ...keysOf(scan),
        ...keysOf(decide),
      ]),
    ],
    allOf(scan, decide),
  );
  const markConfig = { action, maxCorpusFrequency, window, minPieceCharacters, maxPieces };
  const mark = makeStage(
    "decontaminate-mark",
    "report contamination, decide what is cut and dropped",
    version,
    partitions.map((partition) =>
      draft(numbered(partition), { partition, before, sets: names, config: markConfig } satisfies MarkInput, [
        ...keysOf(flag),
        scan.tasks[partition]?.key ?? "",
        ...revised(partition),
      ]),
    ),
    [...allOf(flag), ...sameOf(revision)],
  );
  const changes = action !== "report";
  return {
    stages: [index, scan, flag, mark],
    revisions: changes ? ["decontaminate"] : [],
    kept: (partition) => (changes ? [mark.tasks[partition]?.key ?? ""] : []),
  };
}
