/**
 * Filters of a source, applied to batches in the config's order; the first that objects decides.
 *
 * Only documents that are still in are measured, and after C4 dropped lines only those that it changed are measured
 * again. Nothing is removed from the batch: the caller does that by the verdicts.
 */
import type { RecordBatch, Utf8, Data } from "apache-arrow";
import type { C4FilterConfig, FilterConfig, FilterName, LanguageFilterConfig } from "../../schemas/config/filter.ts";
import {
  documentTextColumns,
  makeDocumentBatch,
  Utf8ColumnBuilder,
  type DocumentTextColumn,
} from "../../schemas/record/document.ts";
import { utf8Column } from "../base/index.ts";
import type { FastTextClassifier } from "../kernels/fasttext.ts";
import { loadFilterKernels, type FilterKernels } from "../kernels/filter-statistics.ts";
import type { TextColumn } from "../kernels/types.ts";
import { loadLanguageIdentifier } from "./language.ts";
import * as rules from "./rules.ts";
import type { Verdict } from "./rules.ts";
import {
  c4SignalNames,
  editedPrefix,
  fillTextSignals,
  textSignalColumns,
  textSignalNames,
  textSignalsOf,
  type TextSignalColumns,
} from "./signals.ts";

/** Which filter turned a document away, and why. */
export interface Rejection extends Verdict {
  readonly filter: FilterName;
}

export interface FilteredBatch {
  /**
   * The same rows as the input, with language, signals and, for rows that were not rejected, the text that C4's line
   * rules left. Columns that did not change are shared with the input.
   */
  readonly batch: RecordBatch;
  /** One entry a row: null for a document that is kept. */
  readonly rejections: readonly (Rejection | null)[];
  /** Bytes of text that line rules took out of kept documents. */
  readonly editedBytes: number;
}

export interface FilterChain {
  /** Names of the signal columns of every batch, without prefix, in their order. */
  readonly signals: readonly string[];
  apply(batch: RecordBatch): FilteredBatch;
}

/** Signals that a list of filters produces, in the order of the columns. */
export function signalNames(filters: readonly FilterConfig[]): readonly string[] {
  const names = filters.map(({ filter }) => filter);
  const measures = names.some((name) => name !== "language" && name !== "c4");
  const afterC4 = names.indexOf("c4") >= 0 && names.slice(names.indexOf("c4") + 1).some((name) => name !== "language");
  const before = names.indexOf("c4") < 0 ? names : names.slice(0, names.indexOf("c4"));
  const measuresBefore = measures && before.some((name) => name !== "language");
  return [
    ...(measuresBefore ? textSignalNames : []),
    ...(names.includes("c4") ? c4SignalNames : []),
    ...(afterC4 ? textSignalNames.map((name) => `${editedPrefix}${name}`) : []),
  ];
}

/**
 * Makes the filters of one source; loads the language model if there is a language filter.
 *
 * @param signals columns that the batches shall have; those that these filters do not produce are null. @default all
 *   that they produce
 * @throws EnvironmentError `language-model-missing`
 */
export async function createFilters(
  filters: readonly FilterConfig[],
  signals: readonly string[] = signalNames(filters),
): Promise<FilterChain> {
  const language = filters.find((filter) => filter.filter === "language");
  const identifier = language === undefined ? undefined : await loadLanguageIdentifier(language);
  const kernels = await loadFilterKernels();
  return {
    signals,
    apply(batch) {
      const state = new FilterState(batch, kernels);
      for (const config of filters) applyFilter(state, config, identifier);
      return state.finish(signals);
    },
  };
}

