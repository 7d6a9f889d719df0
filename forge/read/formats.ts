/** Which format and compression a file has, by its name. */
import type { SourceConfig, FormatName } from "../../schemas/config/corpus.ts";
import type { Compression } from "./types.ts";

export function compressionOf(name: string): Compression {
  if (/\.gz$/i.test(name)) return "gzip";
  return /\.zst$/i.test(name) ? "zstd" : "none";
}

/** The format that the config names, or else the one that the name (without .gz or .zst) tells. */
export function formatOf(name: string, configured: SourceConfig["format"]): FormatName {
  if (configured !== "auto") return configured;
  const bare = name.replace(/\.(gz|zst)$/i, "");
  return endings.find(([pattern]) => pattern.test(bare))?.[1] ?? "text";
}

const endings: readonly (readonly [RegExp, FormatName])[] = [
  [/\.(jsonl|ndjson)$/i, "jsonl"],
  [/\.parquet$/i, "parquet"],
  [/\.(arrow|feather|ipc)$/i, "arrow"],
  [/\.wet$/i, "wet"],
  [/\.warc$/i, "warc"],
  [/\.(html?|xhtml)$/i, "html"],
  [/\.(md|markdown)$/i, "markdown"],
  [/\.d\.[cm]?ts$/i, "typescript-doc-comments"],
];
