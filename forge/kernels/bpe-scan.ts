/**
 * Reads the vocabulary and the merges of a `tokenizer.json` straight from its bytes: no string, no object for a token.
 *
 * `JSON.parse` makes a dictionary of 50,000 names of GPT-2's and twice as many small arrays, which takes longer than
 * all else that happens before the first text is encoded. What is not exactly as usual (a token given twice, two tokens
 * of one id, a merge whose tokens are not there, anything that is no JSON) is left to `bpe-model.ts`, which says what is
 * wrong; so this file has no errors of its own, and what it does read is the same: `tests/kernels/bpe-model.test.ts`.
 */
import { isUtf8 } from "node:buffer";
import { characterToByte } from "./byte-level.ts";

/** The tokens of a file by id and by content, as the file spells them. */
export interface BpeVocabulary {
  /** -1 where there is none. */
  readonly highestId: number;
  /** Undefined where the id is not in use. */
  contentOf(id: number): string | undefined;
  idOf(content: string): number | undefined;
  /** Id of each byte's character; `noToken` where there is none. */
  byteIds(): Uint32Array;
}

/** In `byteIds`: the byte has no token and is left out of the ids, as Hugging Face tokenizers does. */
export const noToken = 0xffffffff;

/** Ids must fit the packed tables of the encoders. */
export const maxVocabularySize = 2 ** 21 - 1;

export interface ScannedTokenizer {
  /** The file as JSON, with nothing in `model.vocab` and `model.merges`. */
  readonly rest: unknown;
  readonly vocabulary: BpeVocabulary;
  /** (left id, right id, id of the result) by rank, flat. */
  readonly merges: Uint32Array;
}

