/** What a planned run will read, need and take, as far as names and sizes of its inputs tell. For `--dry-run`. */
import { tasksOf, type Plan, type Task } from "../../schemas/run/plan.ts";
import type { CorpusConfig } from "../../schemas/config/corpus.ts";
import { splitStageName } from "./plan-pieces.ts";
import { findRecord } from "./records.ts";
import type { IngestInput } from "./tasks/ingest.ts";
import type { SplitInput } from "./tasks/split.ts";

export interface BuildEstimate {
  /** Bytes of the sources as they lie there. */
  readonly inputBytes: number;
  /** Bytes of them once decompressed. */
  readonly textBytes: number;
  /** Most that the output takes while it is made. */
  readonly diskBytes: number;
  /** From an idle machine with fast rules to a busy one. */
  readonly seconds: { readonly least: number; readonly most: number };
  /** Compressed files that are cut first, and the pieces they become: each is a task of its own then. */
  readonly cut: { readonly files: number; readonly pieces: number };
  /** Files of servers that are copied first, and their bytes as far as the servers tell. */
  readonly copied: { readonly files: number; readonly bytes: number };
}

/**
 * What estimates rest on; docs.jsonl.zst, web-like JSON Lines of 95.5 MB in 20 MB, through the default filters,
 * deduplication and GPT-2 tokens on 23 November 2026.
 */
export const estimateBasis = {
  /** Decompressed bytes of a compressed one: 4.8 there. Parquet and Arrow are compressed within: about half of that. */
  expansion: { none: 1, gzip: 5, zstd: 5, parquet: 2.5 },
  /** Bytes on the disk for a byte of text: 1.4 (quickstart), 1.8 there, up to 3 where all is kept in long texts. */
  diskPerText: 3,
  /** Bytes of text for a byte of a compressed piece. */
  textPerPiece: 3,
  /** Bytes of text a second and worker: by processor time (9.4 s), and beside three other programs on each core. */
  textBytesPerSecond: { fast: 10e6, slow: 2.5e6 },
  /** Seconds that starting threads and the small stages take anyway. */
  leastSeconds: 2,
} as const;

/** Estimates a run of a plan by so many workers. */
export function estimateBuild(plan: Plan, config: CorpusConfig, workers: number): BuildEstimate {
  const { expansion, diskPerText, textPerPiece, textBytesPerSecond, leastSeconds } = estimateBasis;
  const ingest = tasksOf(plan, "ingest");
  let textBytes = 0;
  for (const task of ingest) {
    // The plan made it with this very type.
    const { split } = task.input as unknown as Pick<IngestInput, "split">;
    const sizes = split.parts.map(({ start, end, format, compression }) => {
      const factor = format === "parquet" ? expansion.parquet : expansion[compression];
      return { bytes: end - start, text: (end - start) * factor };
    });
    const bytes = sizes.reduce((sum, one) => sum + one.bytes, 0);
    const text = sizes.reduce((sum, one) => sum + one.text, 0);
    // Parts of files that are read whole may not know their size: then that of the task counts.
    textBytes += bytes === 0 ? task.inputBytes : text * (task.inputBytes / bytes);
  }
  // The plan made these with this very type, too.
  const isCopy = ({ input }: Task): boolean => (input as unknown as SplitInput).copy !== undefined;
  const copies = tasksOf(plan, splitStageName).filter(isCopy);
  const copiedBytes = copies.reduce((sum, task) => sum + task.inputBytes, 0);
  const cut = tasksOf(plan, splitStageName).filter((task) => !isCopy(task));
  const cutText = cut.reduce((sum, task) => sum + task.inputBytes, 0) * expansion.gzip;
  const pieceBytes = config.read.compressPieces ? cutText / textPerPiece : cutText;
  const seconds = (rate: number): number => leastSeconds + textBytes / (rate * Math.max(1, workers));
  return {
    inputBytes: ingest.reduce((sum, task) => sum + task.inputBytes, 0),
    textBytes: Math.round(textBytes),
    diskBytes: Math.round(textBytes * diskPerText + pieceBytes) + copiedBytes,
    seconds: { least: seconds(textBytesPerSecond.fast), most: seconds(textBytesPerSecond.slow) },
    cut: { files: cut.length, pieces: Math.max(cut.length, Math.ceil(cutText / config.read.pieceBytes)) },
    copied: { files: copies.length, bytes: copiedBytes },
  };
}

/** By stage, how many tasks an output has done already under their present keys. */
export async function countDone(folder: string, plan: Plan): Promise<ReadonlyMap<string, number>> {
  const done = new Map<string, number>();
  for (const { name, tasks } of plan.stages) {
    let count = 0;
    for (const task of tasks) if ((await findRecord(folder, task)) !== undefined) count++;
    done.set(name, count);
  }
  return done;
}
