/**
 * The members of a gzip file, each with its place: what node:zlib hides when it decompresses them as one stream.
 *
 * WARC files hold one record a member, so a member is found by its place and damage ends where the next one begins.
 * Small members are inflated at once; a member of more than a few MB streams.
 */
import { constants, crc32, createInflateRaw, inflateRawSync, type Zlib } from "node:zlib";
import type { ByteSource } from "./byte-source.ts";
import { DamagedStream, decompressWith } from "./decoder.ts";
import { Window } from "./window.ts";

/** Decompressed bytes of a member. */
export interface MemberChunk {
  /** Where the member begins in the file. */
  readonly member: number;
  /** These are the member's first bytes. */
  readonly first: boolean;
  readonly bytes: Uint8Array;
}

/** A member that cannot be read to its end; what came before has been delivered. */
export interface MemberDamage {
  readonly member: number;
  readonly damage: DamagedStream;
  /** A reader that begins somewhere before it in the file would find it, too. */
  readonly anchor: boolean;
}

/** Tells by its first decompressed bytes whether a member begins a record: only such ones are looked for. */
export type IsAnchor = (head: Uint8Array) => boolean;

export interface ReadMembersOptions {
  readonly isAnchor: IsAnchor;
  /** Anchors at or behind it are not looked for: they belong to another reader. @default the end of the file */
  readonly end?: number;
  /**
   * Deliver of a damaged member all that can be decoded, in small steps; else a small one is delivered when its
   * checksum is right, or not at all.
   *
   * @default false
   */
  readonly careful?: boolean;
}

/** Compressed bytes up to which a member is inflated at once. */
const smallMember = 1 << 22;
/** Decompressed bytes, likewise: a few KB may hold gigabytes. */
const smallContent = 1 << 26;
const firstWindow = 1 << 17;
/** What a decoder allocates for its output: as much as the member before needed, for most are alike. */
const smallestOutput = 1 << 14;
const largestOutput = 1 << 18;
const carefulChunk = 1 << 12;
const headerLength = 10;
const trailerLength = 8;
const anchorSample = 1 << 12;

/**
 * Members from the first one at or behind `start` that is an anchor (at 0: from the first, whatever it is).
 * After damage reading goes on at the next anchor. Zeros behind the last member are padding, as tapes have it.
 */
export async function* readMembers(
  source: ByteSource,
  start: number,
  { isAnchor, end = source.size, careful = false }: ReadMembersOptions,
): AsyncGenerator<MemberChunk | MemberDamage, void, undefined> {
  await using input = new Window(source, start);
  let likelyBytes = smallestOutput;
  let at: number | undefined = start === 0 ? 0 : await findAnchor(input, start, end, isAnchor);
  while (at !== undefined && at < source.size) {
    const member: number = at;
    if (member > 0 && (await isPadding(input, member))) return;
    try {
      const content = await contentStart(input, member);
      const small = careful ? undefined : await inflateSmall(input, content, likelyBytes);
      if (careful || small instanceof DamagedStream) {
        // In small steps, for what stands before the damage.
        at = yield* streamMember(source, input, member, content, carefulChunk);
      } else if (small !== undefined) {
        await checkTrailer(input, small.end, crc32(small.bytes), small.bytes.length);
        likelyBytes = small.bytes.length;
        yield { member, first: true, bytes: small.bytes };
        at = small.end + trailerLength;
      } else at = yield* streamMember(source, input, member, content, 1 << 20);
    } catch (error) {
      if (!(error instanceof DamagedStream)) throw error;
      yield { member, damage: error, anchor: await isMember(input, member, isAnchor) };
      at = await findAnchor(input, member + 1, end, isAnchor);
    }
    if (at !== undefined) input.forget(at);
  }
}

/** True when there is nothing but zeros from here to the end. */
async function isPadding(input: Window, start: number): Promise<boolean> {
  for (let at = start; ;) {
    const bytes = await input.from(at, 1);
    if (bytes.length === 0) return true;
    if (bytes[0] !== 0 || bytes.some((byte) => byte !== 0)) return false;
    at += bytes.length;
    input.forget(at);
  }
}

/** Where the compressed data of a member begin. */
async function contentStart(input: Window, member: number): Promise<number> {
  let bytes = await input.from(member, headerLength);
  if (bytes.length < headerLength && isGzip(bytes.subarray(0, 3), true)) throw truncated();
  if (!isGzip(bytes, false)) throw corrupt("no gzip member begins here");
  const flags = bytes[3] as number;
  let at = headerLength;
  const need = async (count: number): Promise<void> => {
    if (bytes.length < at + count) bytes = await input.from(member, at + count + 1024);
    if (bytes.length < at + count) throw truncated();
  };
  if ((flags & 4) !== 0) {
    await need(2);
    at += 2 + ((bytes[at] as number) | ((bytes[at + 1] as number) << 8));
  }
  // A file name and a comment, each ended by a zero.
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue;
    do await need(1);
    while (bytes[at++] !== 0);
  }
  if ((flags & 2) !== 0) at += 2;
  await need(0);
  return member + at;
}

