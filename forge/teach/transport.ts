/**
 * HTTP for teachers: `fetch` over node:http, bound to the clocks of one request.
 *
 * Why not the global fetch: it gives up after 300 seconds without headers, and teachers send none before their first
 * token (queue, model load and prompt come first). Here only our own clocks count: connect, first token, pause between
 * tokens, total. Aborting closes the socket, upon which servers stop generating.
 */
import type { Agent, IncomingMessage, request } from "node:http";
import { Readable } from "node:stream";
import { TransientError } from "../base/index.ts";
import type { Clocks } from "../../schemas/config/teach.ts";
import { unreachable } from "./ask.ts";

/** Clocks of one attempt. Dispose it when the attempt is over. */
export interface RequestClocks extends Disposable {
  /** Aborts when the caller aborts or a clock runs out; the reason is then a TransientError that names the clock. */
  readonly signal: AbortSignal;
  /** The connection stands: from now on the first token is waited for. */
  connected(): void;
  /** Something arrived: from now on the next piece is waited for. */
  received(): void;
}

export function startClocks(clocks: Clocks, parent: AbortSignal): RequestClocks {
  const controller = new AbortController();
  const expire = (name: string, ms: number, code = "teacher-timeout"): NodeJS.Timeout =>
    setTimeout(() => controller.abort(new TransientError(code, `The teacher's ${name} took longer than ${ms} ms`)), ms);
  const onAbort = (): void => controller.abort(parent.reason);
  if (parent.aborted) onAbort();
  parent.addEventListener("abort", onAbort, { once: true });
  const total = expire("answer", clocks.totalMs);
  let current = expire("connection", clocks.connectMs, unreachable);
  let phase: "connecting" | "waiting" | "receiving" = "connecting";
  return {
    signal: controller.signal,
    connected() {
      if (phase !== "connecting") return;
      phase = "waiting";
      clearTimeout(current);
      current = expire("first token", clocks.firstTokenMs);
    },
    received() {
      phase = "receiving";
      clearTimeout(current);
      current = expire("next token", clocks.idleMs);
    },
    [Symbol.dispose]() {
      clearTimeout(total);
      clearTimeout(current);
      parent.removeEventListener("abort", onAbort);
    },
  };
}

/** Connections that are kept and used again; dispose to close them. */
export interface Transport extends Disposable {
  /** A `fetch` for one request under the given clocks. Bodies must be strings. */
  fetchWith(clocks: RequestClocks): typeof fetch;
}

/** What speaks one protocol. */
interface Client {
  readonly request: typeof request;
  readonly agent: Agent;
}

export function createTransport(): Transport {
  let clients: { readonly http: Client; readonly https: Client } | undefined;
  /** With the first request: node:http brings undici along, 40 ms that answers from a file need not wait for. */
  const load = async (): Promise<NonNullable<typeof clients>> => {
    const [http, https] = await Promise.all([import("node:http"), import("node:https")]);
    clients ??= {
      http: { request: http.request, agent: new http.Agent({ keepAlive: true }) },
      https: { request: https.request, agent: new https.Agent({ keepAlive: true }) },
    };
    return clients;
  };
  return {
    fetchWith: (clocks) => async (input, init) => {
      const url = new URL(input instanceof Request ? input.url : input);
      const secure = url.protocol === "https:";
      const client = (clients ?? (await load()))[secure ? "https" : "http"];
      const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
      const outgoing = client.request(
        url,
        {
          method: init?.method ?? "GET",
          headers: Object.fromEntries(new Headers(init?.headers)),
          agent: client.agent,
          signal: init?.signal == null ? clocks.signal : AbortSignal.any([clocks.signal, init.signal]),
        },
        resolve,
      );
      outgoing.on("socket", (socket) => {
        if (socket.connecting) socket.once(secure ? "secureConnect" : "connect", () => clocks.connected());
        else clocks.connected();
      });
      outgoing.on("error", (error) =>
        reject(clocks.signal.aborted ? clocks.signal.reason : wrapNetworkError(error, url)),
      );
      outgoing.end(typeof init?.body === "string" ? init.body : undefined);
      const incoming = await promise;
      const headers = new Headers();
      for (const [name, value] of Object.entries(incoming.headers)) headers.set(name, String(value));
      const status = incoming.statusCode ?? 500;
      const body = status === 204 ? null : (Readable.toWeb(incoming) as ReadableStream<Uint8Array>);
      return new Response(body, { status, statusText: incoming.statusMessage ?? "", headers });
    },
    [Symbol.dispose]() {
      for (const { agent } of Object.values(clients ?? {})) agent.destroy();
    },
  };
}

const unreachableCodes = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EAI_AGAIN",
  "ETIMEDOUT",
]);

/** A network fault as what it is: nobody there (`teacher-unreachable`), or a connection that broke. */
export function wrapNetworkError(error: unknown, url: URL | string): unknown {
  if (error instanceof TransientError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const { host } = new URL(url);
  if (unreachableCodes.has(code)) {
    return new TransientError(unreachable, `No teacher answers at ${host} (${code})`, {
      cause: error,
      hint: "Start the server, then run the same command again.",
    });
  }
  return new TransientError("teacher-connection", `The connection to ${host} broke: ${(error as Error).message}`, {
    cause: error,
  });
}

/** The error of an HTTP status: busy and broken servers are passing faults. Undefined for other statuses. */
export function transientStatus(
  status: number,
  message: string,
  retryAfter: string | null,
): TransientError | undefined {
  if (status !== 408 && status !== 409 && status !== 429 && status < 500) return undefined;
  const seconds = Number(retryAfter ?? Number.NaN);
  const text = `The teacher answered ${status}: ${message}`;
  if (!Number.isFinite(seconds)) return new TransientError("teacher-busy", text);
  return new TransientError("teacher-busy", text, { retryAfterMs: Math.min(seconds, 600) * 1000 });
}
