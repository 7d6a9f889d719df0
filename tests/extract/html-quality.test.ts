/** Holds the quality of extraction on labelled pages; `vitest -u` writes the table of docs/benchmarks anew. */
import { beforeAll, describe, expect, it } from "vitest";
import { extractHtml } from "../../forge/extract/html.ts";
import { loadReadability } from "../../forge/extract/html-readability.ts";
import { extractConfigSchema } from "../../schemas/config/extract.ts";
import { labelledPages, mean, scoreText, type LabelledPage, type Score } from "./labelled.ts";

const config = extractConfigSchema.parse({});
const pages = labelledPages("pages");
const heldOut = labelledPages("held-out");

interface PageScore {
  readonly name: string;
  readonly ours: Score;
  readonly readability: Score;
}

let scores: readonly PageScore[];
let heldOutScores: readonly PageScore[];

beforeAll(async () => {
  const readability = await loadReadability();
  const scorePage = ({ name, html, label }: LabelledPage): PageScore => {
    const theirs = readability(html, config.readability);
    return {
      name,
      ours: scoreText(extractHtml(html, config).text, label),
      readability: scoreText("text" in theirs ? theirs.text : "", label),
    };
  };
  scores = pages.map(scorePage);
  heldOutScores = heldOut.map(scorePage);
});

describe("the main text of labelled pages", () => {
  it("is labelled on at least forty pages, in at least six scripts", () => {
    expect(pages.length).toBeGreaterThanOrEqual(40);
    const scripts = ["Latin", "Cyrillic", "Greek", "Arabic", "Devanagari", "Han", "Hiragana", "Hangul", "Thai"];
    for (const script of scripts) {
      const letters = new RegExp(`\\p{Script=${script}}{2}`, "u");
      expect(pages.filter(({ label }) => letters.test(label)).length, script).toBeGreaterThan(0);
    }
  });

  it("is found with a mean F1 of at least 0.97, and better than by readability", () => {
    const ours = mean(scores.map((one) => one.ours.f1));
    expect(ours).toBeGreaterThanOrEqual(0.97);
    expect(ours).toBeGreaterThan(mean(scores.map((one) => one.readability.f1)));
  });

  it("is found at least in good part on every page", () => {
    expect(scores.filter(({ ours }) => ours.f1 < 0.85).map(({ name }) => name)).toEqual([]);
  });

  it("is found on pages that no limit was set by: half of them whole, none but a table of addresses lost", () => {
    expect(heldOut.length).toBeGreaterThanOrEqual(12);
    const found = heldOutScores.map(({ ours }) => ours.f1).sort((a, b) => a - b);
    expect(found[found.length / 2]).toBeGreaterThanOrEqual(0.99);
    expect(heldOutScores.filter(({ ours }) => ours.f1 < 0.85).map(({ name }) => name)).toEqual(["gettext-teams"]);
  });

  it("is scored in the docs as it is here", async () => {
    const text = [
      "# Extraction of labelled pages, page by page",
      "",
      "Written by `tests/extract/html-quality.test.ts`; what it means stands in [html-extraction.md](html-extraction.md).",
      "",
      ...tableOf(scores),
      "",
      "## Pages held out",
      "",
      "Labelled when the extractor was done; no limit was set by them.",
      "",
      ...tableOf(heldOutScores),
      "",
    ].join("\n");
    await expect(text).toMatchFileSnapshot("../../docs/benchmarks/html-extraction-pages.md");
  });
});

function tableOf(rows: readonly PageScore[]): readonly string[] {
  const figures = ({ precision, recall, f1 }: Score): string =>
    [precision, recall, f1].map((value) => value.toFixed(3)).join(" | ");
  const average = (pick: "ours" | "readability"): Score => ({
    precision: mean(rows.map((one) => one[pick].precision)),
    recall: mean(rows.map((one) => one[pick].recall)),
    f1: mean(rows.map((one) => one[pick].f1)),
  });
  return [
    "| page | precision | recall | F1 | readability: precision | recall | F1 |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    `| **mean of ${rows.length}** | ${figures(average("ours"))} | ${figures(average("readability"))} |`,
    ...rows.map(({ name, ours, readability }) => `| ${name} | ${figures(ours)} | ${figures(readability)} |`),
  ];
}
