import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { utf8Column } from "../../forge/base/index.ts";
import { createFilters } from "../../forge/filter/index.ts";
import { editRefinedwebLines } from "../../forge/filter/refinedweb-lines.ts";
import { loadUrlJudge } from "../../forge/filter/url.ts";
import {
  filterListSchema,
  refinedwebLinesFilterSchema,
  urlFilterSchema,
  type FilterConfig,
} from "../../schemas/config/filter.ts";
import { DocumentBatchBuilder, signalPrefix } from "../../schemas/record/document.ts";
import { textsOf } from "../kernels/support.ts";

let folder: string;
const list = async (name: string, ...lines: readonly string[]): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, lines.join("\n"));
  return path;
};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-lists-"));
});

const filters = (...items: readonly object[]): readonly FilterConfig[] => filterListSchema.parse(items);

function batchOf(
  texts: readonly string[],
  urls: readonly (string | null)[] = [],
  languages: readonly (string | null)[] = [],
) {
  const builder = new DocumentBatchBuilder();
  texts.forEach((text, i) => {
    builder.append({
      id: String(i).padStart(32, "0"),
      text: Buffer.from(text),
      source: `${i}.txt`,
      url: urls[i] ?? null,
      language: languages[i] ?? null,
    });
  });
  return builder.finish();
}

const reasons = async (list: readonly FilterConfig[], batch: ReturnType<typeof batchOf>) =>
  (await createFilters(list)).apply(batch).rejections.map((rejection) => rejection?.reason ?? null);

