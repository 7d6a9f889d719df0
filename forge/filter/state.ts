/**
 * One batch on its way through the filters: which rows are still in, their present texts, and what was measured.
 *
 * Only rows that are still in are measured, and after an edit only texts that it changed are measured again. Signals
 * of the original texts that the batch brings along (it was filtered before and stored) are not measured again.
 */
import type { Data, RecordBatch, Utf8 } from "apache-arrow";
import type { FilterName } from "../../schemas/config/filter.ts";
import {
  documentTextColumns,
  makeDocumentBatch,
  signalPrefix,
  Utf8ColumnBuilder,
  type DocumentTextColumn,
} from "../../schemas/record/document.ts";
import { utf8Column } from "../base/index.ts";
import type { EditedStatisticsChoice, FilterKernels } from "../kernels/filter-statistics.ts";
import type { TextColumn } from "../kernels/types.ts";
import type { Verdict } from "./rules.ts";
import {
  editedPrefix,
  exceedsLimits,
  fillTextSignals,
  finewebSignalNames,
  signalStages,
  textSignalNames,
  type TextSignalColumns,
  type TextSignalName,
} from "./signals.ts";

/** Which filter turned a document away, and why. */
export interface Rejection extends Verdict {
  readonly filter: FilterName;
}

export interface FilteredBatch {
  /** The same rows and texts as the input, with language and signals. Columns that did not change are shared with it. */
  readonly batch: RecordBatch;
  /** Texts that line rules left of some rows, in fresh memory unless they are the input's whole column. */
  readonly texts: (rows: Int32Array) => TextColumn;
  /** One entry a row: null for a document that is kept. */
  readonly rejections: readonly (Rejection | null)[];
  /** Bytes of text that line rules took out of kept documents. */
  readonly editedBytes: number;
  /** 1 for kept documents that line rules changed. */
  readonly edited: Uint8Array;
}

/** What is known about a batch's rows before any filter looks at them. */
export interface KnownFacts {
  /** Told after each filter, by its name. */
  readonly onFiltered?: ((filter: FilterName) => void) | undefined;
  /** Rows that are out already: they are neither measured nor rejected. */
  readonly refused?: ReadonlySet<number> | undefined;
  /** Languages that the filters' own model identified earlier; a score of NaN where it did not look. */
  readonly identified?: { readonly languages: readonly (string | null)[]; readonly scores: Float32Array } | undefined;
}

export class FilterState {
  readonly batch: RecordBatch;
  /** Languages that were identified before by the same model. */
  readonly identified: KnownFacts["identified"];
  readonly rejections: (Rejection | null)[];
  readonly #kernels: FilterKernels;
  readonly #original: TextColumn;
  readonly #signals = new Map<string, Float32Array>();
  /** Signals of the original texts that the batch brought along. */
  readonly #known = new Map<string, Float32Array>();
  /** Edited texts: row `r`, if edited, is text `#editAt[r]` of `#edits[#editOf[r]]`. */
  readonly #edits: TextColumn[] = [];
  readonly #editOf: Int32Array;
  readonly #editAt: Int32Array;
  /** 1 for rows whose text line rules have seen; of these, rows whose text they changed. */
  readonly #isEdited: Uint8Array;
  readonly #isChanged: Uint8Array;
  readonly #refused: ReadonlySet<number>;
  /** Signals that are wanted of edited texts. */
  readonly #editedSignals: readonly TextSignalName[];
  #languages: (string | null)[] | undefined;
  readonly #languageScore: Float32Array;

  /** @param edited which counts of edited texts the filters need */
  constructor(
    batch: RecordBatch,
    kernels: FilterKernels,
    edited: EditedStatisticsChoice,
    { refused = new Set(), identified }: KnownFacts = {},
  ) {
    const rows = batch.numRows;
    this.batch = batch;
    this.#kernels = kernels;
    this.#original = utf8Column(batch, "text", "batch");
    this.rejections = Array.from({ length: rows }, () => null);
    this.#editOf = new Int32Array(rows).fill(-1);
    this.#editAt = new Int32Array(rows);
    this.#isEdited = new Uint8Array(rows);
    this.#isChanged = new Uint8Array(rows);
    this.#refused = refused;
    this.#editedSignals = edited === "fineweb" ? finewebSignalNames : textSignalNames;
    this.identified = identified;
    this.#languageScore = this.#stored("languageScore");
    for (const { name } of batch.schema.fields) {
      if (name.startsWith(signalPrefix)) this.#known.set(name.slice(signalPrefix.length), this.#stored(name));
    }
  }

