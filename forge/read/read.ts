/**
 * Reads a split: files or ranges to record batches of documents, bad input to entries for the quarantine.
 *
 * A file that cannot be opened any more although the plan saw it is quarantined, too; it must not stop a long run.
 */
import { resolve } from "node:path";
import type { FieldMapping, ReadConfig, SourceConfig } from "../../schemas/config/corpus.ts";
import { DocumentBatchBuilder } from "../../schemas/record/document.ts";
import type { Quarantine } from "../../schemas/record/reject.ts";
import { DataError } from "../base/index.ts";
import { loadKernels, type TextKernels } from "../kernels/index.ts";
import { readJsonLines } from "./json-lines.ts";
import type { InputSplit, ReadItem, SplitPart } from "./types.ts";
import { readWholeFile } from "./whole-file.ts";

export interface ReadSplitOptions {
  /** Absolute path of the folder that sources are relative to. */
  readonly root: string;
  readonly source: Pick<SourceConfig, "fields" | "language">;
  readonly read: ReadConfig;
  readonly signal?: AbortSignal;
}

/** What the reader of one part needs to know. */
export interface PartContext {
  readonly path: string;
  readonly part: SplitPart;
  readonly read: ReadConfig;
  readonly fields: FieldMapping;
  readonly language: string | undefined;
  readonly kernels: TextKernels;
}

/**
 * Documents of a split in the order of its files and records, in batches of about `read.batchBytes` of text.
 *
 * Every record becomes a row of a batch or one entry of the quarantine. Batches are the caller's.
 */
export async function* readSplit(
  split: InputSplit,
  options: ReadSplitOptions,
): AsyncGenerator<ReadItem, void, undefined> {
  const { root, source, read, signal } = options;
  const kernels = await loadKernels();
  const collect = new Collector(read.batchBytes);
  for (const part of split.parts) {
    signal?.throwIfAborted();
    const path = resolve(root, part.uri);
    const context: PartContext = { path, part, read, fields: source.fields, language: source.language, kernels };
    try {
      if (part.format === "jsonl") {
        for await (const _ of readJsonLines(context, collect)) {
          yield* collect.drain();
          signal?.throwIfAborted();
        }
      } else await readWholeFile(context, collect);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      collect.quarantine(unreadable(part, error));
    }
    if (collect.full) yield* collect.drain();
  }
  yield* collect.drain();
}

function unreadable(part: SplitPart, error: DataError): Quarantine {
  const rest = { row: null, byteOffset: part.start, byteLength: part.end - part.start, sample: "" };
  return { source: part.uri, reason: "file-unreadable", message: error.message, ...rest };
}

/** Gathers documents and bad input until there is enough for a batch. */
export class Collector {
  readonly builder: DocumentBatchBuilder = new DocumentBatchBuilder();
  /** Beginning of the line that is being skipped. */
  skipped: Uint8Array = new Uint8Array(0);
  readonly #batchBytes: number;
  #quarantined: Quarantine[] = [];
  #replacements = 0;

  constructor(batchBytes: number) {
    this.#batchBytes = batchBytes;
  }

  /** Time to drain. */
  get full(): boolean {
    return this.builder.textBytes >= this.#batchBytes || this.#quarantined.length >= 1000;
  }

  quarantine(entry: Quarantine): void {
    this.#quarantined.push(entry);
  }

  markSkipped(bytes: Uint8Array): void {
    this.skipped = bytes.slice(0, 200);
  }

  addReplacements(count: number): void {
    this.#replacements += count;
  }

  *drain(): Generator<ReadItem, void, undefined> {
    for (const quarantine of this.#quarantined) yield { quarantine };
    this.#quarantined = [];
    if (this.builder.length === 0) return;
    const replacements = this.#replacements;
    this.#replacements = 0;
    yield { batch: this.builder.finish(), replacements };
  }
}
