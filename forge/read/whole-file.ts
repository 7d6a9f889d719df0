/** Formats in which a file is one document: text, Markdown, HTML, doc comments, Brown. */
import type { FormatName } from "../../schemas/config/corpus.ts";
import type { QuarantineReason } from "../../schemas/record/reject.ts";
import { untagBrown } from "./brown.ts";
import { decodeMarked, decodeText } from "./charset.ts";
import { extractDocComments } from "./doc-comments.ts";
import { DamagedStream } from "./decoder.ts";
import { openBytes } from "./open.ts";
import type { Collector, PartContext } from "./read.ts";
import { sampleOf } from "./records.ts";

/** Turns a file's text into the document's, where it is not the text itself. */
const converters: Readonly<Partial<Record<FormatName, (text: string) => string>>> = {
  "typescript-doc-comments": extractDocComments,
  brown: untagBrown,
};

/**
 * Reads one file. A file without text (no doc comment in it) yields nothing; a damaged, too long or invalid one yields
 * one entry for the quarantine.
 */
export async function* readWholeFile(context: PartContext, collect: Collector): AsyncGenerator<void, void, undefined> {
  await takeFile(context, collect);
  yield;
}

async function takeFile(context: PartContext, collect: Collector): Promise<void> {
  const { source, part, read, kernels, language } = context;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const quarantine = (reason: QuarantineReason, message: string, byteOffset = 0): void => {
    const sample = sampleOf(chunks[0] ?? new Uint8Array(0));
    collect.quarantine({ source: part.uri, reason, message, row: 0, byteOffset, byteLength: null, sample });
  };
  try {
    for await (const chunk of openBytes(source, part.compression)) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > read.maxRecordBytes)
        return quarantine("record-too-long", "the file is longer than read.maxRecordBytes");
    }
  } catch (error) {
    if (error instanceof DamagedStream) return quarantine(error.reason, error.message, bytes);
    throw error;
  }
  const isPage = part.format === "html";
  const whole = Buffer.concat(chunks);
  const { bytes: content, replacements } = isPage ? decodeText(whole, undefined, kernels) : decodeMarked(whole);
  const invalid = kernels.findInvalidUtf8(content);
  if (!isPage && isBinary(content, invalid >= 0)) {
    return quarantine("no-text", "the file is no text: it holds zero bytes and no byte order mark of UTF-16");
  }
  if (invalid >= 0 && read.onInvalidUtf8 === "quarantine") {
    return quarantine("invalid-utf8", `byte ${invalid} is not valid UTF-8`, invalid);
  }
  const repaired = invalid < 0 ? { bytes: content, replacements: 0 } : kernels.repairUtf8(content);
  const convert = converters[part.format];
  const text =
    convert === undefined ? repaired.bytes : Buffer.from(convert(Buffer.from(repaired.bytes).toString("utf8")), "utf8");
  if (text.length === 0) return;
  collect.begin(isPage ? "text/html" : "text/plain");
  collect.addReplacements(repaired.replacements + replacements);
  collect.builder.append({ id: collect.identify(part.uri, 0), text, source: part.uri, language: language ?? null });
}

/** How far into a file zero bytes are counted. */
const headBytes = 1 << 13;

/** Pictures, archives and programs, and UTF-16 that does not say so: a stray zero in a valid text is none of them. */
function isBinary(bytes: Uint8Array, isInvalid: boolean): boolean {
  if (!bytes.includes(0)) return false;
  const head = bytes.subarray(0, headBytes);
  let zeros = 0;
  for (const byte of head) if (byte === 0) zeros++;
  return isInvalid || zeros * 10 >= head.length;
}
