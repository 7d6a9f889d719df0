/** Filters made ready: from a config to a function of the state of a batch. Each decides rows that are still in. */
import type {
  C4FilterConfig,
  ClassifierFilterConfig,
  ExpressionFilterConfig,
  FilterConfig,
  FilterName,
  LanguageFilterConfig,
  RefinedwebLinesFilterConfig,
  WordListFilterConfig,
} from "../../schemas/config/filter.ts";
import { assert, ConfigError } from "../base/index.ts";
import type { FastTextClassifier } from "../kernels/fasttext.ts";
import type { FilterKernels } from "../kernels/filter-statistics.ts";
import { loadKernels } from "../kernels/index.ts";
import { parseExpression } from "./expression.ts";
import { hasLetter, loadLanguageIdentifier } from "./language.ts";
import { loadModel } from "./models.ts";
import { editRefinedwebLines } from "./refinedweb-lines.ts";
import * as rules from "./rules.ts";
import type { Verdict } from "./rules.ts";
import {
  finewebSignalNames,
  repetitionSignals,
  textSignalNames,
  type TextSignalName,
  type TextSignals,
} from "./signals.ts";
import type { FilterState } from "./state.ts";
import { loadUrlJudge } from "./url.ts";
import { loadWordCounter, type WordCounter } from "./word-list.ts";

/** Decides about the given rows, or all, that are still in. */
export type PreparedFilter = (state: FilterState, rows?: ReadonlySet<number>) => void;

/**
 * Loads what a filter needs.
 *
 * @param signals names that its expression may use
 */
export async function prepareFilter(
  config: FilterConfig,
  kernels: FilterKernels,
  signals: readonly string[],
): Promise<PreparedFilter> {
  switch (config.filter) {
    case "language":
      return language(config, await loadLanguageIdentifier(config));
    case "c4":
      return c4(config, kernels);
    case "refinedweb-lines":
      return refinedwebLines(config);
    case "gopher-quality":
      return judge(config.filter, rules.qualitySignals, (signals) => rules.judgeGopherQuality(signals, config));
    case "gopher-repetition":
      return judge(
        config.filter,
        repetitionSignals,
        (signals) => rules.judgeGopherRepetition(signals, config),
        rules.repetitionLimits(config),
      );
    case "fineweb":
      return judge(config.filter, finewebSignalNames, (signals) => rules.judgeFineweb(signals, config));
    case "length":
      return judge(config.filter, rules.lengthSignals, (signals) => rules.judgeLength(signals, config));
    case "url":
      return url(config.filter, await loadUrlJudge(config));
    case "word-list":
      return wordList(config, await loadWordCounter(config, await loadKernels()));
    case "expression":
      return expression(config, signals);
    case "classifier":
      return classifier(config, await loadModel(config.model, "classifier"));
    default:
      return config satisfies never;
  }
}

/** @param limits beyond which the rule turns a document away, whatever is measured of it further on. @default none */
function judge<Name extends TextSignalName>(
  filter: FilterName,
  names: readonly Name[],
  rule: (signals: Pick<TextSignals, Name>) => Verdict | null,
  limits?: Float32Array,
): PreparedFilter {
  return (state, group) => {
    const rows = state.alive(group);
    if (rows.length === 0) return;
    const columns = state.measure(rows, limits);
    // One object for all rows: rules only read it.
    const measured = {} as Record<Name, number>;
    const whole = limits === undefined ? undefined : columns.duplicate10Grams;
    for (const row of rows) {
      for (const name of names) measured[name] = columns[name][row] as number;
      const verdict = rule(measured);
      const isWhole = whole === undefined || state.isEdited(row) || !Number.isNaN(whole[row]);
      assert(verdict !== null || isWhole, "what stays is measured whole");
      state.decide(row, filter, verdict);
    }
  };
}

function language(config: LanguageFilterConfig, identifier: FastTextClassifier): PreparedFilter {
  return (state, group) => {
    const rows = state.alive(group);
    const { languages, languageScore, identified } = state;
    const isKnown = (row: number): boolean => identified !== undefined && !Number.isNaN(identified.scores[row]);
    for (const row of rows) {
      if (languages[row] !== null || !isKnown(row)) continue;
      languages[row] = identified?.languages[row] ?? null;
      languageScore[row] = identified?.scores[row] as number;
    }
    const asked = rows.filter((row) => languages[row] === null && !isKnown(row));
    const texts = state.texts(asked);
    const { labelIndex, probability } = identifier.predict(texts, { k: 1, maxCodePoints: config.maxCodePoints });
    for (const [i, row] of asked.entries()) {
      const label = labelIndex[i] as number;
      // The model has an opinion on digits and on nothing at all, too.
      const hasLanguage = label >= 0 && hasLetter(texts, i, config.maxCodePoints);
      languages[row] = hasLanguage ? (identifier.labels[label] as string) : null;
      if (label >= 0) languageScore[row] = probability[i] as number;
    }
    for (const row of rows) {
      const score = languageScore[row] as number;
      state.decide(row, config.filter, rules.judgeLanguage(languages[row] as string | null, score, config));
    }
  };
}

