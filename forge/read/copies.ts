/** Copies of files that cannot be read where they are: their server delivers no parts, or does not tell of changes. */
import type { ReadConfig, SourceConfig } from "../../schemas/config/corpus.ts";
import { DataError, type FileDigest } from "../base/index.ts";
import { localSources, type ByteSource } from "./byte-source.ts";
import { inspectFile, keptOf } from "./inspect.ts";
import type { PieceFile } from "./pieces.ts";
import type { InputFile } from "./types.ts";

/** True for files of which the plan does not know the content for sure, or which cannot be read in parts. */
export function needsCopying({ remote }: InputFile): boolean {
  return remote !== undefined && !remote.exact;
}

/** What becomes a copy; unlike a piece it is known by its digest alone. */
export interface CopyFile extends Omit<PieceFile, "commit"> {
  commit(): Promise<FileDigest>;
}

/** Copies a file byte by byte. */
export async function copyFile(source: ByteSource, copy: CopyFile): Promise<FileDigest> {
  await using file = copy;
  for await (const chunk of source.read()) await file.write(chunk);
  return await file.commit();
}

/** What a look at the server could not show. */
export type CopiedFile = Pick<InputFile, "bytes" | "borders" | "contentBytes" | "copy">;

/**
 * Looks into a copy, as the plan does into files that it can see.
 *
 * @throws DataError `column-missing`
 */
export async function describeCopy(
  file: Pick<InputFile, "uri" | "format" | "compression">,
  { path, bytes, sha256 }: { readonly path: string } & FileDigest,
  options: {
    readonly folder: string;
    readonly source: Pick<SourceConfig, "fields">;
    readonly read: Pick<ReadConfig, "splitBytes">;
  },
): Promise<CopiedFile> {
  const { folder, source, read } = options;
  const open = (): Promise<ByteSource> => localSources(folder)({ uri: path });
  const found = await inspectFile({ ...file, bytes }, source, read, open);
  if (found.problem !== undefined) {
    throw new DataError(
      "column-missing",
      `${file.uri} ${found.problem}`,
      { file: file.uri },
      { hint: "Name the column that holds the text under `fields.text` of the source." },
    );
  }
  return { bytes, copy: { path, sha256 }, ...keptOf(found) };
}
