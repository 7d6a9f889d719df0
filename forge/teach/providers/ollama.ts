/**
 * A teacher behind Ollama's own API (`/api/chat`), streamed.
 *
 * The package `ollama` gives the types and the short calls (version, list, show). Chat is our own few lines: its client
 * takes no AbortSignal, skips lines it cannot parse, and knows neither `truncate` nor `shift`
 * (see docs/decisions on ollama). What Ollama does silently is made an error here: a prompt cut to fit, an answer cut
 * by its budget, a stream that ends without its last chunk.
 */
import type { ChatRequest, ChatResponse } from "ollama";
import { EnvironmentError, TransientError } from "../../base/index.ts";
import type { Clocks, Sampling } from "../../../schemas/config/teach.ts";
import type { DoneReason } from "../../../schemas/record/answer.ts";
import { createTransport, startClocks, transientStatus, wrapNetworkError } from "../transport.ts";
import { RowFault, type Teacher, type TeacherIdentity, type TeacherReply, type TeacherRequest } from "./types.ts";

const defaultOllamaHost = "http://127.0.0.1:11434";

export interface OllamaTeacherOptions {
  readonly model: string;
  /** As in `OLLAMA_HOST`. @default http://127.0.0.1:11434 */
  readonly host?: string | undefined;
  readonly sampling: Sampling;
  readonly clocks: Clocks;
}

/** Fields that the package's types lack: errors instead of silent truncation, and the rendered prompt on request. */
type OllamaChatRequest = ChatRequest & {
  readonly truncate?: boolean;
  readonly shift?: boolean;
  readonly _debug_render_only?: boolean;
};
/** A line of the stream. Other than the package says, the counts are there on the last line only. */
type OllamaChunk = Partial<ChatResponse> & {
  readonly error?: string;
  readonly _debug_info?: { readonly rendered_template?: string };
};

