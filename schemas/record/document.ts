/**
 * The document: what travels through the forge, as Arrow record batches of a few MB.
 *
 * Text stays UTF-8 bytes (`values` and `offsets`); batches are built from bytes and never hold a JavaScript string for
 * each document. Arrow's Utf8 offsets are 32 bits and overflow silently, so a builder ends a batch long before that.
 */
import { z } from "zod";
import { Field, Float32, makeData, RecordBatch, Schema, Struct, Utf8, type Data } from "../arrow.ts";

/** A document as a row, for readers of single rows; the pipe itself carries columns. */
export const documentSchema = z.strictObject({
  /** 32 lower-case hex digits: a hash of the source's canonical URI and the record's offset in it. */
  id: z.string().regex(/^[0-9a-f]{32}$/),
  text: z.string(),
  url: z.string().nullable(),
  /** URI relative to the configured root, forward slashes. */
  source: z.string(),
  /** As the source gave it; ISO 8601 where the source is ours. */
  date: z.string().nullable(),
  /** Code such as `en`, as the identifier or the source's config names it. */
  language: z.string().nullable(),
  /** Probability of the language, 0..1; null when it was given and not identified. */
  languageScore: z.number().nullable(),
  /** JSON of the extra fields that the config asked to keep. */
  meta: z.string().nullable(),
});
export type DocumentRow = z.infer<typeof documentSchema>;

/** Names of the text columns, in the order of the Arrow schema (`languageScore` stands before `meta`). */
export const documentTextColumns = ["id", "text", "url", "source", "date", "language", "meta"] as const;
export type DocumentTextColumn = (typeof documentTextColumns)[number];

/** What a batch's texts are when they leave their reader; pages must be extracted before anything is measured. */
export type MediaType = "text/plain" | "text/html";

/** Signals stand behind the fixed columns as nullable 32-bit floats, each named with this prefix. */
export const signalPrefix = "signal_";

/** Bytes of text from which a builder asks to be flushed. */
export const defaultBatchBytes: number = 4 * 2 ** 20;

/** Most bytes that one text column of a batch may hold; one record alone may be as long as `maxRecordBytes`. */
const maxColumnBytes = 2 ** 30;

/**
 * The Arrow schema of a batch of documents.
 *
 * @param signals names without the prefix, in order
 */
export function documentArrowSchema(signals: readonly string[] = []): Schema {
  const text = (name: string, nullable: boolean): Field => new Field(name, new Utf8(), nullable);
  return new Schema([
    text("id", false),
    text("text", false),
    text("url", true),
    text("source", false),
    text("date", true),
    text("language", true),
    new Field("languageScore", new Float32(), true),
    text("meta", true),
    ...signals.map((name) => new Field(`${signalPrefix}${name}`, new Float32(), true)),
  ]);
}

/** Where a column in the making gets its bytes from. */
export interface ColumnMemory {
  /** At least so many bytes; what stands in them does not matter. */
  take(bytes: number): Uint8Array<ArrayBuffer>;
  /** What a column outgrew. */
  giveBack(memory: Uint8Array): void;
}

const freshMemory: ColumnMemory = { take: (bytes) => new Uint8Array(bytes), giveBack: () => undefined };

/** A text column in the making: bytes appended one behind the other, null where nothing was given. */
export class Utf8ColumnBuilder {
  readonly #memory: ColumnMemory;
  /** Taken with the first bytes: of an empty builder there is nothing to give back. */
  #values = new Uint8Array(0);
  /** Bytes of the last batch and some room: the next one is about as long, so it need not grow step by step. */
  #expected = 1 << 16;
  #offsets = new Int32Array(1025);
  #valid = new Uint8Array(1024);
  #length = 0;
  #nullCount = 0;

  constructor(memory: ColumnMemory = freshMemory) {
    this.#memory = memory;
  }

  /** Texts so far. */
  get length(): number {
    return this.#length;
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#offsets[this.#length] as number;
  }

  /** Appends the bytes `source[start .. end)`. */
  append(source: Uint8Array, start = 0, end: number = source.length): void {
    const at = this.#reserve(end - start);
    // A short copy by hand is faster than making a view.
    if (end - start < 48) for (let i = start, to = at; i < end; i++, to++) this.#values[to] = source[i] as number;
    else this.#values.set(source.subarray(start, end), at);
    this.#close(at + end - start, 1);
  }

