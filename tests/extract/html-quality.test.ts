/** Holds the quality of extraction on labelled pages; `vitest -u` writes the table of docs/benchmarks anew. */
import { beforeAll, describe, expect, it } from "vitest";
import { extractHtml } from "../../forge/extract/index.ts";
import { loadReadability } from "../../forge/extract/html-readability.ts";
import { extractConfigSchema } from "../../schemas/config/extract.ts";
import { labelledPages, mean, scoreText, type Score } from "./labelled.ts";

const config = extractConfigSchema.parse({});
const pages = labelledPages();
let scores: readonly { readonly name: string; readonly ours: Score; readonly readability: Score }[];

beforeAll(async () => {
  const readability = await loadReadability();
  scores = pages.map(({ name, html, label }) => {
    const theirs = readability(html, config.readability);
    return {
      name,
      ours: scoreText(extractHtml(html, config).text, label),
      readability: scoreText("text" in theirs ? theirs.text : "", label),
    };
  });
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

  it("is scored in the docs as it is here", async () => {
    const figures = ({ precision, recall, f1 }: Score): string =>
      [precision, recall, f1].map((value) => value.toFixed(3)).join(" | ");
    const average = (pick: "ours" | "readability"): Score => ({
      precision: mean(scores.map((one) => one[pick].precision)),
      recall: mean(scores.map((one) => one[pick].recall)),
      f1: mean(scores.map((one) => one[pick].f1)),
    });
    const rows = scores.map(
      ({ name, ours, readability }) => `| ${name} | ${figures(ours)} | ${figures(readability)} |`,
    );
    const table = [
      "# Extraction of labelled pages, page by page",
      "",
      "Written by `tests/extract/html-quality.test.ts`; what it means stands in [html-extraction.md](html-extraction.md).",
      "",
      "| page | precision | recall | F1 | readability: precision | recall | F1 |",
      "| --- | --- | --- | --- | --- | --- | --- |",
      `| **mean of ${scores.length}** | ${figures(average("ours"))} | ${figures(average("readability"))} |`,
      ...rows,
      "",
    ].join("\n");
    await expect(table).toMatchFileSnapshot("../../docs/benchmarks/html-extraction-pages.md");
  });
});
