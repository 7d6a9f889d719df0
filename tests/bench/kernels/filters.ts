/**
 * Row `filter-statistics`: all counts of Gopher's, C4's and FineWeb's rules over every document, nothing left out early,
 * C4's line edits, and the counts of the edited texts for FineWeb; against datatrove's four filters in FineWeb's order,
 * as shipped (English spaCy words), which leave off at the first rule that a document breaks.
 *
 * Verified means: ours equals its twin; with words at white space at least 99.9 % of the values that datatrove compares
 * with a limit, and of the texts that C4 leaves, are equal; and at equal limits at least `keptBound` of the sample's
 * documents have the same fate. Words are told apart by other rules there (filter-types.ts), so that cannot be all.
 */
import {
  c4FilterSchema,
  finewebFilterSchema,
  gopherQualityFilterSchema,
  gopherRepetitionFilterSchema,
} from "../../../schemas/config/filter.ts";
import { judgeC4, judgeFineweb, judgeGopherQuality, judgeGopherRepetition } from "../../../forge/filter/rules.ts";
import { textSignalNames, type TextSignals } from "../../../forge/filter/signals.ts";
import { filterClassTable } from "../../../forge/kernels/filter-classes.ts";
import {
  filterStatisticNames,
  loadFilterKernels,
  finewebStatisticNames,
  type C4Measure,
  type FilterKernels,
  type FilterStatistics,
} from "../../../forge/kernels/filter-statistics.ts";
import { wasmFilterStatistics } from "../../../forge/kernels/filter-wasm.ts";
import type { TextColumn } from "../../../forge/kernels/index.ts";
import { ownKernelInstance } from "../../../forge/kernels/own-instance.ts";
import { missingCorpus, type BenchRow } from "../harness.ts";
import { compareStatistics, signalsOf } from "./compatibility.ts";
import { corpusParts, everyNth, megabytesOf, oneBatch, stringsOf, type CorpusParts } from "./corpus.ts";
import { findDatatrove, type Datatrove } from "./datatrove.ts";
import { compatibilityBound, compatibilityStep } from "./minhash.ts";

/** Least part of documents that both keep or both turn away. */
const keptBound = 0.95;

/** Limits as datatrove ships them; C4 as FineWeb has it, so that lines need no full stop. */
const limits = {
  repetition: gopherRepetitionFilterSchema.parse({ filter: "gopher-repetition" }),
  quality: gopherQualityFilterSchema.parse({ filter: "gopher-quality" }),
  c4: c4FilterSchema.parse({ filter: "c4" }),
  fineweb: finewebFilterSchema.parse({ filter: "fineweb" }),
};

/** FineWeb's rules follow C4's edit, so its counts are wanted of edited texts. */
function measureTexts(kernels: FilterKernels, column: TextColumn): C4Measure {
  return kernels.measureC4(column, limits.c4, "fineweb");
}

export const filterStatistics: BenchRow = {
  name: "filter-statistics",
  unit: "MB/s",
  async prepare() {
    const parts = await corpusParts();
    if (parts === undefined) return missingCorpus;
    const fast = await loadFilterKernels({ implementation: "wasm" });
    const datatrove = findDatatrove();
    return {
      kind: "sampled",
      sampleAmount: megabytesOf(parts.sample),
      doubleAmount: megabytesOf(parts.double),
      wholeAmount: megabytesOf(parts.whole),
      ours: { name: "wasm", run: (part) => parts[part].forEach((batch) => measureTexts(fast, batch)) },
      ...(typeof datatrove === "string"
        ? { missingPeer: datatrove }
        : {
            peer: {
              name: "datatrove",
              run: async (part) => (await datatrove.run("filters", stringsOf(parts[part]))).seconds,
            },
          }),
      async verify() {
        const equalsTwin = await compareWithTwin(fast, parts.double);
        if (typeof datatrove === "string") return { verified: equalsTwin, details: { equalsTwin } };
        const compatibility = await compareValues(fast, datatrove, parts);
        const kept = await compareFates(fast, datatrove, parts.sample);
        const verified =
          equalsTwin && compatibility.equal >= compatibilityBound * compatibility.values && kept.sameFate >= keptBound;
        return { verified, details: { equalsTwin, compatibility, kept: { ...kept, bound: keptBound } } };
      },
    };
  },
};

