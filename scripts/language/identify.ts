/** Asks an identifier about every piece of a sample. */
import type { FastTextClassifier } from "../../forge/kernels/fasttext.ts";
import type { Answer } from "./figures.ts";
import { piecesOf, type LabelledTexts } from "./sample.ts";

/** Answers for pieces of one length, in the sample's order. */
export function answersOf(
  identifier: FastTextClassifier,
  texts: readonly LabelledTexts[],
  codePoints: number,
): readonly Answer[] {
  const pieces = texts.flatMap((one) => piecesOf(one, codePoints));
  const bytes = pieces.map(({ text }) => Buffer.from(text));
  const offsets = new Int32Array(pieces.length + 1);
  for (const [i, one] of bytes.entries()) offsets[i + 1] = (offsets[i] as number) + one.length;
  const column = { values: Buffer.concat(bytes), offsets, length: pieces.length };
  const { labelIndex, probability } = identifier.predict(column, { maxCodePoints: codePoints });
  return pieces.map(({ variant, language }, i) => ({
    variant,
    language,
    answer: identifier.labels[labelIndex[i] as number] ?? "",
    score: probability[i] as number,
  }));
}