function applyFilter(state: FilterState, config: FilterConfig, identifier: FastTextClassifier | undefined): void {
  switch (config.filter) {
    case "language":
      if (identifier !== undefined) state.identify(config, identifier);
      return;
    case "c4":
      return state.editLines(config);
    case "gopher-quality":
      return state.judge(config.filter, (signals) => rules.judgeGopherQuality(signals, config));
    case "gopher-repetition":
      return state.judge(config.filter, (signals) => rules.judgeGopherRepetition(signals, config));
    case "fineweb":
      return state.judge(config.filter, (signals) => rules.judgeFineweb(signals, config));
    case "length":
      return state.judge(config.filter, (signals) => rules.judgeLength(signals, config));
    default:
      config satisfies never;
  }
}

/** One batch on its way through the filters. */
class FilterState {
  readonly #batch: RecordBatch;
  readonly #kernels: FilterKernels;
  readonly #original: TextColumn;
  readonly #rejections: (Rejection | null)[];
  /** Text of each row as it is now; rows of `#edited` that C4 saw, by their row in the batch. */
  #edited: { readonly text: TextColumn; readonly rowOf: Int32Array; readonly changed: Uint8Array } | undefined;
  #measured: TextSignalColumns | undefined;
  readonly #signals = new Map<string, Float32Array>();
  #language: (string | null)[] | undefined;
  #languageScore: Float32Array;

  constructor(batch: RecordBatch, kernels: FilterKernels) {
    this.#batch = batch;
    this.#kernels = kernels;
    this.#original = utf8Column(batch, "text", "batch");
    this.#rejections = Array.from({ length: batch.numRows }, () => null);
    this.#languageScore = new Float32Array(batch.numRows).fill(Number.NaN);
  }

  #alive(): Int32Array {
    const rows: number[] = [];
    for (const [row, rejection] of this.#rejections.entries()) if (rejection === null) rows.push(row);
    return Int32Array.from(rows);
  }

