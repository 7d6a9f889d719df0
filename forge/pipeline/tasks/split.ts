/** Makes one file readable in parts: cuts a compressed one into pieces, or copies one that cannot be read far away. */
import { join } from "node:path";
import type { ReadConfig, SourceConfig } from "../../../schemas/config/corpus.ts";
import type { RemoteConfig } from "../../../schemas/config/remote.ts";
import { createAtomicFile, createScratchFile, type ScratchFile } from "../../base/index.ts";
import {
  copyFile,
  cutFile,
  describeCopy,
  openSources,
  type ByteSource,
  type CopiedFile,
  type InputFile,
  type Piece,
  type PieceFile,
} from "../../read/index.ts";
import type { TaskContext, TaskOutcome } from "../executor.ts";
import { hashJson } from "../keys.ts";
import { copyPath, piecePath } from "../layout.ts";
import { readSecrets } from "../secrets.ts";
import { toJson } from "../plan-stage.ts";

export interface SplitInput {
  /** Absolute; decides no byte of the output. */
  readonly root: string;
  /** Decides none, either. */
  readonly remote: RemoteConfig;
  readonly file: Pick<InputFile, "uri" | "format" | "compression" | "fingerprint" | "remote">;
  readonly pieceBytes: number;
  readonly compression: Piece["compression"];
  /** Where the file is not cut but copied: what it takes to look into the copy. */
  readonly copy?: { readonly source: Pick<SourceConfig, "fields">; readonly read: Pick<ReadConfig, "splitBytes"> };
}

/** What the task leaves to the second step of planning. */
export type SplitResult =
  | { readonly pieces: readonly Piece[]; readonly bytes: number }
  | { readonly copied: CopiedFile };

export async function split(input: SplitInput, context: TaskContext): Promise<TaskOutcome> {
  const { file, pieceBytes, compression, copy } = input;
  const { folder } = context;
  const name = hashJson(file.uri).slice(0, 16);
  const openSource = openSources({ ...input, secrets: await readSecrets(folder) });
  const source = counted(await openSource(file), context);
  if (copy === undefined) {
    const create = compression === "none" ? createScratchFile : createAtomicFile;
    const createPiece = async (index: number): Promise<PieceFile> => {
      const path = piecePath(name, index);
      return named(path, await create(join(folder, path)));
    };
    const pieces = await cutFile(file, { source, pieceBytes, compression, createPiece });
    // They go when they were read, and the record must stay good; see ../pieces.ts.
    const kept = file.remote === undefined ? [] : pieces;
    return outcome(kept, { pieces, bytes: source.longest() });
  }
  const path = copyPath(name);
  const digest = await copyFile(source, named(path, await createAtomicFile(join(folder, path))));
  const made = { path, ...digest };
  return outcome([made], { copied: await describeCopy(file, made, { ...copy, folder }) });
}

function outcome(files: readonly Pick<Piece, "path" | "bytes" | "sha256">[], result: SplitResult): TaskOutcome {
  // Those without a digest are none that a record vouches for.
  const vouched = files.flatMap(({ path, bytes, sha256 }) => (sha256 === undefined ? [] : [{ path, bytes, sha256 }]));
  return { files: vouched, result: toJson(result) };
}

/** The file with the name that the plan gives it. */
function named<T extends ScratchFile>(name: string, file: T): T & Pick<PieceFile, "name"> {
  return Object.assign(file, { name });
}

/** Reports what is read, and tells how far the longest reading came: servers need not tell a file's size. */
function counted(source: ByteSource, context: TaskContext): ByteSource & { longest(): number } {
  let longest = 0;
  return {
    uri: source.uri,
    get size() {
      return source.size;
    },
    longest: () => longest,
    async *read(start = 0, end) {
      let position = start;
      for await (const chunk of source.read(start, end)) {
        context.report({ bytes: chunk.length });
        position += chunk.length;
        longest = Math.max(longest, position);
        yield chunk;
      }
    },
  };
}