describe("the url filter", () => {
  it("rejects hosts below a listed domain, and no other host", async () => {
    const domains = [await list("domains", "# adult", "bad.example", "WWW.Other.example", "")];
    const judge = await loadUrlJudge(urlFilterSchema.parse({ filter: "url", domains }));
    const blocked = { reason: "url_domain_blocked", value: null };
    expect(judge("https://bad.example/x")).toEqual(blocked);
    expect(judge("http://user@img.BAD.example:8080")).toEqual(blocked);
    expect(judge("other.example")).toEqual(blocked);
    expect(judge("https://notbad.example/")).toBeNull();
    expect(judge("https://good.example/?u=bad.example")).toBeNull();
    expect(judge(null)).toBeNull();
  });

  it.each([
    ["http://shop.bad.example:8080/x", true],
    ["bad.example:8080/x", true],
    ["//bad.example", true],
    ["https://bad.example./", true],
    ["  https://bad.example/x\n", true],
    // What stands before the last @ is no host, whatever it looks like.
    ["http://good.example@bad.example/", true],
    ["http://a@b@bad.example/", true],
    ["http://bad.example@good.example/", false],
    ["http://good.example/@bad.example", false],
    ["http://good.example?@bad.example", false],
    ["http://good.example#@bad.example", false],
    ["https://bad.example.org/", false],
    ["https://verybad.example/", false],
    ["https://below.stars.example/", true],
    ["https://stars.example/", true],
    ["https://dotted.example/", true],
    ["https://b\u00fccher.example/", true],
    ["https://B\u00dcCHER.example/", true],
    ["https://xn--bcher-kva.example/x", true],
    ["https://www.xn--bcher-kva.example/x", true],
    ["https://bu\u0308cher.example/", true],
    ["https://bucher.example/", false],
    ["https://\u043f\u0440\u0438\u043c\u0435\u0440.example/", true],
    ["http://[2001:db8::1]:8080/x", true],
    ["http://[2001:db8::2]/", false],
    ["http://192.0.2.7/", true],
    ["http://192.0.2.77/", false],
    ["mailto:someone", false],
    ["not a url", false],
  ])("finds listed domains however they are written: %j is %s", async (url, isBlocked) => {
    const domains = [
      await list(
        "many",
        "bad.example",
        "*.stars.example",
        ".dotted.example",
        "b\u00fccher.example",
        "xn--e1afmkfd.example",
        "[2001:db8::1]",
        "192.0.2.7",
      ),
    ];
    const judge = await loadUrlJudge(urlFilterSchema.parse({ filter: "url", domains }));
    expect(judge(url)?.reason ?? null).toBe(isBlocked ? "url_domain_blocked" : null);
  });

  it.each([
    ["domains", "bad.example/only/this", "belong into `urls`"],
    ["domains", "0.0.0.0 bad.example", "One domain a line"],
    ["domains", "||bad.example^", "One domain a line"],
    ["domains", "*", "One domain a line"],
    ["words", "\u043a\u0430\u0437\u0438\u043d\u043e", "other scripts"],
    ["softWords", "!!!", "Take the line out"],
    ["substrings", "\u8272", "other scripts"],
  ])("refuses an entry of %s that would never or wrongly be found: %s", async (key, entry, hint) => {
    const files = [await list(`entries-${key}`, "fine", entry)];
    await expect(loadUrlJudge(urlFilterSchema.parse({ filter: "url", [key]: files }))).rejects.toMatchObject({
      exitCode: 3,
      position: { file: files[0], row: 1, sample: entry },
      hint: expect.stringContaining(hint) as string,
    });
  });

  it("knows listed URLs whatever their scheme, fragment and final slash", async () => {
    const urls = [await list("urls", "https://www.site.example/Page/")];
    const judge = await loadUrlJudge(urlFilterSchema.parse({ filter: "url", urls }));
    expect(judge("http://site.example/Page#top")).toEqual({ reason: "url_blocked", value: null });
    expect(judge("http://site.example/page")).toBeNull();
    expect(judge("http://site.example/Page?x=1")).toBeNull();
  });

  it("rejects a word between bounds, a substring anywhere, and soft words from the threshold on", async () => {
    const config = urlFilterSchema.parse({
      filter: "url",
      words: [await list("words", "casino")],
      substrings: [await list("substrings", "free-porn")],
      softWords: [await list("soft", "webcam", "escort", "dating")],
    });
    const judge = await loadUrlJudge(config);
    expect(judge("https://a.example/my-Casino_x")).toEqual({ reason: "url_word_blocked", value: null });
    expect(judge("https://a.example/casinos")).toBeNull();
    expect(judge("https://fr-ee.po-rn.example/")).toEqual({ reason: "url_substring_blocked", value: null });
    expect(judge("https://a.example/webcam/webcam")).toBeNull();
    expect(judge("https://a.example/webcam/dating")).toEqual({ reason: "url_soft_words", value: 2 });
  });

  it("asks for a URL only when it is told to", async () => {
    const judge = await loadUrlJudge(urlFilterSchema.parse({ filter: "url", requireUrl: true }));
    expect(judge(null)).toEqual({ reason: "url_missing", value: null });
    expect(judge("https://a.example")).toBeNull();
  });

  it("names a list that is empty or cannot be read", async () => {
    const empty = [await list("empty", "# nothing")];
    await expect(loadUrlJudge(urlFilterSchema.parse({ filter: "url", domains: empty }))).rejects.toMatchObject({
      code: "list-empty",
    });
    await expect(createFilters(filters({ filter: "url", domains: [join(folder, "none")] }))).rejects.toMatchObject({
      exitCode: 3,
    });
  });
});

describe("the word-list filter", () => {
  it("counts whole words and phrases whatever their case and punctuation", async () => {
    const files = [await list("adult", "bad", "very bad thing", "Ünfug")];
    const config = filters({ filter: "word-list", name: "adult", files, maxOccurrences: 1 });
    const chain = await createFilters(config);
    const { batch, rejections } = chain.apply(
      batchOf(["BAD, and a very  bad\nthing!", "badly bade", "unfug bad-bad", "a bad", ""]),
    );
    expect([0, 1, 2, 3, 4].map((row) => batch.getChild(`${signalPrefix}words_adult`)?.get(row))).toEqual([
      3, 0, 3, 1, 0,
    ]);
    expect(rejections.map((rejection) => rejection?.reason ?? null)).toEqual([
      "adult_words",
      null,
      "adult_words",
      null,
      null,
    ]);
  });

  it("finds words without bounds when it is told to, as Chinese needs", async () => {
    const files = [await list("zh", "坏词")];
    const whole = filters({ filter: "word-list", files, wholeWords: false });
    expect(await reasons(whole, batchOf(["这是坏词吗", "没有"]))).toEqual(["listed_words", null]);
  });

  it("finds without bounds what is written decomposed in the list, whatever the case", async () => {
    const files = [await list("nfd", "bo\u0308se")];
    const found = filters({ filter: "word-list", files, wholeWords: false });
    expect(await reasons(found, batchOf(["so B\u00d6SES", "boses"]))).toEqual(["listed_words", null]);
  });

  it("judges the number of listed words on both sides of its limit", async () => {
    const files = [await list("count", "bad", "worse")];
    for (const wholeWords of [true, false]) {
      const config = filters({ filter: "word-list", files, maxOccurrences: 2, wholeWords });
      expect(await reasons(config, batchOf(["bad or worse", "bad or worse, bad", "none"]))).toEqual([
        null,
        "listed_words",
        null,
      ]);
    }
  });

  it("judges the share of listed words on both sides of its limit", async () => {
    const files = [await list("share", "bad")];
    const config = filters({ filter: "word-list", files, maxOccurrences: null, maxPerWord: 0.25 });
    expect(await reasons(config, batchOf(["bad is one word", "bad bad is one word", "bad it is one word"]))).toEqual([
      null,
      "listed_words_ratio",
      null,
    ]);
  });

  it("names the entry that has no word in it", async () => {
    const files = [await list("signs", "fine", "***")];
    await expect(createFilters(filters({ filter: "word-list", files }))).rejects.toMatchObject({
      code: "list-entry-empty",
      position: { row: 1 },
    });
  });
});