  identify(config: LanguageFilterConfig, identifier: FastTextClassifier): void {
    const given = this.#batch.getChild("language");
    const languages = Array.from({ length: this.#batch.numRows }, (_, row) => given?.get(row) as string | null);
    const alive = this.#alive();
    const asked = alive.filter((row) => languages[row] === null);
    const { labelIndex, probability } = identifier.predict(this.#texts(asked), {
      k: 1,
      maxCodePoints: config.maxCodePoints,
    });
    for (const [i, row] of asked.entries()) {
      const label = labelIndex[i] as number;
      languages[row] = label < 0 ? null : (identifier.labels[label] as string);
      if (label >= 0) this.#languageScore[row] = probability[i] as number;
    }
    this.#language = languages;
    for (const row of alive) {
      const score = this.#languageScore[row] as number;
      this.#decide(row, "language", rules.judgeLanguage(languages[row] as string | null, score, config));
    }
  }

  judge(filter: FilterName, rule: (signals: ReturnType<typeof textSignalsOf>) => Verdict | null): void {
    const alive = this.#alive();
    const columns = this.#measure(alive);
    for (const row of alive) this.#decide(row, filter, rule(textSignalsOf(columns, row)));
  }

  editLines(config: C4FilterConfig): void {
    const alive = this.#alive();
    const edit = this.#kernels.editC4Lines(this.#texts(alive), config);
    const sentences = this.#signal("c4Sentences");
    const dropped = this.#signal("c4DroppedLines");
    const rowOf = new Int32Array(this.#batch.numRows).fill(-1);
    for (const [i, row] of alive.entries()) {
      rowOf[row] = i;
      sentences[row] = edit.sentences[i] as number;
      dropped[row] = edit.droppedLines[i] as number;
      const found = {
        sentences: edit.sentences[i] as number,
        loremIpsum: edit.loremIpsum[i] === 1,
        curlyBracket: edit.curlyBracket[i] === 1,
      };
      this.#decide(row, "c4", rules.judgeC4(found, config));
    }
    this.#edited = { text: edit.text, rowOf, changed: edit.changed };
    this.#measured = undefined;
  }

  finish(signals: readonly string[]): FilteredBatch {
    const { numRows } = this.#batch;
    const columns = Object.fromEntries(documentTextColumns.map((name) => [name, this.#column(name)])) as Record<
      DocumentTextColumn,
      Data<Utf8>
    >;
    let editedBytes = 0;
    if (this.#edited !== undefined) {
      const builder = new Utf8ColumnBuilder();
      for (let row = 0; row < numRows; row++) {
        const { column, at } = this.#textAt(this.#rejections[row] === null ? row : -1, row);
        builder.append(column.values, column.offsets[at], column.offsets[at + 1]);
        editedBytes += lengthAt(this.#original, row) - lengthAt(column, at);
      }
      columns.text = builder.finish();
    }
    if (this.#language !== undefined) {
      const builder = new Utf8ColumnBuilder();
      for (const language of this.#language) {
        if (language === null) builder.appendNull();
        else builder.appendString(language);
      }
      columns.language = builder.finish();
    }
    const chosen = new Map(
      signals.map((name) => [name, this.#signals.get(name) ?? new Float32Array(numRows).fill(Number.NaN)]),
    );
    const batch = makeDocumentBatch(numRows, columns, { languageScore: this.#languageScore, signals: chosen });
    return { batch, rejections: this.#rejections, editedBytes };
  }

  #decide(row: number, filter: FilterName, verdict: Verdict | null): void {
    if (verdict !== null) this.#rejections[row] = { filter, ...verdict };
  }

  /** Signals of the given rows' present texts. */
  #measure(rows: Int32Array): TextSignalColumns {
    if (this.#measured !== undefined) return this.#measured;
    const prefix = this.#edited === undefined ? "" : editedPrefix;
    const columns = textSignalColumns(this.#batch.numRows);
    const edited = this.#edited;
    // What C4 left as it was has the signals that it had before, if they were measured.
    const isKnown = (row: number): boolean =>
      edited !== undefined &&
      this.#signals.has(textSignalNames[0] as string) &&
      edited.changed[edited.rowOf[row] as number] === 0;
    const fresh = rows.filter((row) => !isKnown(row));
    for (const row of rows) {
      if (!isKnown(row)) continue;
      for (const name of textSignalNames) columns[name][row] = this.#signals.get(name)?.[row] as number;
    }
    fillTextSignals(columns, this.#kernels.computeFilterStatistics(this.#texts(fresh)), fresh);
    for (const name of textSignalNames) this.#signals.set(`${prefix}${name}`, columns[name]);
    this.#measured = columns;
    return columns;
  }

  #signal(name: string): Float32Array {
    const column = new Float32Array(this.#batch.numRows).fill(Number.NaN);
    this.#signals.set(name, column);
    return column;
  }

  /** Present texts of some rows: the column itself when it is all of them, otherwise a copy. */
  #texts(rows: Int32Array): TextColumn {
    if (this.#edited === undefined && rows.length === this.#original.length) return this.#original;
    const builder = new Utf8ColumnBuilder();
    for (const row of rows) {
      const { column, at } = this.#textAt(row, row);
      builder.append(column.values, column.offsets[at], column.offsets[at + 1]);
    }
    const data = builder.finish();
    return { values: data.values, offsets: data.valueOffsets, length: rows.length };
  }

  /** Where the present text of a row stands; `row` -1 asks for the original of `fallback`. */
  #textAt(row: number, fallback: number): { readonly column: TextColumn; readonly at: number } {
    const at = row < 0 ? -1 : (this.#edited?.rowOf[row] ?? -1);
    return at < 0 || this.#edited === undefined
      ? { column: this.#original, at: fallback }
      : { column: this.#edited.text, at };
  }

  #column(name: DocumentTextColumn): Data<Utf8> {
    const index = this.#batch.schema.fields.findIndex((field) => field.name === name);
    // Batches of documents have all text columns, by their schema.
    return this.#batch.data.children[index] as Data<Utf8>;
  }
}

function lengthAt(column: TextColumn, row: number): number {
  return (column.offsets[row + 1] as number) - (column.offsets[row] as number);
}
