/**
 * Files of data sets on the Hugging Face hub: `hf://datasets/OWNER/NAME[@REVISION]/PATH`, with globs in the path.
 *
 * A branch or tag is resolved to its commit when the run is planned, and all is read at that commit. The hub knows the
 * SHA-256 of large files and the git hash of small ones: files are known by these, so that a new commit that leaves a
 * file alone does not have it read again. The hub's library is loaded when the first such URI appears.
 */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, matchesGlob } from "node:path";
import type { RemoteConfig } from "../../../schemas/config/remote.ts";
import { DataError, retrying, UsageError } from "../../base/index.ts";
import type { ByteSource } from "../byte-source.ts";
import type { RemoteFile } from "../types.ts";
import type { FoundFile } from "./list.ts";
import { isGlob, literalFolder } from "./uri.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Files that a URI leads to: one, all below a folder, or those that a glob matches.
 *
 * @throws DataError when there is none
 */
export async function listHuggingFace(
  pattern: string,
  settings: RemoteConfig,
  signal?: AbortSignal,
): Promise<readonly FoundFile[]> {
  const { name, revision, path, prefix } = parse(pattern);
  const { datasetInfo, listFiles } = await import("@huggingface/hub");
  const hubUrl = endpointOf(process.env);
  const fetch = await hubFetch(pattern, settings, signal);
  const commit = isCommit(revision)
    ? revision
    : (await datasetInfo({ name, revision, additionalFields: ["sha"], hubUrl, fetch })).sha;
  const under = async (folder: string, recursive: boolean): Promise<readonly Entry[]> => {
    const repo = { type: "dataset", name } as const;
    const entries = listFiles({ repo, revision: commit, path: folder.replace(/\/$/, ""), recursive, hubUrl, fetch });
    return (await Array.fromAsync(entries)).filter(({ type }) => type !== "unknown");
  };
  const files = (await choose(path, under)).map((entry) => foundFile(`${prefix}/${entry.path}`, entry, commit));
  if (files.length > 0) return files;
  throw new DataError("remote-not-found", `no file of the data set matches ${pattern}`, { file: pattern });
}

/** Opens a file that was listed. Nothing is sent before something is read. */
export async function openHuggingFace(
  uri: string,
  remote: RemoteFile,
  settings: RemoteConfig,
  likelyEnd?: number,
): Promise<ByteSource> {
  const { name, path } = parse(uri);
  const place = path.split("/").map(encodeURIComponent).join("/");
  const url = `${endpointOf(process.env)}/datasets/${name}/resolve/${remote.revision ?? "main"}/${place}`;
  const file = { uri, url, headers: await authorization(process.env), hint: accessHint, keepRedirect: true };
  const { openHttp } = await import("./http.ts");
  return openHttp(file, remote, settings, likelyEnd);
}

/** The data set of a file's URI, as it was asked for. */
export function datasetOf(uri: string): string {
  return parse(uri).prefix;
}

/** The user's token and where it was found; undefined without one. */
export async function findToken(
  env: Environment,
): Promise<{ readonly token: string; readonly from: string } | undefined> {
  for (const from of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]) {
    const token = env[from]?.trim();
    if (token !== undefined && token !== "") return { token, from };
  }
  const from = env["HF_TOKEN_PATH"] ?? join(env["HF_HOME"] ?? join(homedir(), ".cache", "huggingface"), "token");
  const token = await readFile(from, "utf8").then(
    (text) => text.trim(),
    () => "",
  );
  return token === "" ? undefined : { token, from };
}

const accessHint =
  "Set HF_TOKEN or run `hf auth login`; gated data sets ask for consent on their page. A misspelt name looks the same.";

interface Entry {
  readonly type: "file" | "directory" | "unknown";
  readonly path: string;
  readonly size: number;
  readonly oid?: string;
  readonly lfs?: { readonly oid: string };
}

