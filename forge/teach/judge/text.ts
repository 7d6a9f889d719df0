/** Small readings of an answer's text that several checks share: words, sentences, steps, the final answer. */

/** Lower-case words; apostrophes and hyphens stay inside. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu) ?? [];
}

/** Sentences and lines, without their ends; good enough to count repetitions. */
export function sentencesOf(text: string): string[] {
  return text
    .split(/(?<=[.!?])\s+|\n+/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== "");
}

const numberedStep = /^\s*(?:step\s*)?(\d{1,2})\s*[.):]\s+(?=\S)/i;
const bulletStep = /^\s*[-*•]\s+(?=\S)/;
const connective =
  /^(?:first(?:ly)?|second(?:ly)?|third(?:ly)?|fourth(?:ly)?|next|then|now|after that|from there|finally|lastly|last|therefore|thus|hence|so|to begin|to start|start|begin)\b/i;

/**
 * The reasoning steps a text shows: numbered lines first, else bullets, else sentences that begin with a connective
 * (first, next, so, …). Empty when it shows fewer than two.
 */
export function stepsOf(text: string): string[] {
  const lines = text.split("\n");
  for (const mark of [numberedStep, bulletStep]) {
    const starts = lines.flatMap((line, index) => (mark.test(line) ? [index] : []));
    if (starts.length < 2) continue;
    return starts.map((start, index) => {
      const next = starts[index + 1] ?? lines.length;
      const blank = lines.findIndex((line, at) => at > start && line.trim() === "");
      const end = Math.min(next, blank === -1 ? next : blank);
      return lines.slice(start, end).join(" ").replace(mark, "").trim();
    });
  }
  const spoken = sentencesOf(text).filter((sentence) => connective.test(sentence));
  return spoken.length >= 2 ? spoken : [];
}

const answerMark = /\b(?:final answer|correct answer|right answer|answer)\s*(?:is|was|:|=)\s*:?\s*/gi;

/**
 * What the text gives as its result: what follows its last "answer is" or "Answer:", up to the end of the sentence.
 * Undefined when it says no such thing.
 */
export function markedAnswer(text: string): string | undefined {
  const last = [...text.matchAll(answerMark)].at(-1);
  if (last === undefined) return undefined;
  const rest = text.slice(last.index + last[0].length).split("\n", 1)[0] ?? "";
  const sentence = rest.split(/(?<=[^\d\s][.!?])\s|(?<=\d[.!?])\s/, 1)[0] ?? "";
  const clean = sentence
    .replaceAll(/[*_`"“”]/g, "")
    .replace(/[.!?,;:\s]+$/, "")
    .trim();
  return clean === "" ? undefined : clean;
}

/** Case, articles, punctuation and spaces folded away: how short texts are compared. */
export function foldText(text: string): string {
  return wordsOf(text)
    .filter((word) => word !== "a" && word !== "an" && word !== "the")
    .join(" ");
}

const numberWords = [
  "zero",
  "one",
  "two",
  "three",
  "four",
  "five",
  "six",
  "seven",
  "eight",
  "nine",
  "ten",
  "eleven",
  "twelve",
];

/**
 * Numbers of a text in order: thousands separators, currency and percent signs are dropped, `3/4` is 0.75, a Unicode
 * minus is a minus, small number words count.
 */
export function numbersOf(text: string): number[] {
  const plain = text.replaceAll("−", "-").replaceAll(/(?<=\d),(?=\d{3}\b)/g, "");
  const pattern = new RegExp(
    String.raw`(?<![\w.])(-?\d+(?:\.\d+)?)(?:\s*/\s*(\d+(?:\.\d+)?))?|\b(${numberWords.join("|")})\b`,
    "gi",
  );
  return [...plain.matchAll(pattern)].map(([, numerator, denominator, word]) => {
    if (word !== undefined) return numberWords.indexOf(word.toLowerCase());
    return denominator === undefined ? Number(numerator) : Number(numerator) / Number(denominator);
  });
}
