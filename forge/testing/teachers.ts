/**
 * Small real servers that speak as Ollama and as an OpenAI-compatible server do, with faults on demand.
 *
 * Real sockets and real streams: what is tested against them is the whole client. They generate nothing; an injected
 * function says the answer.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What can go wrong with one request. */
export type TeacherFault =
  | "status-500"
  | "status-503-retry-after"
  | "mid-stream-error"
  | "garbled-line"
  | "length"
  | "done-false"
  | "silence"
  | "silence-mid-stream"
  | "connection-reset";

/** The part of a chat request that both kinds of server share. */
export interface DoubleRequest {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly stream?: boolean;
  readonly [key: string]: unknown;
}

export interface TeacherDoubleOptions {
  readonly model: string;
  /** The answer's text; sent in pieces of a few characters. */
  readonly answer: (request: DoubleRequest) => string | Promise<string>;
  /** The fault of the n-th chat request, counted from 0. */
  readonly fault?: (index: number, request: DoubleRequest) => TeacherFault | undefined;
  /** Ollama only: text that the model's template adds to an empty system message. */
  readonly templateWords?: string;
  readonly thinking?: string;
}

export interface TeacherDouble extends AsyncDisposable {
  /** Base URL without a path. */
  readonly url: string;
  /** Chat requests in order of arrival, as they were sent. */
  readonly requests: readonly DoubleRequest[];
  /** Most chat requests that were open at the same time. */
  readonly mostOpen: number;
}

/** Ollama's `/api/{version,tags,show,chat}`. */
export async function startOllamaDouble(options: TeacherDoubleOptions): Promise<TeacherDouble> {
  const { model, templateWords = "", thinking } = options;
  return await start(options, {
    "GET /api/version": { version: "0.99.0-double" },
    "GET /api/tags": { models: [{ name: model, model, digest: "d".repeat(64), size: 1, details: {} }] },
    "POST /api/show": { system: templateWords, capabilities: ["completion"], details: {} },
    "POST /api/chat": async (request, fault, response) => {
      if (request["_debug_render_only"] === true) {
        const rendered = request.messages
          .map(({ role, content }) => `<|${role}|>${content || templateWords}<|end|>`)
          .join("");
        return sendJson(response, { model, _debug_info: { rendered_template: rendered } });
      }
      response.writeHead(200, { "content-type": "application/x-ndjson" });
      const line = (value: unknown): void => void response.write(`${JSON.stringify(value)}\n`);
      if (thinking !== undefined) line({ model, message: { role: "assistant", content: "", thinking }, done: false });
      const pieces = piecesOf(await options.answer(request));
      for (const [index, content] of pieces.entries()) {
        if (index === 1 && fault === "silence-mid-stream") return;
        if (index === 1 && fault === "mid-stream-error")
          return void response.end(`${JSON.stringify({ error: "model runner has unexpectedly stopped" })}\n`);
        if (index === 1 && fault === "garbled-line") return void response.end('{"message":{"cont\n');
        if (index === 1 && fault === "connection-reset") return void response.socket?.destroy();
        line({ model, message: { role: "assistant", content }, done: false });
      }
      if (fault !== "done-false") {
        line({
          model,
          message: { role: "assistant", content: "" },
          done: true,
          done_reason: fault === "length" ? "length" : "stop",
          total_duration: 10_000_000,
          load_duration: 1_000_000,
          prompt_eval_count: 12,
          prompt_eval_duration: 2_000_000,
          eval_count: pieces.length,
          eval_duration: 4_000_000,
        });
      }
      response.end();
    },
  });
}

/** `/v1/models` and `/v1/chat/completions` as vLLM, llama.cpp and others serve them, with server-sent events. */
export async function startOpenAiDouble(options: TeacherDoubleOptions): Promise<TeacherDouble> {
  const { model, thinking } = options;
  return await start(options, {
    "GET /v1/models": { object: "list", data: [{ id: model, object: "model", created: 0, owned_by: "double" }] },
    "POST /v1/chat/completions": async (request, fault, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const event = (value: unknown): void => void response.write(`data: ${JSON.stringify(value)}\n\n`);
      const chunk = (delta: object, finish: string | null): object => ({
        id: "double",
        object: "chat.completion.chunk",
        created: 0,
        model,
        choices: [{ index: 0, delta, finish_reason: finish }],
      });
      if (thinking !== undefined) event(chunk({ reasoning_content: thinking }, null));
      const pieces = piecesOf(await options.answer(request));
      for (const [index, content] of pieces.entries()) {
        if (index === 1 && fault === "silence-mid-stream") return;
        if (index === 1 && fault === "mid-stream-error") {
          event({ error: { message: "engine died", type: "api_error", code: null, param: null } });
          return void response.end();
        }
        if (index === 1 && fault === "garbled-line") return void response.end('data: {"choices":[{"del\n\n');
        if (index === 1 && fault === "connection-reset") return void response.socket?.destroy();
        event(chunk({ content }, null));
      }
      if (fault !== "done-false") {
        event(chunk({}, fault === "length" ? "length" : "stop"));
        event({
          ...chunk({}, null),
          choices: [],
          usage: { prompt_tokens: 12, completion_tokens: pieces.length, total_tokens: 12 + pieces.length },
        });
      }
      response.end("data: [DONE]\n\n");
    },
  });
}

type ChatHandler = (request: DoubleRequest, fault: TeacherFault | undefined, response: ServerResponse) => Promise<void>;

async function start(
  options: TeacherDoubleOptions,
  routes: Readonly<Record<string, object | ChatHandler>>,
): Promise<TeacherDouble> {
  const requests: DoubleRequest[] = [];
  let open = 0;
  let mostOpen = 0;
  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const route = routes[`${incoming.method} ${incoming.url}`];
    if (route === undefined) {
      response.statusCode = 404;
      return sendJson(response, { error: "no such route" });
    }
    let body = "";
    for await (const part of incoming) body += String(part);
    if (typeof route !== "function") return sendJson(response, route);
    const request = JSON.parse(body) as DoubleRequest;
    const rendering = request["_debug_render_only"] === true;
    const fault = rendering ? undefined : options.fault?.(requests.length, request);
    if (!rendering) requests.push(request);
    mostOpen = Math.max(mostOpen, ++open);
    response.on("close", () => open--);
    if (fault === "silence") return;
    if (fault === "status-500" || fault === "status-503-retry-after") {
      response.statusCode = fault === "status-500" ? 500 : 503;
      if (fault === "status-503-retry-after") response.setHeader("retry-after", "0");
      return sendJson(response, { error: fault });
    }
    await (route as ChatHandler)(request, fault, response);
  };
  const server = createServer((incoming, response) => {
    handle(incoming, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get mostOpen() {
      return mostOpen;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function sendJson(response: ServerResponse, value: object): void {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(value));
}

function piecesOf(text: string): string[] {
  return text.match(/[\s\S]{1,24}/gu) ?? [];
}
