/**
 * Filters of a source, applied to batches in the config's order; the first that objects decides.
 *
 * Languages may have filters of their own: after the language filter (at once where there is none) their documents go
 * through those instead. Nothing is removed from the batch: the caller does that by the verdicts.
 */
import type { RecordBatch } from "apache-arrow";
import { lineEditors, type FilterConfig, type FilterName } from "../../schemas/config/filter.ts";
import { loadFilterKernels, type EditedStatisticsChoice } from "../kernels/filter-statistics.ts";
import { parseExpression } from "./expression.ts";
import { prepareFilter, type PreparedFilter } from "./prepare.ts";
import {
  c4SignalNames,
  editedPrefix,
  finewebSignalNames,
  refinedwebSignalNames,
  textSignalNames,
  type TextSignalName,
} from "./signals.ts";
import { FilterState, type FilteredBatch, type KnownFacts } from "./state.ts";

/** What a source's documents go through. */
export interface FilterLists {
  readonly filters: readonly FilterConfig[];
  /** By language code. */
  readonly filtersByLanguage: Readonly<Record<string, readonly FilterConfig[]>>;
}

export interface FilterChain {
  /** Names of the signal columns of every batch, without prefix, in their order. */
  readonly signals: readonly string[];
  apply(batch: RecordBatch, known?: KnownFacts): FilteredBatch;
}

/** Lists that a document may go through, each whole: the common one, and one for each language of its own. */
export function wholeLists({ filters, filtersByLanguage }: FilterLists): readonly (readonly FilterConfig[])[] {
  const { common } = cut(filters);
  return [filters, ...Object.values(filtersByLanguage).map((own) => [...common, ...own])];
}

/** Signals that lists of filters produce, in the order of the columns. */
export function signalNames(lists: FilterLists): readonly string[] {
  const edited = editedChoice(lists) === "fineweb" ? finewebSignalNames : textSignalNames;
  const names = new Set(wholeLists(lists).flatMap((filters) => signalsOfList(filters, edited)));
  const order = [
    ...textSignalNames,
    ...c4SignalNames,
    ...refinedwebSignalNames,
    ...textSignalNames.map((name) => `${editedPrefix}${name}`),
  ];
  return [...order.filter((name) => names.has(name)), ...[...names].filter((name) => !order.includes(name)).sort()];
}

/** Whether a filter looks at text signals. */
export function measuresText(config: FilterConfig): boolean {
  return textSignalsOf(config).length > 0;
}

/** Text signals that a filter looks at. */
function textSignalsOf(config: FilterConfig): readonly TextSignalName[] {
  switch (config.filter) {
    case "gopher-quality":
    case "gopher-repetition":
      return textSignalNames;
    case "fineweb":
      return finewebSignalNames;
    case "length":
      return ["characters", "words"];
    case "word-list":
      return config.maxPerWord !== null && config.maxPerWord < 1 ? ["words"] : [];
    case "expression": {
      const { signals } = parseExpression(config.keep, knownSignals(config.keep));
      return textSignalNames.filter((name) => signals.includes(name));
    }
    case "language":
    case "c4":
    case "refinedweb-lines":
    case "url":
    case "classifier":
      return [];
    default:
      return config satisfies never;
  }
}

/** Whatever an expression names: unknown names are found where the filter is prepared. */
function knownSignals(expression: string): readonly string[] {
  return [...expression.matchAll(/signals\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)/g)].map((match) => match[1] as string);
}

/** What is measured of texts that line rules edited: FineWeb's counts, if no filter behind them looks at more. */
function editedChoice(lists: FilterLists): EditedStatisticsChoice {
  const wanted = wholeLists(lists).flatMap((filters) => cutAtEdit(filters).after.flatMap(textSignalsOf));
  return wanted.every((name) => (finewebSignalNames as readonly string[]).includes(name)) ? "fineweb" : "all";
}

