/** What a plan needs to know of a file: size, hash, format, and where it can be cut. */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import type { ReadConfig, SourceConfig } from "../../schemas/config/corpus.ts";
import { DataError, ForgeError } from "../base/index.ts";
import { inspectArrow } from "./arrow.ts";
import type { ByteSource, OpenSource } from "./byte-source.ts";
import { compressionOf, formatOf } from "./formats.ts";
import { inspectParquet } from "./parquet.ts";
import type { InputFile, Inspection } from "./types.ts";
import { inspectZstd } from "./zstd-frames.ts";

export type DescribedFile = InputFile & Pick<Inspection, "problem">;

/** Looks at a file; a string says why it cannot be read. */
export async function describeFile(
  source: SourceConfig,
  uri: string,
  { splitBytes }: Pick<ReadConfig, "splitBytes">,
  openSource: OpenSource,
): Promise<DescribedFile | string> {
  try {
    const bytes = await openSource(uri);
    const name = posix.basename(uri);
    const file: InputFile = {
      source: source.name,
      uri,
      format: formatOf(name, source.preset === "brown-corpus" ? "brown" : source.format),
      compression: compressionOf(name),
      bytes: bytes.size,
      sha256: await digest(bytes),
    };
    const found = bytes.size === 0 ? undefined : await inspect(file, source, splitBytes, bytes);
    const { borders = [], contentBytes, problem } = found ?? {};
    return {
      ...file,
      ...(borders.length > 0 && { borders }),
      ...(contentBytes !== undefined && { contentBytes }),
      ...(problem !== undefined && { problem }),
    };
  } catch (error) {
    if (error instanceof ForgeError) return error.message;
    throw error;
  }
}

async function digest(source: ByteSource): Promise<string> {
  const hash = createHash("sha256");
  if (source.fingerprint !== undefined) return hash.update(source.fingerprint).digest("hex");
  for await (const chunk of source.read()) hash.update(chunk);
  return hash.digest("hex");
}

/** Looks into formats that carry a schema and an index of their parts. */
async function inspect(
  file: InputFile,
  { fields }: Pick<SourceConfig, "fields">,
  splitBytes: number,
  source: ByteSource,
): Promise<Partial<Inspection>> {
  try {
    if (file.format === "parquet") return await inspectParquet(source, fields);
    if (file.format === "arrow") return await inspectArrow(source, file.compression, fields);
    const isLong = file.format === "jsonl" && file.bytes > splitBytes;
    if (isLong && file.compression === "zstd") return await inspectZstd(source);
    return {};
  } catch (error) {
    // A damaged file is quarantined by its reader; one bad file of thousands must not stop the run.
    if (error instanceof DataError && error.code === "parquet-unreadable") return {};
    throw error;
  }
}
