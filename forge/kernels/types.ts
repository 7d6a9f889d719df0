/** Shapes that all text kernels share. Bytes are UTF-8; offsets are half-open. */

/**
 * A column of texts, as Arrow's Utf8 lays it out: text `i` is `values[offsets[i] .. offsets[i + 1])`.
 *
 * `offsets` has `length + 1` entries and need not start at 0 (a sliced batch); never use `values.length`.
 */
export interface TextColumn {
  readonly values: Uint8Array;
  readonly offsets: Int32Array;
  /** Number of texts. */
  readonly length: number;
}

/** Bytes after repair, and how many U+FFFD were put in. */
export interface RepairedUtf8 {
  /** The input itself when nothing was wrong. */
  readonly bytes: Uint8Array;
  readonly replacements: number;
}

/** What a JSON Lines record holds under a wanted field. */
export const jsonFieldState = {
  /** No such key, or null. Its text is empty. */
  absent: 0,
  /** A string: its unescaped UTF-8. A lone surrogate escape becomes U+FFFD. */
  string: 1,
  /** A number, boolean, array or object: its JSON as it stands in the record. */
  json: 2,
} as const;

/** One wanted field over all good records. */
export interface JsonColumn extends TextColumn {
  /** One `jsonFieldState` a record. */
  readonly states: Uint8Array;
}

export type JsonLineFault = "too-long" | "invalid-utf8" | "invalid-json" | "not-an-object";

export interface QuarantinedLine {
  /** Where the line begins in the chunk. */
  readonly byteOffset: number;
  /** Without its line feed. */
  readonly byteLength: number;
  readonly reason: JsonLineFault;
}

export interface JsonLinesOptions {
  /** Top-level keys wanted; of a repeated key the last counts, as with JSON.parse. */
  readonly fields: readonly string[];
  /** Longer lines are quarantined. */
  readonly maxRecordBytes: number;
  /** True when nothing follows: the last line then needs no line feed. */
  readonly final: boolean;
  /**
   * True lends the columns' `values` instead of copying them out: they hold until the next call of any kernel of this
   * thread. Fresh memory costs more than the extraction itself. @default false
   */
  readonly borrow?: boolean;
}

export interface JsonLines {
  readonly length: number;
  readonly columns: ReadonlyMap<string, JsonColumn>;
  /** U+FFFD put in for lone surrogate escapes in the columns, by good record; null where there are none at all. */
  readonly replacements: Uint32Array | null;
  /** Where each good record begins in the chunk. */
  readonly recordOffsets: Int32Array;
  readonly quarantined: readonly QuarantinedLine[];
  /** Bytes done; what follows is an unfinished line, to be given again with its rest. */
  readonly consumed: number;
}

/** How words are told apart: Unicode's UAX 29, or at white space. */
export type WordRule = "unicode" | "whitespace";

/** Word spans of a column: word `j` of text `i`, for `j` in `[offsets[i], offsets[i + 1])`, is `[starts[j], ends[j])`. */
export interface WordSpans {
  /** Byte positions in the column's values. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly offsets: Int32Array;
}

export interface MinHashOptions {
  /** Words of an n-gram. @default 5 */
  readonly shingleWords?: number;
  /** @default 14 */
  readonly bands?: number;
  /** Hashes of a band. @default 8 */
  readonly rows?: number;
  /** @default 1 */
  readonly seed?: number;
}

export interface MinHashSignatures {
  /** `bands * rows` minima a text; all ones for a text without an n-gram. */
  readonly signatures: Uint32Array;
  /** n-grams of each text, repeats included; 0 means too short to compare. */
  readonly shingleCounts: Uint32Array;
}

/** Distinct n-gram hashes: those of text `i` are the word pairs (low, high) `[2 * offsets[i], 2 * offsets[i + 1])`, ascending. */
export interface ShingleSets {
  readonly hashes: Uint32Array;
  readonly offsets: Int32Array | Uint32Array;
}

/** n-gram hashes in text order, repeats included, laid out as in `ShingleSets`. */
export interface ShingleSequences {
  readonly hashes: Uint32Array;
  readonly offsets: Int32Array;
}

export interface CleanOptions {
  /** Take out control characters (but tab and line ends), byte order marks, soft hyphens and zero-width spaces. */
  readonly controls: boolean;
  /** Line separators to LF, no blanks at line ends, at most two empty lines in a row, none around the text. */
  readonly whitespace: boolean;
  /**
   * True lends `values` instead of copying them out: they hold until the next call of any kernel of this thread.
   * @default false
   */
  readonly borrow?: boolean;
}

