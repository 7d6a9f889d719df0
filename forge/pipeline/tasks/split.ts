/** Makes one file readable in parts: cuts a compressed one into pieces, or copies one that cannot be read far away. */
import { join } from "node:path";
import type { ReadConfig, SourceConfig } from "../../../schemas/config/corpus.ts";
import type { RemoteConfig } from "../../../schemas/config/remote.ts";
import { createAtomicFile } from "../../base/index.ts";
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
    const createPiece = (index: number): Promise<PieceFile> => createPieceFile(folder, piecePath(name, index));
    const pieces = await cutFile(file, { source, pieceBytes, compression, createPiece });
    // They go when they were read, and the record must stay good; see ../pieces.ts.
    const kept = file.remote === undefined ? [] : pieces;
    return outcome(kept, { pieces, bytes: source.longest() });
  }
  const path = copyPath(name);
  const digest = await copyFile(source, await createPieceFile(folder, path));
  const made = { path, ...digest };
  return outcome([made], { copied: await describeCopy(file, made, { ...copy, folder }) });
}

function outcome(files: readonly Pick<Piece, "path" | "bytes" | "sha256">[], result: SplitResult): TaskOutcome {
  return { files: files.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 })), result: toJson(result) };
}

async function createPieceFile(folder: string, path: string): Promise<PieceFile> {
  const atomic = await createAtomicFile(join(folder, path));
  return {
    name: path,
    write: (chunk) => atomic.write(chunk),
    commit: () => atomic.commit(),
    [Symbol.asyncDispose]: () => atomic[Symbol.asyncDispose](),
  };
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
