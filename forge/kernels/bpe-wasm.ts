/**
 * Byte-level BPE through WebAssembly: lays the model's tables out in memory, then feeds it text in pieces.
 *
 * Each encoder has an instance of its own (12 MB of tables and remembered pre-tokens for GPT-2): the module's state is one
 * model, and encoders of several models live side by side. Memory does not grow with the number of batches: texts pass in
 * pieces of 128 KB, only a longer single text takes more.
 */
import { EnvironmentError } from "../base/errors.ts";
import { bpeClass, bpeClassTable } from "./bpe-classes.ts";
import { noToken, type BpeAddedToken, type BpeModel } from "./bpe-model.ts";
import { preTokenizers } from "./bpe-pre-tokenizer.ts";
import type { BpeEncoder, TokenColumn } from "./bpe-types.ts";
import type { KernelExports, KernelInstance } from "./instance.ts";
import { ownKernelInstance } from "./own-instance.ts";
import { decodeBpe } from "./reference/bpe-encode.ts";
import { bloomSeparators } from "./reference/bpe-split.ts";
import type { TextColumn } from "./types.ts";

type Numeric = (...values: readonly number[]) => number;

interface BpeExports extends KernelExports {
  readonly loadMerges: Numeric;
  readonly setRemembered: Numeric;
  readonly setBpeClasses: Numeric;
  readonly setBpeAddedTokens: Numeric;
  readonly isSurelyNormal: Numeric;
  readonly encodeTexts: Numeric;
}

/** What the kernel takes for the id of a byte without a token. */
const absent = 2 ** 21 - 1;
/** Texts of a piece together have this many bytes, unless one alone has more: they and their ids stay in the cache. */
const pieceBytes = 1 << 17;
/** Remembered pre-tokens: slots of 16 bytes and of 32; a pool of long ones, and places that point into it. */
const shortSlots = 1 << 17;
const middleSlots = 1 << 17;
const places = 1 << 16;
const poolBytes = 1 << 22;

/**
 * Makes the fast encoder; undefined where it cannot run, or for the few models that it leaves to the plain one: those
 * that put a space before text, ignore merges, or have added tokens both before and after normalising.
 */
export function createWasmBpeEncoder(model: BpeModel): BpeEncoder | undefined {
  const raw = model.addedTokens.filter((token) => !token.normalized);
  const normalized = model.addedTokens.filter((token) => token.normalized);
  const findsRaw = raw.some((token) => !token.special);
  const findsNormalized = normalized.some((token) => !token.special);
  if (model.addPrefixSpace || model.ignoreMerges) return undefined;
  if (findsRaw && (findsNormalized || model.normalForm !== undefined)) return undefined;
  const instance = ownKernelInstance();
  if (instance === undefined) return undefined;
  const kernels = instance.exports as unknown as BpeExports;
  placeModel(instance, kernels, model);
  placeClasses(instance, kernels, model);
  if (findsRaw || findsNormalized) placeAddedTokens(instance, kernels, findsRaw ? raw : normalized);

  /** Encodes texts [from, from + piece.length) to `ids` from `count` on. */
  const encodePiece = (piece: TextColumn, made: MadeIds, tokenOffsets: Int32Array, from: number): void => {
    instance.beginBatch();
    const { values, offsets, length, bytes } = instance.placeColumn(piece);
    const out = instance.allocate(4 * bytes);
    const outOffsets = instance.allocate(4 * (length + 1));
    if (kernels.encodeTexts(values, offsets, length, out, outOffsets) === 0) {
      throw new EnvironmentError("kernel-memory", `The tokenizer could not get memory for a text of ${bytes} bytes`, {
        hint: "Give shorter texts, or run with FORGE_KERNELS=reference.",
      });
    }
    const buffer = instance.memory().buffer;
    const ends = new Int32Array(buffer, outOffsets, length + 1);
    for (let i = 1; i <= length; i++) tokenOffsets[from + i] = made.count + (ends[i] as number);
    made.append(new Uint32Array(buffer, out, ends[length]), bytes);
  };

  return {
    vocabularySize: model.vocabularySize,
    encode(column: TextColumn): TokenColumn {
      const { offsets, length } = column;
      const tokenOffsets = new Int32Array(length + 1);
      const made = new MadeIds((offsets[length] ?? 0) - (offsets[0] ?? 0));
      for (let from = 0; from < length;) {
        let to = from + 1;
        while (to < length && (offsets[to + 1] as number) - (offsets[from] as number) <= pieceBytes) to++;
        const piece = { values: column.values, offsets: offsets.subarray(from, to + 1), length: to - from };
        encodePiece(normalizePiece(instance, kernels, model, piece), made, tokenOffsets, from);
        from = to;
      }
      return { ids: made.take(), offsets: tokenOffsets };
    },
    decode: (tokenIds) => decodeBpe(model, tokenIds),
  };
}

