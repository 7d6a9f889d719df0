import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findHits } from "../../forge/decontaminate/index.ts";
import { columnOf, example, found, indexOf, kernels, series } from "./support.ts";

const filler = series("filler", 400);
const before = filler.slice(0, 200).join(" ");
const after = filler.slice(200).join(" ");
const long = series("long", 30).join(" ");
/** Texts with the example at their start, within and at their end. */
const around = (text: string): string[] => [`${text} ${after}`, `${before} ${text} ${after}`, `${before} ${text}`];

describe("A long part of an example", () => {
  test("is found by any 13 words of it in a row, wherever they stand in a text", async () => {
    const index = await indexOf([example("a", { question: long })]);
    const words = long.split(" ");
    for (let from = 0; from + 13 <= words.length; from++) {
      const some = words.slice(from, from + 13).join(" ");
      expect(found(around(some), index)).toEqual([["a"], ["a"], ["a"]]);
    }
    expect(found([long], index)).toEqual([["a"]]);
  });

  test("is not found by 12 words of it, nor by 13 with a word between or one changed", async () => {
    const index = await indexOf([example("a", { question: long })]);
    const words = long.split(" ");
    for (let from = 0; from + 12 <= words.length; from++) {
      expect(found(around(words.slice(from, from + 12).join(" ")), index)).toEqual([[], [], []]);
    }
    const thirteen = words.slice(5, 18);
    for (let at = 0; at < 13; at++) {
      expect(found([thirteen.with(at, "other").join(" ")], index)).toEqual([[]]);
      if (at > 0) expect(found([thirteen.toSpliced(at, 0, "more").join(" ")], index)).toEqual([[]]);
    }
  });

  test("is found in another case, with other punctuation, white space, accents and numbers", async () => {
    const question = "In 1984 the cafe sold 3.5 tons of bread to twelve monks and then it closed for good";
    const index = await indexOf([example("a", { question })]);
    const texts = [
      question.toUpperCase(),
      question.replaceAll(" ", "\n\t "),
      question.replaceAll(" ", " — "),
      question
        .split(" ")
        .map((word) => `“${word}”,`)
        .join(""),
      question.replace("cafe", "café"),
      question.replace("1984", "2001").replace("3.5", "1,250"),
    ];
    expect(found(texts, index)).toEqual(texts.map(() => ["a"]));
  });

  test("does not reach from one text of a list into the next", async () => {
    const words = long.split(" ");
    const index = await indexOf([example("a", { passage: [words.slice(0, 14).join(" "), words.slice(14).join(" ")] })]);
    expect(found([words.slice(2, 26).join(" ")], index)).toEqual([[]]);
    expect(found([words.slice(1, 14).join(" "), words.slice(14, 27).join(" ")], index)).toEqual([["a"], ["a"]]);
  });

  test("of which several examples have the same n-gram is attributed to all of them", async () => {
    const words = long.split(" ");
    const index = await indexOf([
      example("a", { question: words.slice(0, 15).join(" ") }),
      example("b", { answer: words.slice(1, 20).join(" ") }),
      example("c", { passage: words.slice(14).join(" ") }),
    ]);
    expect(found([words.slice(1, 14).join(" "), long], index)).toEqual([
      ["a", "b"],
      ["a", "b", "c"],
    ]);
  });

  test("made of numbers alone is not looked for: on the normal form all such texts are one", async () => {
    const numbers = Array.from({ length: 20 }, (_, i) => String(i * 7)).join(", ");
    const index = await indexOf([example("a", { question: numbers }), example("b", { question: `${numbers} sum` })]);
    expect(index.grams).toBe(1);
    expect(found([numbers, `${numbers} sum`], index)).toEqual([[], ["b"]]);
  });
});

