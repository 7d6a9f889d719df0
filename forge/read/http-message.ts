/** The HTTP response in a WARC record: status, header fields, and the body as the page's author wrote it. */
import {
  brotliDecompressSync,
  constants,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  zstdDecompressSync,
} from "node:zlib";
import { headEnd, parseHeaders, type Headers } from "./warc-records.ts";

export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  /** Still in transfer and content encodings. */
  readonly body: Buffer;
}

/** Undefined when the block does not begin like a response. */
export function parseHttpResponse(block: Buffer): HttpResponse | undefined {
  const status = /^HTTP\/\d(?:\.\d)?[ \t]+(\d{3})/.exec(block.toString("latin1", 0, 64))?.[1];
  if (status === undefined) return undefined;
  // A response without a body may lack the empty line.
  const end = headEnd(block) ?? block.length;
  return { status: Number(status), headers: parseHeaders(block.toString("latin1", 0, end)), body: block.subarray(end) };
}

/** The body cannot be decoded; `tooLong` when only its size forbids it. */
export class BodyError extends Error {
  readonly tooLong: boolean;

  constructor(message: string, tooLong: boolean) {
    super(message);
    this.name = "BodyError";
    this.tooLong = tooLong;
  }
}

/**
 * Undoes Transfer-Encoding and Content-Encoding. Crawlers often store bodies decoded under the headers that came, and
 * often cut them short: what is not encoded is taken as it is, and of a cut body what there is.
 *
 * @throws BodyError when the body is damaged, of an unknown encoding, or longer than `maxBytes`
 */
export function decodeBody({ headers, body }: HttpResponse, maxBytes: number): Uint8Array {
  const chunked = /\bchunked\b/i.test(headers.get("transfer-encoding") ?? "");
  let bytes: Uint8Array = chunked ? joinChunks(body) : body;
  const encodings = (headers.get("content-encoding") ?? "")
    .toLowerCase()
    .split(",")
    .map((name) => name.trim());
  for (const encoding of encodings.reverse()) bytes = decode(bytes, encoding, maxBytes);
  return bytes;
}

/** Puts the chunks of a body together; a body that is not chunked is returned as it is. */
function joinChunks(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  while (at < body.length) {
    const lineEnd = body.indexOf(0x0a, at);
    const size = /^([0-9a-f]{1,8})[ \t]*(?:;.*)?\r?$/i.exec(
      body.toString("latin1", at, Math.min(lineEnd, at + 256)),
    )?.[1];
    if (lineEnd < 0 || size === undefined) {
      if (parts.length === 0) return body;
      break;
    }
    const length = Number.parseInt(size, 16);
    if (length === 0) break;
    parts.push(body.subarray(lineEnd + 1, lineEnd + 1 + length));
    at = lineEnd + 1 + length;
    if (body[at] === 0x0d) at++;
    if (body[at] === 0x0a) at++;
  }
  return Buffer.concat(parts);
}

function decode(bytes: Uint8Array, encoding: string, maxBytes: number): Uint8Array {
  if (encoding === "" || encoding === "identity" || bytes.length === 0) return bytes;
  const sync = { maxOutputLength: maxBytes, finishFlush: constants.Z_SYNC_FLUSH };
  try {
    switch (encoding) {
      case "gzip":
      case "x-gzip":
        return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes, sync) : bytes;
      case "deflate":
        if (looksLikeText(bytes)) return bytes;
        // The name means zlib's format, but for years some servers sent bare deflate.
        return isZlib(bytes) ? inflateSync(bytes, sync) : inflateRawSync(bytes, sync);
      case "br":
        if (looksLikeText(bytes)) return bytes;
        return brotliDecompressSync(bytes, {
          maxOutputLength: maxBytes,
          finishFlush: constants.BROTLI_OPERATION_FLUSH,
        });
      case "zstd":
        if (!(bytes[0] === 0x28 && bytes[1] === 0xb5)) return bytes;
        return zstdDecompressSync(bytes, { maxOutputLength: maxBytes, finishFlush: constants.ZSTD_e_flush });
      default:
        throw new BodyError(`Content-Encoding ${encoding} is not known`, false);
    }
  } catch (error) {
    if (error instanceof BodyError) throw error;
    const tooLong = (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    const what = tooLong ? "is longer than read.maxRecordBytes" : `cannot be decoded: ${(error as Error).message}`;
    throw new BodyError(`the body in Content-Encoding ${encoding} ${what}`, tooLong);
  }
}

function isZlib(bytes: Uint8Array): boolean {
  const [method = 0, flags = 0] = bytes;
  return (method & 15) === 8 && (method * 256 + flags) % 31 === 0;
}

/** Encodings without a mark of their own: markup shows that a crawler decoded the body already. */
function looksLikeText(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 256)).toString("latin1");
  return /^(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|\?xml|!--|meta|title|div|p)\b/i.test(head);
}
