/**
 * Reads the vocabulary and the merges of a `tokenizer.json` straight from its bytes: no string, no object for a token.
 *
 * `JSON.parse` makes a dictionary of GPT-2's 50,000 tokens and twice as many small arrays, which takes longer than all
 * else that happens before the first text is encoded. Here the kernel `assembly/bpe-scan.ts` goes through both. What is
 * not exactly as usual (a token given twice, two tokens of one id, a merge whose tokens are not there, anything that is
 * no JSON) is left to `bpe-model.ts`, which says what is wrong: this file has no errors of its own.
 */
import { isUtf8 } from "node:buffer";
import type { KernelExports, KernelInstance } from "./instance.ts";
import { ownKernelInstance } from "./own-instance.ts";

/** The tokens of a file by id and by content, as the file spells them. */
export interface BpeVocabulary {
  /** -1 where there is none. */
  readonly highestId: number;
  /** Undefined where the id is not in use. */
  readonly contentOf: (id: number) => string | undefined;
  /** For a few look-ups while the file is read: it keeps all that was made of it. */
  readonly idOf: (content: string) => number | undefined;
}

export interface ScannedTokenizer {
  /** The file as JSON, with nothing in `model.vocab` and `model.merges`. */
  readonly rest: unknown;
  readonly vocabulary: BpeVocabulary;
  /** (left id, right id, id of the result) by rank, flat. */
  readonly merges: Uint32Array;
}

type Numeric = (...values: readonly number[]) => number;

interface ScanExports extends KernelExports {
  readonly highestScannedId: Numeric;
  readonly indexVocabulary: Numeric;
  readonly scanMerges: Numeric;
  readonly scannedId: Numeric;
  readonly scannedMerges: Numeric;
  readonly scannedTokens: Numeric;
  readonly scanVocabulary: Numeric;
}

/** Ten times as large as any that is known; more memory than a worker should take. */
const mostBytes = 2 ** 27;
/** The shortest ways to write a token and a merge, with the comma: `"":0,` and `" ",`. */
const tokenBytes = 5;
const mergeBytes = 4;

/** Undefined for what is unusual or wrong, and where WebAssembly does not run or is not wanted. */
export function scanTokenizerJson(bytes: Uint8Array): ScannedTokenizer | undefined {
  if (process.env["FORGE_KERNELS"] === "reference" || bytes.length > mostBytes || !isUtf8(bytes)) return undefined;
  const instance = ownKernelInstance();
  if (instance === undefined) return undefined;
  const kernels = instance.exports as unknown as ScanExports;
  const file = instance.place(withZero(bytes));
  const cursor = new Cursor(bytes);
  const cuts: Cut[] = [];
  let vocabulary: BpeVocabulary | undefined;
  let merges: Uint32Array | undefined;
  /** Notes what the kernel read, which ends at 0 where it did not. */
  const passOver = (end: number, instead: string): boolean => {
    if (end === 0) return false;
    cuts.push({ start: cursor.at, end: (end >>> 0) - file, instead });
    cursor.at = (end >>> 0) - file;
    return true;
  };
  const readVocabulary = (): boolean => {
    const most = Math.ceil((bytes.length - cursor.at) / tokenBytes);
    const pool = instance.allocate(bytes.length);
    const ends = instance.allocate(4 * most);
    const ids = instance.allocate(4 * most);
    if (!passOver(kernels.scanVocabulary(file + cursor.at, pool, ends, ids), "{}")) return false;
    vocabulary = indexed(instance, kernels, pool, ends);
    return vocabulary !== undefined;
  };
  const readMerges = (): boolean => {
    // Nobody writes them before the vocabulary.
    if (vocabulary === undefined) return false;
    const most = Math.ceil((bytes.length - cursor.at) / mergeBytes);
    const target = instance.allocate(12 * most);
    if (!passOver(kernels.scanMerges(file + cursor.at, target), "[]")) return false;
    merges = instance.readUint32(target, 3 * kernels.scannedMerges());
    return true;
  };
  const model = { vocab: readVocabulary, merges: readMerges };
  const isRead = cursor.readObject({ model: () => cursor.readObject(model) });
  if (!isRead || vocabulary === undefined || merges === undefined) return undefined;
  // What was passed over is looked at here: were it no JSON, the sections might not be what they were taken for.
  const rest = restOf(bytes, cuts);
  return rest === undefined ? undefined : { rest: rest.json, vocabulary, merges };
}

