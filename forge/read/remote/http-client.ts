/**
 * One HTTP request over node:http, and what its failures mean. The global fetch will not do: it undoes content
 * encodings, so that bytes no longer are where ranges count them.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { DataError, EnvironmentError, ForgeError, isSystemError, TransientError } from "../../base/index.ts";
import { publicUri } from "./uri.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Must be read to its end or destroyed. */
  readonly body: IncomingMessage;
  /** Where redirects led. */
  readonly url: string;
}

export interface HttpRequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Longest silence. */
  readonly timeoutMs: number;
  /** The file as messages name it. @default the URL without secrets */
  readonly uri?: string;
  readonly signal?: AbortSignal | undefined;
}

const mostRedirects = 10;

/**
 * Sends a GET and follows redirects; the answer's status is the caller's business.
 *
 * @throws TransientError `remote-unreachable`, `remote-timeout`, `remote-connection`
 * @throws DataError `remote-redirects` for a circle of redirects
 */
export async function getHttp(address: string | URL, options: HttpRequestOptions): Promise<HttpAnswer> {
  const uri = options.uri ?? publicUri(String(address));
  let url = new URL(address);
  let headers: Record<string, string> = { "accept-encoding": "identity", ...options.headers };
  if (url.username !== "" || url.password !== "") {
    const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers["authorization"] = `Basic ${Buffer.from(login).toString("base64")}`;
  }
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const answer = await send(url, headers, { ...options, uri });
    const { location } = answer.headers;
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return answer;
    answer.body.destroy();
    if (!URL.canParse(location, url.href)) break;
    const next = new URL(location, url);
    if (!/^https?:$/.test(next.protocol)) break;
    // Credentials are for the server that they were given for.
    if (next.origin !== url.origin) {
      const { authorization: _, ...others } = headers;
      headers = others;
    }
    url = next;
  }
  throw new DataError("remote-redirects", `${uri} leads nowhere: too many or bad redirects`, { file: uri });
}

type SendOptions = HttpRequestOptions & { readonly uri: string };

async function send(url: URL, headers: Readonly<Record<string, string>>, options: SendOptions): Promise<HttpAnswer> {
  const { timeoutMs, uri, signal } = options;
  const secure = url.protocol === "https:";
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const target = new URL(url);
  target.username = "";
  target.password = "";
  const outgoing = (secure ? httpsRequest : httpRequest)(
    target,
    { headers, agent: agentOf(secure), ...(signal && { signal }) },
    resolve,
  );
  outgoing.on("error", (error) => reject(signal?.aborted === true ? signal.reason : networkError(error, uri)));
  const timer = setTimeout(() => outgoing.destroy(timeoutError(uri, timeoutMs)), timeoutMs);
  outgoing.end();
  try {
    const body = await promise;
    return { status: body.statusCode ?? 500, headers: body.headers, body, url: url.href };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The chunks of a body; leaving early closes the connection.
 *
 * @throws TransientError when it breaks off or falls silent
 */
export async function* bodyChunks(
  body: BodyStream,
  { uri, timeoutMs, signal }: Pick<HttpRequestOptions, "timeoutMs" | "signal"> & { readonly uri: string },
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = body[Symbol.asyncIterator]();
  const stop = (): void => void body.destroy();
  signal?.addEventListener("abort", stop, { once: true });
  // The reader's own pauses are no silence of the server.
  let isWaiting = true;
  const timer = setTimeout(() => {
    if (isWaiting) body.destroy(timeoutError(uri, timeoutMs));
    else timer.refresh();
  }, timeoutMs);
  try {
    while (true) {
      isWaiting = true;
      const next = await iterator.next();
      isWaiting = false;
      timer.refresh();
      if (next.done === true) return;
      yield next.value;
    }
  } catch (error) {
    throw networkError(error, uri);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
    body.destroy();
  }
}

/** What Node's streams and the SDK's bodies have in common. */
export type BodyStream = AsyncIterable<Uint8Array> & { destroy(error?: Error): unknown };

/** What a status other than the wanted one means. */
export function statusError(
  status: number,
  { uri, retryAfter, code, hint, cause }: StatusErrorOptions,
): DataError | EnvironmentError | TransientError {
  const position = { file: uri };
  const answer = code === undefined ? String(status) : `${status} ${code}`;
  switch (status) {
    case 401:
    case 403:
      return new EnvironmentError("remote-forbidden", `${uri} may not be read (${answer})`, {
        cause,
        hint: hint ?? "Check the credentials: name and password or a signature belong into the URL.",
      });
    case 404:
    case 410:
      return new DataError("remote-not-found", `${uri} does not exist (${answer})`, position, { cause });
    case 412:
    case 416:
      return changedError(uri);
    case 408:
    case 425:
    case 429:
      return new TransientError("remote-busy", `${uri}: the server is busy (${answer})`, {
        cause,
        hint: rerun,
        ...retryAfterMs(retryAfter),
      });
    default:
      if (status >= 500) {
        return new TransientError("remote-busy", `${uri}: the server failed (${answer})`, {
          cause,
          hint: rerun,
          ...retryAfterMs(retryAfter),
        });
      }
      return new DataError("remote-refused", `${uri}: the server refuses the request (${answer})`, position, { cause });
  }
}

export interface StatusErrorOptions {
  readonly uri: string;
  readonly retryAfter?: string | undefined;
  /** What the service calls the error. */
  readonly code?: string;
  /** What to do when access is refused. */
  readonly hint?: string;
  readonly cause?: unknown;
}

const rerun = "Run the same command again later: finished parts are kept.";

/** A file is not what the plan saw. The run must not go on with a mixture of both. */
export function changedError(uri: string): DataError {
  return new DataError(
    "remote-changed",
    `${uri} changed since this run was planned`,
    { file: uri },
    { hint: "Run the same command again with --update: what was read of the old one is read anew." },
  );
}

/** Errors of sockets and streams as passing faults; others as they are. */
export function networkError(error: unknown, uri: string): unknown {
  if (error instanceof ForgeError || !(isSystemError(error) || /aborted|premature/i.test(String(error)))) return error;
  const code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : "";
  if (["ENOTFOUND", "ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EAI_AGAIN"].includes(code)) {
    return new TransientError("remote-unreachable", `${uri}: no server answers (${code})`, {
      cause: error,
      hint: "Check the address and the network, then run the same command again.",
    });
  }
  return new TransientError("remote-connection", `${uri}: the connection broke (${code})`, {
    cause: error,
    hint: rerun,
  });
}

export function timeoutError(uri: string, ms: number): TransientError {
  return new TransientError("remote-timeout", `${uri}: the server was silent for ${ms} ms`, { hint: rerun });
}

/** Seconds or a date. */
function retryAfterMs(value: string | undefined): { readonly retryAfterMs?: number } {
  if (value === undefined) return {};
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? { retryAfterMs: Math.max(0, ms) } : {};
}

let agents: { readonly http: HttpAgent; readonly https: HttpsAgent } | undefined;

/** Connections are kept per thread; proxies are those of the environment. */
function agentOf(secure: boolean): HttpAgent | HttpsAgent {
  const options = { keepAlive: true, proxyEnv: process.env };
  agents ??= { http: new HttpAgent(options), https: new HttpsAgent(options) };
  return secure ? agents.https : agents.http;
}