describe("the refinedweb-lines filter", () => {
  const config = refinedwebLinesFilterSchema.parse({ filter: "refinedweb-lines" });
  const edit = (text: string) => {
    const values = Buffer.from(text);
    const edited = editRefinedwebLines({ values, offsets: Int32Array.of(0, values.length), length: 1 }, config);
    return {
      text: Buffer.from(edited.text.values).toString(),
      dropped: edited.droppedLines[0],
      removed: edited.removedWords[0],
      changed: edited.changed[0],
    };
  };
  const line = "An ordinary line with enough words in it.";

  it.each([
    ["BUY NOW at", "BUY NOW at: six of ten characters", true],
    ["HALf upper", "three of ten", false],
    ["ABcd ef GH", "four of ten", false],
    ["ABcd eF GH", "five of ten: just the limit", false],
    ["ABcd EF GH", "six of ten", true],
    ["\u24b6\u24b7 \u2160\u2161 a", "circled letters and Roman numerals are upper case: four of seven", true],
    ["12345", "digits only", true],
    ["12 345", "one word is too few, but these are two, and a space is no digit", false],
    ["3 likes", "a counter", true],
    ["» 1,234k views «", "a counter with signs around it", true],
    ["3 likes it", "no counter", false],
    ["Menu", "one word", true],
    ["Two words", "two", false],
  ])("decides about the line %j (%s): dropped is %s", (candidate, _, dropped) => {
    expect(edit(`${line}\n${candidate}\n${line}`).text).toBe(
      dropped ? `${line}\n${line}` : `${line}\n${candidate}\n${line}`,
    );
  });

  it("cuts phrases out of short lines only", () => {
    expect(edit(`${line}\nThe story goes on Read more...`).text).toBe(`${line}\nThe story goes on`);
    expect(edit(`Sign-in to see it\n${line}`).text).toBe(`to see it\n${line}`);
    expect(edit(`${line}\n3 items in cart here`).text).toBe(`${line}\n3 here`);
    const ten = "one two three four five six seven eight Read more...";
    expect(edit(ten).text).toBe("one two three four five six seven eight");
    const eleven = "one two three four five six seven eight nine Read more...";
    expect(edit(eleven).text).toBe(eleven);
    expect(edit(`${line}\nread more...\n${line}`).text).toBe(`${line}\n${line}`);
  });

  it("rejects a document that lost more than a twentieth of its words, not one that lost just that", async () => {
    const words = (count: number): string => Array.from({ length: count }, (_, i) => `word${i}`).join(" ");
    const list = filters({ filter: "refinedweb-lines" });
    const texts = [`${words(19)}\nMenu`, `${words(18)}\nMenu`];
    expect(edit(texts[0] as string).removed).toBeCloseTo(0.05, 6);
    expect(await reasons(list, batchOf(texts))).toEqual([null, "too_many_words_removed"]);
  });

  it("rejects a document of which nothing is left though no limit objects, as C4's rules do", async () => {
    const texts = ["***\n---\n", "Menu", line];
    const editing = filters({ filter: "refinedweb-lines", maxRemovedWords: null });
    expect(await reasons(editing, batchOf(texts))).toEqual(["empty", "empty", null]);
    const c4 = filters({ filter: "c4", minSentences: null });
    expect(await reasons(c4, batchOf(texts))).toEqual(["empty", "empty", null]);
    const rejected = (await createFilters(c4)).apply(batchOf(texts));
    expect(textsOf({ ...utf8Column(rejected.batch, "text", "batch") })).toEqual(texts);
  });

  it("leaves a text that no rule touches as it is", () => {
    expect(edit(`${line}\n\n${line}`)).toEqual({ text: `${line}\n\n${line}`, dropped: 0, removed: 0, changed: 0 });
  });

  it("must stand next to other filters that edit lines", () => {
    const between = [{ filter: "c4" }, { filter: "fineweb" }, { filter: "refinedweb-lines" }];
    expect(filterListSchema.safeParse(between).success).toBe(false);
    expect(filterListSchema.safeParse([between[0], between[2], between[1]]).success).toBe(true);
  });
});

