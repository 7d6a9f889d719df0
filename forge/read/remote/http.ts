/**
 * Files behind http:// and https://: one small request tells size, version and whether parts can be asked for.
 *
 * What has a strong entity tag and is delivered in ranges is read in place, each request bound to that tag. Anything
 * else is first copied by a task, from front to back, and known by the hash of what came.
 */
import { createHash } from "node:crypto";
import { retrying, TransientError, waitBefore } from "../../base/index.ts";
import type { RemoteConfig } from "../../../schemas/config/remote.ts";
import type { ByteSource } from "../byte-source.ts";
import type { RemoteFile } from "../types.ts";
import { bodyChunks, changedError, getHttp, statusError, type HttpAnswer } from "./http-client.ts";
import { rangedSource } from "./ranged.ts";

/** A file of a web server and how to ask for it. */
export interface HttpFile {
  /** With whatever gives access. */
  readonly url: string;
  /** As ids and messages name it. */
  readonly uri: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What to do when access is refused. */
  readonly hint?: string;
  /** Go on where a redirect led, until that no longer lets us in: hubs hand out addresses that hold for a while. */
  readonly keepRedirect?: boolean;
}

export interface HttpDescription {
  /** Undefined when the server does not tell. */
  readonly bytes: number | undefined;
  readonly fingerprint: string;
  readonly remote: RemoteFile;
  /** The server stores the file compressed, whatever its name says. */
  readonly encoding: string | undefined;
}

type Settings = Pick<RemoteConfig, "attempts" | "retryDelayMs" | "timeoutMs">;

/** Asks for the first byte: unlike HEAD this is allowed by signed URLs and shows whether ranges work. */
export async function describeHttp(file: HttpFile, settings: Settings, signal?: AbortSignal): Promise<HttpDescription> {
  const look = async (): Promise<HttpDescription> => {
    const answer = await ask(file, settings, { range: "bytes=0-0" }, signal);
    answer.body.destroy();
    const { status, headers } = answer;
    // An empty file has no first byte.
    const isEmpty = status === 416 && headers["content-range"]?.endsWith("/0") === true;
    if (status !== 200 && status !== 206 && !isEmpty) throw errorOf(answer, file);
    const ranges = status !== 200;
    const { etag, "last-modified": lastModified, "content-encoding": encoding } = headers;
    const size = Number(ranges ? headers["content-range"]?.split("/")[1] : headers["content-length"]);
    const bytes = Number.isSafeInteger(size) ? size : undefined;
    const exact = ranges && bytes !== undefined && etag !== undefined && !etag.startsWith("W/");
    return {
      bytes,
      encoding,
      fingerprint: exact ? `etag ${etag} ${bytes}` : `seen ${etag ?? ""} ${lastModified ?? ""} ${bytes ?? ""}`,
      remote: {
        ...(bytes !== undefined && { bytes }),
        ranges: ranges && bytes !== undefined,
        exact,
        ...(etag !== undefined && { etag }),
        ...(lastModified !== undefined && { lastModified }),
      },
    };
  };
  return await retrying(look, { ...retryOf(settings), ...(signal && { signal }) });
}

