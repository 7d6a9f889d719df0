/**
 * What a labelled sample says about an identifier: confusion, precision and recall over thresholds, calibration.
 *
 * All languages weigh the same in precision, however many pieces they have: precision depends on how much of each
 * language there is, and the sample's shares are Debian's, not a crawl's.
 */

/** One answer of the identifier. */
export interface Answer {
  readonly variant: string;
  readonly language: string;
  readonly answer: string;
  readonly score: number;
}

/** At one threshold, for one language. */
export interface Point {
  readonly threshold: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

export interface LanguageFigures {
  readonly language: string;
  readonly pieces: number;
  readonly accuracy: number;
  /** Tenth part of right answers with the lowest scores: its upper end. */
  readonly lowScore: number;
  /** Wrong answers, most frequent first. */
  readonly confusions: readonly { readonly answer: string; readonly pieces: number }[];
  /** Greatest part of another language's pieces that pass as this one, at .65. */
  readonly intruder: { readonly language: string; readonly share: number } | undefined;
  readonly points: readonly Point[];
}

/** Thresholds of the curves: .05 to .95. */
export const thresholds: readonly number[] = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);
/** FineWeb's. */
export const usual = 0.65;

/** Figures by language, in the order of the codes. */
export function figuresOf(answers: readonly Answer[]): readonly LanguageFigures[] {
  const byLanguage = Map.groupBy(answers, ({ language }) => language);
  const sizeOf = (language: string): number => byLanguage.get(language)?.length ?? 0;
  return [...byLanguage]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([language, own]) => {
      const right = own.filter(({ answer }) => answer === language);
      const intruders = answers.filter((one) => one.answer === language && one.language !== language);
      const points = thresholds.map((threshold): Point => {
        const passed = right.filter(({ score }) => score >= threshold).length / own.length;
        const wrong = intruders
          .filter(({ score }) => score >= threshold)
          .reduce((sum, one) => sum + 1 / sizeOf(one.language), 0);
        const precision = passed + wrong === 0 ? 1 : passed / (passed + wrong);
        return { threshold, precision, recall: passed, f1: (2 * precision * passed) / (precision + passed || 1) };
      });
      const passing = intruders.filter(({ score }) => score >= usual);
      const [intruder] = count(passing.map((one) => one.language))
        .map(([other, pieces]) => ({ language: other, share: pieces / sizeOf(other) }))
        .sort((a, b) => b.share - a.share);
      const scores = right.map(({ score }) => score).sort((a, b) => a - b);
      return {
        language,
        pieces: own.length,
        accuracy: right.length / own.length,
        lowScore: scores[Math.floor(scores.length / 10)] ?? 0,
        confusions: count(own.filter(({ answer }) => answer !== language).map(({ answer }) => answer)).map(
          ([answer, pieces]) => ({ answer, pieces }),
        ),
        intruder,
        points,
      };
    });
}

/** The point at a threshold of the curve. */
export function pointAt({ points }: LanguageFigures, threshold: number): Point {
  return points.find((point) => Math.abs(point.threshold - threshold) < 1e-9) as Point;
}

/** The lowest threshold from which precision stays at the wanted one; undefined when it never does. */
export function lowestThreshold({ points }: LanguageFigures, precision = 0.99): Point | undefined {
  return points[points.findLastIndex((point) => point.precision < precision) + 1];
}

/**
 * A threshold for a language that loses more than a twentieth of its texts at the usual one: the highest whose F1 is
 * within a hundredth of the best, from .3 on, below which languages come out that the model does not know. Undefined
 * when the usual one serves.
 */
export function ownThreshold(figures: LanguageFigures): Point | undefined {
  if (pointAt(figures, usual).recall >= 0.95) return undefined;
  const points = figures.points.filter(({ threshold }) => threshold >= 0.3);
  const best = Math.max(...points.map(({ f1 }) => f1));
  const own = points.findLast(({ f1 }) => f1 >= best - 0.01);
  return own === undefined || own.threshold >= usual ? undefined : own;
}

export interface CalibrationBin {
  readonly from: number;
  readonly pieces: number;
  readonly meanScore: number;
  readonly accuracy: number;
}

/** Scores against how often they are right; every language weighs the same. */
export function calibrationOf(
  answers: readonly Answer[],
  bins = 10,
): { readonly bins: readonly CalibrationBin[]; readonly expectedError: number } {
  const sizes = new Map(count(answers.map(({ language }) => language)));
  const binOf = ({ score }: Answer): number => Math.min(bins - 1, Math.floor(score * bins));
  const found = [...Map.groupBy(answers, binOf)].sort(([a], [b]) => a - b);
  const weightOf = (list: readonly Answer[]): number =>
    list.reduce((sum, { language }) => sum + 1 / (sizes.get(language) ?? 1), 0);
  const meanOf = (list: readonly Answer[], value: (answer: Answer) => number): number =>
    list.reduce((sum, one) => sum + value(one) / (sizes.get(one.language) ?? 1), 0) / weightOf(list);
  const table = found.map(([bin, list]) => ({
    from: bin / bins,
    pieces: list.length,
    meanScore: meanOf(list, ({ score }) => score),
    accuracy: meanOf(list, ({ answer, language }) => Number(answer === language)),
    weight: weightOf(list),
  }));
  const total = weightOf(answers);
  const expectedError = table.reduce(
    (sum, bin) => sum + (bin.weight / total) * Math.abs(bin.meanScore - bin.accuracy),
    0,
  );
  return { bins: table.map(({ weight: _, ...bin }) => bin), expectedError };
}

/** Values with how often they occur, most frequent first, ties in alphabetical order. */
function count(values: readonly string[]): readonly (readonly [string, number])[] {
  return [...Map.groupBy(values, (value) => value)]
    .map(([value, all]) => [value, all.length] as const)
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
}