/** Undefined for what is unusual or wrong. */
export function scanTokenizerJson(bytes: Uint8Array): ScannedTokenizer | undefined {
  if (!isUtf8(bytes)) return undefined;
  const scanner = new Scanner(bytes);
  const tokens = new TokenTable(bytes.length);
  const cuts: Cut[] = [];
  let merges: Uint32Array | undefined;
  const cut = (instead: string, read: () => boolean): boolean => {
    const start = scanner.at;
    const isRead = read();
    cuts.push({ start, end: scanner.at, instead });
    return isRead;
  };
  const model = {
    vocab: () => cut("{}", () => scanner.readVocabulary(tokens) && tokens.index()),
    merges: () => cut("[]", () => (merges = scanner.readMerges(tokens)) !== undefined),
  };
  if (!scanner.readObject({ model: () => scanner.readObject(model) }) || merges === undefined) return undefined;
  // What was passed over is looked at here: were it no JSON, the sections might not be what they were taken for.
  const rest = restOf(bytes, cuts);
  return rest === undefined ? undefined : { rest: rest.json, vocabulary: tokens, merges };
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
const space = 0x20;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/** Goes through JSON byte by byte. Every method stops with `undefined` or `false` at what it does not expect. */
class Scanner {
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

  /** Passes over a value of JSON, which `restOf` will parse. */
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

  /** Reads `{"token": id, …}`. */
  readVocabulary(tokens: TokenTable): boolean {
    if (!this.take(openBrace)) return false;
    do {
      if (!this.readString(tokens) || !this.take(colon)) return false;
      const id = this.readId();
      if (id === undefined || !tokens.add(id)) return false;
    } while (this.take(comma));
    return this.take(closeBrace);
  }

  /** Reads `["left right", …]` or `[["left", "right"], …]`. */
  readMerges(tokens: TokenTable): Uint32Array | undefined {
    let merges = new Uint32Array(3 * tokens.count);
    let count = 0;
    // Nobody writes them before the vocabulary.
    if (tokens.count === 0 || !this.take(openBracket)) return undefined;
    if (this.take(closeBracket)) return merges.slice(0, 0);
    do {
      if (3 * count === merges.length) merges = grown(merges);
      const isRead = this.take(openBracket) ? this.readPair(tokens) : this.readString(tokens) && tokens.divide();
      if (!isRead || !tokens.merge(merges, 3 * count)) return undefined;
      count++;
    } while (this.take(comma));
    return this.take(closeBracket) ? merges.slice(0, 3 * count) : undefined;
  }

  private readPair(tokens: TokenTable): boolean {
    if (!this.readString(tokens)) return false;
    tokens.endLeft();
    return this.take(comma) && this.readString(tokens) && this.take(closeBracket);
  }

  /** Puts the characters of the string that begins here behind what `tokens` has open. */
  private readString(tokens: TokenTable): boolean {
    const { bytes } = this;
    const { pool } = tokens;
    let { open } = tokens;
    let at = this.at;
    if (bytes[at++] !== quote) return false;
    for (; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (byte === quote) {
        this.at = at + 1;
        tokens.open = open;
        return true;
      }
      if (byte < space) return false;
      if (byte !== backslash) {
        pool[open++] = byte;
        continue;
      }
      const code = this.escapeAt(++at);
      if (code === undefined) return false;
      if (bytes[at] === letterU) at += 4;
      if (code < 0x80) pool[open++] = code;
      else if (code < 0x800) {
        pool[open++] = 0xc0 | (code >> 6);
        pool[open++] = 0x80 | (code & 63);
      } else {
        pool[open++] = 0xe0 | (code >> 12);
        pool[open++] = 0x80 | ((code >> 6) & 63);
        pool[open++] = 0x80 | (code & 63);
      }
    }
    return false;
  }

  /** Code of the escape whose letter stands here; halves of surrogate pairs are left to the other way. */
  private escapeAt(at: number): number | undefined {
    const letter = this.bytes[at] ?? 0;
    if (letter !== letterU) return escapes.get(letter);
    const digits = Buffer.from(this.bytes.subarray(at + 1, at + 5)).toString("latin1");
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) return undefined;
    const code = Number.parseInt(digits, 16);
    return code >= 0xd800 && code < 0xe000 ? undefined : code;
  }

  private readId(): number | undefined {
    const start = this.at;
    let id = 0;
    for (; this.at - start <= 7; this.at++) {
      const digit = (this.bytes[this.at] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) break;
      id = 10 * id + digit;
    }
    const length = this.at - start;
    // `01` is no JSON; what has a point or an exponent fails at the comma that should follow.
    if (length === 0 || (length > 1 && this.bytes[start] === 0x30) || id >= maxVocabularySize) return undefined;
    return id;
  }

  private skipSpace(): void {
    const { bytes } = this;
    for (;;) {
      const byte = bytes[this.at];
      if (byte !== space && byte !== 10 && byte !== 13 && byte !== 9) return;
      this.at++;
    }
  }

  /** Passes over a character and the white space around it. */
  private take(byte: number): boolean {
    this.skipSpace();
    if (this.bytes[this.at] !== byte) return false;
    this.at++;
    this.skipSpace();
    return true;
  }
}

const letterU = 0x75;
const escapes: ReadonlyMap<number, number> = new Map(
  Object.entries({ '"': 34, "\\": 92, "/": 47, b: 8, f: 12, n: 10, r: 13, t: 9 }).map(([letter, code]) => [
    letter.charCodeAt(0),
    code,
  ]),
);

/** Contents of tokens one behind the other in UTF-8, found by id and, through a hash table, by content. */
class TokenTable implements BpeVocabulary {
  /** Contents, then what is being read or looked for. */
  readonly pool: Uint8Array<ArrayBuffer>;
  /** End of what is being read. */
  open = 0;
  count = 0;
  highestId = -1;
  /** Ends of contents and ids, in the file's order. */
  private ends = new Uint32Array(1 << 16);
  private ids = new Uint32Array(1 << 16);
  /** Place in the file's order + 1, by hash of the content and by id. */
  private slots = new Uint32Array(0);
  private byId = new Uint32Array(0);
  private used = 0;
  private leftEnd = 0;

  constructor(bytes: number) {
    // All contents together are shorter than the file, and so is another one behind them.
    this.pool = new Uint8Array(2 * bytes);
  }

  /** Closes the content that was read as a token. */
  add(id: number): boolean {
    const { count } = this;
    if (count === this.ids.length) {
      this.ends = grown(this.ends);
      this.ids = grown(this.ids);
    }
    this.ends[count] = this.open;
    this.ids[count] = id;
    this.used = this.open;
    this.count = count + 1;
    if (id > this.highestId) this.highestId = id;
    return this.count < maxVocabularySize;
  }

