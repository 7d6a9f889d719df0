/** Which format and compression a file has, by its name. */
import type { SourceConfig, FormatName } from "../../schemas/config/corpus.ts";
import type { Compression } from "./types.ts";

export function compressionOf(name: string): Compression {
  if (/\.(gz|gzip)$/i.test(name)) return "gzip";
  return /\.(zst|zstd)$/i.test(name) ? "zstd" : "none";
}

/** The format that the config names, or else the one that the name (without .gz or .zst) tells. */
export function formatOf(name: string, configured: SourceConfig["format"]): FormatName {
  if (configured !== "auto") return configured;
  const bare = bareName(name);
  return endings.find(([pattern]) => pattern.test(bare))?.[1] ?? "text";
}

/** What is wrong with a file whose name says that nothing here can unpack it; its bytes would pass for bad text. */
export function packingProblem(name: string): string | undefined {
  const ending = /\.(bz2|xz|lzma|lz4|zip|7z|rar|tar|tgz|tbz2?|txz)$/i.exec(bareName(name))?.[0];
  if (ending === undefined) return undefined;
  return `is packed as ${ending}, which is not read here (only .gz and .zst): unpack it, or \`exclude\` it`;
}

function bareName(name: string): string {
  return name.replace(/\.(gz|gzip|zst|zstd)$/i, "");
}

const endings: readonly (readonly [RegExp, FormatName])[] = [
  // C4, Dolma and others name their JSON Lines .json.gz.
  [/\.(jsonl|ndjson|json)$/i, "jsonl"],
  [/\.parquet$/i, "parquet"],
  [/\.(arrow|feather|ipc)$/i, "arrow"],
  [/\.wet$/i, "wet"],
  [/\.warc$/i, "warc"],
  [/\.(html?|xhtml)$/i, "html"],
  [/\.(md|markdown)$/i, "markdown"],
  [/\.d\.[cm]?ts$/i, "typescript-doc-comments"],
];
