/** The part of `ingest` that comes before the filters: a split's records as repaired documents, and bad input. */
import type { RecordBatch } from "apache-arrow";
import type { ReadConfig, SourceConfig } from "../../../schemas/config/corpus.ts";
import type { ExtractConfig, RedactConfig, RepairConfig } from "../../../schemas/config/extract.ts";
import type { RemoteConfig } from "../../../schemas/config/remote.ts";
import type { Quarantine } from "../../../schemas/record/reject.ts";
import { assert, giveMemoryBack, utf8Column, type Laps, type Utf8Column } from "../../base/index.ts";
import { createExtractor, redactTexts, repairTexts, type Extractor } from "../../extract/index.ts";
import type { KnownFacts } from "../../filter/index.ts";
import { loadKernels, type TextKernels } from "../../kernels/index.ts";
import { openSources, readSplit, type InputSplit } from "../../read/index.ts";
import { replaceTexts } from "../batches.ts";
import { readSecrets } from "../secrets.ts";
import { extractPages } from "./pages.ts";

/** All that decides what a split's documents are before anything is filtered. */
export interface ReadingInput {
  /** Absolute; decides no byte of the output. */
  readonly root: string;
  /** Decides none, either. */
  readonly remote: RemoteConfig;
  readonly split: InputSplit;
  readonly source: Pick<SourceConfig, "fields" | "language">;
  readonly read: ReadConfig;
  readonly extract: ExtractConfig;
  readonly repair: RepairConfig;
  readonly redact: RedactConfig;
}

/** Why a row is turned away. */
export interface TurnedAway {
  readonly row: number;
  readonly stage: string;
  readonly reason: string;
  /** NaN where the rule measures nothing. */
  readonly value: number;
}

export type Reading =
  | {
      /** Documents with their texts repaired and redacted; those in `turnedAway` are none for the filters. */
      readonly batch: RecordBatch;
      readonly turnedAway: readonly TurnedAway[];
      readonly identified?: KnownFacts["identified"];
      /** About what was read of the source, for the progress line. */
      readonly bytes: number;
      readonly counts: ReadingCounts;
    }
  | { readonly quarantine: Quarantine };

/** What reading did to documents, summed over batches. Names are free, values are whole numbers. */
export type ReadingCounts = Readonly<Record<string, number>>;

/**
 * Reads a split from its source.
 *
 * @param folder the output's, in which pieces of cut files stand
 * @param lap told after each step of each batch
 */
export async function* readDocuments(
  input: ReadingInput,
  folder: string,
  lap: Laps["lap"] = () => undefined,
): AsyncGenerator<Reading, void, undefined> {
  const kernels = await loadKernels();
  let extractor: Extractor | undefined;
  const openSource = openSources({ ...input, secrets: await readSecrets(folder) });
  for await (const item of readSplit(input.split, { ...input, openSource, folder })) {
    if ("quarantine" in item) {
      yield item;
      continue;
    }
    lap("read");
    const bytes = bytesOf(utf8Column(item.batch, "text", "batch"));
    const refused = item.rejections.map((one) => ({ ...one, stage: "read" }));
    let documents: Extracted = { batch: item.batch, turnedAway: refused, counts: {} };
    if (item.mediaType === "text/html") {
      extractor ??= await createExtractor(input.extract);
      documents = extractPages(item.batch, extractor, refused);
      lap("extract");
    }
    const original = utf8Column(documents.batch, "text", "batch");
    const prepared = prepareTexts(original, input, kernels, lap);
    if (prepared.text.values.buffer !== original.values.buffer) giveMemoryBack(original.values);
    yield {
      batch: replaceTexts(documents.batch, prepared.text),
      turnedAway: documents.turnedAway,
      bytes,
      counts: { replacements: item.replacements, ...named("extract", documents.counts), ...prepared.counts },
    };
  }
}

interface Extracted {
  readonly batch: RecordBatch;
  readonly turnedAway: readonly TurnedAway[];
  readonly counts: object;
}

/** What is done to the texts of documents, and so to what they are compared with. */
export type TextPreparation = Pick<ReadingInput, "repair" | "redact">;

/** Repairs, then redacts. Every byte that comes or goes is counted, under the step's name. */
export function prepareTexts(
  original: Utf8Column,
  { repair, redact }: TextPreparation,
  kernels: TextKernels,
  lap: Laps["lap"] = () => undefined,
): { readonly text: Utf8Column; readonly counts: ReadingCounts } {
  const repaired = repairTexts(original, repair, kernels);
  lap("repair");
  const redacted = redactTexts(repaired.text, redact, kernels);
  if (redacted.text !== repaired.text && repaired.text !== original) giveMemoryBack(repaired.text.values);
  lap("redact");
  const { found, ...sizes } = redacted.counts;
  const balance = repaired.counts.bytesOut - sizes.bytesOut + sizes.bytesIn;
  assert(repaired.counts.bytesIn === bytesOf(original), "repair sees every byte");
  assert(balance === bytesOf(redacted.text), "redaction accounts for every byte");
  const counts = { ...named("repair", repaired.counts), ...named("redact", sizes), ...named("redact.found", found) };
  return { text: redacted.text, counts };
}

/** Counts under the name of a step: `repair.changed`. */
function named(step: string, counts: object): ReadingCounts {
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [`${step}.${name}`, count as number]));
}

function bytesOf({ offsets, length }: Utf8Column): number {
  return (offsets[length] as number) - (offsets[0] as number);
}
