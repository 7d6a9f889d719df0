/** Pages with hand-labelled main text (fixtures/, see its README) and how an extraction is scored against it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../forge/base/locate.ts";

export interface LabelledPage {
  readonly name: string;
  readonly html: string;
  /** Its main text. */
  readonly label: string;
}

/** @param set `pages` were looked at when the extractor was tuned, `held-out` never */
export function labelledPages(set: "pages" | "held-out"): readonly LabelledPage[] {
  const folder = join(packageRoot, "tests/extract/fixtures", set);
  return readdirSync(folder)
    .filter((file) => file.endsWith(".html"))
    .sort()
    .map((file) => ({
      name: file.slice(0, -".html".length),
      html: readFileSync(join(folder, file), "utf8"),
      label: readFileSync(join(folder, file.replace(/\.html$/, ".txt")), "utf8"),
    }));
}

export interface Score {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** Overlap of two texts as bags of tokens, as it is usual for extractors. */
export function scoreText(text: string, label: string): Score {
  const wanted = countTokens(label);
  const found = countTokens(text);
  let common = 0;
  for (const [token, count] of found) common += Math.min(count, wanted.get(token) ?? 0);
  const sum = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((a, b) => a + b, 0);
  const precision = common === 0 ? 0 : common / sum(found);
  const recall = common === 0 ? 0 : common / sum(wanted);
  return { precision, recall, f1: common === 0 ? 0 : (2 * precision * recall) / (precision + recall) };
}

/** Words in lower case; characters where the script writes no blanks. */
function countTokens(text: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const tokens = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{M}\p{N}]+/gu;
  for (const [token] of text.toLowerCase().matchAll(tokens)) counts.set(token, (counts.get(token) ?? 0) + 1);
  return counts;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