/** What `cleanTexts` notes of a text; bits that are added up. */
export const cleanNote = {
  /** It may not be in NFC: a character is in it that canonical composition may change, move or join with another. */
  mayCompose: 1,
  /** As it came in, it may hold UTF-8 that was read as Windows-1252: a letter from Â to ô, and what may follow it. */
  mayBeMojibake: 2,
  /** It is not the same bytes as before. */
  changed: 4,
} as const;

/** Cleaned texts, which are never longer than they were. `values` and `offsets` are the input's when none was changed. */
export interface CleanedTexts extends TextColumn {
  /** One sum of `cleanNote` a text. */
  readonly notes: Uint8Array;
  /** Control and invisible characters taken out of each text. */
  readonly controls: Uint32Array;
}

/** What `findCandidates` looks for. */
export interface CandidateKinds {
  /** `@`. */
  readonly email: boolean;
  /** First digits of a run with a point or colon within the next four bytes. */
  readonly address: boolean;
  /** First digits of a run behind a capital. */
  readonly iban: boolean;
  /** First of at least four digits. */
  readonly card: boolean;
  /** First digits of any run, `+` and `(`. */
  readonly phone: boolean;
}

/** The loops over text that exist twice, plain and fast, with equal results byte for byte. */
export interface TextKernels {
  readonly implementation: "reference" | "wasm";
  /** Replaces each maximal invalid subpart by U+FFFD, as WHATWG decoders do. */
  repairUtf8(bytes: Uint8Array): RepairedUtf8;
  /** Offset of the first byte of an invalid sequence, or -1. */
  findInvalidUtf8(bytes: Uint8Array): number;
  /** Puts white space and invisible characters of texts of valid UTF-8 right. */
  cleanTexts(column: TextColumn, options: CleanOptions): CleanedTexts;
  /**
   * Positions in `values`, ascending, where one of some kinds may begin; texts are taken as one, so that the neighbours
   * of a position may belong to the next text.
   */
  findCandidates(column: TextColumn, kinds: CandidateKinds): Uint32Array;
  /** Code points of each text (of valid UTF-8). */
  countCodePoints(column: TextColumn): Uint32Array;
  /** Finds records, validates them wholly and extracts top-level fields. Blank lines are skipped. */
  extractJsonLines(chunk: Uint8Array, options: JsonLinesOptions): JsonLines;
  /**
   * datatrove's `simplify_text`: lower case (final sigma included), numbers to 0, punctuation to spaces, white space
   * collapsed, NFD without Mn. A symbol that itself decomposes into musical stems (U+1D15E…) keeps its marks' order.
   */
  normalizeForDedup(column: TextColumn): TextColumn;
  /** Words of each text; with "unicode", those segments that hold a letter or a digit. */
  segmentWords(column: TextColumn, rule?: WordRule): WordSpans;
  /** 128-bit hash of each text, 16 bytes: two XXH64, of seeds `seed` and `seed ^ 0x9e3779b9`, little-endian. */
  hashTexts(column: TextColumn, seed?: number): Uint8Array;
  /** The same of each line, without its line feed and a carriage return before it. */
  hashLines(column: TextColumn, seed?: number): { readonly hashes: Uint8Array; readonly offsets: Int32Array };
  /** MinHash of the normal form's word n-grams, all computed inside. */
  signMinHash(column: TextColumn, options?: MinHashOptions): MinHashSignatures;
  /** 64-bit key (low, high) of each band: `keys[2 * (text * bands + band)]`. */
  bandKeys(
    signatures: Uint32Array,
    length: number,
    options: { readonly bands: number; readonly rows: number },
  ): Uint32Array;
  /**
   * n-grams of the normal form in text order. With `borrow` the hashes are lent: they hold until the next call of any
   * kernel of this thread, and no fresh memory is taken for them.
   */
  shingles(column: TextColumn, shingleWords: number, options?: { readonly borrow?: boolean }): ShingleSequences;
  shingleSets(column: TextColumn, shingleWords: number): ShingleSets;
  /** Size of the intersection over size of the union, in [0, 1]; two empty sets give 0. */
  jaccard(sets: ShingleSets, i: number, other: ShingleSets, j: number): number;
}
