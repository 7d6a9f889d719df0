/**
 * Small real servers of files with faults on demand: a web server, S3, the Hugging Face hub. What is tested against
 * them is the whole client, sockets included.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What can go wrong with one request. A number is a status; 429 and 503 come with Retry-After. */
export type FileFault = number | "reset" | "reset-mid-body" | "silence" | "silence-mid-body";

export interface FileRequest {
  readonly method: string;
  /** Path with query, as it was sent. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

export interface FileServerOptions {
  /** Content by path (decoded, without the leading slash); may be changed while the server runs. */
  readonly files: Map<string, Uint8Array>;
  /** The fault of the n-th request, counted from 0. */
  readonly fault?: ((index: number, request: FileRequest) => FileFault | undefined) | undefined;
}

export interface HttpDoubleOptions extends FileServerOptions {
  /** @default strong */
  readonly etags?: "strong" | "weak" | "none";
  /** Without them every request is answered by the whole file. @default true */
  readonly ranges?: boolean;
  /** Whether whole answers tell their length. @default true */
  readonly lengths?: boolean;
  /** Sent with every file. */
  readonly headers?: Readonly<Record<string, string>>;
  /** `name:password` that must be given. */
  readonly login?: string;
}

export interface FileServer extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
  /** In order of arrival. */
  readonly requests: readonly FileRequest[];
  /** Bytes of bodies that were sent. */
  readonly sentBytes: number;
}

/** A web server. A path `/moved/NAME` redirects to `/NAME`. */
export async function startHttpDouble(options: HttpDoubleOptions): Promise<FileServer> {
  const { files, etags = "strong", ranges = true, lengths = true, headers = {}, login } = options;
  return await startFileServer(options, (request, answer) => {
    const wanted = login === undefined ? undefined : `Basic ${Buffer.from(login).toString("base64")}`;
    if (request.headers["authorization"] !== wanted) return answer.send(401, {});
    const path = decodeURIComponent(request.path.replace(/\?.*/, "").slice(1));
    if (path.startsWith("moved/")) return answer.send(302, { location: `/${path.slice("moved/".length)}` });
    const content = files.get(path);
    if (content === undefined) return answer.send(404, {}, "not here");
    const etag = etags === "none" ? {} : { etag: `${etags === "weak" ? "W/" : ""}${etagOf(content)}` };
    answer.sendFile(content, request, { ranges, lengths, headers: { ...etag, ...headers } });
  });
}

/** Contents are replaced, not written to, so each is hashed once. */
const etagsOf = new WeakMap<Uint8Array, string>();

export function etagOf(content: Uint8Array): string {
  const etag = etagsOf.get(content) ?? `"${createHash("md5").update(content).digest("hex")}"`;
  etagsOf.set(content, etag);
  return etag;
}

interface SendFileOptions {
  readonly ranges?: boolean;
  readonly lengths?: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** Body of a refusal. */
  readonly refusal?: (status: number) => string;
}

/** How a handler answers one request, faults included. */
export interface Answer {
  send(status: number, headers: Readonly<Record<string, string>>, body?: string | Uint8Array): void;
  /** Obeys Range and If-Match. */
  sendFile(content: Uint8Array, request: FileRequest, options: SendFileOptions): void;
}

