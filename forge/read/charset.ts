/**
 * Bytes of a page to UTF-8, by the rules of the WHATWG: byte order mark, then what the sender said, then `<meta>`.
 *
 * Where nobody says anything: UTF-8 if the bytes are valid, else windows-1252, the web's default.
 */
import type { TextKernels } from "../kernels/index.ts";

export interface DecodedText {
  /** UTF-8 without a byte order mark; still to be checked where the page claims to be UTF-8. */
  readonly bytes: Uint8Array;
  /** U+FFFD that stand for what another charset's decoder could not read. */
  readonly replacements: number;
}

type Decoder = InstanceType<typeof TextDecoder>;

/** How far into a page a `<meta>` is looked for. */
const metaBytes = 4096;

/** @param sent the charset that a header named, in any spelling */
export function decodeText(bytes: Uint8Array, sent: string | undefined, kernels: TextKernels): DecodedText {
  const marked = markOf(bytes);
  if (marked === "utf-8") return { bytes: bytes.subarray(3), replacements: 0 };
  const decoder = marked === undefined ? (decoderOf(sent) ?? decoderOf(metaCharset(bytes))) : decoderOf(marked);
  if (decoder === undefined) {
    return kernels.findInvalidUtf8(bytes) < 0
      ? { bytes, replacements: 0 }
      : transcode(bytes, decoderOf("windows-1252"));
  }
  return decoder.encoding === "utf-8" ? { bytes, replacements: 0 } : transcode(bytes, decoder);
}

/** Text as editors save it: a byte order mark goes, and tells of UTF-16; without one the bytes stay as they are. */
export function decodeMarked(bytes: Uint8Array): DecodedText {
  const marked = markOf(bytes);
  if (marked === undefined) return { bytes, replacements: 0 };
  return marked === "utf-8" ? { bytes: bytes.subarray(3), replacements: 0 } : transcode(bytes, decoderOf(marked));
}

/** The charset parameter of a Content-Type. */
export function charsetOf(contentType: string | undefined): string | undefined {
  return contentType?.match(/charset\s*=\s*["']?([^\s"';]+)/i)?.[1];
}

function transcode(bytes: Uint8Array, decoder: Decoder | undefined): DecodedText {
  const text = (decoder ?? new TextDecoder()).decode(bytes);
  let replacements = 0;
  for (let at = text.indexOf("\ufffd"); at >= 0; at = text.indexOf("\ufffd", at + 1)) replacements++;
  return { bytes: Buffer.from(text, "utf8"), replacements };
}

function markOf(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return "utf-8";
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  return bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : undefined;
}

function metaCharset(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, metaBytes)).toString("latin1");
  const label = head.match(/<meta[^>]{0,500}?charset\s*=\s*["']?\s*([^\s"'/>;]+)/i)?.[1];
  // A page whose `<meta>` could be read this way is not UTF-16, whatever it says.
  return label !== undefined && /^utf-?16/i.test(label) ? "utf-8" : label;
}

/** Undefined for names that nobody knows. */
function decoderOf(label: string | undefined): Decoder | undefined {
  if (label === undefined) return undefined;
  try {
    return new TextDecoder(label);
  } catch {
    return undefined;
  }
}
