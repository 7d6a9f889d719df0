/** What the room plans and reads. All plain JSON but the batches, so that a plan can be stored and sent to a worker. */
import type { RecordBatch } from "apache-arrow";
import type { FormatName } from "../../schemas/config/corpus.ts";
import type { MediaType } from "../../schemas/record/document.ts";
import type { Quarantine } from "../../schemas/record/reject.ts";

export type Compression = "none" | "gzip" | "zstd";

/** A place at which a file can be cut: a record begins there. */
export interface Border {
  /** Byte of the file. */
  readonly start: number;
  /** Records before it, where that is known. */
  readonly row?: number;
  /** Decompressed bytes before it, where the file is compressed. */
  readonly position?: number;
}

/** What a look into a file shows before it is read. */
export interface Inspection {
  /** In the order of the file; empty where only the whole can be read. */
  readonly borders: readonly Border[];
  /** Decompressed bytes of a compressed file that can be cut. */
  readonly contentBytes?: number;
  /** What makes the file useless under this config, to follow the file's name in a sentence. */
  readonly problem?: string;
}

/** A file to read, with what its content is known by. */
export interface InputFile {
  /** Name of the source in the config. */
  readonly source: string;
  /** Path from the root, forward slashes. */
  readonly uri: string;
  readonly format: FormatName;
  readonly compression: Compression;
  readonly bytes: number;
  /**
   * What changes with the content: its SHA-256 (hex), of a large file that of its size, time and samples (`sampled-…`), and
   * of one far away what the server vouches for (`etag "…"`).
   * Part of the keys of all tasks that read the file.
   */
  readonly fingerprint: string;
  /** Of a file that is not on this machine. */
  readonly remote?: RemoteFile;
  /** Copy of such a file that a task made (path relative to the output folder): what splits read and are known by. */
  readonly copy?: { readonly path: string; readonly sha256: string };
  /** Where it can be cut; absent when its format is cut anywhere, or not at all. */
  readonly borders?: readonly Border[];
  readonly contentBytes?: number;
}

/** What it takes to read a file that is elsewhere without looking at it again, and to notice that it changed. */
export interface RemoteFile {
  /** Of the whole file; absent when the server does not tell. */
  readonly bytes?: number;
  /** Its parts can be asked for; then its size is known. */
  readonly ranges: boolean;
  /** The fingerprint vouches for every byte; else a task copies the file first. */
  readonly exact: boolean;
  /** Sent along with every request, and expected back. */
  readonly etag?: string;
  readonly lastModified?: string;
  /** Commit of a data set on the Hugging Face hub. */
  readonly revision?: string;
}

/** A piece of a file that could not be read in parts, cut out by a task and standing in the output's work folder. */
export interface Piece {
  /** Relative to the output folder. */
  readonly path: string;
  readonly bytes: number;
  /** Absent where the file's fingerprint, the position and the bytes say what it holds: it is not compressed. */
  readonly sha256?: string;
  readonly compression: "none" | "zstd";
  /** Where it begins in the decompressed file: ids and places are those of the file. */
  readonly position: number;
  /** The file breaks off behind this piece, its last. */
  readonly damage?: { readonly reason: "truncated" | "corrupt-compression"; readonly message: string };
}

/** The records of a file that begin in `[start, end)`; 0 and the file's size where a file is read whole. */
export interface SplitPart {
  readonly uri: string;
  readonly format: FormatName;
  readonly compression: Compression;
  readonly start: number;
  readonly end: number;
  /** Records of the file before this part, where that is known. */
  readonly row?: number;
  /** The part in decompressed bytes, where a compressed file is cut. */
  readonly positions?: { readonly start: number; readonly end: number };
  /** What is read instead of the file; `start`, `end` and `compression` are the piece's. */
  readonly piece?: Pick<Piece, "path" | "position" | "damage">;
  /** A copy that is read instead; all else is the file's. */
  readonly copy?: string;
  /** Of the whole file (or piece): part of the task's key, so that a changed file is read again. */
  readonly fingerprint: string;
  /** How to get at it; no part of the key. */
  readonly remote?: RemoteFile;
}

/** What one task reads: a range of a large file, or a group of small ones, all of one source. */
export interface InputSplit {
  readonly source: string;
  /** Bytes on the disk. */
  readonly bytes: number;
  readonly parts: readonly SplitPart[];
}

export interface InputPlan {
  /** In the order of the config's sources, then by URI. */
  readonly files: readonly InputFile[];
  readonly splits: readonly InputSplit[];
  /** Files that a task must cut into pieces or copy first; until then each is one split. */
  readonly uncut: readonly InputFile[];
  /** URLs with names, passwords or signatures, by their URIs. Secret: kept out of plans and manifests. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** A record that was read but is no text: a failed request, a picture. Its row in the batch has an empty text. */
export interface ReadRejection {
  readonly row: number;
  readonly reason: "http-status" | "content-type";
  /** The status; NaN where nothing was measured. */
  readonly value: number;
}

/** One piece of what a split yields: documents, or an entry of bad input. */
export type ReadItem =
  | {
      readonly batch: RecordBatch;
      /** Of all texts of the batch. */
      readonly mediaType: MediaType;
      /** Rows that are no documents for any later stage, in their order. */
      readonly rejections: readonly ReadRejection[];
      /** Invalid UTF-8 sequences and lone surrogates replaced by U+FFFD in these documents. */
      readonly replacements: number;
    }
  | { readonly quarantine: Quarantine };
