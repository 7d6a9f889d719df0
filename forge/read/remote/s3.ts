/**
 * Files in buckets, `s3://BUCKET/KEY`, of AWS or any service that speaks its language. The SDK signs and finds
 * credentials; retrying is ours, so that all remote files behave alike. It is loaded when the first such URI appears.
 */
import { matchesGlob } from "node:path";
import type * as Sdk from "@aws-sdk/client-s3";
import type { RemoteConfig, S3Settings } from "../../../schemas/config/remote.ts";
import { DataError, EnvironmentError, ForgeError, retrying, UsageError } from "../../base/index.ts";
import type { ByteSource } from "../byte-source.ts";
import type { RemoteFile } from "../types.ts";
import { bodyChunks, changedError, networkError, statusError, timeoutError, type BodyStream } from "./http-client.ts";
import type { FoundFile } from "./list.ts";
import { rangedSource } from "./ranged.ts";
import { isGlob, literalFolder } from "./uri.ts";

const accessHint =
  "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; public buckets need `remote.s3.anonymous: true`.";

/**
 * Objects that a URI leads to: one, all below a folder, or those that a glob matches.
 *
 * @throws DataError when there is none
 */
export async function listS3(
  pattern: string,
  settings: RemoteConfig,
  signal?: AbortSignal,
): Promise<readonly FoundFile[]> {
  const { bucket, key } = parse(pattern);
  const objects = await objectsOf(bucket, settings, signal);
  if (key !== "" && !key.endsWith("/") && !isGlob(key)) {
    const found = await objects.head(key);
    if (found !== undefined) return [found];
  }
  const folder = isGlob(key) ? literalFolder(key) : key === "" || key.endsWith("/") ? key : `${key}/`;
  const isFlat = isGlob(key) && !key.slice(folder.length).includes("/");
  const found: FoundFile[] = [];
  for await (const { name, file } of objects.list(folder, isFlat)) {
    const isWanted = isGlob(key) ? matchesGlob(name, key) : !/(^|\/)\./.test(name.slice(folder.length));
    // Some tools store a folder as an empty object.
    if (isWanted && !name.endsWith("/")) found.push(file);
  }
  // As on a disk, a name may hold what a glob understands.
  const named = found.length === 0 && isGlob(key) ? await objects.head(key) : undefined;
  if (named !== undefined) return [named];
  if (found.length === 0) throw new DataError("remote-not-found", `no object matches ${pattern}`, { file: pattern });
  return found;
}

/** Opens an object that was listed. Nothing is sent before something is read. */
export async function openS3(
  uri: string,
  remote: RemoteFile,
  settings: RemoteConfig,
  likelyEnd?: number,
): Promise<ByteSource> {
  const { bucket, key } = parse(uri);
  const { client, sdk } = await connect(bucket, settings);
  const { bytes: size = 0, etag } = remote;
  return rangedSource({
    uri,
    size,
    retry: { attempts: settings.attempts, delayMs: settings.retryDelayMs },
    ...(likelyEnd !== undefined && { likelyEnd }),
    async *fetch(start, end, signal) {
      const command = new sdk.GetObjectCommand({
        Bucket: bucket,
        Key: key,
        Range: `bytes=${start}-${end - 1}`,
        ...(etag !== undefined && { IfMatch: etag }),
      });
      const answer = await send(uri, settings, signal, (abortSignal) => client.send(command, { abortSignal }));
      // In Node the body is a stream.
      const body = answer.Body as unknown as BodyStream;
      if (answer.ContentRange !== `bytes ${start}-${end - 1}/${size}` || (etag !== undefined && answer.ETag !== etag)) {
        body.destroy();
        throw changedError(uri);
      }
      yield* bodyChunks(body, { uri, timeoutMs: settings.timeoutMs, signal });
    },
  });
}

interface Objects {
  /** Undefined when there is none. */
  head(key: string): Promise<FoundFile | undefined>;
  /** @param flat without what lies in folders below */
  list(
    prefix: string,
    flat: boolean,
  ): AsyncGenerator<{ readonly name: string; readonly file: FoundFile }, void, undefined>;
}

async function objectsOf(bucket: string, settings: RemoteConfig, signal: AbortSignal | undefined): Promise<Objects> {
  const { client, sdk } = await connect(bucket, settings);
  const retry = { attempts: settings.attempts, delayMs: settings.retryDelayMs, ...(signal && { signal }) };
  return {
    async head(key) {
      const uri = `s3://${bucket}/${key}`;
      const command = new sdk.HeadObjectCommand({ Bucket: bucket, Key: key });
      try {
        const { ETag, ContentLength, LastModified, ContentEncoding } = await retrying(
          async () => await send(uri, settings, signal, (abortSignal) => client.send(command, { abortSignal })),
          retry,
        );
        const found = foundFile(uri, ContentLength ?? 0, ETag, LastModified);
        return { ...found, ...(ContentEncoding !== undefined && { encoding: ContentEncoding }) };
      } catch (error) {
        if (error instanceof DataError && error.code === "remote-not-found") return undefined;
        throw error;
      }
    },
    async *list(prefix, flat) {
      const uri = `s3://${bucket}/${prefix}`;
      for (let token: string | undefined, first = true; first || token !== undefined; first = false) {
        const command = new sdk.ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix,
          ...(flat && { Delimiter: "/" }),
          ...(token !== undefined && { ContinuationToken: token }),
        });
        const page = await retrying(
          async () => await send(uri, settings, signal, (abortSignal) => client.send(command, { abortSignal })),
          retry,
        );
        for (const { Key: name, Size, ETag, LastModified } of page.Contents ?? []) {
          if (name === undefined) continue;
          yield { name, file: foundFile(`s3://${bucket}/${name}`, Size ?? 0, ETag, LastModified) };
        }
        token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
      }
    },
  };
}