/** Filters that see the text as it was, and the line rules with what follows them. */
function cutAtEdit(filters: readonly FilterConfig[]): {
  readonly before: readonly FilterConfig[];
  readonly after: readonly FilterConfig[];
} {
  const first = filters.findIndex(({ filter }) => lineEditors.includes(filter));
  return first < 0 ? { before: filters, after: [] } : { before: filters.slice(0, first), after: filters.slice(first) };
}

function signalsOfList(filters: readonly FilterConfig[], edited: readonly TextSignalName[]): readonly string[] {
  const { before, after } = cutAtEdit(filters);
  return [
    ...(before.some(measuresText) ? textSignalNames : []),
    ...(after.some(measuresText) ? edited.map((name) => `${editedPrefix}${name}`) : []),
    ...filters.flatMap(ownSignals),
  ];
}

/** Signals that a filter itself adds. */
function ownSignals(config: FilterConfig): readonly string[] {
  switch (config.filter) {
    case "c4":
      return c4SignalNames;
    case "refinedweb-lines":
      return refinedwebSignalNames;
    case "word-list":
      return [`words_${config.name}`];
    case "classifier":
      return [`classifier_${config.name}`];
    default:
      return [];
  }
}

/**
 * Makes the filters of one source; loads the models and lists that they need.
 *
 * @param signals columns that the batches shall have; those that these filters do not produce are null. @default all
 *   that they produce
 * @throws EnvironmentError `language-model-missing`
 * @throws ConfigError `expression-invalid`
 * @throws DataError for a list or classifier that cannot be read
 */
export async function createFilters(
  lists: FilterLists | readonly FilterConfig[],
  signals?: readonly string[],
): Promise<FilterChain> {
  const all: FilterLists = "filters" in lists ? lists : { filters: lists, filtersByLanguage: {} };
  const produced = signalNames(all);
  const edited = editedChoice(all);
  const kernels = await loadFilterKernels();
  const prepareAll = async (filters: readonly FilterConfig[], earlier: readonly FilterConfig[] = []) =>
    await Promise.all(
      filters.map(async (config, i): Promise<NamedFilter> => {
        const known = [...textSignalNames, ...[...earlier, ...filters.slice(0, i)].flatMap(ownSignals)];
        return { name: config.filter, apply: await prepareFilter(config, kernels, known) };
      }),
    );
  const { common, rest } = cut(all.filters);
  const first = await prepareAll(common);
  const others = await prepareAll(rest, common);
  const own = new Map<string, readonly NamedFilter[]>();
  for (const [language, filters] of Object.entries(all.filtersByLanguage)) {
    own.set(language, await prepareAll(filters, common));
  }
  return {
    signals: signals ?? produced,
    apply(batch, known) {
      const state = new FilterState(batch, kernels, edited, known);
      const apply = (filters: readonly NamedFilter[], rows?: ReadonlySet<number>): void => {
        for (const filter of filters) {
          filter.apply(state, rows);
          known?.onFiltered?.(filter.name);
        }
      };
      apply(first);
      if (own.size === 0) apply(others);
      else for (const { language, rows } of groupByLanguage(state, own)) apply(own.get(language) ?? others, rows);
      return state.finish(signals ?? produced);
    },
  };
}

/** The language filter with what stands before it, and the rest. */
function cut(filters: readonly FilterConfig[]): { readonly common: FilterConfig[]; readonly rest: FilterConfig[] } {
  const at = filters.findIndex(({ filter }) => filter === "language") + 1;
  return { common: filters.slice(0, at), rest: filters.slice(at) };
}

/** Rows that are still in, by the language whose filters they go through; empty for the common ones. */
function groupByLanguage(
  state: FilterState,
  own: ReadonlyMap<string, readonly NamedFilter[]>,
): readonly { readonly language: string; readonly rows: ReadonlySet<number> }[] {
  const { languages } = state;
  const groups = Map.groupBy(state.alive(), (row) => {
    const language = languages[row] ?? "";
    return own.has(language) ? language : "";
  });
  return [...groups].map(([language, rows]) => ({ language, rows: new Set(rows) }));
}

interface NamedFilter {
  readonly name: FilterName;
  readonly apply: PreparedFilter;
}
