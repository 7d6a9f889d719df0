/** A look into formats that carry a schema and an index of their parts, before they are read. */
import type { ReadConfig, SourceConfig } from "../../schemas/config/corpus.ts";
import { DataError } from "../base/index.ts";
import type { ByteSource } from "./byte-source.ts";
import type { InputFile, Inspection } from "./types.ts";
import { inspectZstd } from "./zstd-frames.ts";

/**
 * Where a file can be cut, and what makes it useless.
 *
 * @param open called only for formats into which there is something to look
 */
export async function inspectFile(
  file: Pick<InputFile, "format" | "compression" | "bytes" | "remote">,
  { fields }: Pick<SourceConfig, "fields">,
  { splitBytes }: Pick<ReadConfig, "splitBytes">,
  open: () => Promise<ByteSource>,
  signal?: AbortSignal,
): Promise<Partial<Inspection>> {
  const { format, compression, bytes } = file;
  // From afar only a footer is worth a look: frames of zstd are found by walking through the whole file.
  const isFar = file.remote !== undefined;
  if (bytes === 0 || file.remote?.ranges === false) return {};
  try {
    if (format === "parquet") {
      const { inspectParquet } = await import("./parquet.ts");
      return await inspectParquet(await open(), fields);
    }
    if (format === "arrow") {
      const { inspectArrow } = await import("./arrow.ts");
      return await inspectArrow(await open(), compression, fields);
    }
    const isCutBetweenFrames = compression === "zstd" && ["jsonl", "warc", "wet"].includes(format);
    if (isCutBetweenFrames && bytes > splitBytes && !isFar) return await inspectZstd(await open(), { signal });
    return {};
  } catch (error) {
    // A damaged file is quarantined by its reader; one bad file of thousands must not stop the run.
    if (error instanceof DataError && error.code === "parquet-unreadable") return {};
    throw error;
  }
}

/** The parts of an inspection that a file keeps. */
export function keptOf({
  borders = [],
  contentBytes,
}: Partial<Inspection>): Pick<InputFile, "borders" | "contentBytes"> {
  return { ...(borders.length > 0 && { borders }), ...(contentBytes !== undefined && { contentBytes }) };
}
