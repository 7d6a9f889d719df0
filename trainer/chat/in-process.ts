/** A checkpoint opened for inference in this process: backend, tokenizer and the ids that end an answer. */
import { renderChat, specialTokens, type ChatMessage } from "../../schemas/record/chat.ts";
import { loadTokenizer, type Tokenizer } from "../../forge/tokenize/index.ts";
import { openBackend, type Backend } from "../backends/index.ts";
import { findCheckpoint, readCheckpoint, type Checkpoint } from "../checkpoint/index.ts";

export interface InProcessModel extends AsyncDisposable {
  readonly checkpoint: Checkpoint;
  readonly backend: Pick<Backend, "logits" | "model">;
  readonly tokenizer: Tokenizer;
  /** Ids that end a text: `<|end|>` and end of text, as far as the vocabulary has them. */
  readonly endIds: readonly number[];
}

/**
 * Opens a checkpoint folder, or the latest checkpoint of a run.
 *
 * @throws DataError what is missing or wrong in it
 */
export async function openInProcess(path: string): Promise<InProcessModel> {
  const folder = await findCheckpoint(path);
  const checkpoint = await readCheckpoint(folder);
  const tokenizer = await loadTokenizer(folder);
  const backend = await openBackend("wasm", {
    model: checkpoint.model,
    batchRows: 0,
    microBatchRows: 1,
    lanes: 1,
    threads: 1,
    kernels: "auto",
  });
  await backend.load({ parameters: checkpoint.parameters });
  const ends = [tokenizer.tokenId(specialTokens.end), checkpoint.eosId, tokenizer.eosId];
  return {
    checkpoint,
    backend,
    tokenizer,
    endIds: [...new Set(ends.filter((id) => id !== undefined && id !== null))],
    [Symbol.asyncDispose]: async () => await backend[Symbol.asyncDispose](),
  };
}

/** Ids of a conversation that ends with an open `<|assistant|>`; undefined when the vocabulary lacks a mark. */
export function encodeConversation(tokenizer: Tokenizer, messages: readonly ChatMessage[]): number[] | undefined {
  const ids: number[] = [];
  for (const segment of renderChat(messages, { generate: true })) {
    if (segment.kind === "text") ids.push(...tokenizer.encode(segment.text));
    else {
      const id = tokenizer.tokenId(segment.token);
      if (id === undefined) return undefined;
      ids.push(id);
    }
  }
  return ids;
}