export function createOllamaTeacher(options: OllamaTeacherOptions): Teacher {
  const { model, sampling, clocks } = options;
  const host = normalizeOllamaHost(options.host);
  const transport = createTransport();

  const post = async function* (
    body: OllamaChatRequest,
    signal: AbortSignal,
  ): AsyncGenerator<OllamaChunk, void, undefined> {
    using running = startClocks(clocks, signal);
    const url = `${host}/api/chat`;
    try {
      const response = await transport.fetchWith(running)(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      if (!response.ok) throw await statusError(response, model);
      for await (const chunk of parseLines(response.body)) {
        running.received();
        if (chunk.error !== undefined) throw new TransientError("teacher-failed", `Ollama broke off: ${chunk.error}`);
        yield chunk;
      }
    } catch (error) {
      if (running.signal.aborted) throw running.signal.reason;
      if (error instanceof RowFault || error instanceof EnvironmentError) throw error;
      throw wrapNetworkError(error, url);
    }
  };

  const request = (messages: TeacherRequest["messages"], seed: number): OllamaChatRequest => ({
    model,
    messages: messages.map(({ role, content }) => ({ role, content })),
    stream: true,
    truncate: false,
    shift: false,
    ...(sampling.think === undefined ? {} : { think: sampling.think }),
    // The same options on every call: a changed num_ctx makes Ollama load the model again.
    options: {
      temperature: sampling.temperature,
      top_p: sampling.topP,
      num_predict: sampling.numPredict,
      num_ctx: sampling.numContext,
      seed,
    },
  });

  /** What the server puts around an empty system message; servers that cannot tell answer with text. */
  const describeEmptySystem = async (modelSystem: string | undefined, signal: AbortSignal): Promise<string> => {
    const probe = [
      { role: "system", content: "" },
      { role: "user", content: "QUERY" },
    ] as const;
    let rendered: string | undefined;
    const body = { ...request(probe, 0), stream: false as const, _debug_render_only: true };
    for await (const chunk of post({ ...body, options: { ...body.options, num_predict: 1 } }, signal)) {
      rendered ??= chunk._debug_info?.rendered_template;
    }
    if (rendered === undefined) return "the server does not tell how it renders an empty system message";
    const own = rendered.replaceAll(/<[^<>\s]+>|\[\/?[A-Z_]+\]|\b(?:system|user|assistant|model|QUERY)\b/g, "").trim();
    const fromModel = modelSystem !== undefined && modelSystem !== "" && rendered.includes(modelSystem.trim());
    if (fromModel || /\p{L}{3}/u.test(own))
      return `the model's template adds its own words to an empty system message: "${rendered.slice(0, 300)}"`;
    return "verified: an empty system message is rendered without added words";
  };

  return {
    async identify(signal): Promise<TeacherIdentity> {
      using running = startClocks({ ...clocks, firstTokenMs: clocks.connectMs * 3 }, signal);
      const { Ollama } = await import("ollama");
      const client = new Ollama({ host, fetch: transport.fetchWith(running) });
      const wrapped = async <T>(call: Promise<T>): Promise<T> => {
        try {
          return await call;
        } catch (error) {
          if (running.signal.aborted) throw running.signal.reason;
          throw wrapNetworkError(error, host);
        }
      };
      const { version } = await wrapped(client.version());
      const { models } = await wrapped(client.list());
      const found = models.find(({ name }) => name === model || name === `${model}:latest`);
      if (found === undefined) {
        const known = models.map(({ name }) => name).join(", ");
        throw new EnvironmentError("model-missing", `Ollama at ${host} has no model "${model}"`, {
          hint: `Run \`ollama pull ${model}\`${known === "" ? "" : `, or use one of: ${known}`}.`,
        });
      }
      const shown = await wrapped(client.show({ model }));
      return {
        provider: "ollama",
        model: found.name,
        digest: found.digest,
        serverVersion: version,
        origin: "generated by a model, checked as listed",
        emptySystem: await describeEmptySystem(shown.system, signal),
      };
    },
    async ask({ messages, seed }, signal): Promise<TeacherReply> {
      let content = "";
      let thinking = "";
      let last: OllamaChunk | undefined;
      for await (const chunk of post(request(messages, seed), signal)) {
        content += chunk.message?.content ?? "";
        thinking += chunk.message?.thinking ?? "";
        if (chunk.done === true) last = chunk;
      }
      return { content, thinking: thinking === "" ? null : thinking, doneReason: doneReasonOf(last), ...costsOf(last) };
    },
    [Symbol.asyncDispose]() {
      transport[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

/** `OLLAMA_HOST` comes as a URL, as host:port, or as an address to listen on. */
export function normalizeOllamaHost(host: string | undefined): string {
  if (host === undefined || host.trim() === "") return defaultOllamaHost;
  const url = new URL(/^https?:\/\//.test(host) ? host : `http://${host}`);
  if (url.hostname === "0.0.0.0") url.hostname = "127.0.0.1";
  if (url.port === "" && !/^https?:\/\//.test(host)) url.port = "11434";
  return url.origin + url.pathname.replace(/\/$/, "");
}

/** A stream that just ends was broken off by Ollama after more than 30 equal tokens, or by something worse. */
function doneReasonOf(last: OllamaChunk | undefined): DoneReason {
  if (last === undefined) return "repeat-abort";
  if (last.done_reason === "stop") return "stop";
  return last.done_reason === "length" ? "length" : "unfinished";
}

/** Durations come in nanoseconds. The time in the queue is what the total does not explain. */
function costsOf(last: OllamaChunk | undefined): Omit<TeacherReply, "content" | "thinking" | "doneReason"> {
  const ms = (nanoseconds: number | undefined): number | null => (nanoseconds === undefined ? null : nanoseconds / 1e6);
  const { total_duration, load_duration, prompt_eval_duration, eval_duration } = last ?? {};
  const explained = (load_duration ?? 0) + (prompt_eval_duration ?? 0) + (eval_duration ?? 0);
  return {
    promptTokens: last?.prompt_eval_count ?? null,
    answerTokens: last?.eval_count ?? null,
    queueMs: total_duration === undefined ? null : Math.max(0, total_duration - explained) / 1e6,
    loadMs: ms(load_duration),
    promptMs: ms(prompt_eval_duration),
    answerMs: ms(eval_duration),
  };
}

async function statusError(response: Response, model: string): Promise<Error> {
  const text = await response.text();
  let message = text.slice(0, 300);
  try {
    message = (JSON.parse(text) as { error?: string }).error ?? message;
  } catch {
    // Not JSON: a proxy speaks; its text says what it can.
  }
  if (response.status === 404) {
    return new EnvironmentError("model-missing", `Ollama: ${message}`, { hint: `Run \`ollama pull ${model}\`.` });
  }
  const transient = transientStatus(response.status, message, response.headers.get("retry-after"));
  if (transient !== undefined) return transient;
  if (/context|too long|exceed/i.test(message)) return new RowFault("prompt-too-long", message);
  return new EnvironmentError("teacher-refuses", `Ollama answered ${response.status}: ${message}`);
}

/** One JSON object a line. A line that is none is damage, never skipped. */
async function* parseLines(body: ReadableStream<Uint8Array> | null): AsyncGenerator<OllamaChunk, void, undefined> {
  if (body === null) return;
  let rest = "";
  const decoder = new TextDecoder();
  const parse = (line: string): OllamaChunk => {
    try {
      return JSON.parse(line) as OllamaChunk;
    } catch {
      throw new TransientError("teacher-garbled", `Ollama sent a line that is not JSON: ${line.slice(0, 120)}`);
    }
  };
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield parse(line);
  }
  if (rest.trim() !== "") yield parse(rest);
}
