/**
 * E-mail and IP addresses in UTF-8 bytes. Each function looks around one byte and gives the range of a find, or none.
 *
 * All of it is ASCII, so ranges begin and end at character borders. Looks are bounded, so a text takes linear time.
 */

/** A half-open range of bytes. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A text as a range of a larger buffer. */
export interface TextBytes extends ByteRange {
  readonly values: Uint8Array;
}

export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

export function isLetter(byte: number | undefined): boolean {
  return byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
}

export function isAlphanumeric(byte: number | undefined): boolean {
  return isDigit(byte) || isLetter(byte);
}

/** The byte of a text at an index; undefined outside of the text, whatever stands there in the buffer. */
export function byteAt(text: TextBytes, at: number): number | undefined {
  return at >= text.start && at < text.end ? text.values[at] : undefined;
}

/** A range as a string; for short ASCII ones. */
export function asciiOf(text: TextBytes, { start, end }: ByteRange): string {
  let out = "";
  for (let at = start; at < end; at++) out += String.fromCharCode(text.values[at] as number);
  return out;
}

/** RFC 5321, 4.5.3.1. */
const maxLocalPart = 64;
const maxDomain = 253;
/** `icon@2x.png`, `button@hover.css`: names of files, none of which ends in a top-level domain. */
const fileEndings: ReadonlySet<string> = new Set(
  "png jpg jpeg gif svg webp avif js mjs cjs jsx tsx css scss json html htm xml".split(" "),
);
/** RFC 2606 and 6761. */
const exampleDomain = /(?:^|\.)(?:example\.(?:com|org|net)|example|test|invalid|localhost)$/;

/** The e-mail address around the `@` at an index. */
export function findEmail(text: TextBytes, at: number): ByteRange | undefined {
  let start = at;
  while (at - start < maxLocalPart && isLocalPart(byteAt(text, start - 1))) start--;
  while (start < at && !isAlphanumeric(text.values[start])) start++;
  if (start === at || text.values[at - 1] === dot) return undefined;
  let end = at + 1;
  let label = end;
  let dots = 0;
  while (end < text.end && end - at <= maxDomain) {
    const byte = text.values[end];
    if (byte === dot && end > label && isAlphanumeric(byteAt(text, end + 1))) {
      dots++;
      label = end + 1;
    } else if (!isAlphanumeric(byte) && byte !== hyphen) break;
    end++;
  }
  while (end > label && text.values[end - 1] === hyphen) end--;
  if (dots === 0) return undefined;
  const topLevel = asciiOf(text, { start: label, end }).toLowerCase();
  if (!/^(?:[a-z]{2,24}|xn--[a-z0-9-]{2,59})$/.test(topLevel) || fileEndings.has(topLevel)) return undefined;
  if (exampleDomain.test(asciiOf(text, { start: at + 1, end }).toLowerCase())) return undefined;
  // git@host:path names a repository, and user@ behind :// an account on a machine.
  const next = byteAt(text, end + 1);
  if (byteAt(text, end) === colon && next !== undefined && next > 0x20) return undefined;
  return isInUrl(text, start) ? undefined : { start, end };
}

const dot = 0x2e;
const hyphen = 0x2d;
const colon = 0x3a;
const slash = 0x2f;

/** Letters, digits and . _ % + - */
function isLocalPart(byte: number | undefined): boolean {
  return isAlphanumeric(byte) || byte === dot || byte === 0x5f || byte === 0x25 || byte === 0x2b || byte === hyphen;
}

/** True when `//` stands before, without a blank, slash or question mark between. */
function isInUrl(text: TextBytes, from: number): boolean {
  for (let at = from - 1; at > from - 100; at--) {
    const byte = byteAt(text, at);
    if (byte === undefined || byte <= 0x20 || byte === 0x3f) return false;
    if (byte === slash) return byteAt(text, at - 1) === slash;
  }
  return false;
}