function foundFile(uri: string, bytes: number, etag: string | undefined, modified: Date | undefined): FoundFile {
  const lastModified = modified?.toUTCString();
  return {
    uri,
    fingerprint: etag === undefined ? `seen ${lastModified ?? ""} ${bytes}` : `etag ${etag} ${bytes}`,
    remote: {
      bytes,
      ranges: true,
      exact: etag !== undefined,
      ...(etag !== undefined && { etag }),
      ...(lastModified !== undefined && { lastModified }),
    },
  };
}

function parse(uri: string): { readonly bucket: string; readonly key: string } {
  const [, bucket, key = ""] = /^s3:\/\/([^/]+)(?:\/(.*))?$/is.exec(uri) ?? [];
  if (bucket !== undefined) return { bucket, key };
  throw new UsageError("uri-malformed", `${uri} names no bucket`, { hint: "Write s3://BUCKET/KEY." });
}

interface Connection {
  readonly client: Sdk.S3Client;
  readonly sdk: typeof Sdk;
}

/** Connections and credentials are kept per thread. */
const connections = new Map<string, Promise<Connection>>();

async function connect(bucket: string, { s3 }: RemoteConfig): Promise<Connection> {
  const { buckets, ...general } = s3;
  const settings: S3Settings = { ...general, ...buckets[bucket] };
  const key = JSON.stringify(settings);
  const connection = connections.get(key) ?? makeConnection(settings);
  connections.set(key, connection);
  return await connection;
}

async function makeConnection({ endpoint, region, pathStyle, anonymous }: S3Settings): Promise<Connection> {
  const sdk = await import("@aws-sdk/client-s3");
  const { env } = process;
  const isElsewhere = (endpoint ?? env["AWS_ENDPOINT_URL_S3"] ?? env["AWS_ENDPOINT_URL"]) !== undefined;
  const place = region ?? env["AWS_REGION"] ?? env["AWS_DEFAULT_REGION"] ?? (isElsewhere ? "us-east-1" : undefined);
  const client = new sdk.S3Client({
    maxAttempts: 1,
    followRegionRedirects: true,
    // Checksums of whole objects do not fit ranges; every byte comes over TLS, and entity tags tell of changes.
    responseChecksumValidation: "WHEN_REQUIRED",
    requestChecksumCalculation: "WHEN_REQUIRED",
    forcePathStyle: pathStyle ?? isElsewhere,
    ...(endpoint !== undefined && { endpoint }),
    ...(place !== undefined && { region: place }),
    ...(anonymous === true && {
      credentials: { accessKeyId: "", secretAccessKey: "" },
      signer: { sign: (request) => Promise.resolve(request) },
    }),
  });
  return { client, sdk };
}

/** One request; fails as every remote request does. */
async function send<T>(
  uri: string,
  { timeoutMs }: RemoteConfig,
  signal: AbortSignal | undefined,
  request: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const clock = new AbortController();
  const timer = setTimeout(() => clock.abort(), timeoutMs);
  try {
    return await request(signal === undefined ? clock.signal : AbortSignal.any([clock.signal, signal]));
  } catch (error) {
    signal?.throwIfAborted();
    throw clock.signal.aborted ? timeoutError(uri, timeoutMs) : errorOf(error, uri);
  } finally {
    clearTimeout(timer);
  }
}

function errorOf(error: unknown, uri: string): unknown {
  if (error instanceof ForgeError || !(error instanceof Error)) return error;
  const { name, message } = error;
  if (name === "CredentialsProviderError" || name === "TokenProviderError") {
    return new EnvironmentError("credentials-missing", `${uri}: there are no AWS credentials here`, {
      cause: error,
      hint: accessHint,
    });
  }
  if (/region is missing/i.test(message)) {
    return new EnvironmentError("region-missing", `${uri}: the region of the bucket is not known`, {
      cause: error,
      hint: "Set AWS_REGION, or `remote.s3.region` in the config.",
    });
  }
  const { $metadata, $response } = error as Partial<Sdk.S3ServiceException>;
  const status = $metadata?.httpStatusCode;
  if (status === undefined || status < 300) return networkError(error, uri);
  // Expired tokens are refused with 400.
  const isToken = /token/i.test(name);
  const code = /^\d*$|^Unknown/.test(name) ? {} : { code: name };
  const retryAfter = $response?.headers["retry-after"];
  return statusError(isToken ? 403 : status, { uri, retryAfter, hint: accessHint, cause: error, ...code });
}
