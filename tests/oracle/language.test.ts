/**
 * The figures of docs/benchmarks/language-identification.md on what this machine has: translated manual pages and
 * messages of whatever Debian packages are installed. Skips where there are too few.
 */
import { existsSync, readdirSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { loadLanguageIdentifier } from "../../forge/filter/language.ts";
import { calibratedThresholds, languageFilterSchema } from "../../schemas/config/filter.ts";
import { figuresOf, pointAt, usual, type LanguageFigures } from "../../scripts/language/figures.ts";
import { answersOf } from "../../scripts/language/identify.ts";
import { readSample } from "../../scripts/language/sample.ts";

const folders = ["/usr/share/man", "/usr/share/locale"].filter((folder) => existsSync(folder));
const fewPieces = 50;
const translated = folders.map((folder) => readdirSync(folder).filter((name) => /^[a-z]{2}$/u.test(name)).length);
const reason = translated.some((count) => count >= 20) ? "" : " (skipped: fewer than 20 languages in /usr/share)";

describe.skipIf(reason !== "")(`Language identification on this machine's translations${reason}`, () => {
  let figures: readonly LanguageFigures[];
  beforeAll(async () => {
    const identifier = await loadLanguageIdentifier(languageFilterSchema.parse({ filter: "language" }));
    const known = new Set(identifier.labels);
    const texts = readSample(folders).filter(({ language }) => known.has(language));
    const all = figuresOf(answersOf(identifier, texts, 300));
    figures = all.filter(({ pieces }) => pieces >= fewPieces);
  });

  it("is right on 97 of 100 pieces of 300 characters in at least 20 languages", () => {
    const good = figures.filter(({ accuracy }) => accuracy >= 0.97).map(({ language }) => language);
    expect(good.length, good.join()).toBeGreaterThanOrEqual(20);
    expect(good).toEqual(expect.arrayContaining(["de", "en", "es", "fr", "it", "ja", "nl", "pl", "ru", "zh"]));
  });

  it("finds more with the calibrated thresholds, and nothing else with them, but Nynorsk as Norwegian", () => {
    const calibrated = figures.filter(({ language }) => language in calibratedThresholds);
    expect(calibrated.length).toBeGreaterThan(0);
    for (const one of calibrated) {
      const own = pointAt(one, calibratedThresholds[one.language] as number);
      expect(own.recall, one.language).toBeGreaterThan(pointAt(one, usual).recall);
      expect(own.precision, one.language).toBeGreaterThan(one.language === "no" ? 0.7 : 0.9);
    }
  });
});
