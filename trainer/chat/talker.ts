/**
 * Somebody to talk to: a GGUF file through llama.cpp, or a checkpoint folder in process, behind one small interface.
 *
 * Answers are streamed as text. A token may end inside a character, so text is held back until it is whole.
 */
import { random } from "../../forge/base/random.ts";
import { encodeChat, knowsChatFormat, loadLlama, type LlamaModel } from "../../forge/llama/index.ts";
import type { ChatMessage } from "../../schemas/record/chat.ts";
import { generate } from "../evaluate/index.ts";
import { encodeConversation, openInProcess, type InProcessModel } from "./in-process.ts";

export interface AnswerOptions {
  readonly maxTokens: number;
  /** 0 takes the most probable token each time. */
  readonly temperature: number;
  readonly seed: number;
  readonly signal?: AbortSignal;
  /** Called with new text as soon as it is certain. */
  readonly onText?: (text: string) => void;
}

export interface Answer {
  readonly text: string;
  readonly tokens: number;
  readonly promptTokens: number;
  /** `stop`: the model ended by itself; `length`: the limit or the context did. */
  readonly finish: "stop" | "length";
}

export interface Talker extends AsyncDisposable {
  /** What answers, for people: `model.gguf (llama.cpp)`. */
  readonly description: string;
  /** False for a model without the marks of the chat format: it goes on from the last message's plain text. */
  readonly chats: boolean;
  /** Answers a conversation; with one plain string, goes on from that text. Too long a past loses its oldest turns. */
  answer(input: readonly ChatMessage[] | string, options: AnswerOptions): Promise<Answer>;
}

/**
 * Opens a model by its path: `.gguf` goes to llama.cpp, anything else is a checkpoint or run folder.
 *
 * @throws DataError, EnvironmentError what is wrong or missing
 */
export async function openTalker(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<Talker> {
  return path.toLowerCase().endsWith(".gguf")
    ? llamaTalker(await loadLlama(path, options))
    : inProcessTalker(await openInProcess(path));
}

function llamaTalker(model: LlamaModel): Talker {
  const chats = knowsChatFormat(model);
  return {
    description: `${model.path} (llama.cpp)`,
    chats,
    async answer(input, { onText, ...options }) {
      const encode = (messages: readonly ChatMessage[]): Uint32Array => encodeChat(model, messages);
      const prompt = promptIds(input, chats, encode, (text) => model.tokenize(text), model.contextLength);
      const stream = createTextStream((ids) => model.detokenize(ids), onText);
      const onToken = (id: number): void => {
        if (!model.isEnd(id)) stream.push(id);
      };
      const { tokens, finish } = await model.generate(prompt, { ...options, onToken });
      return { text: stream.end(), tokens: tokens.length, promptTokens: prompt.length, finish };
    },
    [Symbol.asyncDispose]: async () => await model[Symbol.asyncDispose](),
  };
}

function inProcessTalker(model: InProcessModel): Talker {
  const { backend, tokenizer, checkpoint, endIds } = model;
  const chats =
    encodeConversation(tokenizer, [
      { role: "system", content: "-" },
      { role: "user", content: "" },
    ]) !== undefined;
  const context = backend.model.sizes.context;
  return {
    description: `${checkpoint.folder} (in process)`,
    chats,
    async answer(input, { onText, seed, ...options }) {
      const encode = (messages: readonly ChatMessage[]): number[] => encodeConversation(tokenizer, messages) ?? [];
      const prompt = Array.from(promptIds(input, chats, encode, (text) => tokenizer.encode(text), context));
      const stream = createTextStream((ids) => tokenizer.decode(Uint32Array.from(ids)), onText);
      const room = Math.min(options.maxTokens, context - prompt.length);
      let count = 0;
      const steps = generate(backend, prompt, {
        ...options,
        maxTokens: room,
        stopIds: endIds,
        random: random("chat", seed),
      });
      for await (const { id } of steps) {
        count++;
        stream.push(id);
      }
      return {
        text: stream.end(),
        tokens: count,
        promptTokens: prompt.length,
        finish: count < room ? "stop" : "length",
      };
    },
    [Symbol.asyncDispose]: async () => await model[Symbol.asyncDispose](),
  };
}

/** Ids to go on from; leaves at least a quarter of the context for the answer. */
function promptIds(
  input: readonly ChatMessage[] | string,
  chats: boolean,
  encodeMessages: (messages: readonly ChatMessage[]) => ArrayLike<number>,
  encodeText: (text: string) => ArrayLike<number>,
  context: number,
): ArrayLike<number> {
  const most = Math.max(1, Math.floor(context * 0.75));
  if (typeof input === "string" || !chats) {
    const text = typeof input === "string" ? input : (input.at(-1)?.content ?? "");
    return Array.from(encodeText(text)).slice(-most);
  }
  let messages = [...input];
  let ids = encodeMessages(messages);
  while (ids.length > most) {
    // The system message stays; the oldest question goes with its answer.
    const first = messages.findIndex(({ role }) => role !== "system");
    if (first === -1 || first >= messages.length - 1) return Array.from(ids).slice(-most);
    messages = messages.toSpliced(first, messages[first + 1]?.role === "assistant" ? 2 : 1);
    ids = encodeMessages(messages);
  }
  return ids;
}

interface TextStream {
  push(id: number): void;
  /** The whole text; what was held back is given out. */
  end(): string;
}

/** Turns ids into text piece by piece, holding back a character whose bytes are not all there yet. */
export function createTextStream(
  decode: (ids: readonly number[]) => string,
  onText?: (text: string) => void,
): TextStream {
  const ids: number[] = [];
  let given = "";
  const give = (text: string): void => {
    // A decoder's guess may change only behind what was given: U+FFFD at the end is never given early.
    if (text.length > given.length && text.startsWith(given)) {
      onText?.(text.slice(given.length));
      given = text;
    }
  };
  return {
    push(id) {
      ids.push(id);
      give(decode(ids).replace(/\uFFFD+$/, ""));
    },
    end() {
      const text = decode(ids);
      give(text);
      return text;
    },
  };
}