function c4(config: C4FilterConfig, kernels: FilterKernels): PreparedFilter {
  return (state, group) => {
    const sentences = state.signal("c4Sentences");
    const dropped = state.signal("c4DroppedLines");
    const rows = state.alive(group);
    const edit = kernels.editC4Lines(state.texts(rows), config);
    for (const [i, row] of rows.entries()) {
      sentences[row] = edit.sentences[i] as number;
      dropped[row] = edit.droppedLines[i] as number;
      const found = {
        sentences: edit.sentences[i] as number,
        loremIpsum: edit.loremIpsum[i] === 1,
        curlyBracket: edit.curlyBracket[i] === 1,
      };
      state.decide(row, config.filter, rules.judgeC4(found, config) ?? rules.judgeLeft(edit.text, i));
    }
    state.edit(rows, edit.text, edit.changed);
  };
}

function refinedwebLines(config: RefinedwebLinesFilterConfig): PreparedFilter {
  return (state, group) => {
    const dropped = state.signal("refinedwebDroppedLines");
    const removed = state.signal("refinedwebRemovedWords");
    const rows = state.alive(group);
    const edit = editRefinedwebLines(state.texts(rows), config);
    state.edit(rows, edit.text, edit.changed);
    for (const [i, row] of rows.entries()) {
      dropped[row] = edit.droppedLines[i] as number;
      removed[row] = edit.removedWords[i] as number;
      const verdict = rules.judgeRefinedwebLines(removed[row], config) ?? rules.judgeLeft(edit.text, i);
      state.decide(row, config.filter, verdict);
    }
  };
}

function url(filter: FilterName, judgeUrl: (url: string | null) => Verdict | null): PreparedFilter {
  return (state, group) => {
    const urls = state.strings("url");
    for (const row of state.alive(group)) state.decide(row, filter, judgeUrl(urls[row] as string | null));
  };
}

function wordList(config: WordListFilterConfig, count: WordCounter): PreparedFilter {
  const needsWords = config.maxPerWord !== null && config.maxPerWord < 1;
  return (state, group) => {
    const occurrences = state.signal(`words_${config.name}`);
    const rows = state.alive(group);
    const counts = count(state.texts(rows));
    for (const [i, row] of rows.entries()) occurrences[row] = counts[i] as number;
    const { words } = needsWords && rows.length > 0 ? state.measure(rows) : { words: undefined };
    for (const row of rows) {
      const verdict = rules.judgeWordList(occurrences[row] as number, words?.[row] ?? 0, config);
      state.decide(row, config.filter, verdict);
    }
  };
}

function expression(config: ExpressionFilterConfig, known: readonly string[]): PreparedFilter {
  const parsed = parseExpression(config.keep, known);
  const texts = textSignalNames.filter((name) => parsed.signals.includes(name));
  const others = parsed.signals.filter((name) => !texts.includes(name as TextSignalName));
  return (state, group) => {
    const rows = state.alive(group);
    if (rows.length === 0) return;
    const measured = texts.length === 0 ? undefined : state.measure(rows);
    const columns = others.map((name) => state.signal(name));
    const [urls, sources, dates] = [state.strings("url"), state.strings("source"), state.strings("date")];
    for (const row of rows) {
      const signals: Record<string, number> = {};
      for (const name of texts) signals[name] = measured?.[name][row] as number;
      for (const [i, name] of others.entries()) signals[name] = columns[i]?.[row] as number;
      const kept = parsed.evaluate({
        signals,
        language: state.languages[row] as string | null,
        languageScore: state.languageScore[row] as number,
        url: urls[row] as string | null,
        source: sources[row] as string | null,
        date: dates[row] as string | null,
      });
      state.decide(row, config.filter, kept ? null : { reason: config.name, value: null });
    }
  };
}

function classifier(config: ClassifierFilterConfig, model: FastTextClassifier): PreparedFilter {
  const wanted = model.labels.indexOf(config.label);
  if (wanted < 0) {
    throw new ConfigError(
      "label-unknown",
      `The classifier ${config.model} has no label "${config.label}"; it has: ${model.labels.slice(0, 20).join(", ")}`,
      [{ path: "filters", message: `label "${config.label}" is not in ${config.model}` }],
    );
  }
  const k = model.labels.length;
  return (state, group) => {
    const scores = state.signal(`classifier_${config.name}`);
    const rows = state.alive(group);
    const { maxCodePoints } = config;
    const found = model.predict(state.texts(rows), { k, ...(maxCodePoints !== null && { maxCodePoints }) });
    for (const [i, row] of rows.entries()) {
      const at = found.labelIndex.subarray(i * k, (i + 1) * k).indexOf(wanted);
      scores[row] = at < 0 ? 0 : (found.probability[i * k + at] as number);
      state.decide(row, config.filter, rules.judgeClassifier(scores[row], config));
    }
  };
}
