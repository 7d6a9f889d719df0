/**
 * Measures language identification on texts whose language is known, and prints the tables of
 * docs/benchmarks/language-identification.md: `node scripts/calibrate-language.ts FOLDER… [--answers FILE]`.
 *
 * A folder holds one folder a language, with manual pages or plain text: /usr/share/man, or the same of unpacked
 * packages. `--answers` also writes every answer as a line of JSON.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { languageFilterSchema } from "../schemas/config/filter.ts";
import { loadLanguageIdentifier } from "../forge/filter/language.ts";
import {
  calibrationOf,
  figuresOf,
  lowestThreshold,
  ownThreshold,
  pointAt,
  usual,
  type Answer,
} from "./language/figures.ts";
import { answersOf } from "./language/identify.ts";
import { readSample, type LabelledTexts } from "./language/sample.ts";

/** Lengths of the pieces, in characters; the filter reads the first 1,000. */
const lengths = [100, 300, 1000];
/** Languages with fewer pieces are left out: their figures would be noise. */
const fewPieces = 20;

const { values, positionals } = parseArgs({ options: { answers: { type: "string" } }, allowPositionals: true });
if (positionals.length === 0) {
  process.stderr.write("usage: node scripts/calibrate-language.ts FOLDER… [--answers FILE]\n");
  process.exitCode = 2;
} else {
  const identifier = await loadLanguageIdentifier(languageFilterSchema.parse({ filter: "language" }));
  const known = new Set(identifier.labels);
  const texts = readSample(positionals).filter(({ language }) => known.has(language));
  const byLength = new Map(lengths.map((length) => [length, enough(answersOf(identifier, texts, length))]));
  process.stdout.write(report(texts, byLength));
  if (values.answers !== undefined) {
    const rows = [...byLength].flatMap(([codePoints, answers]) => answers.map((one) => ({ codePoints, ...one })));
    writeFileSync(values.answers, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  }
}

function report(texts: readonly LabelledTexts[], byLength: ReadonlyMap<number, readonly Answer[]>): string {
  const lists = [...byLength];
  return [
    section("The sample", sampleTable(texts)),
    section("All lengths", overview(lists)),
    ...lists.map(([length, answers]) => section(`${length} characters`, languageTable(answers))),
    section("Thresholds of their own, 300 characters", thresholdTable(byLength.get(300) ?? [])),
    section("Variants, 300 characters", variantTable(byLength.get(300) ?? [])),
    section("Scores against accuracy", calibrationTable(lists)),
  ].join("\n");
}

function enough(answers: readonly Answer[]): readonly Answer[] {
  return [...Map.groupBy(answers, ({ language }) => language).values()].filter((own) => own.length >= fewPieces).flat();
}

function sampleTable(texts: readonly LabelledTexts[]): string {
  const rows = texts.map(({ variant, language, documents, left }) => [
    variant,
    language,
    documents.length,
    documents.flat().length,
    left.english,
    left.repeated,
    left.short,
  ]);
  return table(["folder", "label", "pages", "paragraphs", "left: English", "left: repeated", "left: no prose"], rows);
}

function overview(lists: readonly (readonly [number, readonly Answer[]])[]): string {
  const rows = lists.map(([length, answers]) => {
    const figures = figuresOf(answers);
    const mean = (value: (one: (typeof figures)[number]) => number): string =>
      percent(figures.reduce((sum, one) => sum + value(one), 0) / figures.length);
    return [
      length,
      answers.length,
      figures.length,
      percent(answers.filter(({ answer, language }) => answer === language).length / answers.length),
      mean(({ accuracy }) => accuracy),
      mean((one) => pointAt(one, usual).precision),
      mean((one) => pointAt(one, usual).recall),
    ];
  });
  const head = ["characters", "pieces", "languages", "right", "right, mean", "precision at .65", "recall at .65"];
  return table(head, rows);
}

function languageTable(answers: readonly Answer[]): string {
  const rows = figuresOf(answers).map((one) => {
    const at = pointAt(one, usual);
    const lowest = lowestThreshold(one);
    const intruder = one.intruder === undefined ? "" : `${one.intruder.language} ${percent(one.intruder.share)}`;
    return [
      one.language,
      one.pieces,
      percent(one.accuracy),
      one.lowScore.toFixed(2),
      percent(at.precision),
      percent(at.recall),
      at.f1.toFixed(3),
      lowest === undefined ? "" : lowest.threshold.toFixed(2),
      lowest === undefined ? "" : percent(lowest.recall),
      one.confusions
        .slice(0, 3)
        .map(({ answer, pieces }) => `${answer} ${pieces}`)
        .join(", "),
      intruder,
    ];
  });
  const head = ["language", "pieces", "right", "low score", "precision at .65", "recall at .65", "F1 at .65"];
  return table([...head, "99 % precise from", "recall there", "taken for", "greatest intruder at .65"], rows);
}

function thresholdTable(answers: readonly Answer[]): string {
  const rows = figuresOf(answers).flatMap((one) => {
    const [own, at] = [ownThreshold(one), pointAt(one, usual)];
    if (own === undefined) return [];
    const shares = [at.precision, own.precision, at.recall, own.recall].map(percent);
    return [[one.language, one.pieces, own.threshold.toFixed(2), ...shares]];
  });
  const head = ["language", "pieces", "threshold", "precision at .65", "with its own", "recall at .65", "with its own"];
  return table(head, rows);
}

function variantTable(answers: readonly Answer[]): string {
  const rows = [...Map.groupBy(answers, ({ variant }) => variant)]
    .filter(([variant, list]) => variant !== list[0]?.language && list.length >= fewPieces)
    .map(([variant, list]) => {
      const right = list.filter(({ answer, language }) => answer === language);
      const passed = right.filter(({ score }) => score >= usual);
      return [variant, list.length, percent(right.length / list.length), percent(passed.length / list.length)];
    });
  return table(["folder", "pieces", "right", "recall at .65"], rows);
}

function calibrationTable(lists: readonly (readonly [number, readonly Answer[]])[]): string {
  const rows = lists.flatMap(([length, answers]) => {
    const { bins, expectedError } = calibrationOf(answers);
    return [
      ...bins.map((bin) => [
        length,
        `${bin.from.toFixed(1)}–${(bin.from + 0.1).toFixed(1)}`,
        bin.pieces,
        bin.meanScore.toFixed(3),
        bin.accuracy.toFixed(3),
      ]),
      [length, "expected calibration error", answers.length, "", expectedError.toFixed(3)],
    ];
  });
  return table(["characters", "score", "pieces", "mean score", "right"], rows);
}

function section(title: string, body: string): string {
  return `### ${title}\n\n${body}`;
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |\n`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("");
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}