/** Ids so far, in an array as long as they will probably be: touching fresh memory costs more than encoding. */
class MadeIds {
  count = 0;
  private ids = new Uint32Array(0);
  private bytes = 0;
  private readonly allBytes: number;

  constructor(allBytes: number) {
    this.allBytes = allBytes;
  }

  /** Takes over the ids of as many bytes. */
  append(ids: Uint32Array, bytes: number): void {
    this.bytes += bytes;
    const needed = this.count + ids.length;
    if (needed > this.ids.length) {
      const expected = Math.ceil(1.1 * needed * (this.allBytes / Math.max(this.bytes, 1)));
      const grown = new Uint32Array(Math.max(expected, needed));
      grown.set(this.ids.subarray(0, this.count));
      this.ids = grown;
    }
    this.ids.set(ids, this.count);
    this.count = needed;
  }

  /** The ids, in a copy where the array is much too long. */
  take(): Uint32Array {
    const { ids, count } = this;
    return 1.2 * count < ids.length ? ids.slice(0, count) : ids.subarray(0, count);
  }
}

/** The texts in the tokenizer's normal form; the column itself where all surely are. */
function normalizePiece(
  instance: KernelInstance,
  kernels: BpeExports,
  { normalForm }: BpeModel,
  piece: TextColumn,
): TextColumn {
  if (normalForm === undefined) return piece;
  instance.beginBatch();
  const { values } = instance.placeColumn(piece);
  const start = piece.offsets[0] as number;
  const parts: Uint8Array[] = [];
  let changed = false;
  for (let i = 0; i < piece.length; i++) {
    const from = piece.offsets[i] as number;
    const to = piece.offsets[i + 1] as number;
    const bytes = piece.values.subarray(from, to);
    const at = values + from - start;
    // What is invalid goes through strings, as in the plain encoder, and becomes U+FFFD.
    const isNormal = kernels.findInvalidUtf8(at, to - from) < 0 && kernels.isSurelyNormal(at, to - from) === 1;
    if (isNormal) parts.push(bytes);
    else {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
      parts.push(Buffer.from(text.normalize(normalForm), "utf8"));
      changed = true;
    }
  }
  if (!changed) return piece;
  const offsets = new Int32Array(parts.length + 1);
  parts.forEach((part, i) => (offsets[i + 1] = (offsets[i] as number) + part.length));
  return { values: Buffer.concat(parts), offsets, length: parts.length };
}

function placeModel(instance: KernelInstance, kernels: BpeExports, model: BpeModel): void {
  const count = model.merges.length / 3;
  const short = instance.allocatePersistent(16 * shortSlots);
  const middle = instance.allocatePersistent(32 * middleSlots);
  const placeTable = instance.allocatePersistent(4 * places);
  const pool = instance.allocatePersistent(poolBytes);
  kernels.setRemembered(short, shortSlots, middle, middleSlots, placeTable, places, pool, poolBytes);
  const ids = instance.placePersistent(model.byteIds.map((id) => Math.min(id, absent)));
  const initial = instance.allocatePersistent(4 * 65536);
  const merges = instance.placePersistent(model.merges);
  // Four pairs to a bucket.
  let buckets = 1024;
  while (3.4 * buckets < count) buckets *= 2;
  while (kernels.loadMerges(merges, count, ids, initial, instance.allocatePersistent(16 * buckets), buckets) === 0) {
    buckets *= 2;
  }
}

