/**
 * Byte-level BPE, written plainly: the twin that the WebAssembly encoder must equal, and the encoder where there is none.
 *
 * Text is split at added tokens, normalised, split into pre-tokens (`bpe-split.ts`), and each pre-token is merged pair by
 * pair, the best rank first and of equal ranks the leftmost (Sennrich et al. 2016; order as in Hugging Face tokenizers'
 * `Word::merge_all`). Invalid UTF-8 is not an error: a byte that belongs to no character is a character of class `other`.
 */
import type { BpeAddedToken, BpeModel } from "../bpe-model.ts";
import type { BpeEncoder, TokenColumn } from "../bpe-types.ts";
import type { TextColumn } from "../types.ts";
import { splitterOf } from "./bpe-split.ts";
import { popHeap, pushHeap } from "./heap.ts";

/** Pre-tokens up to this many bytes are remembered. */
const longestRemembered = 64;
/** The memory is emptied when it holds this many pre-tokens. */
const mostRemembered = 2 ** 17;

/** Makes an encoder. Keeps a bounded memory of pre-tokens; results do not depend on it. */
export function createReferenceBpeEncoder(model: BpeModel): BpeEncoder {
  const split = splitterOf(model.preTokenizer);
  const merge = makeMerger(model);
  const wholeTokens = model.ignoreMerges ? mapWholeTokens(model) : undefined;
  const rawTokens = makeFinder(model.addedTokens.filter((token) => !token.normalized));
  const normalizedTokens = makeFinder(model.addedTokens.filter((token) => token.normalized));
  const known = new Map<string, Uint32Array>();
  let ids = new Uint32Array(1024);
  let count = 0;

  function emit(values: Uint32Array): void {
    reserve(values.length);
    if (values.length > 8) ids.set(values, count);
    else for (let i = 0; i < values.length; i++) ids[count + i] = values[i] as number;
    count += values.length;
  }

  function reserve(more: number): void {
    if (count + more <= ids.length) return;
    const grown = new Uint32Array(Math.max(count + more, ids.length * 2));
    grown.set(ids.subarray(0, count));
    ids = grown;
  }

  function encodePreToken(bytes: Buffer, start: number, end: number): void {
    if (end - start > longestRemembered) {
      emit(wholeTokens?.get(bytes.toString("latin1", start, end)) ?? merge(bytes, start, end));
      return;
    }
    const key = bytes.toString("latin1", start, end);
    let found = known.get(key);
    if (found === undefined) {
      found = wholeTokens?.get(key) ?? merge(bytes, start, end);
      if (known.size === mostRemembered) known.clear();
      known.set(key, found);
    }
    emit(found);
  }

  function encodePlain(bytes: Buffer): void {
    const text = model.addPrefixSpace && bytes[0] !== 0x20 ? Buffer.concat([Buffer.from(" "), bytes]) : bytes;
    for (let start = 0; start < text.length;) {
      const end = split(text, start, text.length);
      encodePreToken(text, start, end);
      start = end;
    }
  }

  function encodeAround(bytes: Buffer, find: TokenFinder, rest: (piece: Buffer) => void): void {
    let start = 0;
    for (const { at, token } of find(bytes)) {
      if (at > start) rest(bytes.subarray(start, at));
      emit(Uint32Array.of(token.id));
      start = at + token.bytes.length;
    }
    if (start < bytes.length) rest(bytes.subarray(start));
  }

  return {
    vocabularySize: model.vocabularySize,
    encode(column: TextColumn): TokenColumn {
      const { values, offsets, length } = column;
      const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
      const tokenOffsets = new Int32Array(length + 1);
      count = 0;
      for (let i = 0; i < length; i++) {
        const text = bytes.subarray(offsets[i], offsets[i + 1]);
        encodeAround(text, rawTokens, (raw) =>
          encodeAround(normalize(raw, model.normalForm), normalizedTokens, encodePlain),
        );
        tokenOffsets[i + 1] = count;
      }
      return { ids: ids.slice(0, count), offsets: tokenOffsets };
    },
    decode: (tokenIds) => decodeBpe(model, tokenIds),
  };
}

/**
 * The bytes that ids stand for; the exact inverse of `encode` where the tokenizer has no normaliser and adds no space.
 *
 * Ids that are not in use stand for nothing. The bytes of a cut sequence of ids need not be valid UTF-8.
 */
export function decodeBpe(model: BpeModel, ids: Uint32Array): Uint8Array {
  let length = 0;
  for (const id of ids) length += model.tokens.at(id)?.length ?? 0;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const id of ids) {
    const token = model.tokens.at(id);
    if (token === undefined) continue;
    bytes.set(token, at);
    at += token.length;
  }
  return bytes;
}

