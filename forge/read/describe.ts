/** What a plan needs to know of a file: size, fingerprint, format, and where it can be cut. */
import { createHash } from "node:crypto";
import type { ReadConfig, SourceConfig } from "../../schemas/config/corpus.ts";
import { EnvironmentError, ForgeError, freeChunk, TransientError } from "../base/index.ts";
import type { ByteSource, OpenSource } from "./byte-source.ts";
import { compressionOf, formatOf, packingProblem } from "./formats.ts";
import { inspectFile, keptOf } from "./inspect.ts";
import type { FoundFile } from "./remote/list.ts";
import { fileName } from "./remote/uri.ts";
import type { Compression, InputFile, Inspection } from "./types.ts";

export type DescribedFile = InputFile & Pick<Inspection, "problem">;

/** A file on this machine, or what a server told of one. */
export type Place = { readonly uri: string } | FoundFile;

/**
 * Looks at a file; a string says why it cannot be read.
 *
 * @throws TransientError, EnvironmentError when a server is silent or does not let us in: no fault of one file
 */
export async function describeFile(
  source: SourceConfig,
  place: Place,
  read: Pick<ReadConfig, "splitBytes">,
  openSource: OpenSource,
  signal?: AbortSignal,
): Promise<DescribedFile | string> {
  try {
    const { uri } = place;
    const name = fileName(uri);
    const problem = packingProblem(name) ?? ("remote" in place ? encodingProblem(place) : undefined);
    if (problem !== undefined) return `${uri} ${problem}`;
    const file = {
      source: source.name,
      uri,
      format: formatOf(name, source.preset === "brown-corpus" ? "brown" : source.format),
      compression: compressionOf(name),
      ...("remote" in place ? describeFound(place) : await describeLocal(await openSource(place))),
    };
    const found = await inspectFile(file, source, read, () => openSource(file), signal);
    return { ...file, ...keptOf(found), ...(found.problem !== undefined && { problem: found.problem }) };
  } catch (error) {
    if (error instanceof TransientError || error instanceof EnvironmentError) throw error;
    if (error instanceof ForgeError) return error.message;
    throw error;
  }
}

/** Larger files are not read whole before the run: they would be read twice, and again whenever a run goes on. */
const wholeBytes = 64 * 2 ** 20;
const samples = 64;
const sampleBytes = 1 << 16;

/**
 * A small file is known by all of its bytes; a large one by its size, the time of its last change, and bytes from evenly
 * spaced places, the first and the last among them.
 */
async function describeLocal(source: ByteSource): Promise<Pick<InputFile, "bytes" | "fingerprint">> {
  const { size: bytes, modified = 0 } = source;
  const hash = createHash("sha256");
  if (bytes <= wholeBytes) {
    for await (const chunk of source.read()) {
      hash.update(chunk);
      freeChunk(chunk);
    }
    return { bytes, fingerprint: hash.digest("hex") };
  }
  hash.update(`${bytes} ${modified}\n`);
  for (let i = 0; i < samples; i++) {
    const start = Math.floor((i * (bytes - sampleBytes)) / (samples - 1));
    for await (const chunk of source.read(start, start + sampleBytes)) hash.update(chunk);
  }
  return { bytes, fingerprint: `sampled-${hash.digest("hex")}` };
}

function describeFound({
  uri,
  fingerprint,
  remote,
  encoding,
}: FoundFile): Pick<InputFile, "bytes" | "fingerprint" | "remote"> & { readonly compression?: Compression } {
  const compression = compressionOf(fileName(uri)) === "none" ? encodings[encoding ?? ""] : undefined;
  return { bytes: remote.bytes ?? 0, fingerprint, remote, ...(compression !== undefined && { compression }) };
}

/** What is wrong with a file whose server sends it in an encoding that nothing here undoes. */
function encodingProblem({ encoding }: FoundFile): string | undefined {
  const unknown = encoding?.match(/\b(br|deflate|compress)\b/i)?.[1];
  if (unknown === undefined) return undefined;
  return `is sent in Content-Encoding ${unknown}, which is not read here (only gzip and zstd): download and unpack it`;
}

/** Files that a server stores compressed under a name that does not say so. */
const encodings: Readonly<Record<string, Compression>> = { gzip: "gzip", "x-gzip": "gzip", zstd: "zstd" };
