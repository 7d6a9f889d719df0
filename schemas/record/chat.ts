/**
 * How a conversation becomes tokens: the one chat format of models trained here, used by fine-tuning, chat and export.
 *
 * ```
 * <|system|>{system}<|end|><|user|>{query}<|end|><|assistant|>{answer}<|end|>
 * ```
 *
 * The marks are special tokens: they are put in as ids and never arise from text. The loss falls on the assistant's
 * text and on the `<|end|>` that closes it, on nothing else.
 */

export const chatRoles = ["system", "user", "assistant"] as const;
export type ChatRole = (typeof chatRoles)[number];

export interface ChatMessage {
  readonly role: ChatRole;
  readonly content: string;
}

/** Special tokens of tokenizers trained by forge, in the order of their ids, which come right after the 256 bytes. */
export const specialTokens = {
  endOfText: "<|endoftext|>",
  pad: "<|pad|>",
  system: "<|system|>",
  user: "<|user|>",
  assistant: "<|assistant|>",
  end: "<|end|>",
} as const;

/** A piece of a rendered conversation; `loss` says whether the model is trained to produce it. */
export type ChatSegment =
  | { readonly kind: "special"; readonly token: string; readonly loss: boolean }
  | { readonly kind: "text"; readonly text: string; readonly loss: boolean };

/**
 * Renders messages to segments. An empty system message is left out altogether.
 *
 * @param options.generate end with an open `<|assistant|>`, for the model to go on
 */
export function renderChat(
  messages: readonly ChatMessage[],
  options: { readonly generate?: boolean } = {},
): readonly ChatSegment[] {
  const segments: ChatSegment[] = [];
  for (const { role, content } of messages) {
    if (role === "system" && content === "") continue;
    const loss = role === "assistant";
    segments.push({ kind: "special", token: specialTokens[role], loss: false });
    if (content !== "") segments.push({ kind: "text", text: content, loss });
    segments.push({ kind: "special", token: specialTokens.end, loss });
  }
  if (options.generate === true) segments.push({ kind: "special", token: specialTokens.assistant, loss: false });
  return segments;
}

/** The same format as a Jinja template, for GGUF (`tokenizer.chat_template`) and Hugging Face tokenizer configs. */
export const chatTemplate: string =
  "{% for message in messages %}{% if not (message['role'] == 'system' and message['content'] == '') %}" +
  "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endif %}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";
