/** URIs of files elsewhere: which there are, what of them may be shown, and which names a glob matches. */
import { matchesGlob } from "node:path";
import { UsageError } from "../../base/index.ts";

const schemes = ["http", "https", "s3", "hf"] as const;
export type Scheme = (typeof schemes)[number];

/**
 * The scheme of a URI; undefined for a path.
 *
 * @throws UsageError `scheme-unknown` for another scheme
 */
export function schemeOf(uri: string): Scheme | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(uri)?.[1]?.toLowerCase();
  if (scheme === undefined) return undefined;
  const known = schemes.find((one) => one === scheme);
  if (known !== undefined) return known;
  throw new UsageError("scheme-unknown", `${publicUri(uri)}: nothing here reads ${scheme}://`, {
    hint: "Sources are paths, http://, https://, s3://BUCKET/KEY and hf://datasets/OWNER/NAME/PATH.",
  });
}

/** Query parameters that give access instead of naming a file: signatures of AWS, Google, Azure, CloudFront; tokens. */
const secretParameters =
  /^(x-(amz|goog)-.*|awsaccesskeyid|googleaccessid|signature|expires|policy|key-pair-id|sig|se|sp|sv|sr|st|spr|sip|ske|skoid|sks|skt|sktid|skv|(access_|auth_)?token|api_?key|key)$/i;

/** A URI as ids, plans and messages have it: without name, password, signature and fragment. */
export function publicUri(uri: string): string {
  if (!/^https?:\/\//i.test(uri) || !URL.canParse(uri)) return uri;
  const url = new URL(uri);
  url.username = "";
  url.password = "";
  url.hash = "";
  const secret = [...new Set(url.searchParams.keys())].filter((name) => secretParameters.test(name));
  // Deleting writes the query anew, so it is left alone where nothing is to be hidden.
  for (const name of secret) url.searchParams.delete(name);
  return url.href;
}

/** The file's own name, which tells format and compression. */
export function fileName(uri: string): string {
  const isHttp = /^https?:\/\//i.test(uri);
  const path = isHttp ? new URL(uri).pathname : uri;
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (!isHttp) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** True when a path holds something that a glob understands. */
export function isGlob(path: string): boolean {
  return /[*?[\]{}]/.test(path);
}

/** The folders of a glob (with the last slash) in which nothing is left open: what a server is asked to list. */
export function literalFolder(glob: string): string {
  const open = glob.search(/[*?[\]{}]/);
  return open < 0 ? glob : glob.slice(0, glob.lastIndexOf("/", open) + 1);
}

/** True when a pattern for exclusion, with or without scheme, matches a URI. */
export function isExcluded(uri: string, pattern: string): boolean {
  const bare = (name: string): string => name.replace(/^[a-z][a-z0-9+.-]*:\/\//i, "");
  return matchesGlob(bare(uri), bare(pattern));
}
