/**
 * Fine-tuning samples: the accepted answers of a teacher, rendered by the chat format, one conversation a row.
 *
 * Conversations are not packed: packing without attention bounds lets one answer read another. The loss falls where
 * `renderChat` says so, on the assistant's text and its end mark. What is too long is cut and counted; what has nothing
 * left to learn is left out and counted.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { DataError, random, wrapFileError } from "../../forge/base/index.ts";
import { openParquet } from "../../forge/shard/index.ts";
import { answerSchema, chatMessageSchema } from "../../schemas/record/answer.ts";
import { renderChat, type ChatMessage } from "../../schemas/record/chat.ts";
import type { SampleSource } from "./samples.ts";

/** The part of a tokenizer that rendering needs. */
export interface ChatTokenizer {
  readonly encode: (text: string) => ArrayLike<number>;
  readonly tokenId: (special: string) => number | undefined;
}

export interface ChatSample {
  readonly tokens: Int32Array;
  /** Same length; -1 where nothing is learnt. */
  readonly targets: Int32Array;
  readonly truncated: boolean;
}

export interface AnswerSamples {
  readonly train: SampleSource;
  /** Undefined when the fraction leaves none. */
  readonly validation: SampleSource | undefined;
  readonly rows: number;
  readonly truncated: number;
  /** Rows whose answer begins beyond the context. */
  readonly withoutLoss: number;
}

/** Conversation of each accepted answer, in the order of the files. */
export async function readConversations(folder: string): Promise<readonly (readonly ChatMessage[])[]> {
  const parent = join(folder, "answers");
  let names: string[];
  try {
    names = (await readdir(parent)).filter((name) => name.endsWith(".parquet")).sort();
  } catch (error) {
    throw wrapFileError(error, parent);
  }
  const rowSchema = answerSchema.pick({ messages_student: true });
  const messagesSchema = z.array(chatMessageSchema).min(1);
  const conversations: (readonly ChatMessage[])[] = [];
  for (const name of names) {
    const path = join(parent, name);
    const file = await openParquet(path);
    let row = 0;
    for await (const group of file.rowGroups({ columns: ["messages_student"] })) {
      for (const record of group) {
        const text = rowSchema.safeParse(record);
        const messages = text.success ? messagesSchema.safeParse(parseJson(text.data.messages_student)) : text;
        if (!messages.success) {
          throw new DataError("answer-invalid", `${path}, row ${row}: messages_student is not a list of messages`, {
            file: path,
            row,
            column: "messages_student",
          });
        }
        conversations.push(messages.data);
        row++;
      }
    }
  }
  if (conversations.length === 0) {
    throw new DataError("answers-missing", `${parent} holds no accepted answers`, { file: parent });
  }
  return conversations;
}

/** Renders, cuts to the context and splits; the split depends on the seed only. */
export function createAnswerSamples(
  conversations: readonly (readonly ChatMessage[])[],
  tokenizer: ChatTokenizer,
  options: { readonly context: number; readonly seed: number; readonly validationFraction: number },
): AnswerSamples {
  const rendered = conversations.map((messages) => renderSample(messages, tokenizer, options.context));
  const samples = rendered.filter(({ targets }) => targets.some((target) => target >= 0));
  if (samples.length === 0) {
    throw new DataError(
      "answers-too-long",
      `No answer begins within the model's ${options.context} tokens`,
      {},
      {
        hint: "Fine-tune a model with a longer context, or ask for shorter prompts.",
      },
    );
  }
  const order = random(options.seed, "answer-split").shuffle(samples.map((_, i) => i));
  const held = Math.min(samples.length - 1, Math.floor(samples.length * options.validationFraction));
  const validation = order.slice(0, held).sort((a, b) => a - b);
  const train = order.slice(held).sort((a, b) => a - b);
  return {
    train: sourceOf(train.map((i) => samples[i] as ChatSample)),
    validation: held === 0 ? undefined : sourceOf(validation.map((i) => samples[i] as ChatSample)),
    rows: conversations.length,
    truncated: rendered.filter((sample) => sample.truncated).length,
    withoutLoss: rendered.length - samples.length,
  };
}

/** Tokens and targets of one conversation: token i is to be followed by target i. */
export function renderSample(messages: readonly ChatMessage[], tokenizer: ChatTokenizer, context: number): ChatSample {
  const ids: number[] = [];
  const learnt: boolean[] = [];
  for (const segment of renderChat(messages)) {
    if (segment.kind === "special") {
      const id = tokenizer.tokenId(segment.token);
      if (id === undefined) {
        throw new DataError(
          "tokenizer-without-chat",
          `The tokenizer has no ${segment.token}`,
          {},
          {
            hint: "Pretrain with a tokenizer that forge trained; foreign ones get their chat marks with embedding growth, which is not there yet.",
          },
        );
      }
      ids.push(id);
      learnt.push(segment.loss);
    } else {
      for (const id of Array.from(tokenizer.encode(segment.text))) {
        ids.push(id);
        learnt.push(segment.loss);
      }
    }
  }
  const length = Math.min(context, ids.length - 1);
  return {
    tokens: Int32Array.from(ids.slice(0, length)),
    targets: Int32Array.from({ length }, (_, i) => (learnt[i + 1] === true ? (ids[i + 1] as number) : -1)),
    truncated: ids.length - 1 > context,
  };
}

function sourceOf(samples: readonly ChatSample[]): SampleSource {
  const at = (index: number): ChatSample => samples[index] as ChatSample;
  return {
    count: samples.length,
    maxLength: Math.max(...samples.map((sample) => sample.tokens.length)),
    lengthOf: (index) => at(index).tokens.length,
    write(index, tokens, targets, offset) {
      tokens.set(at(index).tokens, offset);
      targets.set(at(index).targets, offset);
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