describe("A short example", () => {
  test("of each length from minWords to 12 is found whole, and not without its first or last word", async () => {
    const shorts = Array.from({ length: 9 }, (_, i) => series(`short${i}`, 4 + i));
    const index = await indexOf(shorts.map((words, i) => example(`s${i}`, { question: words.join(" ") })));
    for (const [i, words] of shorts.entries()) {
      const names = [`s${i}`];
      expect(found(around(words.join(", ").toUpperCase()), index)).toEqual([names, names, names]);
      expect(found(around(words.slice(1).join(" ")), index)).toEqual([[], [], []]);
      expect(found(around(words.slice(0, -1).join(" ")), index)).toEqual([[], [], []]);
    }
  });

  test("below minWords is not looked for, at minWords it is", async () => {
    const index = await indexOf([
      example("a", { question: "one red fish" }),
      example("b", { question: "two blue fish swim" }),
    ]);
    expect(found(["one red fish and two blue fish swim"], index)).toEqual([["b"]]);
    expect(index.example(0)).toMatchObject({ id: "a", words: 3 });
  });

  test("is matched by its question; a short answer counts only behind a question that cannot be matched", async () => {
    const index = await indexOf([
      example("a", { question: "who wrote the old letters", answer: "the miller of the lower valley" }),
      example("b", { question: "who though", answer: ["the baker of the village", "nobody at all"] }),
      example("c", { answer: "only an answer is here" }),
    ]);
    const texts = [
      "and the miller of the lower valley came",
      "ask who wrote the old letters",
      "the baker of the village",
      "Who, though? The baker of the village.",
      "who though nobody at all",
      "only an answer is here",
    ];
    expect(found(texts, index)).toEqual([[], ["a"], [], ["b"], ["b"], ["c"]]);
  });

  test("whose last words stand in another is told from it by the words before", async () => {
    const tail = series("tail", 8);
    const index = await indexOf([
      example("a", { question: ["alpha", ...tail].join(" ") }),
      example("b", { question: ["beta", "alpha", ...tail].join(" ") }),
      example("c", { question: tail.join(" ") }),
    ]);
    expect(
      found(
        [
          ["beta", "alpha", ...tail],
          ["gamma", "alpha", ...tail],
          ["gamma", ...tail],
        ].map((words) => words.join(" ")),
        index,
      ),
    ).toEqual([["a", "b", "c"], ["a", "c"], ["c"]]);
  });
});

test("Hits are those that comparing all words with all examples gives", async () => {
  const word = fc.constantFrom("a", "B", "c", "7", "ß", "Σα", "e\u0301", "≠x");
  const text = fc.array(word, { maxLength: 14 }).map((words) => words.join(" "));
  const options = { ngram: 5, minWords: 2 };
  const normal = (one: string): string[] =>
    Buffer.from(kernels.normalizeForDedup(columnOf([one])).values)
      .toString("utf8")
      .split(" ")
      .filter((part) => part !== "");
  await fc.assert(
    fc.asyncProperty(
      fc.array(text, { minLength: 1, maxLength: 6 }),
      fc.array(text, { maxLength: 6 }),
      async (questions, texts) => {
        const index = await indexOf(
          questions.map((question, i) => example(String(i), { question })),
          options,
        );
        const expected = texts.map((one) => {
          const own = normal(one);
          return questions.flatMap((question, i) => {
            const words = normal(question);
            const length = Math.min(options.ngram, words.length);
            if (length < options.minWords) return [];
            const isThere = words.some((_, from) => {
              const gram = words.slice(from, from + length);
              if (gram.length < length || gram.every((part) => part === "0")) return false;
              return own.some((_word, at) => gram.every((part, k) => own[at + k] === part));
            });
            return isThere ? [String(i)] : [];
          });
        });
        expect(found(texts, index)).toEqual(expected);
      },
    ),
    { numRuns: 60 },
  );
});

test("Nothing is missed or mistaken when hashes collide: full hashes decide", async () => {
  // The upper half is what an n-gram index tells entries apart by.
  const poor: typeof kernels = {
    ...kernels,
    shingles(column, words) {
      const { hashes, offsets } = kernels.shingles(column, words);
      return { hashes: hashes.map((half, i) => (i % 2 === 1 ? half & 1 : half)), offsets };
    },
  };
  const longs = Array.from({ length: 40 }, (_, i) => series(`long${i}`, 16).join(" "));
  const shorts = Array.from({ length: 40 }, (_, i) => series(`short${i}`, 4 + (i % 9)).join(" "));
  const index = await indexOf(
    [...longs, ...shorts].map((question, i) => example(String(i).padStart(2, "0"), { question })),
    { kernels: poor },
  );
  const texts = [...longs, ...shorts, ...Array.from({ length: 40 }, (_, i) => series(`clean${i}`, 30).join(" "))];
  const expected = texts.map((_, i) => (i < 80 ? [String(i).padStart(2, "0")] : []));
  expect(found(texts, index, poor)).toEqual(expected);
});

test("An n-gram index is laid out as it was: a changed layout needs a new version of the plan's stages", async () => {
  // What tables hold is stored between runs; see `version` in forge/pipeline/plan-decontamination.ts.
  const { createHash } = await import("node:crypto");
  const index = await indexOf([
    example("a", { question: "a fixed text of quite a few words that never changes at all again" }),
  ]);
  const table = new Uint8Array(index.ngramTable.index?.shared ?? new ArrayBuffer(0));
  expect(createHash("sha256").update(table).digest("hex").slice(0, 16)).toBe("69659078aa440cec");
});

test("A text without a hit gives none, and so does an index of nothing", async () => {
  const index = await indexOf([example("a", { question: "no" })]);
  expect(index.grams).toBe(0);
  expect(findHits(columnOf(["some text", ""]), index, kernels).texts).toHaveLength(0);
});
