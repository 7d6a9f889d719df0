/**
 * Reads a split: files or ranges to record batches of documents, bad input to entries for the quarantine.
 *
 * A file that cannot be opened any more although the plan saw it is quarantined, too; it must not stop a long run.
 */
import type { FieldMapping, FormatName, ReadConfig, SourceConfig } from "../../schemas/config/corpus.ts";
import { DocumentBatchBuilder, type MediaType, type NewDocument } from "../../schemas/record/document.ts";
import type { Quarantine } from "../../schemas/record/reject.ts";
import { DataError, giveMemoryBack, takeMemory } from "../base/index.ts";
import { loadKernels, type TextKernels } from "../kernels/index.ts";
import { localSources, type ByteSource, type OpenSource } from "./byte-source.ts";
import { documentId, type RecordPlace } from "./identity.ts";
import type { InputSplit, ReadItem, ReadRejection, SplitPart } from "./types.ts";

export interface ReadSplitOptions {
  /** Absolute path of the folder that sources are relative to. */
  readonly root: string;
  readonly source: Pick<SourceConfig, "fields" | "language">;
  readonly read: ReadConfig;
  /** Finds files by their URIs. @default those below the root */
  readonly openSource?: OpenSource;
  /** Folder that pieces of cut files stand in. @default the root */
  readonly folder?: string;
  readonly signal?: AbortSignal;
  /** Told of each document where its record is in the file; see `documentId`. */
  readonly onDocument?: (id: string, place: RecordPlace) => void;
}

/** What the reader of one part needs to know. */
export interface PartContext {
  readonly source: ByteSource;
  readonly part: SplitPart;
  readonly read: ReadConfig;
  readonly fields: FieldMapping;
  readonly language: string | undefined;
  readonly kernels: TextKernels;
}

/** Reads a part into the collector; stops now and then so that batches can be handed out. */
type Reader = (context: PartContext, collect: Collector) => AsyncGenerator<void, void, undefined>;

const readWarc = async (): Promise<Reader> => (await import("./warc.ts")).readWarc;
const readWholeFile = async (): Promise<Reader> => (await import("./whole-file.ts")).readWholeFile;

/** By format; loaded when the first file of the format is read. */
const readers: Readonly<Record<FormatName, () => Promise<Reader>>> = {
  jsonl: async () => (await import("./json-lines.ts")).readJsonLines,
  parquet: async () => (await import("./parquet.ts")).readParquet,
  arrow: async () => (await import("./arrow.ts")).readArrow,
  warc: readWarc,
  wet: readWarc,
  html: readWholeFile,
  text: readWholeFile,
  markdown: readWholeFile,
  "typescript-doc-comments": readWholeFile,
  brown: readWholeFile,
};

/**
 * Documents of a split in the order of its files and records, in batches of about `read.batchBytes` of text.
 *
 * Every record becomes a row of a batch or one entry of the quarantine. Batches are the caller's, who may give the
 * memory of their texts back (`giveMemoryBack`) when nobody needs them any more.
 */
export async function* readSplit(
  split: InputSplit,
  options: ReadSplitOptions,
): AsyncGenerator<ReadItem, void, undefined> {
  const { root, source: config, read, signal, openSource = localSources(root), folder = root, onDocument } = options;
  const kernels = await loadKernels();
  const collect = new Collector(read.batchBytes, onDocument);
  for (const part of split.parts) {
    signal?.throwIfAborted();
    try {
      const local = part.piece?.path ?? part.copy;
      const source = await (local === undefined ? openSource(part) : localSources(folder)({ uri: local }));
      const context = { source, part, read, fields: config.fields, language: config.language, kernels };
      const readPart = await readers[part.format]();
      for await (const _ of readPart(context, collect)) {
        if (collect.full) yield* collect.drain();
        signal?.throwIfAborted();
      }
    } catch (error) {
      // Other parts of a remote file may have been read already: nothing of it is to be trusted.
      if (!(error instanceof DataError) || error.code.startsWith("remote-")) throw error;
      if (part.piece !== undefined) throw pieceGone(part.piece.path, part.uri, error);
      collect.quarantine(unreadable(part, error));
    }
    if (collect.full) yield* collect.drain();
  }
  yield* collect.drain();
}

/** A run cuts a file again where it knows that a piece is needed; it cannot know that stored documents are damaged. */
function pieceGone(path: string, uri: string, cause: DataError): DataError {
  return new DataError(
    "piece-gone",
    `${path}, a piece of ${uri}, cannot be read: ${cause.message}`,
    { file: path },
    { cause, hint: "Remove .work/ingest from the output folder and run the same command again." },
  );
}

function unreadable(part: SplitPart, error: DataError): Quarantine {
  const rest = { row: null, byteOffset: part.start, byteLength: part.end - part.start, sample: "" };
  return { source: part.uri, reason: "file-unreadable", message: error.message, ...rest };
}

/** Gathers documents and bad input until there is enough for a batch. */
export class Collector {
  readonly builder: DocumentBatchBuilder = new DocumentBatchBuilder({ take: takeMemory, giveBack: giveMemoryBack });
  /** Beginning of the line that is being skipped. */
  skipped: Uint8Array = new Uint8Array(0);
  readonly #batchBytes: number;
  #quarantined: Quarantine[] = [];
  #rejections: ReadRejection[] = [];
  #replacements = 0;
  #mediaType: MediaType = "text/plain";
  /** Batches that were ended because the next text is of another type. */
  #ended: ReadItem[] = [];

  readonly #onDocument: ReadSplitOptions["onDocument"];

  constructor(batchBytes: number, onDocument?: ReadSplitOptions["onDocument"]) {
    this.#batchBytes = batchBytes;
    this.#onDocument = onDocument;
  }

  /** Id of the document whose record is at a place of a file. */
  identify(uri: string, place: RecordPlace): string {
    const id = documentId(uri, place);
    this.#onDocument?.(id, place);
    return id;
  }

  /** Time to drain. */
  get full(): boolean {
    return (
      this.builder.textBytes >= this.#batchBytes ||
      this.#quarantined.length >= 1000 ||
      this.#rejections.length >= 1000 ||
      this.#ended.length > 0
    );
  }

  /** Call before a text of this type is appended. */
  begin(type: MediaType): void {
    if (type === this.#mediaType) return;
    if (this.builder.length > 0) this.#ended.push(this.#finish());
    this.#mediaType = type;
  }

  quarantine(entry: Quarantine): void {
    this.#quarantined.push(entry);
  }

  /** Counts a record that is no text: its row says where it was, and has no text. */
  reject(reason: ReadRejection["reason"], value: number, record: Omit<NewDocument, "text">): void {
    this.#rejections.push({ row: this.builder.length, reason, value });
    this.builder.append({ ...record, text: new Uint8Array(0) });
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
    yield* this.#ended;
    this.#ended = [];
    if (this.builder.length > 0) yield this.#finish();
  }

  #finish(): ReadItem {
    const replacements = this.#replacements;
    this.#replacements = 0;
    const rejections = this.#rejections;
    this.#rejections = [];
    return { batch: this.builder.finish(), mediaType: this.#mediaType, rejections, replacements };
  }
}