  /** Rows that are still in, of those given. */
  alive(rows?: ReadonlySet<number>): Int32Array {
    const alive: number[] = [];
    for (let row = 0; row < this.rejections.length; row++) {
      if (this.rejections[row] !== null || this.#refused.has(row)) continue;
      if (rows === undefined || rows.has(row)) alive.push(row);
    }
    return Int32Array.from(alive);
  }

  decide(row: number, filter: FilterName, verdict: Verdict | null): void {
    if (verdict !== null) this.rejections[row] = { filter, ...verdict };
  }

  /** A column of signals; NaN where nothing is known yet. */
  signal(name: string): Float32Array {
    let column = this.#signals.get(name);
    if (column === undefined) {
      column = new Float32Array(this.batch.numRows).fill(Number.NaN);
      this.#signals.set(name, column);
    }
    return column;
  }

  /** Codes of the rows' languages as they are known now; entries may be set. */
  get languages(): (string | null)[] {
    this.#languages ??= this.strings("language");
    return this.#languages;
  }

  get languageScore(): Float32Array {
    return this.#languageScore;
  }

  /** A text column of the batch as strings: for names and URLs, not for texts of documents. */
  strings(name: "language" | "url" | "source" | "date"): (string | null)[] {
    const column = this.batch.getChild(name);
    return Array.from({ length: this.batch.numRows }, (_, row) => (column?.get(row) ?? null) as string | null);
  }

  /** Whether line rules have seen the row's text already. */
  isEdited(row: number): boolean {
    return this.#isEdited[row] === 1;
  }

  /**
   * Signals of the present texts of some rows, which have all been edited or none of them. Of edited texts only those
   * that the filters need are known.
   *
   * @param limits of the repetition rules: a text above one is measured no further than that. @default none
   */
  measure(rows: Int32Array, limits?: Float32Array): TextSignalColumns {
    const edited = rows.length > 0 && this.isEdited(rows[0] as number);
    const columns = Object.fromEntries(
      textSignalNames.map((name) => [name, this.signal(`${edited ? editedPrefix : ""}${name}`)]),
    ) as TextSignalColumns;
    if (edited) this.#measureEdited(rows, columns);
    else this.#measureOriginal(rows, columns, limits);
    return columns;
  }

  #measureOriginal(rows: Int32Array, columns: TextSignalColumns, limits: Float32Array | undefined): void {
    const isWhole = (row: number): boolean => !Number.isNaN(columns.duplicate10Grams[row]);
    const fresh = rows.filter((row) => !isWhole(row) && !this.#takeKnown(row, columns, limits));
    if (fresh.length === 0) return;
    const texts = this.texts(fresh);
    if (limits === undefined) {
      fillTextSignals(columns, this.#kernels.computeFilterStatistics(texts), fresh, textSignalNames);
      return;
    }
    const { statistics, stages } = this.#kernels.computeStatisticsWithin(texts, limits);
    fillTextSignals(columns, statistics, fresh, textSignalNames, stages);
  }

  /** Takes over what was stored, as far as it would be measured; false where it does not suffice. */
  #takeKnown(row: number, columns: TextSignalColumns, limits: Float32Array | undefined): boolean {
    for (const [stage, names] of signalStages.entries()) {
      for (const name of names) {
        const value = this.#known.get(name)?.[row] ?? Number.NaN;
        if (Number.isNaN(value)) return false;
        columns[name][row] = value;
      }
      if (limits !== undefined && exceedsLimits(columns, row, stage, limits)) return true;
    }
    return true;
  }

  /** What no rule changed has the signals that it had before. */
  #measureEdited(rows: Int32Array, columns: TextSignalColumns): void {
    const names = this.#editedSignals;
    const before = names.map((name) => [name, this.signal(name)] as const);
    const characters = this.signal("characters");
    const fresh: number[] = [];
    for (const row of rows) {
      if (!Number.isNaN(columns.characters[row])) continue;
      if (this.#isChanged[row] === 1 || Number.isNaN(characters[row])) fresh.push(row);
      else for (const [name, values] of before) columns[name][row] = values[row] as number;
    }
    if (fresh.length === 0) return;
    const texts = this.texts(Int32Array.from(fresh));
    const isAll = names === textSignalNames;
    const statistics = isAll
      ? this.#kernels.computeFilterStatistics(texts)
      : this.#kernels.computeFinewebStatistics(texts);
    fillTextSignals(columns, statistics, fresh, names);
  }

  /** Takes over what line rules made of the present texts of some rows. */
  edit(rows: Int32Array, text: TextColumn, changed: Uint8Array): void {
    const column = this.#edits.push(text) - 1;
    for (const [i, row] of rows.entries()) {
      this.#editOf[row] = column;
      this.#editAt[row] = i;
      this.#isEdited[row] = 1;
      if (changed[i] === 1) this.#isChanged[row] = 1;
    }
  }

  /**
   * Present texts of some rows: the column itself when it is all of them as they were, otherwise a copy that is
   * overwritten by the next call: kernels take their own at once.
   */
  texts(rows: Int32Array): TextColumn {
    return this.#gather(rows, (bytes) => {
      if (bytes > scratch.length) scratch = new Uint8Array(Math.ceil(bytes * 1.25));
      return scratch;
    });
  }

  #gather(rows: Int32Array, reserve: (bytes: number) => Uint8Array): TextColumn {
    if (this.#edits.length === 0 && rows.length === this.#original.length) return this.#original;
    const offsets = new Int32Array(rows.length + 1);
    for (let i = 0; i < rows.length; i++) {
      const { column, at } = this.#textAt(rows[i] as number);
      offsets[i + 1] = (offsets[i] as number) + lengthAt(column, at);
    }
    const values = reserve(offsets[rows.length] as number);
    for (let i = 0; i < rows.length; i++) {
      const { column, at } = this.#textAt(rows[i] as number);
      values.set(column.values.subarray(column.offsets[at], column.offsets[at + 1]), offsets[i]);
    }
    return { values, offsets, length: rows.length };
  }

  /** @param signals names of the columns that the batch shall have */
  finish(signals: readonly string[]): FilteredBatch {
    const { numRows } = this.batch;
    const columns = Object.fromEntries(documentTextColumns.map((name) => [name, this.#column(name)])) as Record<
      DocumentTextColumn,
      Data<Utf8>
    >;
    let editedBytes = 0;
    for (let row = 0; row < numRows && this.#edits.length > 0; row++) {
      if (this.rejections[row] !== null) continue;
      const { column, at } = this.#textAt(row);
      editedBytes += lengthAt(this.#original, row) - lengthAt(column, at);
    }
    if (this.#languages !== undefined) {
      const builder = new Utf8ColumnBuilder();
      for (const language of this.#languages) {
        if (language === null) builder.appendNull();
        else builder.appendString(language);
      }
      columns.language = builder.finish();
    }
    const chosen = new Map(
      signals.map((name) => [name, this.#signals.get(name) ?? new Float32Array(numRows).fill(Number.NaN)]),
    );
    const batch = makeDocumentBatch(numRows, columns, { languageScore: this.#languageScore, signals: chosen });
    const edited = this.#isChanged.map((changed, row) => (this.rejections[row] === null ? changed : 0));
    const texts = (rows: Int32Array): TextColumn => this.#gather(rows, (bytes) => new Uint8Array(bytes));
    return { batch, texts, rejections: this.rejections, editedBytes, edited };
  }

  #textAt(row: number): { readonly column: TextColumn; readonly at: number } {
    const edit = this.#edits[this.#editOf[row] as number];
    return edit === undefined ? { column: this.#original, at: row } : { column: edit, at: this.#editAt[row] as number };
  }

  /** A copy of a float column of the batch, NaN for null; all NaN when there is none. */
  #stored(name: string): Float32Array {
    const { numRows } = this.batch;
    const index = this.batch.schema.fields.findIndex((field) => field.name === name);
    const column = this.batch.data.children[index];
    if (column === undefined) return new Float32Array(numRows).fill(Number.NaN);
    const values = (column.values as Float32Array).slice(0, numRows);
    if (column.nullCount > 0)
      for (let row = 0; row < numRows; row++) if (!column.getValid(row)) values[row] = Number.NaN;
    return values;
  }

  #column(name: DocumentTextColumn): Data<Utf8> {
    const index = this.batch.schema.fields.findIndex((field) => field.name === name);
    // Batches of documents have all text columns, by their schema.
    return this.batch.data.children[index] as Data<Utf8>;
  }
}

/** Memory for `texts`, kept because fresh memory costs more than the copy. */
let scratch: Uint8Array = new Uint8Array(1 << 20);

function lengthAt(column: TextColumn, row: number): number {
  return (column.offsets[row + 1] as number) - (column.offsets[row] as number);
}