async function compareWithTwin(fast: FilterKernels, batches: readonly TextColumn[]): Promise<boolean> {
  const twin = await loadFilterKernels({ implementation: "reference" });
  return batches.every((batch) => {
    const [ours, plain] = [measureTexts(fast, batch), measureTexts(twin, batch)];
    const sameCounts =
      filterStatisticNames.every((name) => isSame(ours.statistics[name], plain.statistics[name])) &&
      finewebStatisticNames.every((name) => isSame(ours.edited[name], plain.edited[name]));
    const end = plain.edit.text.offsets[batch.length] as number;
    return (
      sameCounts &&
      Buffer.compare(ours.edit.text.values.subarray(0, end), plain.edit.text.values.subarray(0, end)) === 0 &&
      isSame(ours.edit.sentences, plain.edit.sentences)
    );
  });
}

/** The compatibility run: counts with words at white space, C4's lines as they are. */
async function compareValues(
  kernels: FilterKernels,
  datatrove: Datatrove,
  { whole }: CorpusParts,
): Promise<ReturnType<typeof compareStatistics>> {
  const instance = ownKernelInstance();
  if (instance === undefined) throw new Error("the WebAssembly kernels do not run here");
  const column = everyNth(whole, compatibilityStep);
  const { result } = await datatrove.run("filters-whitespace", stringsOf([column]));
  const statistics = wasmFilterStatistics(instance, filterClassTable("whitespace"))(column);
  // As shipped: this run gives datatrove no limits but those on lines.
  const edit = kernels.editC4Lines(column, { ...limits.c4, terminalPunctuation: true });
  return compareStatistics(statistics, edit, result.documents);
}

interface FateComparison {
  readonly documents: number;
  readonly kept: number;
  readonly keptByDatatrove: number;
  /** Part of the documents that both keep or both turn away, and of those with the same reason, too. */
  readonly sameFate: number;
  readonly sameReason: number;
  /** Documents with another fate, by datatrove's reason and ours. */
  readonly differences: Readonly<Record<string, number>>;
}

async function compareFates(
  kernels: FilterKernels,
  datatrove: Datatrove,
  batches: readonly TextColumn[],
): Promise<FateComparison> {
  const column = oneBatch(batches);
  const { result } = await datatrove.run("filters", stringsOf([column]));
  const ours = reasonsOf(measureTexts(kernels, column));
  const differences: Record<string, number> = {};
  let sameFate = 0;
  let sameReason = 0;
  for (const [i, reason] of ours.entries()) {
    const theirs = result.reasons[i] ?? null;
    if (theirs === reason) sameReason++;
    if ((theirs === null) === (reason === null)) sameFate++;
    else {
      const key = `datatrove ${theirs ?? "keeps"}, ours ${reason ?? "keeps"}`;
      differences[key] = (differences[key] ?? 0) + 1;
    }
  }
  return {
    documents: column.length,
    kept: ours.filter((reason) => reason === null).length,
    keptByDatatrove: result.reasons.filter((reason) => reason === null).length,
    sameFate: sameFate / column.length,
    sameReason: sameReason / column.length,
    differences,
  };
}

/** What turns each document away, in FineWeb's order of the filters. */
function reasonsOf({ statistics, edit, edited }: C4Measure): (string | null)[] {
  const before = rowsOf(statistics, edit.changed.length);
  const after = rowsOf({ ...statistics, ...edited }, edit.changed.length);
  return Array.from(edit.changed, (_, row) => {
    const signals = before[row] as TextSignals;
    const left = after[row] as TextSignals;
    const found = {
      sentences: edit.sentences[row] as number,
      loremIpsum: edit.loremIpsum[row] === 1,
      curlyBracket: edit.curlyBracket[row] === 1,
    };
    const verdict =
      judgeGopherRepetition(signals, limits.repetition) ??
      judgeGopherQuality(signals, limits.quality) ??
      judgeC4(found, limits.c4) ??
      judgeFineweb(left, limits.fineweb);
    return verdict?.reason ?? null;
  });
}

function rowsOf(statistics: FilterStatistics, length: number): TextSignals[] {
  const columns = signalsOf(statistics, length);
  return Array.from(
    { length },
    (_, row) => Object.fromEntries(textSignalNames.map((name) => [name, columns[name][row]])) as TextSignals,
  );
}

function isSame(ours: Uint32Array, plain: Uint32Array): boolean {
  return ours.length === plain.length && ours.every((count, row) => count === plain[row]);
}