type ListFolder = (folder: string, recursive: boolean) => Promise<readonly Entry[]>;

/** Files that a path or glob means. */
async function choose(path: string, under: ListFolder): Promise<readonly Entry[]> {
  const isFile = ({ type }: Entry): boolean => type === "file";
  if (isGlob(path)) {
    const folder = literalFolder(path);
    const entries = await under(folder, path.slice(folder.length).includes("/"));
    const matching = entries.filter((entry) => isFile(entry) && matchesGlob(entry.path, path));
    // As on a disk, a name may hold what a glob understands.
    return matching.length > 0 ? matching : entries.filter((entry) => isFile(entry) && entry.path === path);
  }
  const bare = path.replace(/\/$/, "");
  if (bare !== "") {
    const beside = await under(bare.slice(0, bare.lastIndexOf("/") + 1), false);
    const there = beside.find((entry) => entry.path === bare);
    if (there === undefined) return [];
    if (isFile(there)) return [there];
  }
  // Hidden files are the hub's own: .gitattributes.
  const visible = ({ path: name }: Entry): boolean => !/(^|\/)\./.test(name.slice(bare.length));
  return (await under(bare, true)).filter((entry) => isFile(entry) && visible(entry));
}

function foundFile(uri: string, { size, oid, lfs }: Entry, revision: string): FoundFile {
  const fingerprint = lfs?.oid ?? `git ${oid}`;
  return { uri, fingerprint, remote: { bytes: size, ranges: true, exact: true, revision } };
}

interface HubUri {
  /** OWNER/NAME. */
  readonly name: string;
  readonly revision: string;
  readonly path: string;
  /** All before the path, without the slash. */
  readonly prefix: string;
}

function parse(uri: string): HubUri {
  const found = /^(hf:\/\/datasets\/([^/@]+\/[^/@]+)(?:@(refs\/(?:convert|pr)\/[^/]+|[^/]+))?)(?:\/(.*))?$/is.exec(uri);
  const [, prefix, name, revision = "main", path = ""] = found ?? [];
  if (prefix !== undefined && name !== undefined) {
    return { prefix, name, revision: decodeURIComponent(revision), path };
  }
  throw new UsageError("uri-malformed", `${uri} names no data set`, {
    hint: "Write hf://datasets/OWNER/NAME/PATH or hf://datasets/OWNER/NAME@REVISION/PATH.",
  });
}

function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

function endpointOf(env: Environment): string {
  return (env["HF_ENDPOINT"] ?? "https://huggingface.co").replace(/\/+$/, "");
}

async function authorization(env: Environment): Promise<Readonly<Record<string, string>>> {
  const found = await findToken(env);
  return found === undefined ? {} : { authorization: `Bearer ${found.token}` };
}

/** What the hub's library asks with: our own tries, clocks and errors. */
async function hubFetch(
  uri: string,
  { attempts, retryDelayMs, timeoutMs }: RemoteConfig,
  signal: AbortSignal | undefined,
): Promise<typeof fetch> {
  const { bodyChunks, getHttp, statusError } = await import("./http-client.ts");
  const headers = { ...(await authorization(process.env)), accept: "application/json" };
  const options = { headers, timeoutMs, uri, signal };
  return async (address) => {
    const url = address instanceof Request ? address.url : String(address);
    const ask = async (): Promise<Response> => {
      const answer = await getHttp(url, options);
      const { status, headers: told } = answer;
      if (status !== 200) {
        answer.body.destroy();
        const retryAfter = told["retry-after"];
        throw statusError(status, { uri, retryAfter, hint: accessHint });
      }
      const body = Buffer.concat(await Array.fromAsync(bodyChunks(answer.body, options)));
      const { link } = told;
      return new Response(body, { headers: link === undefined ? {} : { link: String(link) } });
    };
    return await retrying(ask, { attempts, delayMs: retryDelayMs, ...(signal && { signal }) });
  };
}
