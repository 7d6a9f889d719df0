/** The files that the URIs of a source lead to, with what their servers tell of them. Nothing is downloaded. */
import { remoteConfigSchema, type RemoteConfig } from "../../../schemas/config/remote.ts";
import { DataError, mapConcurrent } from "../../base/index.ts";
import type { InputFile, RemoteFile } from "../types.ts";
import { publicUri, schemeOf } from "./uri.ts";

/** A file elsewhere. */
export interface FoundFile extends Pick<InputFile, "uri" | "fingerprint"> {
  readonly remote: RemoteFile;
  /** How the server stores it, where its name does not tell. */
  readonly encoding?: string;
  /** With what gives access, where that is more than the URI. */
  readonly secret?: string;
}

export interface RemoteList {
  /** In no order; each once. */
  readonly found: readonly FoundFile[];
  /** What is wrong with a pattern, a sentence each. */
  readonly problems: readonly string[];
  /** Those of them that say that nothing is there. */
  readonly missing: readonly string[];
}

export interface ListRemoteOptions {
  readonly remote?: RemoteConfig;
  readonly signal?: AbortSignal;
}

/**
 * Lists files behind URIs and globs of URIs.
 *
 * @throws TransientError, EnvironmentError when a server does not answer or does not let us in
 */
export async function listRemote(patterns: readonly string[], options: ListRemoteOptions = {}): Promise<RemoteList> {
  const { remote = remoteConfigSchema.parse({}), signal } = options;
  const found = new Map<string, FoundFile>();
  const problems: string[] = [];
  const missing: string[] = [];
  const look = async (pattern: string): Promise<readonly FoundFile[] | DataError> => {
    try {
      return await expand(pattern, remote, signal);
    } catch (error) {
      if (error instanceof DataError) return error;
      throw error;
    }
  };
  for await (const files of mapConcurrent(patterns, 4, look, { ordered: true, ...(signal && { signal }) })) {
    if (files instanceof DataError) {
      problems.push(files.message);
      if (files.code === "remote-not-found") missing.push(files.message);
    } else for (const file of files) found.set(file.uri, file);
  }
  return { found: [...found.values()], problems, missing };
}

async function expand(
  pattern: string,
  settings: RemoteConfig,
  signal: AbortSignal | undefined,
): Promise<readonly FoundFile[]> {
  switch (schemeOf(pattern)) {
    case "hf": {
      const { listHuggingFace } = await import("./hugging-face.ts");
      return await listHuggingFace(pattern, settings, signal);
    }
    case "s3": {
      const { listS3 } = await import("./s3.ts");
      return await listS3(pattern, settings, signal);
    }
    case "http":
    case "https": {
      const { describeHttp } = await import("./http.ts");
      const uri = publicUri(pattern);
      const url = new URL(pattern).href;
      const { fingerprint, remote, encoding } = await describeHttp({ uri, url }, settings, signal);
      return [{ uri, fingerprint, remote, ...(encoding && { encoding }), ...(url !== uri && { secret: url }) }];
    }
    case undefined:
      throw new Error(`${pattern} is no URI`);
  }
}