  /** Appends a string; for names and labels, not for texts of documents. */
  appendString(value: string): void {
    const at = this.#reserve(value.length * 3);
    const { written } = encoder.encodeInto(value, this.#values.subarray(at));
    this.#close(at + written, 1);
  }

  appendNull(): void {
    this.#reserve(0);
    this.#nullCount++;
    this.#close(this.bytes, 0);
  }

  /** The column as Arrow data; the builder is empty afterwards. */
  finish(): Data<Utf8> {
    const length = this.#length;
    const { bytes } = this;
    // Fresh memory costs more than a copy within old memory: a full buffer is given away, one mostly empty is kept.
    const isFull = bytes > this.#values.length / 2;
    const values = isFull ? this.#values : this.#memory.take(bytes);
    if (!isFull) values.set(this.#values.subarray(0, bytes));
    const data = utf8Data(
      {
        values: values.subarray(0, bytes),
        offsets: this.#offsets.slice(0, length + 1),
        length,
      },
      this.#nullCount === 0 ? undefined : this.#valid.subarray(0, length),
    );
    if (isFull) {
      this.#values = new Uint8Array(0);
      this.#expected = Math.max(1 << 16, Math.ceil(bytes * 1.125));
    }
    this.#length = 0;
    this.#nullCount = 0;
    return data;
  }

  #reserve(bytes: number): number {
    const at = this.bytes;
    const wanted = at + bytes;
    if (wanted > maxColumnBytes) throw new RangeError(`A text column would hold ${wanted} bytes`);
    if (wanted > this.#values.length) {
      const grown = this.#memory.take(Math.max(wanted, this.#values.length * 2, this.#expected));
      grown.set(this.#values.subarray(0, at));
      this.#memory.giveBack(this.#values);
      this.#values = grown;
    }
    if (this.#length === this.#valid.length) {
      const offsets = new Int32Array(this.#valid.length * 2 + 1);
      offsets.set(this.#offsets);
      const valid = new Uint8Array(this.#valid.length * 2);
      valid.set(this.#valid);
      this.#offsets = offsets;
      this.#valid = valid;
    }
    return at;
  }

  #close(end: number, valid: 0 | 1): void {
    this.#valid[this.#length] = valid;
    this.#offsets[++this.#length] = end;
  }
}

/** One document for `DocumentBatchBuilder.append`: the text as bytes, the small fields as strings. */
export interface NewDocument {
  readonly id: string;
  readonly text: Uint8Array;
  readonly source: string;
  readonly url?: string | null;
  readonly date?: string | null;
  readonly language?: string | null;
  readonly meta?: string | null;
}

/** Collects documents and hands them out as record batches without signals. */
export class DocumentBatchBuilder {
  readonly #columns: Readonly<Record<DocumentTextColumn, Utf8ColumnBuilder>>;

  /** @param textMemory of the texts alone. @default fresh memory for each batch */
  constructor(textMemory?: ColumnMemory) {
    this.#columns = {
      id: new Utf8ColumnBuilder(),
      text: new Utf8ColumnBuilder(textMemory),
      url: new Utf8ColumnBuilder(),
      source: new Utf8ColumnBuilder(),
      date: new Utf8ColumnBuilder(),
      language: new Utf8ColumnBuilder(),
      meta: new Utf8ColumnBuilder(),
    };
  }

  /** Documents so far. */
  get length(): number {
    return this.#columns.id.length;
  }

  /** Bytes of text so far: flush when it reaches the wanted size of a batch. */
  get textBytes(): number {
    return this.#columns.text.bytes;
  }

  append(document: NewDocument): void {
    this.#columns.id.appendString(document.id);
    this.#columns.text.append(document.text);
    this.#columns.source.appendString(document.source);
    for (const name of ["url", "date", "language", "meta"] as const) {
      const value = document[name];
      if (value === undefined || value === null) this.#columns[name].appendNull();
      else this.#columns[name].appendString(value);
    }
  }

  /** The columns' builders, for readers that append bytes; every column must grow by the same number of rows. */
  get columns(): Readonly<Record<DocumentTextColumn, Utf8ColumnBuilder>> {
    return this.#columns;
  }

  /** The batch so far; the builder is empty afterwards. */
  finish(): RecordBatch {
    const length = this.length;
    const data = Object.fromEntries(documentTextColumns.map((name) => [name, this.#columns[name].finish()]));
    return makeDocumentBatch(length, data as Readonly<Record<DocumentTextColumn, Data<Utf8>>>);
  }
}

/** Makes a batch from columns that are already there; nothing is copied. */
export function makeDocumentBatch(
  length: number,
  columns: Readonly<Record<DocumentTextColumn, Data<Utf8>>>,
  options: {
    /** Probability of each row's language; NaN stands for null. */
    readonly languageScore?: Float32Array;
    /** By name without the prefix; NaN stands for null. */
    readonly signals?: ReadonlyMap<string, Float32Array>;
  } = {},
): RecordBatch {
  const { languageScore = new Float32Array(length).fill(Number.NaN), signals = new Map<string, Float32Array>() } =
    options;
  const schema = documentArrowSchema([...signals.keys()]);
  const children: Data[] = [
    columns.id,
    columns.text,
    columns.url,
    columns.source,
    columns.date,
    columns.language,
    float32Data(languageScore),
    columns.meta,
    ...[...signals.values()].map(float32Data),
  ];
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }));
}

/**
 * A text column as Arrow data, without a copy.
 *
 * @param valid 1 or 0 for each row; absent when all are valid
 */
export function utf8Data(
  column: { readonly values: Uint8Array; readonly offsets: Int32Array; readonly length: number },
  valid?: Uint8Array,
): Data<Utf8> {
  const { values, offsets, length } = column;
  const nulls = valid === undefined ? { nullCount: 0 } : bitmap(length, (row) => valid[row] === 1);
  return makeData({ type: new Utf8(), length, ...nulls, valueOffsets: offsets, data: values });
}

/** A float column as Arrow data; NaN becomes null. */
export function float32Data(values: Float32Array): Data<Float32> {
  const nulls = bitmap(values.length, (row) => !Number.isNaN(values[row]));
  return makeData({ type: new Float32(), length: values.length, ...nulls, data: values });
}

const encoder = new TextEncoder();

function bitmap(length: number, valid: (row: number) => boolean): { nullCount: number; nullBitmap?: Uint8Array } {
  const bits = new Uint8Array(Math.ceil(length / 8));
  let nullCount = 0;
  for (let row = 0; row < length; row++) {
    if (valid(row)) bits[row >> 3] = (bits[row >> 3] as number) | (1 << (row & 7));
    else nullCount++;
  }
  return nullCount === 0 ? { nullCount } : { nullCount, nullBitmap: bits };
}