interface Inflated {
  readonly bytes: Uint8Array;
  /** Where the compressed data end in the file. */
  readonly end: number;
}

/** Undefined when the member is too large for that; what is wrong, when it is damaged. */
async function inflateSmall(
  input: Window,
  content: number,
  likelyBytes: number,
): Promise<Inflated | DamagedStream | undefined> {
  for (let window = firstWindow; window <= smallMember; window *= 4) {
    const compressed = await input.from(content, window);
    try {
      const { buffer, engine } = inflateInfo(compressed, likelyBytes);
      return { bytes: buffer, end: content + engine.bytesWritten };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ERR_BUFFER_TOO_LARGE") return undefined;
      if (code !== "Z_BUF_ERROR") return corrupt((error as Error).message);
      if (compressed.length < window) return truncated();
    }
  }
  return undefined;
}

/** With `info` zlib also tells how many bytes it took; the types do not know that. */
function inflateInfo(compressed: Uint8Array, likelyBytes: number): { readonly buffer: Buffer; readonly engine: Zlib } {
  const chunkSize = Math.min(largestOutput, Math.max(smallestOutput, likelyBytes));
  const options = { chunkSize, maxOutputLength: smallContent, info: true };
  return inflateRawSync(compressed, options) as unknown as { readonly buffer: Buffer; readonly engine: Zlib };
}

/** Streams a member; returns where it ends. */
async function* streamMember(
  source: ByteSource,
  input: Window,
  member: number,
  content: number,
  chunkSize: number,
): AsyncGenerator<MemberChunk, number, undefined> {
  const inflate = createInflateRaw({ chunkSize });
  let first = true;
  let checksum = 0;
  let length = 0;
  for await (const bytes of decompressWith(source.read(content), inflate)) {
    checksum = crc32(bytes, checksum);
    length += bytes.length;
    yield { member, first, bytes };
    first = false;
  }
  const end = content + inflate.bytesWritten;
  await checkTrailer(input, end, checksum, length);
  return end + trailerLength;
}

async function checkTrailer(input: Window, end: number, checksum: number, length: number): Promise<void> {
  const trailer = (await input.from(end, trailerLength)).subarray(0, trailerLength);
  if (trailer.length < trailerLength) throw truncated();
  if (trailer.readUInt32LE(0) !== checksum || trailer.readUInt32LE(4) !== length % 2 ** 32) {
    throw corrupt("the checksum is wrong");
  }
}

/** The first place in `[start, end)` at which a gzip member begins that is an anchor. */
async function findAnchor(input: Window, start: number, end: number, isAnchor: IsAnchor): Promise<number | undefined> {
  for (let at = start; at < end;) {
    input.forget(at);
    const bytes = await input.from(at, 1 << 20);
    if (bytes.length < headerLength) return undefined;
    const found = bytes.indexOf(gzipMagic);
    if (found < 0) {
      at += bytes.length - gzipMagic.length + 1;
      continue;
    }
    at += found;
    if (at < end && (await isMember(input, at, isAnchor))) return at;
    at++;
  }
  return undefined;
}

async function isMember(input: Window, at: number, isAnchor: IsAnchor): Promise<boolean> {
  try {
    const content = await contentStart(input, at);
    const compressed = (await input.from(content, anchorSample)).subarray(0, anchorSample);
    const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: smallContent };
    return isAnchor(inflateRawSync(compressed, options));
  } catch (error) {
    // Not a member, then: these three bytes may stand anywhere.
    if (error instanceof DamagedStream || typeof (error as NodeJS.ErrnoException).code === "string") return false;
    throw error;
  }
}

const gzipMagic = Buffer.from([0x1f, 0x8b, 0x08]);

function isGzip(bytes: Uint8Array, magicOnly: boolean): boolean {
  if (!gzipMagic.every((byte, i) => bytes[i] === byte)) return false;
  return magicOnly || ((bytes[3] ?? 0xff) & 0xe0) === 0;
}

function truncated(): DamagedStream {
  return new DamagedStream("truncated", "unexpected end of file");
}

function corrupt(message: string): DamagedStream {
  return new DamagedStream("corrupt-compression", message);
}
