import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  attributeHits,
  findHits,
  flagClusters,
  joinHits,
  type ContaminationIndex,
  type Flags,
} from "../../forge/decontaminate/index.ts";
import { columnOf, example, indexOf, kernels, series } from "./support.ts";

const id = (n: number): string => n.toString(16).padStart(32, "0");
const [one, two] = ["one", "two"].map((name) => series(name, 13).join(" ")) as [string, string];

/** Flags texts that are given with their cluster, some to a partition. */
async function flag(
  index: ContaminationIndex,
  texts: readonly (readonly [string, number])[],
  options: { readonly max?: number; readonly perPartition?: number } = {},
): Promise<Flags> {
  const { max = 10, perPartition = 3 } = options;
  const partitions = [];
  for (let from = 0; from < texts.length; from += perPartition) {
    const part = texts.slice(from, from + perPartition);
    const hits = findHits(columnOf(part.map(([text]) => text)), index, kernels);
    partitions.push({ hits, cluster: (row: number) => id(part[row]?.[1] ?? -1) });
  }
  return await flagClusters(partitions, index, { maxCorpusFrequency: max, sets: 1 });
}

describe("A hit", () => {
  test("flags its cluster, whichever of its documents has it", async () => {
    const index = await indexOf([example("a", { question: one })]);
    const { clusters, sets } = await flag(index, [
      ["clean", 1],
      ["also clean", 2],
      [one, 2],
      ["clean", 3],
    ]);
    expect([...clusters]).toEqual([id(2)]);
    expect(sets).toEqual([{ contaminated: 1, frequent: 0, documents: 1 }]);
  });

  test("of an n-gram in ten documents counts, in eleven it does not, wherever they stand", async () => {
    const index = await indexOf([example("a", { question: one }), example("b", { question: two })]);
    const copies = (count: number): (readonly [string, number])[] =>
      Array.from({ length: count }, (_, i) => [i === 0 ? `${one} ${two}` : one, i]);
    const ten = await flag(index, copies(10));
    expect(ten.clusters.size).toBe(10);
    expect(ten.examples.map(({ status, documents }) => [status, documents])).toEqual([
      ["contaminated", 10],
      ["contaminated", 1],
    ]);
    for (const perPartition of [1, 4, 11]) {
      const eleven = await flag(index, copies(11), { perPartition });
      expect([...eleven.clusters]).toEqual([id(0)]);
      expect(
        eleven.examples.map(({ status, ngramsFound, ngramsFrequent }) => [status, ngramsFound, ngramsFrequent]),
      ).toEqual([
        ["frequent", 0, 1],
        ["contaminated", 1, 0],
      ]);
      expect(eleven.sets).toEqual([{ contaminated: 1, frequent: 1, documents: 1 }]);
    }
  });

  test("counts once for all documents of a cluster and all its places in a document", async () => {
    const index = await indexOf([example("a", { question: one })]);
    const twenty = Array.from({ length: 20 }, (_, i) => [`${one} and ${one}`, i % 2] as const);
    const { clusters, documents } = await flag(index, twenty, { max: 2 });
    expect(clusters.size).toBe(2);
    expect([...documents]).toEqual([2]);
  });
});

describe("The attribution of a document's hits", () => {
  test("names part and share, and shows the longest passage as it stands there", async () => {
    const question = series("q", 15);
    const answer = series("a", 20);
    const index = await indexOf([example("x", { question: question.join(" "), answer: answer.join(" ") })]);
    const text = `Well: ${answer.slice(0, 14).join(", ")}! Then ${question.join(" ")}; ${answer.slice(4).join("  ")}.`;
    const hits = findHits(columnOf([text]), index, kernels);
    const all = [...hits.positions].map((position, i) => ({ position, gram: hits.grams[i] as number }));
    const bytes = Buffer.from(text);
    const { findings, matches } = attributeHits(bytes, all, index);
    const shown = (range: { start: number; end: number }): string => bytes.toString("utf8", range.start, range.end);
    expect(findings.map(({ part, ngrams, share, longest }) => [part, ngrams, share, shown(longest)])).toEqual([
      ["question", 3, 1, question.join(" ")],
      ["answer", 6, 6 / 8, answer.slice(4).join("  ")],
    ]);
    expect(matches.map(shown)).toEqual([
      answer.slice(0, 14).join(", "),
      question.join(" "),
      answer.slice(4).join("  "),
    ]);
  });

  test("ends a short example where its last word ends", async () => {
    const index = await indexOf([example("x", { question: "Is this, perhaps, a test?" })]);
    const text = "«Is this — perhaps — a test?» Yes";
    const hits = findHits(columnOf([text]), index, kernels);
    const all = [...hits.positions].map((position, i) => ({ position, gram: hits.grams[i] as number }));
    const [match] = attributeHits(Buffer.from(text), all, index).matches;
    expect(Buffer.from(text).toString("utf8", match?.start, match?.end)).toBe("Is this — perhaps — a test");
  });
});

test("Every passage that is shown or cut holds exactly the words that were matched, whatever stands between and around", async () => {
  const question = series("p", 16);
  const short = series("s", 6);
  const index = await indexOf([
    example("long", { question: question.join(" ") }),
    example("short", { question: short.join(" ") }),
  ]);
  const normal = (bytes: Uint8Array): string =>
    Buffer.from(kernels.normalizeForDedup(columnOf([Buffer.from(bytes).toString("utf8")])).values)
      .toString("utf8")
      .replace(/ +/g, " ");
  const separator = fc.constantFrom(" ", ", ", " — ", "\n\n", "…", " \u0301 ", "’ “", "\t(", ")\u2028");
  const noise = fc.string({ unit: "grapheme", maxLength: 8 }).map((text) => text.toWellFormed());
  const cased = fc.constantFrom(
    (word: string) => word,
    (word: string) => word.toUpperCase(),
    (word: string) => `${word}\u0301`,
  );
  const planted = fc.constantFrom(question, short).chain((words) =>
    fc
      .tuple(
        ...words.map((word) => fc.tuple(cased, separator).map(([change, after]) => [change(word), after] as const)),
      )
      .map((parts) => ({
        words,
        text: parts.map(([word, after], i) => (i + 1 < parts.length ? word + after : word)).join(""),
      })),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(noise, planted), { minLength: 1, maxLength: 4 }), noise, (parts, tail) => {
      const text = Buffer.from(
        `${parts.map(([before, { text: one }]) => `${before} ; ${one}`).join(" zz ")} ; ${tail}`,
      );
      const hits = findHits(columnOf([text.toString("utf8")]), index, kernels);
      const all = [...hits.positions].map((position, i) => ({ position, gram: hits.grams[i] as number }));
      const { matches } = attributeHits(text, all, index);
      expect(matches.map(({ start, end }) => normal(text.subarray(start, end)).trim())).toEqual(
        parts.map(([, { words }]) => words.join(" ")),
      );
    }),
  );
});

test("Hits of batches are joined with the rows of their partition", () => {
  const hits = { texts: Uint32Array.of(0, 2), positions: Uint32Array.of(5, 6), grams: Uint32Array.of(1, 1) };
  const joined = joinHits([
    { firstRow: 0, hits },
    { firstRow: 10, hits },
  ]);
  expect([...joined.texts]).toEqual([0, 2, 10, 12]);
  expect([...joined.positions]).toEqual([5, 6, 5, 6]);
});
