import { describe, expect, it } from "vitest";
import { createFilters, filterFiles, signalNames } from "../../forge/filter/index.ts";
import { filterListSchema, type FilterConfig } from "../../schemas/config/filter.ts";
import { DocumentBatchBuilder, signalPrefix } from "../../schemas/record/document.ts";
import { textsOf } from "../kernels/support.ts";

const filters = (...list: readonly object[]): readonly FilterConfig[] => filterListSchema.parse(list);

function batchOf(texts: readonly string[], languages: readonly (string | null)[] = []) {
  const builder = new DocumentBatchBuilder();
  texts.forEach((text, i) => {
    builder.append({
      id: String(i).padStart(32, "0"),
      text: Buffer.from(text),
      source: `${i}.txt`,
      language: languages[i] ?? null,
    });
  });
  return builder.finish();
}

const prose =
  "The forge reads text from many sources and turns it into documents. Each of them has to be clean, and that takes time. " +
  "Some have a date with them, others do not. A filter gives a reason for each document that it turns away. " +
  "So everybody who looks at the numbers can see what happened to the text, and why. That is the point of it all.";
const german =
  "Die Schmiede liest Texte aus vielen Quellen und macht daraus Dokumente. Jedes davon muss sauber sein, und das braucht Zeit. " +
  "Manche haben ein Datum bei sich, andere nicht.";

