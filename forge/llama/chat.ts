/** The chat format of forge's models (`schemas/record/chat.ts`) in the ids of a model loaded in llama.cpp. */
import { chatRoles, renderChat, specialTokens, type ChatMessage } from "../../schemas/record/chat.ts";
import type { LlamaModel } from "./model.ts";

/** True when the model's vocabulary has every mark of the chat format. */
export function knowsChatFormat(model: Pick<LlamaModel, "specialToken">): boolean {
  return [...chatRoles.map((role) => specialTokens[role]), specialTokens.end].every(
    (token) => model.specialToken(token) !== undefined,
  );
}

/** Ids of a conversation that ends with an open `<|assistant|>`, for the model to go on. Text yields no special token. */
export function encodeChat(model: LlamaModel, messages: readonly ChatMessage[]): Uint32Array {
  const ids: number[] = [];
  for (const segment of renderChat(messages, { generate: true })) {
    ids.push(
      ...model.tokenize(segment.kind === "special" ? segment.token : segment.text, {
        special: segment.kind === "special",
      }),
    );
  }
  return Uint32Array.from(ids);
}