/** Opens a file that was described. Nothing is sent before something is read. */
export function openHttp(file: HttpFile, remote: RemoteFile, settings: Settings, likelyEnd?: number): ByteSource {
  const { bytes: size, ranges } = remote;
  if (!ranges || size === undefined) return sequentialSource(file, remote, settings);
  /** Where a redirect led. */
  let direct: string | undefined;
  const askForPart = async (headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpAnswer> => {
    if (direct !== undefined) {
      const answer = await ask({ ...file, url: direct, headers: {} }, settings, headers, signal);
      if (answer.status < 400 || answer.status >= 500) return answer;
      // Such addresses expire.
      answer.body.destroy();
      direct = undefined;
    }
    const answer = await ask(file, settings, headers, signal);
    if (file.keepRedirect === true && answer.status < 400 && answer.url !== file.url) direct = answer.url;
    return answer;
  };
  return rangedSource({
    uri: file.uri,
    size,
    retry: retryOf(settings),
    ...(likelyEnd !== undefined && { likelyEnd }),
    async *fetch(start, end, signal) {
      const condition = remote.exact && remote.etag !== undefined ? { "if-match": remote.etag } : {};
      const answer = await askForPart({ range: `bytes=${start}-${end - 1}`, ...condition }, signal);
      const { status, body, headers } = answer;
      const isWhole = status === 200 && size <= wholeBytes;
      try {
        if (status === 200 && !isWhole) throw rangeIgnored(file.uri);
        if (status !== 200 && status !== 206) throw errorOf(answer, file);
        refuseChanged(answer, remote, file.uri);
        const length = isWhole ? headers["content-length"] : headers["content-range"];
        const expected = isWhole ? [undefined, String(size)] : [`bytes ${start}-${end - 1}/${size}`];
        if (!expected.includes(length)) throw changedError(file.uri);
      } catch (error) {
        body.destroy();
        throw error;
      }
      const chunks = bodyChunks(body, { uri: file.uri, timeoutMs: settings.timeoutMs, signal });
      if (isWhole) yield* cutOut(chunks, start, end);
      else yield* chunks;
    },
  });
}

/** A file of at most so many bytes is taken whole where a server ignores that a part was asked for. */
const wholeBytes = 1 << 24;

/** Bytes `[start, end)` of a stream. */
async function* cutOut(
  chunks: AsyncIterable<Uint8Array>,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let position = 0;
  for await (const chunk of chunks) {
    const wanted = chunk.subarray(Math.max(0, start - position), Math.max(0, end - position));
    position += chunk.length;
    if (wanted.length > 0) yield wanted;
    if (position >= end) return;
  }
}

/**
 * A file of a server that delivers only whole ones. When the connection breaks, it is asked for again, and what came
 * before must come again, byte by byte.
 */
function sequentialSource(file: HttpFile, remote: RemoteFile, settings: Settings): ByteSource {
  const { uri } = file;
  const retry = retryOf(settings);
  let size = remote.bytes ?? Number.POSITIVE_INFINITY;
  return {
    uri,
    get size() {
      return size;
    },
    async *read(start = 0, end = Number.POSITIVE_INFINITY) {
      const hash = createHash("sha256");
      let known = 0;
      for (let failures = 0; ;) {
        const before = known;
        try {
          const again = createHash("sha256");
          let position = 0;
          for await (const chunk of wholeFile(file, settings)) {
            const repeated = Math.max(0, Math.min(chunk.length, known - position));
            if (repeated > 0) again.update(chunk.subarray(0, repeated));
            position += chunk.length;
            if (repeated > 0 && position >= known && again.digest("hex") !== hash.copy().digest("hex")) {
              throw changedError(uri);
            }
            const fresh = chunk.subarray(repeated);
            if (fresh.length === 0) continue;
            hash.update(fresh);
            const wanted = fresh.subarray(Math.max(0, start - known), Math.max(0, end - known));
            known += fresh.length;
            if (wanted.length > 0) yield wanted;
            if (known >= end) return;
          }
          if (position < known || (remote.bytes !== undefined && position !== remote.bytes)) throw changedError(uri);
          size = position;
          return;
        } catch (error) {
          if (!(error instanceof TransientError)) throw error;
          failures = known > before ? 1 : failures + 1;
          if (failures >= retry.attempts) throw error;
          await waitBefore(failures, error, retry);
        }
      }
    },
  };
}

async function* wholeFile(file: HttpFile, settings: Settings): AsyncGenerator<Uint8Array, void, undefined> {
  const answer = await ask(file, settings, {});
  if (answer.status !== 200) {
    answer.body.destroy();
    throw errorOf(answer, file);
  }
  yield* bodyChunks(answer.body, { uri: file.uri, timeoutMs: settings.timeoutMs });
}

async function ask(
  { url, uri, headers }: HttpFile,
  { timeoutMs }: Settings,
  more: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<HttpAnswer> {
  return await getHttp(url, { headers: { ...headers, ...more }, timeoutMs, uri, signal });
}

function errorOf({ status, headers }: HttpAnswer, { uri, hint }: HttpFile): Error {
  return statusError(status, { uri, retryAfter: headers["retry-after"], ...(hint !== undefined && { hint }) });
}

/** A server that does not know conditions still tells what it delivers. */
function refuseChanged({ headers }: HttpAnswer, { etag, lastModified }: RemoteFile, uri: string): void {
  if (etag !== undefined && headers.etag !== undefined && headers.etag !== etag) throw changedError(uri);
  const modified = headers["last-modified"];
  if (etag === undefined && lastModified !== undefined && modified !== undefined && modified !== lastModified) {
    throw changedError(uri);
  }
}

/** It delivered ranges when it was asked first; behind a balancer its brothers may not. */
function rangeIgnored(uri: string): TransientError {
  return new TransientError("remote-range-ignored", `${uri}: the server sent the whole file instead of a part`);
}

function retryOf({ attempts, retryDelayMs }: Settings): { readonly attempts: number; readonly delayMs: number } {
  return { attempts, delayMs: retryDelayMs };
}