/** The zero ends the kernel's loops. */
function withZero(bytes: Uint8Array): Uint8Array {
  const ended = new Uint8Array(bytes.length + 1);
  ended.set(bytes);
  return ended;
}

/** Undefined where a content or an id is there twice. */
function indexed(
  instance: KernelInstance,
  kernels: ScanExports,
  pool: number,
  endTable: number,
): BpeVocabulary | undefined {
  const count = kernels.scannedTokens();
  const highestId = kernels.highestScannedId();
  let slotCount = 1024;
  while (slotCount < 2 * count) slotCount *= 2;
  const slots = instance.place(new Uint32Array(slotCount));
  const byId = instance.place(new Uint32Array(highestId + 1));
  if (kernels.indexVocabulary(slots, slotCount, byId) === 0) return undefined;
  const ends = instance.readUint32(endTable, count);
  const contents = instance.read(pool, ends[count - 1] ?? 0);
  return {
    highestId,
    contentOf: contentsOf(contents, ends, instance.readUint32(byId, highestId + 1)),
    idOf(content) {
      if (!content.isWellFormed()) return undefined;
      const bytes = Buffer.from(content, "utf8");
      const id = kernels.scannedId(instance.place(bytes), bytes.length);
      return id < 0 ? undefined : id;
    },
  };
}

/** Apart, so that whoever keeps this function does not keep the kernel's memory with it. */
function contentsOf(
  contents: Uint8Array<ArrayBuffer>,
  ends: Uint32Array,
  places: Uint32Array,
): (id: number) => string | undefined {
  const pool = Buffer.from(contents.buffer);
  return (id) => {
    const place = places[id] ?? 0;
    return place === 0 ? undefined : pool.toString("utf8", ends[place - 2] ?? 0, ends[place - 1]);
  };
}

interface Cut {
  readonly start: number;
  readonly end: number;
  readonly instead: string;
}

function restOf(bytes: Uint8Array, cuts: readonly Cut[]): { readonly json: unknown } | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = "";
  let at = 0;
  for (const { start, end, instead } of cuts) {
    text += buffer.toString("utf8", at, start) + instead;
    at = end;
  }
  try {
    return { json: JSON.parse(text + buffer.toString("utf8", at)) as unknown };
  } catch {
    return undefined;
  }
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/** Finds values in JSON that `restOf` will parse. Every method stops with `undefined` or `false` at what it does not expect. */
class Cursor {
  at = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Reads the values of some keys, each of which must be there once, and passes over all others. */
  readObject(readers: Readonly<Record<string, () => boolean>>): boolean {
    const waiting = new Map(Object.entries(readers));
    if (!this.take(openBrace)) return false;
    do {
      const key = this.key();
      if (key === undefined || !this.take(colon)) return false;
      const read = waiting.get(key);
      waiting.delete(key);
      const isAgain = read === undefined && Object.hasOwn(readers, key);
      if (isAgain || !(read?.() ?? this.skipValue())) return false;
    } while (this.take(comma));
    return this.take(closeBrace) && waiting.size === 0;
  }

  private key(): string | undefined {
    const start = this.at;
    if (!this.skipString()) return undefined;
    const key = Buffer.from(this.bytes.subarray(start + 1, this.at - 1)).toString("utf8");
    // A key may be spelt with escapes; nobody does.
    return key.includes("\\") ? undefined : key;
  }

  private skipString(): boolean {
    const { bytes } = this;
    if (bytes[this.at] !== quote) return false;
    let at = this.at + 1;
    while (at < bytes.length && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1;
    this.at = at + 1;
    return at < bytes.length;
  }

  private skipValue(): boolean {
    const { bytes } = this;
    let depth = 0;
    while (this.at < bytes.length) {
      const byte = bytes[this.at] as number;
      if (byte === quote) {
        if (!this.skipString()) return false;
      } else if (byte === openBrace || byte === openBracket) {
        depth++;
        this.at++;
      } else if (byte === closeBrace || byte === closeBracket) {
        if (depth === 0) return true;
        depth--;
        this.at++;
      } else if (byte === comma && depth === 0) return true;
      else this.at++;
    }
    return false;
  }

  /** Passes over a character and the white space around it. */
  private take(byte: number): boolean {
    this.skipSpace();
    if (this.bytes[this.at] !== byte) return false;
    this.at++;
    this.skipSpace();
    return true;
  }

  private skipSpace(): void {
    const { bytes } = this;
    while ([0x20, 10, 13, 9].includes(bytes[this.at] ?? 0)) this.at++;
  }
}