describe("createFilters", () => {
  it("identifies languages with the model of the package and keeps the wanted one", async () => {
    const chain = await createFilters(filters({ filter: "language" }));
    const { batch, rejections } = chain.apply(batchOf([prose, german, "0101 1010 ==", prose]));
    expect(rejections.map((rejection) => rejection?.reason ?? null)).toEqual([
      null,
      "language_not_wanted",
      expect.any(String),
      null,
    ]);
    expect(rejections[1]).toMatchObject({ filter: "language", reason: "language_not_wanted" });
    expect([...(batch.getChild("language") ?? [])].slice(0, 2)).toEqual(["en", "de"]);
    expect(batch.getChild("languageScore")?.get(0)).toBeGreaterThan(0.8);
  });

  it("believes a language that the source gives, and does not identify it", async () => {
    const chain = await createFilters(filters({ filter: "language" }));
    const { batch, rejections } = chain.apply(batchOf([german, prose], ["en", "fr"]));
    expect(rejections.map((rejection) => rejection?.reason ?? null)).toEqual([null, "language_not_wanted"]);
    expect(batch.getChild("languageScore")?.get(0)).toBeNull();
  });

  it("asks the filters in their order, and the first that objects decides", async () => {
    const short = "Too short.";
    const one = await createFilters(filters({ filter: "length", minWords: 50 }, { filter: "gopher-quality" }));
    const other = await createFilters(filters({ filter: "gopher-quality" }, { filter: "length", minWords: 50 }));
    expect(one.apply(batchOf([short])).rejections[0]).toEqual({ filter: "length", reason: "too_few_words", value: 3 });
    expect(other.apply(batchOf([short])).rejections[0]).toEqual({
      filter: "gopher-quality",
      reason: "gopher_short_doc",
      value: 2,
    });
  });

  it("stores signals before and after C4 dropped lines, and counts the bytes it took", async () => {
    const list = filters({ filter: "gopher-quality" }, { filter: "c4" }, { filter: "fineweb" });
    const chain = await createFilters(list);
    const noisy = `Menu\n${prose}\nWe use cookies on this site.\nEnd`;
    const { batch, texts, rejections, editedBytes } = chain.apply(batchOf([prose, noisy]));
    expect(rejections).toEqual([null, null]);
    expect(textsOf(texts(Int32Array.of(1)))).toEqual([prose]);
    expect(editedBytes).toBe(Buffer.byteLength(noisy) - Buffer.byteLength(prose));
    const signal = (name: string): unknown => batch.getChild(`${signalPrefix}${name}`)?.get(1);
    expect(signal("newlinesPerWord")).toBeGreaterThan(0);
    expect(signal("edited_newlinesPerWord")).toBe(0);
    expect(signal("c4DroppedLines")).toBe(3);
    expect(batch.getChild(`${signalPrefix}edited_words`)?.get(0)).toBe(batch.getChild(`${signalPrefix}words`)?.get(0));
    expect(batch.schema.fields.slice(8).map((field) => field.name)).toEqual(
      signalNames({ filters: list, filtersByLanguage: {} }).map((name) => signalPrefix + name),
    );
  });

  it("measures of edited texts what the filters behind the line rules look at: FineWeb's signals, or all", async () => {
    const noisy = `Menu\n${prose}\nWe use cookies on this site.\nEnd`;
    const few = filters({ filter: "gopher-quality" }, { filter: "c4" }, { filter: "fineweb" }, { filter: "length" });
    const all = filters({ filter: "c4" }, { filter: "fineweb" }, { filter: "gopher-quality" });
    const named = filters({ filter: "c4" }, { filter: "expression", name: "x", keep: "signals.stopWords > 1" });
    const signalsOf = (list: readonly FilterConfig[]): readonly string[] =>
      signalNames({ filters: list, filtersByLanguage: {} }).filter((name) => name.startsWith("edited_"));
    expect(signalsOf(few)).toEqual([
      "edited_characters",
      "edited_words",
      "edited_fullLines",
      "edited_punctuatedLines",
      "edited_shortLines",
      "edited_duplicateFullLineCharacters",
      "edited_newlinesPerWord",
    ]);
    expect(signalsOf(all)).toHaveLength(28);
    expect(signalsOf(named)).toHaveLength(28);
    const measured = (await createFilters(few)).apply(batchOf([noisy, prose])).batch;
    const whole = (await createFilters(all)).apply(batchOf([noisy, prose])).batch;
    for (const name of signalsOf(few)) {
      const [one, other] = [measured, whole].map((batch) => [...(batch.getChild(signalPrefix + name) ?? [])]);
      expect(one, name).toEqual(other);
      expect(one, name).not.toContain(null);
    }
  });

  it("measures no further what the repetition rules turn away, and all of what they keep", async () => {
    const rows = "one two three four five six seven eight nine ten eleven\n";
    const texts = [rows.repeat(5), `${prose} ${prose}`, prose];
    const chain = await createFilters(filters({ filter: "gopher-repetition" }));
    const { batch, rejections } = chain.apply(batchOf(texts));
    expect(rejections.map((rejection) => rejection?.reason)).toEqual([
      "dup_line_frac",
      "duplicated_5_n_grams",
      undefined,
    ]);
    const values = (name: string): unknown[] => [...(batch.getChild(`${signalPrefix}${name}`) ?? [])];
    expect(values("duplicateLines").every((value) => typeof value === "number")).toBe(true);
    expect(values("words")).toEqual([null, expect.any(Number), expect.any(Number)]);
    expect(values("top4Gram")).toEqual([null, expect.any(Number), expect.any(Number)]);
    expect(values("duplicate5Grams")).toEqual([null, expect.any(Number), 0]);
    expect(values("duplicate6Grams")).toEqual([null, null, 0]);
    // A filter before them that looks at the text has everything measured.
    const later = await createFilters(filters({ filter: "length" }, { filter: "gopher-repetition" }));
    const whole = later.apply(batchOf(texts));
    expect(whole.rejections).toEqual(rejections);
    expect([...(whole.batch.getChild(`${signalPrefix}duplicate10Grams`) ?? [])]).not.toContain(null);
  });

  it("measures in every language what one of them needs", () => {
    const list = filters({ filter: "language" }, { filter: "c4" }, { filter: "fineweb" });
    const german = filters({ filter: "c4" }, { filter: "gopher-repetition" });
    const one = signalNames({ filters: list, filtersByLanguage: {} });
    const both = signalNames({ filters: list, filtersByLanguage: { de: german } });
    expect(one).not.toContain("edited_top2Gram");
    expect(both).toContain("edited_top2Gram");
  });

  it("keeps the text of what it rejects as it was", async () => {
    const chain = await createFilters(filters({ filter: "c4" }));
    const text = "Menu\nThere is a { in here.";
    const { batch, rejections, editedBytes } = chain.apply(batchOf([text]));
    expect(rejections[0]).toEqual({ filter: "c4", reason: "curly_bracket", value: null });
    expect(batch.getChild("text")?.get(0)).toBe(text);
    expect(editedBytes).toBe(0);
  });

  it("gives a document the same verdict alone and among others", async () => {
    const chain = await createFilters(
      filters(
        { filter: "language" },
        { filter: "gopher-repetition" },
        { filter: "gopher-quality" },
        { filter: "c4" },
        { filter: "fineweb" },
      ),
    );
    const texts = [
      prose,
      german,
      "again and again ".repeat(40),
      "short",
      `${prose}\nMenu\n${prose}`,
      "",
      prose.repeat(3),
      "{",
    ];
    const together = chain.apply(batchOf(texts)).rejections;
    const alone = texts.map((text) => chain.apply(batchOf([text])).rejections[0]);
    expect(together).toEqual(alone);
  });

  it("adds columns that other sources have, as nulls", async () => {
    const chain = await createFilters([], ["words"]);
    const { batch } = chain.apply(batchOf([prose]));
    expect(batch.getChild(`${signalPrefix}words`)?.get(0)).toBeNull();
  });

  it("names a missing model and what to do", async () => {
    const missing = filters({ filter: "language", model: "no-such-model.bin" });
    expect(filterFiles(missing)).toEqual([{ name: "no-such-model.bin", path: "no-such-model.bin" }]);
    await expect(createFilters(missing)).rejects.toMatchObject({ code: "language-model-missing", exitCode: 4 });
  });
});
