/** The part of `ingest` that comes before the filters: a split's records as repaired documents, and bad input. */
import type { RecordBatch } from "apache-arrow";
import type { ReadConfig, SourceConfig } from "../../../schemas/config/corpus.ts";
import type { RepairConfig } from "../../../schemas/config/extract.ts";
import type { Quarantine } from "../../../schemas/record/reject.ts";
import { utf8Column } from "../../base/index.ts";
import { repairTexts } from "../../extract/index.ts";
import type { KnownFacts } from "../../filter/index.ts";
import { readSplit, type InputSplit } from "../../read/index.ts";
import { replaceTexts } from "../batches.ts";

/** All that decides what a split's documents are before anything is filtered. */
export interface ReadingInput {
  /** Absolute; the one thing here that decides no byte of the output. */
  readonly root: string;
  readonly split: InputSplit;
  readonly source: Pick<SourceConfig, "fields" | "language">;
  readonly read: ReadConfig;
  readonly repair: RepairConfig;
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
      /** Documents with their texts repaired; those in `turnedAway` are none for the filters. */
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

/** Reads a split from its source. */
export async function* readDocuments(input: ReadingInput): AsyncGenerator<Reading, void, undefined> {
  for await (const item of readSplit(input.split, input)) {
    if ("quarantine" in item) {
      yield item;
      continue;
    }
    const original = utf8Column(item.batch, "text", "batch");
    const { text } = repairTexts(original, input.repair);
    yield {
      batch: replaceTexts(item.batch, text),
      turnedAway: item.rejections.map((one) => ({ ...one, stage: "read" })),
      bytes: (original.offsets[original.length] as number) - (original.offsets[0] as number),
      counts: { replacements: item.replacements },
    };
  }
}