/** A server whose handler knows nothing of faults. */
export async function startFileServer(
  { fault }: Pick<FileServerOptions, "fault">,
  handle: (request: FileRequest, answer: Answer) => void,
): Promise<FileServer> {
  const requests: FileRequest[] = [];
  let sentBytes = 0;
  const serve = (incoming: IncomingMessage, response: ServerResponse): void => {
    const request: FileRequest = {
      method: incoming.method ?? "GET",
      path: incoming.url ?? "/",
      headers: incoming.headers as FileRequest["headers"],
    };
    const wrong = fault?.(requests.length, request);
    requests.push(request);
    if (wrong === "silence") return;
    if (wrong === "reset") return void incoming.socket.destroy();
    if (typeof wrong === "number") {
      response.writeHead(wrong, wrong === 429 || wrong === 503 ? { "retry-after": "0" } : {});
      return void response.end();
    }
    const send: Answer["send"] = (status, headers, body = "") => {
      const bytes = typeof body === "string" ? Buffer.from(body) : body;
      response.writeHead(status, headers);
      if (request.method === "HEAD") return void response.end();
      if (wrong === undefined) {
        sentBytes += bytes.length;
        return void response.end(bytes);
      }
      const half = bytes.subarray(0, Math.ceil(bytes.length / 2));
      sentBytes += half.length;
      response.write(half, () => {
        if (wrong === "reset-mid-body") incoming.socket.destroy();
      });
    };
    handle(request, { send, sendFile: (content, to, options) => sendFile(send, content, to, options) });
  };
  const server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get sentBytes() {
      return sentBytes;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function sendFile(
  send: Answer["send"],
  content: Uint8Array,
  { headers: asked }: FileRequest,
  { ranges = true, lengths = true, headers, refusal = () => "" }: SendFileOptions,
): void {
  const refuse = (status: number, more: Readonly<Record<string, string>> = {}): void =>
    send(status, { ...headers, ...more }, refusal(status));
  const match = asked["if-match"];
  if (match !== undefined && match !== headers["etag"]) return refuse(412);
  const range = /^bytes=(\d+)-(\d*)$/.exec(asked["range"] ?? "");
  if (range === null || !ranges) {
    return send(200, { ...headers, ...(lengths && { "content-length": String(content.length) }) }, content);
  }
  const start = Number(range[1]);
  const end = range[2] === "" ? content.length : Math.min(content.length, Number(range[2]) + 1);
  if (start >= end) return refuse(416, { "content-range": `bytes */${content.length}` });
  const part = content.subarray(start, end);
  const place = { "content-range": `bytes ${start}-${end - 1}/${content.length}` };
  send(206, { ...headers, ...place, "accept-ranges": "bytes", "content-length": String(part.length) }, part);
}

export interface S3DoubleOptions extends FileServerOptions {
  readonly bucket: string;
  /** Keys on a page of a listing. @default 1000 */
  readonly pageKeys?: number;
  /** Access key that requests must be signed with; without it anybody may read. */
  readonly accessKey?: string;
}

/** A bucket by path: ListObjectsV2 page by page, HeadObject, GetObject with Range and If-Match. */
export async function startS3Double(options: S3DoubleOptions): Promise<FileServer> {
  const { files, bucket, pageKeys = 1000, accessKey } = options;
  const xml = { "content-type": "application/xml" };
  const refusal = (status: number): string => {
    const codes: Readonly<Record<number, string>> = {
      403: "AccessDenied",
      404: "NoSuchKey",
      412: "PreconditionFailed",
    };
    return `<Error><Code>${codes[status] ?? "Error"}</Code><Message>double</Message></Error>`;
  };
  return await startFileServer(options, (request, answer) => {
    const signature = request.headers["authorization"];
    const isSigned = signature?.startsWith(`AWS4-HMAC-SHA256 Credential=${accessKey}/`) === true;
    if (accessKey === undefined ? signature !== undefined : !isSigned) return answer.send(403, xml, refusal(403));
    const url = new URL(request.path, "http://double");
    const [, name, ...rest] = decodeURIComponent(url.pathname).split("/");
    if (name !== bucket) return answer.send(404, xml, "<Error><Code>NoSuchBucket</Code></Error>");
    const key = rest.join("/");
    if (key === "") return answer.send(200, xml, listing(files, url.searchParams, pageKeys));
    const content = files.get(key);
    if (content === undefined) return answer.send(404, xml, refusal(404));
    answer.sendFile(content, request, { headers: { etag: etagOf(content) }, refusal });
  });
}

function listing(files: ReadonlyMap<string, Uint8Array>, query: URLSearchParams, pageKeys: number): string {
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter") ?? "";
  const inside = (key: string): boolean => delimiter === "" || !key.slice(prefix.length).includes(delimiter);
  const keys = [...files.keys()].filter((key) => key.startsWith(prefix) && inside(key)).sort();
  const start = Number(query.get("continuation-token") ?? 0);
  const page = keys.slice(start, start + pageKeys);
  const more = start + page.length < keys.length;
  const contents = page.map((key) => {
    const content = files.get(key) ?? new Uint8Array(0);
    const name = key.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
    return (
      `<Contents><Key>${name}</Key><Size>${content.length}</Size>` +
      `<ETag>${etagOf(content).replaceAll('"', "&quot;")}</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>`
    );
  });
  const token = more ? `<NextContinuationToken>${start + page.length}</NextContinuationToken>` : "";
  return `<?xml version="1.0"?><ListBucketResult><IsTruncated>${more}</IsTruncated>${token}${contents.join("")}</ListBucketResult>`;
}

export interface HubDoubleOptions extends FileServerOptions {
  /** OWNER/NAME. */
  readonly dataset: string;
  /** Commits by branch and tag. May be changed while the server runs; all show the same files. */
  readonly revisions: Map<string, string>;
  /** Token that must be given; without it anybody may read. */
  readonly token?: string;
  /** Entries on a page of a listing. @default 1000 */
  readonly pageEntries?: number;
  /** Files of at least so many bytes are stored as LFS: their downloads redirect to another host. @default 100 */
  readonly lfsBytes?: number;
  /** Downloads for which one redirected address holds. @default any number */
  readonly addressUses?: number;
}

/** The Hugging Face hub as far as data sets are listed and read. */
export async function startHubDouble(options: HubDoubleOptions): Promise<FileServer> {
  const { files, dataset, revisions, token, pageEntries = 1000, lfsBytes = 100, addressUses } = options;
  const json = { "content-type": "application/json" };
  const uses = new Map<string, number>();
  const answerAll = (request: FileRequest, answer: Answer): void => {
    const url = new URL(request.path, `http://${request.headers["host"]}`);
    const path = decodeURIComponent(url.pathname);
    const refuse = (status: number): void => answer.send(status, json, JSON.stringify({ error: `${status}` }));
    const { authorization } = request.headers;
    if (path.startsWith("/cdn/")) {
      const used = (uses.get(url.search) ?? 0) + 1;
      uses.set(url.search, used);
      // The storage behind the hub knows signatures only, and refuses a token that is not for it.
      if (authorization !== undefined || used > (addressUses ?? used)) return refuse(403);
      const content = files.get(path.slice("/cdn/".length));
      return content === undefined
        ? refuse(404)
        : answer.sendFile(content, request, { headers: { etag: '"storage"' } });
    }
    if (authorization !== (token === undefined ? undefined : `Bearer ${token}`)) return refuse(401);
    const commitOf = (revision: string): string | undefined =>
      revisions.get(revision) ?? [...revisions.values()].find((commit) => commit === revision);
    const info = new RegExp(`^/api/datasets/${dataset}/revision/(.+)$`).exec(path);
    if (info !== null) {
      const sha = commitOf(info[1] ?? "");
      return sha === undefined ? refuse(404) : answer.send(200, json, JSON.stringify({ id: dataset, sha }));
    }
    const tree = new RegExp(`^/api/datasets/${dataset}/tree/([0-9a-f]{40})(?:/(.*))?$`).exec(path);
    if (tree !== null && commitOf(tree[1] ?? "") !== undefined) {
      const entries = treeOf(files, tree[2] ?? "", url.searchParams.get("recursive") === "true", lfsBytes);
      if (entries.length === 0) return refuse(404);
      const start = Number(url.searchParams.get("cursor") ?? 0);
      const page = entries.slice(start, start + pageEntries);
      url.searchParams.set("cursor", String(start + pageEntries));
      const link = start + pageEntries < entries.length ? { link: `<${url.href}>; rel="next"` } : {};
      return answer.send(200, { ...json, ...link }, JSON.stringify(page));
    }
    const [, commit, name = ""] = new RegExp(`^/datasets/${dataset}/resolve/([0-9a-f]{40})/(.+)$`).exec(path) ?? [];
    const content = files.get(name);
    if (commit === undefined || commitOf(commit) === undefined || content === undefined) return refuse(404);
    // Small files come from the hub itself, which need not know ranges.
    if (content.length < lfsBytes) return answer.sendFile(content, request, { ranges: false, headers: {} });
    const location = `http://localhost:${url.port}/cdn/${encodeURI(name)}?signature=${uses.size}-${name.length}`;
    answer.send(302, { location });
  };
  return await startFileServer(options, answerAll);
}

function treeOf(
  files: ReadonlyMap<string, Uint8Array>,
  folder: string,
  recursive: boolean,
  lfsBytes: number,
): readonly object[] {
  const prefix = folder === "" ? "" : `${folder}/`;
  const entries = new Map<string, object>();
  for (const [path, content] of files) {
    if (!path.startsWith(prefix)) continue;
    const names = path.slice(prefix.length).split("/");
    for (let depth = 1; depth < names.length; depth++) {
      const name = prefix + names.slice(0, depth).join("/");
      if (recursive || depth === 1) entries.set(name, { type: "directory", path: name, size: 0, oid: "0".repeat(40) });
    }
    if (!recursive && names.length > 1) continue;
    const hash = (algorithm: string): string => createHash(algorithm).update(content).digest("hex");
    const lfs = { oid: hash("sha256"), size: content.length, pointerSize: 130 };
    const isLarge = content.length >= lfsBytes;
    entries.set(path, { type: "file", path, size: content.length, oid: hash("sha1"), ...(isLarge && { lfs }) });
  }
  return [...entries.values()];
}