describe("filters by language", () => {
  it("take the place of what follows the language filter", async () => {
    const lists = {
      filters: filters({ filter: "language", languages: ["en", "zh"] }, { filter: "length", minWords: 5 }),
      filtersByLanguage: { zh: filters({ filter: "length", minCharacters: 4 }) },
    };
    const chain = await createFilters(lists);
    const batch = batchOf(
      ["一二三四", "one two", "一二", "one two three four five", "x"],
      [],
      ["zh", "en", "zh", "en", "fr"],
    );
    expect(chain.apply(batch).rejections.map((rejection) => rejection?.reason ?? null)).toEqual([
      null,
      "too_few_words",
      "too_few_characters",
      null,
      "language_not_wanted",
    ]);
  });

  it("may edit lines in one language and not in another", async () => {
    const lists = {
      filters: filters({ filter: "c4", minSentences: null }, { filter: "length" }),
      filtersByLanguage: { zh: filters({ filter: "length" }) },
    };
    const chain = await createFilters(lists);
    const { batch, texts, rejections } = chain.apply(
      batchOf(["A menu\nThis is a whole line.", "短\n长一点"], [], ["en", "zh"]),
    );
    expect(rejections).toEqual([null, null]);
    expect(textsOf(texts(Int32Array.of(0, 1)))).toEqual(["This is a whole line.", "短\n长一点"]);
    expect(batch.getChild(`${signalPrefix}edited_words`)?.get(1)).toBeNull();
    expect(batch.getChild(`${signalPrefix}words`)?.get(1)).toBe(4);
  });
});

describe("the expression filter", () => {
  it("keeps what fulfils the condition and names itself otherwise", async () => {
    const config = filters({
      filter: "expression",
      name: "long_words",
      keep: "signals.meanWordLength > 3 and not contains(url, '/x')",
    });
    expect(
      await reasons(
        config,
        batchOf(["words here", "a b", "words here"], ["https://a.example", null, "https://a.example/x"]),
      ),
    ).toEqual([null, "long_words", "long_words"]);
  });

  it("may use signals of filters before it", async () => {
    const files = [await list("before", "bad")];
    const word = { filter: "word-list", name: "adult", files, maxOccurrences: null };
    const keep = { filter: "expression", name: "few", keep: "signals.words_adult < 2" };
    expect(await reasons(filters(word, keep), batchOf(["bad", "bad bad"]))).toEqual([null, "few"]);
    await expect(createFilters(filters(keep, word))).rejects.toMatchObject({ code: "expression-invalid" });
  });
});

describe("the classifier filter", () => {
  it("scores with a fastText model, and refuses a label that the model does not have", async () => {
    const { path } = (await import("../../forge/filter/index.ts")).filterFiles(filters({ filter: "language" }))[0] as {
      path: string;
    };
    const english = { filter: "classifier", name: "english", model: path, label: "en", minScore: 0.5 };
    const chain = await createFilters(filters(english));
    const { batch, rejections } = chain.apply(
      batchOf(["This is an English sentence.", "Dies ist ein deutscher Satz."]),
    );
    expect(rejections.map((rejection) => rejection?.reason ?? null)).toEqual([null, "english_below_threshold"]);
    expect(batch.getChild(`${signalPrefix}classifier_english`)?.get(0)).toBeGreaterThan(0.5);
    await expect(createFilters(filters({ ...english, label: "quality" }))).rejects.toMatchObject({
      code: "label-unknown",
    });
  });
});
