/** Cuts one compressed file into pieces that are inputs of their own; see `cutFile` in forge/read. */
import { join } from "node:path";
import { createAtomicFile } from "../../base/index.ts";
import { cutFile, localSources, type ByteSource, type InputFile } from "../../read/index.ts";
import { hashJson } from "../keys.ts";
import type { TaskContext, TaskOutcome } from "../executor.ts";
import { piecePath } from "../layout.ts";

export interface SplitInput {
  /** Absolute; decides no byte of the output. */
  readonly root: string;
  readonly file: Pick<InputFile, "uri" | "compression" | "sha256">;
  readonly pieceBytes: number;
}

export async function split(input: SplitInput, context: TaskContext): Promise<TaskOutcome> {
  const { root, file, pieceBytes } = input;
  const name = hashJson(file.uri).slice(0, 16);
  const pieces = await cutFile(file, {
    source: counted(await localSources(root)(file.uri), context),
    pieceBytes,
    async createPiece(index) {
      const path = piecePath(name, index);
      const atomic = await createAtomicFile(join(context.folder, path));
      return {
        name: path,
        write: (chunk) => atomic.write(chunk),
        commit: () => atomic.commit(),
        [Symbol.asyncDispose]: () => atomic[Symbol.asyncDispose](),
      };
    },
  });
  const files = pieces.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 }));
  return { files, result: { pieces: pieces.map((piece) => ({ ...piece })) } };
}

/** Reports what is read. */
function counted(source: ByteSource, context: TaskContext): ByteSource {
  return {
    ...source,
    async *read(start, end) {
      for await (const chunk of source.read(start, end)) {
        context.report({ bytes: chunk.length });
        yield chunk;
      }
    },
  };
}
