/**
 * Records of a JSON Lines or Parquet file as plain objects: for inputs that are not documents, such as evaluation sets.
 *
 * Bad input is an error here, not a quarantine entry: an evaluation set with a hole would pass for one that was checked.
 */
import { DataError } from "../base/index.ts";
import { localSources, type ByteSource, type OpenSource } from "./byte-source.ts";
import { compressionOf } from "./formats.ts";
import { DamagedStream } from "./decoder.ts";
import { openBytes } from "./open.ts";
import { fileName } from "./remote/uri.ts";
import type { RemoteFile } from "./types.ts";

const lineFeed = 0x0a;

export interface ReadObjectsOptions {
  /** Absolute path of the folder that the URI is relative to. */
  readonly root: string;
  /** @default files below the root */
  readonly openSource?: OpenSource;
  readonly remote?: RemoteFile;
}

/**
 * Records in the order of the file, blank lines skipped; `.parquet` by its name, else JSON Lines, `.gz` and `.zst` too.
 *
 * @throws DataError `record-malformed` naming the row, `file-damaged`, `parquet-unreadable`, `file-not-found`
 */
export async function* readObjects(
  uri: string,
  { root, remote, openSource = localSources(root) }: ReadObjectsOptions,
): AsyncGenerator<Readonly<Record<string, unknown>>, void, undefined> {
  const source = await openSource({ uri, ...(remote && { remote }) });
  if (/\.parquet$/i.test(fileName(uri))) {
    const { readParquetObjects } = await import("./parquet.ts");
    return yield* readParquetObjects(source);
  }
  let row = 0;
  for await (const line of lines(source)) {
    // Trimming also takes the byte order mark that editors on Windows put at the beginning.
    const record = line.trim();
    if (record !== "") yield parse(record, uri, row++);
  }
}

function parse(line: string, uri: string, row: number): Readonly<Record<string, unknown>> {
  let value: unknown;
  let cause: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    cause = error;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new DataError(
    "record-malformed",
    `Record ${row} of ${uri} is no JSON object`,
    { file: uri, row, sample: line.slice(0, 120) },
    { cause, hint: "The file must be JSON Lines: one object a line." },
  );
}

async function* lines(source: ByteSource): AsyncGenerator<string, void, undefined> {
  let rest: Buffer[] = [];
  try {
    for await (const chunk of openBytes(source, compressionOf(fileName(source.uri)))) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      let start = 0;
      for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, start)) {
        yield Buffer.concat([...rest, bytes.subarray(start, end)]).toString("utf8");
        rest = [];
        start = end + 1;
      }
      if (start < bytes.length) rest.push(Buffer.from(bytes.subarray(start)));
    }
  } catch (error) {
    if (!(error instanceof DamagedStream)) throw error;
    const { uri } = source;
    throw new DataError("file-damaged", `${uri} cannot be read: ${error.message}`, { file: uri }, { cause: error });
  }
  if (rest.length > 0) yield Buffer.concat(rest).toString("utf8");
}