/** The public IPv4 address that begins with the digit at an index. */
export function findIpv4(text: TextBytes, start: number): ByteRange | undefined {
  const before = byteAt(text, start - 1);
  if (isAlphanumeric(before) || before === dot || before === hyphen || before === 0x5f) return undefined;
  const octets: number[] = [];
  let at = start;
  for (;;) {
    const begin = at;
    let value = 0;
    while (at - begin < 4 && isDigit(byteAt(text, at))) value = value * 10 + ((text.values[at++] as number) - 0x30);
    const digits = at - begin;
    if (digits === 0 || digits > 3 || value > 255 || (digits > 1 && text.values[begin] === 0x30)) return undefined;
    octets.push(value);
    if (octets.length === 4) break;
    if (byteAt(text, at++) !== dot) return undefined;
  }
  const after = byteAt(text, at);
  if (isAlphanumeric(after) || after === 0x5f) return undefined;
  if ((after === dot || after === hyphen) && isAlphanumeric(byteAt(text, at + 1))) return undefined;
  if (!isPublicIpv4(octets) || isVersion(text, start, octets)) return undefined;
  return { start, end: at };
}

/** Three numbers below this make a section or version (27.2.5.2), or a famous server (8.8.8.8). */
const versionBelow = 20;

/** Not an address: small numbers, `v1.2.3.4`, `version 21.4.45.1`, `Chrome/21.4.45.1`. */
function isVersion(text: TextBytes, start: number, octets: readonly number[]): boolean {
  if (octets.filter((octet) => octet < versionBelow).length >= 3) return true;
  if (byteAt(text, start - 1) === slash && byteAt(text, start - 2) !== slash) return true;
  const before = asciiOf(text, { start: Math.max(text.start, start - 16), end: start });
  return /(?:\bv|version|release|build|revision|firmware|section|chapter|oid)[\s:#(=]*$/i.test(before);
}

/** Not in a block of IANA's special-purpose registry (RFC 6890 and later), not multicast and not reserved. */
function isPublicIpv4(octets: readonly number[]): boolean {
  const [a = 0, b = 0, c = 0] = octets;
  if (a === 0 || a === 10 || a === 127 || a >= 224) return false;
  if (a === 100) return b < 64 || b > 127;
  if (a === 169) return b !== 254;
  if (a === 172) return b < 16 || b > 31;
  if (a === 192) return !(b === 168 || (b === 0 && (c === 0 || c === 2)) || (b === 88 && c === 99));
  if (a === 198) return !(b === 18 || b === 19 || (b === 51 && c === 100));
  return !(a === 203 && b === 0 && c === 113);
}

/** Longest IPv6 address as text, with an IPv4 address in it. */
const maxIpv6 = 45;

/** The public IPv6 address that begins with the hex digit at an index: global unicast, so the first group has four digits. */
export function findIpv6(text: TextBytes, start: number): ByteRange | undefined {
  const first = byteAt(text, start);
  if ((first !== 0x32 && first !== 0x33) || byteAt(text, start + 4) !== colon) return undefined;
  const before = byteAt(text, start - 1);
  if (isAlphanumeric(before) || before === colon || before === 0x5f) return undefined;
  let end = start;
  while (end - start <= maxIpv6 && (isHexDigit(byteAt(text, end)) || byteAt(text, end) === colon)) end++;
  if (end - start > maxIpv6) return undefined;
  // A colon behind the address belongs to the sentence.
  if (text.values[end - 1] === colon && text.values[end - 2] !== colon) end--;
  const after = byteAt(text, end);
  if (isAlphanumeric(after) || after === 0x5f) return undefined;
  const address = asciiOf(text, { start, end }).toLowerCase();
  return isPublicIpv6(address) ? { start, end } : undefined;
}

function isHexDigit(byte: number | undefined): boolean {
  return isDigit(byte) || (byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
}

function isPublicIpv6(address: string): boolean {
  const halves = address.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return false;
  if (halves.length === 1 ? groups.length !== 8 : groups.length > 7) return false;
  // A shorter one names a network.
  if (groups.length < 3) return false;
  // Documentation: 2001:db8::/32 and 3fff::/20; 2001::/23 is for protocols, 2002::/16 for 6to4.
  const [first = 0, second = 0] = groups.map((group) => Number.parseInt(group, 16));
  if (first === 0x2001) return second !== 0xdb8 && second >= 0x200;
  if (first === 0x3fff) return second >= 0x1000;
  return first !== 0x2002;
}
