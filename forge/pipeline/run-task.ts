/** From a task's description to the code that does it. Executors call this wherever the task runs. */
import type { Task } from "../../schemas/run/plan.ts";
import { dedupStages } from "../dedup/index.ts";
import type { TaskContext, TaskOutcome } from "./executor.ts";
import { dedup } from "./tasks/dedup.ts";
import {
  flagDocuments,
  indexEvaluationSets,
  scanPartition,
  type EvaluationIndexInput,
  type FlagInput,
  type ScanInput,
} from "./tasks/decontaminate.ts";
import { writeDocumentFiles } from "./tasks/documents.ts";
import { indexPartition, type IndexInput } from "./tasks/existing.ts";
import { ingest, type IngestInput } from "./tasks/ingest.ts";
import type { DedupInput, DocumentsInput, EncodeInput, ShardsInput, TokenizerInput } from "./tasks/inputs.ts";
import { markDocuments, type MarkInput } from "./tasks/mark.ts";
import { split, type SplitInput } from "./tasks/split.ts";
import { encode, makeTokenizer, orderShards, writeShards } from "./tasks/tokenize.ts";

/** Runs one task of a corpus plan; safe to run again. Its files are in place when it returns. */
export async function runTask(task: Task, context: TaskContext): Promise<TaskOutcome> {
  const stage = task.id.slice(0, task.id.indexOf("/"));
  // The plan made these inputs with these very types; they crossed a thread or a file as JSON since.
  const input = task.input as unknown;
  switch (stage) {
    case "split":
      return await split(input as SplitInput, context);
    case "ingest":
      return await ingest(input as IngestInput, context);
    case "decontaminate-index":
      return await indexEvaluationSets(input as EvaluationIndexInput, context);
    case "decontaminate-scan":
      return await scanPartition(input as ScanInput, context);
    case "decontaminate-flag":
      return await flagDocuments(input as FlagInput, context);
    case "decontaminate-mark":
      return await markDocuments(input as MarkInput, context);
    case "tokenizer":
      return await makeTokenizer(input as TokenizerInput, context);
    case "encode":
      return await encode(input as EncodeInput, context);
    case "order":
      return await orderShards(input as ShardsInput, context);
    case "shard":
      return await writeShards(input as ShardsInput, context);
    case "index":
      return await indexPartition(input as IndexInput, context);
    case "documents":
      return await writeDocumentFiles(input as DocumentsInput, context);
    default:
      if ((dedupStages as readonly string[]).includes(stage)) return await dedup(input as DedupInput, context);
      throw new Error(`No stage is called ${stage}`);
  }
}