/** Bit of a class: normalisation might change this character or its neighbours. */
const mayChange = 16;

export function placeClasses(
  instance: KernelInstance,
  kernels: { readonly setBpeClasses: Numeric },
  model: Pick<BpeModel, "preTokenizer" | "normalForm">,
): void {
  const classes = model.preTokenizer === "bloom" ? bloomClasses() : bpeClassTable().slice();
  if (model.normalForm !== undefined) markChanging(classes, model.normalForm);
  const index = new Uint16Array(classes.length >> 8);
  const blocks: Uint8Array[] = [];
  const known = new Map<string, number>();
  for (let i = 0; i < index.length; i++) {
    const block = classes.subarray(i << 8, (i + 1) << 8);
    const key = Buffer.from(block).toString("latin1");
    let at = known.get(key);
    if (at === undefined) {
      at = blocks.push(block) - 1;
      known.set(key, at);
    }
    index[i] = at;
  }
  kernels.setBpeClasses(
    instance.placePersistent(classes.slice(0, 128)),
    instance.placePersistent(index),
    instance.placePersistent(Buffer.concat(blocks)),
    preTokenizers.indexOf(model.preTokenizer),
  );
}

/** 1 for what may stand in a word. */
function bloomClasses(): Uint8Array {
  const classes = bpeClassTable().map((kind) => (kind === bpeClass.space ? 0 : 1));
  for (const character of bloomSeparators) classes[character.codePointAt(0) as number] = 0;
  return classes;
}

/** Marks every character that is not its own normal form, or that may compose or change places with the one before. */
function markChanging(classes: Uint8Array, form: string): void {
  const isMark = /\p{M}/u;
  for (let code = 0x80; code < 0x110000; code++) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const character = String.fromCodePoint(code);
    // Hangul vowels and trailing consonants, and Kirat Rai vowels, compose without being marks.
    const composes = (code >= 0x1160 && code < 0x1200) || (code >= 0x16d40 && code < 0x16d80);
    if (composes || isMark.test(character) || character.normalize(form) !== character) {
      classes[code] = (classes[code] as number) | mayChange;
    }
  }
}

function placeAddedTokens(instance: KernelInstance, kernels: BpeExports, tokens: readonly BpeAddedToken[]): void {
  const sorted = tokens.toSorted(
    (a, b) => (a.bytes[0] as number) - (b.bytes[0] as number) || b.bytes.length - a.bytes.length,
  );
  const starts = new Uint32Array(257);
  const bits = new Uint8Array(8192);
  const prefixes = new Set<number>();
  const entries = new Uint32Array(4 * sorted.length);
  sorted.forEach(({ bytes, id, special }, i) => {
    const first = bytes[0] as number;
    for (let later = first + 1; later <= 256; later++) starts[later] = i + 1;
    entries.set([instance.placePersistent(bytes), bytes.length, special ? noToken : id, 0], 4 * i);
    // A token of one byte may be followed by any.
    const seconds = bytes.length > 1 ? [bytes[1] as number] : Array.from({ length: 256 }, (_, byte) => byte);
    for (const second of seconds) {
      const two = first | (second << 8);
      bits[two >> 3] = (bits[two >> 3] as number) | (1 << (two & 7));
      prefixes.add(two);
    }
  });
  const [prefix = -1] = prefixes;
  kernels.setBpeAddedTokens(
    sorted.length,
    instance.placePersistent(starts),
    instance.placePersistent(entries),
    instance.placePersistent(bits),
    prefixes.size === 1 ? prefix : -1,
  );
}
