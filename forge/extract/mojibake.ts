/**
 * Mojibake: UTF-8 that somebody read as Windows-1252 or Latin-1 and wrote as UTF-8 again ("cafÃ©"), once or more often.
 *
 * In the manner of ftfy (R. Speer), and more careful: a line is decoded again only if all of it makes valid UTF-8 and
 * the result is clearly better. CAFÉ… and «IRMû are valid, too, so each sequence must look wrong where it stands: a
 * capital letter within a small word, three or four bytes that fit, or several sequences in a row.
 */

/** Windows-1252 from 0x80 to 0x9f, 0 where it defines nothing; those bytes became control characters. */
const windows1252 = "€\0‚ƒ„…†‡ˆ‰Š‹Œ\0Ž\0\0‘’“”•–—˜™š›œ\0žŸ";
const byteOf: ReadonlyMap<number, number> = new Map(
  [...windows1252].flatMap((character, i) => (character === "\0" ? [] : [[character.charCodeAt(0), 0x80 + i]])),
);
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lineFeed = 0x0a;

/** The text with lines of mojibake decoded again, as often as it takes; the same bytes when there are none. */
export function decodeMojibake(bytes: Uint8Array): Uint8Array {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Uint8Array[] = [];
  let copied = 0;
  for (let at = view.indexOf(0xc3); at >= 0;) {
    if (!mayBegin(bytes, at)) {
      at = nextLead(view, at + 1);
      continue;
    }
    const begin = view.lastIndexOf(lineFeed, at) + 1;
    const found = view.indexOf(lineFeed, at);
    const end = found < 0 ? bytes.length : found;
    const line = view.toString("utf8", begin, end);
    const decoded = decodeLine(line);
    if (decoded !== line) {
      parts.push(bytes.subarray(copied, begin), Buffer.from(decoded, "utf8"));
      copied = end;
    }
    at = view.indexOf(0xc3, end);
  }
  if (copied === 0) return bytes;
  parts.push(bytes.subarray(copied));
  return Buffer.concat(parts);
}

/** The next 0xc3 from an index on, or -1. Where accents are frequent, a call for each would cost more than the looking. */
function nextLead(view: Buffer, from: number): number {
  const near = Math.min(view.length, from + 64);
  for (let at = from; at < near; at++) if (view[at] === 0xc3) return at;
  return view.indexOf(0xc3, near);
}

/** Â to ô followed by what Windows-1252 has from 0x80 on: where a sequence may begin. */
function mayBegin(bytes: Uint8Array, at: number): boolean {
  const second = bytes[at + 1] as number;
  if (second < 0x82 || second > 0xb4) return false;
  const next = bytes[at + 2];
  return next === 0xc2 || next === 0xc5 || next === 0xc6 || next === 0xcb || next === 0xe2;
}

/** The line decoded as often as it can be, but for results that nobody would write. */
function decodeLine(line: string): string {
  let best = line;
  // Each round makes the line shorter. What stands between two misreadings may look like nothing.
  for (let text = decodeOnce(line); text !== undefined; text = decodeOnce(text)) {
    if (!implausible.test(text)) best = text;
  }
  return best;
}

/** The line decoded once; undefined when that is impossible or not clearly better. */
function decodeOnce(line: string): string | undefined {
  const bytes = new Uint8Array(line.length);
  for (let at = 0; at < line.length; at++) {
    const code = line.charCodeAt(at);
    const byte = code < 0x100 ? code : byteOf.get(code);
    if (byte === undefined) return undefined;
    bytes[at] = byte;
  }
  if (!isClearlyWrong(line, bytes)) return undefined;
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** What nobody writes: control characters, unassigned and private code points, and phonetic letters. */
const implausible = /[\u0080-\u009f\u0180-\u02af\p{Cn}\p{Co}\p{Cs}]/u;

/** True when at least half of the sequences of a line stand where their characters cannot be meant. */
function isClearlyWrong(line: string, bytes: Uint8Array): boolean {
  let sequences = 0;
  let strong = 0;
  let previousEnd = -1;
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes[at] as number);
    if (length < 2) {
      at++;
      continue;
    }
    const end = at + length;
    sequences++;
    const isWithinWord = isSmall(line.charCodeAt(at - 1)) || isSmall(line.charCodeAt(end));
    const isRow = previousEnd === at || sequenceLength(bytes[end] ?? 0) > 1;
    // À la carte, and a non-breaking space before: there, Â and Ã stand alone.
    const isCapital = (bytes[at] as number) < 0xe0;
    if (length > 2 || isRow || (isCapital && isWithinWord)) strong++;
    else if (isCapital && isLatin1Symbol(line.charCodeAt(at + 1))) strong += standsAlone(line, at, end) ? 1 : 0;
    previousEnd = end;
    at = end;
  }
  return sequences > 0 && strong * 2 >= sequences;
}

/** Bytes of a UTF-8 sequence by its first; 1 for ASCII, 0 for what begins none. */
function sequenceLength(byte: number): number {
  if (byte < 0x80) return 1;
  if (byte < 0xc2) return 0;
  if (byte < 0xe0) return 2;
  if (byte < 0xf0) return 3;
  return byte < 0xf5 ? 4 : 0;
}

function isSmall(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0xdf && code <= 0xff && code !== 0xf7);
}

/** U+00A0 to U+00BF without quotes, which may follow any letter. */
function isLatin1Symbol(code: number): boolean {
  return code >= 0xa0 && code <= 0xbf && code !== 0xab && code !== 0xbb;
}

/** No letter stands before. */
function standsAlone(line: string, at: number, end: number): boolean {
  return !/\p{L}/u.test(line.charAt(at - 1)) && (end >= line.length || !/\p{Lu}/u.test(line.charAt(end)));
}