  /** Makes the tables; false where a content or an id is there twice. */
  index(): boolean {
    const { count, ids, ends } = this;
    let slots = 1024;
    while (slots < 2 * count) slots *= 2;
    this.slots = new Uint32Array(slots);
    this.byId = new Uint32Array(this.highestId + 1);
    for (let i = 0, start = 0; i < count; i++) {
      const end = ends[i] as number;
      const slot = this.find(start, end);
      const id = ids[i] as number;
      if (this.slots[slot] !== 0 || this.byId[id] !== 0) return false;
      this.slots[slot] = i + 1;
      this.byId[id] = i + 1;
      start = end;
    }
    return true;
  }

  /** The left half of a merge ends where the reading stands. */
  endLeft(): void {
    this.leftEnd = this.open;
  }

  /** Divides what was read at its only space. */
  divide(): boolean {
    const { pool, open } = this;
    let at = this.used;
    while (at < open && pool[at] !== space) at++;
    this.leftEnd = at;
    for (let i = at + 1; i < open; i++) {
      if (pool[i] === space) return false;
      pool[i - 1] = pool[i] as number;
    }
    this.open = open - 1;
    return at < open;
  }

  /** Closes what was read as a merge: writes the ids of left, right and both together. */
  merge(target: Uint32Array, at: number): boolean {
    const { used, leftEnd, open } = this;
    this.open = used;
    const left = this.slots[this.find(used, leftEnd)] as number;
    const right = this.slots[this.find(leftEnd, open)] as number;
    const both = this.slots[this.find(used, open)] as number;
    if (left === 0 || right === 0 || both === 0) return false;
    target[at] = this.ids[left - 1] as number;
    target[at + 1] = this.ids[right - 1] as number;
    target[at + 2] = this.ids[both - 1] as number;
    return true;
  }

  /** Slot of a content that lies in the pool, or the empty one where it belongs. */
  private find(start: number, end: number): number {
    const { pool, slots } = this;
    let hash = 0x811c9dc5;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (pool[i] as number), 0x01000193);
    const mask = slots.length - 1;
    for (let slot = (hash ^ (hash >>> 15)) & mask; ; slot = (slot + 1) & mask) {
      const place = slots[slot] as number;
      if (place === 0) return slot;
      if (this.lengthOf(place) !== end - start) continue;
      let other = this.startOf(place);
      let i = start;
      while (i < end && pool[i] === pool[other]) {
        i++;
        other++;
      }
      if (i === end) return slot;
    }
  }

  contentOf(id: number): string | undefined {
    const place = this.byId[id] ?? 0;
    if (place === 0) return undefined;
    return Buffer.from(this.pool.buffer, this.startOf(place), this.lengthOf(place)).toString("utf8");
  }

  idOf(content: string): number | undefined {
    const { pool, used } = this;
    if (!content.isWellFormed()) return undefined;
    const { read, written } = new TextEncoder().encodeInto(content, pool.subarray(used));
    const place = read < content.length ? 0 : (this.slots[this.find(used, used + written)] as number);
    return place === 0 ? undefined : this.ids[place - 1];
  }

  byteIds(): Uint32Array {
    const { pool } = this;
    const byteIds = new Uint32Array(256).fill(noToken);
    for (let place = 1; place <= this.count; place++) {
      const start = this.startOf(place);
      const length = this.lengthOf(place);
      const first = pool[start] as number;
      // One character of ASCII, or one of two bytes: no other stands for a byte.
      if (length !== 1 && (length !== 2 || first < 0xc0)) continue;
      const code = length === 1 ? first : ((first & 31) << 6) | ((pool[start + 1] as number) & 63);
      const byte = characterToByte[code] ?? -1;
      if (byte >= 0) byteIds[byte] = this.ids[place - 1] as number;
    }
    return byteIds;
  }

  private startOf(place: number): number {
    return place === 1 ? 0 : (this.ends[place - 2] as number);
  }

  private lengthOf(place: number): number {
    return (this.ends[place - 1] as number) - this.startOf(place);
  }
}

function grown(values: Uint32Array): Uint32Array<ArrayBuffer> {
  const more = new Uint32Array(2 * values.length);
  more.set(values);
  return more;
}
