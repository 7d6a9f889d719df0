/** Lists that the user supplies: files with one entry a line. Each is read once in a thread. */
import { readFile } from "node:fs/promises";
import { DataError, wrapFileError } from "../base/index.ts";

export interface ListEntry {
  readonly text: string;
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
}

/**
 * Entries of some files, in their order: trimmed, without empty lines and comments (`#` at the beginning of a line).
 *
 * @throws DataError when a file cannot be read, or holds no entry at all (`list-empty`)
 */
export async function readLists(files: readonly string[]): Promise<readonly ListEntry[]> {
  const lists = await Promise.all(files.map(readList));
  return lists.flat();
}

async function readList(file: string): Promise<readonly ListEntry[]> {
  let content: string;
  try {
    content = await readFile(file, "utf8");
  } catch (error) {
    throw wrapFileError(error, file);
  }
  const entries = content
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .map((line, index) => ({ text: line.trim(), file, line: index + 1 }))
    .filter(({ text }) => text !== "" && !text.startsWith("#"));
  if (entries.length === 0) {
    throw new DataError("list-empty", `The list ${file} has no entry`, { file }, { hint: "One entry a line." });
  }
  return entries;
}
