/** Files wherever they are: below the root, on web servers, in buckets, on the Hugging Face hub. */
import { remoteConfigSchema, type RemoteConfig } from "../../schemas/config/remote.ts";
import { localSources, type OpenSource } from "./byte-source.ts";
import { schemeOf } from "./remote/uri.ts";
import type { RemoteFile } from "./types.ts";

export interface SourcesOptions {
  /** Absolute path of the folder that paths are relative to. */
  readonly root: string;
  /** @default those of the config's schema */
  readonly remote?: RemoteConfig;
  /** URLs with what gives access, by URI; see `InputPlan.secrets`. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** Opens files of a plan. What only some URIs need is loaded when the first of them is opened. */
export function openSources(options: SourcesOptions): OpenSource {
  const { root, remote: settings = remoteConfigSchema.parse({}), secrets = {} } = options;
  const local = localSources(root);
  return async (file) => {
    const { uri, end } = file;
    switch (schemeOf(uri)) {
      case undefined:
        return await local(file);
      case "http":
      case "https": {
        const { openHttp } = await import("./remote/http.ts");
        return openHttp({ uri, url: secrets[uri] ?? uri }, described(file.remote, uri), settings, end);
      }
      case "hf": {
        const { openHuggingFace } = await import("./remote/hugging-face.ts");
        return await openHuggingFace(uri, described(file.remote, uri), settings, end);
      }
      case "s3": {
        const { openS3 } = await import("./remote/s3.ts");
        return await openS3(uri, described(file.remote, uri), settings, end);
      }
    }
  };
}

function described(remote: RemoteFile | undefined, uri: string): RemoteFile {
  if (remote === undefined) throw new Error(`${uri} was opened before it was described`);
  return remote;
}
