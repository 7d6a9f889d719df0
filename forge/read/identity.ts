/** Ids of documents: the same in every run, on every machine, however the input was split. */
import { hash } from "node:crypto";
import { posix, relative, sep } from "node:path";

/**
 * What no split changes: where a line begins in the decompressed file, the row of a table, the offset of a WARC's gzip
 * member (`member+offset` for what does not begin it), 0 for a file that is one document.
 */
export type RecordPlace = number | string;

/**
 * 128 bits, as 32 hex digits, of the source's URI and of the record's place in it.
 *
 * @param uri relative to the configured root, so that moving the root keeps ids
 */
export function documentId(uri: string, place: RecordPlace): string {
  return hash("sha256", `${uri}\n${place}`).slice(0, 32);
}

/** A file's URI: its path from the root with forward slashes; `..` stays for files outside. */
export function sourceUri(root: string, path: string): string {
  const fromRoot = relative(root, path);
  return posix.normalize(sep === "/" ? fromRoot : fromRoot.replaceAll(sep, "/"));
}
