/** `trainer chat`: talk to a GGUF file (llama.cpp) or to a checkpoint (in process). */
import { createInterface } from "node:readline/promises";
import { UsageError } from "../../forge/base/errors.ts";
import {
  standardOptions,
  type CommandInput,
  type CommandResult,
  type CommandSpec,
} from "../../forge/console/command.ts";
import type { ChatMessage } from "../../schemas/record/chat.ts";
import type { Answer, AnswerOptions, Talker } from "../chat/index.ts";

export const spec: CommandSpec = {
  name: "chat",
  summary: "Talk to a model",
  description: "Without --prompt it is a conversation on the terminal; an empty line or Ctrl-D ends it.",
  examples: [
    "trainer chat runs/quickstart/export/model.gguf",
    "trainer chat runs/quickstart/export/model.gguf --prompt 'What is a licence?'",
    "trainer chat runs/quickstart/pretrain --raw --prompt 'Permission is hereby'",
  ],
  argument: { name: "MODEL", description: "A .gguf file, a checkpoint folder, or a run", required: true },
  options: [
    { name: "prompt", value: "TEXT", description: "Answer this and stop" },
    { name: "system", value: "TEXT", description: "System message to begin with" },
    { name: "raw", description: "Go on from the prompt as plain text, without the chat format" },
    { name: "max-tokens", value: "N", description: "Longest answer", defaultText: "128" },
    { name: "temperature", value: "T", description: "Randomness; 0 takes the most probable token", defaultText: "0" },
    standardOptions.seed,
  ],
  async run(input) {
    const { argument, flags, interactive, signal } = input;
    const prompt = flags.text("prompt");
    const options: AnswerOptions = {
      maxTokens: flags.integer("max-tokens", 1) ?? 128,
      temperature: temperatureOf(flags.text("temperature")),
      seed: flags.integer("seed", 0) ?? 0,
      signal,
    };
    if (prompt === undefined && !interactive) {
      throw new UsageError("prompt-missing", "There is no terminal to talk on", { hint: "Give --prompt TEXT" });
    }
    if (prompt?.trim() === "") {
      throw new UsageError("prompt-empty", "--prompt holds no text", { hint: "Give it at least one word" });
    }
    const { openTalker } = await import("../chat/index.ts");
    await using talker = await openTalker(argument as string, { signal });
    if (prompt !== undefined) return await answerOnce(talker, prompt, options, input);
    return await converse(talker, options, input);
  },
};

async function answerOnce(
  talker: Talker,
  prompt: string,
  options: AnswerOptions,
  { flags, json, stdout }: CommandInput,
): Promise<CommandResult> {
  const question: ChatMessage[] = [...systemMessage(flags.text("system")), { role: "user", content: prompt }];
  const answer = await talker.answer(flags.on("raw") ? prompt : question, {
    ...options,
    ...(json ? {} : { onText: stdout }),
  });
  if (!json) stdout("\n");
  return { text: "", json: { model: talker.description, prompt, ...answer } };
}

/** Turn by turn until an empty line or the end of the input. */
async function converse(
  talker: Talker,
  options: AnswerOptions,
  { flags, stdout, signal }: CommandInput,
): Promise<CommandResult> {
  const messages: ChatMessage[] = systemMessage(flags.text("system"));
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const answers: Answer[] = [];
  stdout(`${talker.description}\n`);
  try {
    while (true) {
      const content = await lines.question("> ", { signal }).catch(() => "");
      signal.throwIfAborted();
      if (content.trim() === "") break;
      messages.push({ role: "user", content });
      const answer = await talker.answer(flags.on("raw") ? content : messages, { ...options, onText: stdout });
      stdout("\n");
      answers.push(answer);
      messages.push({ role: "assistant", content: answer.text });
    }
  } finally {
    lines.close();
  }
  return { text: "", json: { model: talker.description, answers } };
}

function systemMessage(content: string | undefined): ChatMessage[] {
  return content === undefined ? [] : [{ role: "system", content }];
}

function temperatureOf(text: string | undefined): number {
  const value = Number(text ?? "0");
  if (text?.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new UsageError("flag-value", `--temperature ${text} is not a number at or above 0`, {
    hint: "Try --temperature 0.8",
  });
}