function normalize(bytes: Buffer, form: BpeModel["normalForm"]): Buffer {
  if (form === undefined || bytes.every((byte) => byte < 0x80)) return bytes;
  return Buffer.from(bytes.toString("utf8").normalize(form), "utf8");
}

function mapWholeTokens(model: BpeModel): Map<string, Uint32Array> {
  const whole = new Map<string, Uint32Array>();
  for (let id = 0; id < model.tokens.length; id++) {
    const bytes = model.tokens.at(id);
    if (bytes !== undefined) whole.set(Buffer.from(bytes).toString("latin1"), Uint32Array.of(id));
  }
  for (const content of model.specialTokens.keys()) whole.delete(Buffer.from(content).toString("latin1"));
  return whole;
}

type TokenFinder = (bytes: Buffer) => Iterable<{ readonly at: number; readonly token: BpeAddedToken }>;

/** Finds added tokens from left to right, of several at one place the longest. Special ones are passed over whole. */
function makeFinder(tokens: readonly BpeAddedToken[]): TokenFinder {
  if (!tokens.some((token) => !token.special)) return () => [];
  const byFirst = new Map<number, BpeAddedToken[]>();
  for (const token of tokens.toSorted((a, b) => b.bytes.length - a.bytes.length)) {
    const first = token.bytes[0] as number;
    byFirst.set(first, [...(byFirst.get(first) ?? []), token]);
  }
  return function* find(bytes) {
    for (let at = 0; at < bytes.length;) {
      const token = byFirst.get(bytes[at] as number)?.find((token) => startsWithAt(bytes, at, token.bytes));
      if (token !== undefined && !token.special) yield { at, token };
      at += token?.bytes.length ?? 1;
    }
  };
}

function startsWithAt(bytes: Uint8Array, at: number, prefix: Uint8Array): boolean {
  if (at + prefix.length > bytes.length) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false;
  return true;
}

type Merger = (bytes: Uint8Array, start: number, end: number) => Uint32Array;

/** Merges one pre-token: a linked list of symbols and a heap of candidate pairs, O(n log n) for n bytes. */
function makeMerger(model: BpeModel): Merger {
  // A pair as one number: ids are below 2²¹, so two fit in a double's 53 bits.
  const pairKey = (left: number, right: number): number => left * 2 ** 21 + right;
  const rankOf = new Map<number, number>();
  const { merges, byteIds } = model;
  for (let i = 0; i < merges.length; i += 3) rankOf.set(pairKey(merges[i] as number, merges[i + 1] as number), i / 3);

  return (bytes, start, end) => {
    const length = end - start;
    const symbol = new Int32Array(length);
    const next = new Int32Array(length);
    const previous = new Int32Array(length);
    // A candidate is rank · 2³¹ + position, so that the least is the best rank, and of equal ranks the leftmost.
    const heap: number[] = [];
    const consider = (at: number): void => {
      const right = next[at] as number;
      if (right >= length || (symbol[at] as number) < 0 || (symbol[right] as number) < 0) return;
      const rank = rankOf.get(pairKey(symbol[at] as number, symbol[right] as number));
      if (rank !== undefined) pushHeap(heap, rank * 2 ** 31 + at, isLess);
    };
    for (let i = 0; i < length; i++) {
      symbol[i] = byteIds[bytes[start + i] as number] as number;
      next[i] = i + 1;
      previous[i] = i - 1;
    }
    for (let i = 0; i < length - 1; i++) consider(i);

    while (heap.length > 0) {
      const candidate = popHeap(heap, isLess);
      const rank = Math.floor(candidate / 2 ** 31);
      const at = candidate - rank * 2 ** 31;
      const right = next[at] as number;
      // Stale when one of its symbols has gone or changed since; a symbol that has gone is -1.
      if (right >= length || symbol[at] !== merges[rank * 3] || symbol[right] !== merges[rank * 3 + 1]) continue;
      symbol[at] = merges[rank * 3 + 2] as number;
      symbol[right] = -1;
      const after = next[right] as number;
      next[at] = after;
      if (after < length) previous[after] = at;
      consider(at);
      const before = previous[at] as number;
      if (before >= 0) consider(before);
    }

    // What is left; a byte without a token is -1 too.
    return Uint32Array.from(symbol.filter((id) => id >= 0));
  };
}

function isLess(a: number, b: number): boolean {
  return a < b;
}
