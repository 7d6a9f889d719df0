/**
 * Each rule of Gopher (Rae et al. 2021, table A1, as datatrove a649de79 reads it) and FineWeb on texts that stand exactly
 * on its published limit and one step beyond it, the other rules of the list being content.
 */
import { describe, expect, it } from "vitest";
import { createFilters } from "../../forge/filter/index.ts";
import { filterListSchema } from "../../schemas/config/filter.ts";
import { DocumentBatchBuilder } from "../../schemas/record/document.ts";

async function reasonFor(filter: string, text: string): Promise<string | null> {
  const builder = new DocumentBatchBuilder();
  builder.append({ id: "0".repeat(32), text: Buffer.from(text), source: "a" });
  const chain = await createFilters(filterListSchema.parse([{ filter }]));
  return chain.apply(builder.finish()).rejections[0]?.reason ?? null;
}

/** The i-th of words that all differ, with so many letters. */
function word(i: number, letters = 6): string {
  let name = "";
  for (let rest = i; name.length < 4; rest = Math.floor(rest / 20)) name += "bcdfghjklmnpqrstvwxz"[rest % 20];
  return name.padEnd(letters, "a").slice(0, letters);
}

const words = (count: number, letters = 6, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => word(from + i, letters));

/** Pieces, and behind them words that occur once, so that all together has so many characters. */
function fill(pieces: readonly string[], characters: number): string {
  const parts = [...pieces];
  let left = characters - parts.join(" ").length + (parts.length === 0 ? 1 : 0);
  for (let i = 5000; left > 0; i++) {
    // The last word takes what is left; none is shorter than 4 letters.
    const letters = left < 16 ? left - 1 : 6;
    parts.push(word(i, letters));
    left -= letters + 1;
  }
  const text = parts.join(" ");
  expect([...text].length).toBe(characters);
  return text;
}

/** A phrase between words that occur once, so many times, then more such words. */
function repeated(phrase: string, times: number, characters: number): string {
  const pieces = Array.from({ length: times }, (_, i) => `${phrase} ${word(i, 5)}`);
  return fill(pieces, characters);
}

/** Lines of so many different words each, some of which are written by `edit`. */
function lines(count: number, each: number, edit: (line: string, i: number) => string, letters = 6): string {
  return Array.from({ length: count }, (_, i) => edit(words(each, letters, i * each).join(" "), i)).join("\n");
}

const stop = ["the", "with"];
const prose = (count: number): string => [...stop, ...words(count - 2)].join(" ");

type Case = readonly [reason: string, last: () => string, beyond: () => string];

const quality: readonly Case[] = [
  // Punctuation alone is no word.
  ["gopher_short_doc", () => `${prose(50)} ! ? ,`, () => `${prose(49)} ! ? ,`],
  ["gopher_long_doc", () => prose(100_000), () => prose(100_001)],
  [
    "gopher_below_avg_threshold",
    () => ["the", "and", ...words(58, 3)].join(" "),
    () => ["the", "to", ...words(58, 3)].join(" "),
  ],
  [
    "gopher_above_avg_threshold",
    () => ["the", "and", word(1, 17), word(2, 17), ...words(60, 10, 9)].join(" "),
    () => ["the", "and", word(1, 17), word(2, 18), ...words(60, 10, 9)].join(" "),
  ],
  // The denominator counts signs, too: 90 words and 10 signs; 90 and 11.
  [
    "gopher_too_many_hashes",
    () => `${prose(90)} ${"# ".repeat(10)}`.trim(),
    () => `${prose(90)} ${"# ".repeat(11)}`.trim(),
  ],
  ["gopher_too_many_ellipsis", () => `${"… ".repeat(10)}${prose(90)}`, () => `${"… ".repeat(11)}${prose(90)}`],
  [
    "gopher_too_many_bullets",
    () => `${prose(60)}\n${lines(19, 20, (line, i) => (i < 18 ? `  • ${line}` : line))}`,
    () => `- ${prose(60)}\n${lines(19, 20, (line, i) => (i < 18 ? `- ${line}` : line))}`,
  ],
  [
    "gopher_too_many_end_ellipsis",
    () => `${prose(60)}\n${lines(9, 20, (line, i) => (i < 3 ? `${line}...` : line))}`,
    () => `${prose(60)}\n${lines(9, 20, (line, i) => (i < 4 ? `${line} … ` : line))}`,
  ],
  [
    "gopher_below_alpha_threshold",
    () => `${prose(80)} ${"1234567 ".repeat(20)}`.trim(),
    () => `${prose(79)} ${"1234567 ".repeat(21)}`.trim(),
  ],
  // Two different ones; the same twice is one.
  ["gopher_enough_stop_words", () => `${words(60).join(" ")} the be`, () => `${words(60).join(" ")} the the The`],
];

const long = "z".repeat(100);
const often = "of the";

/** A phrase of n words of three letters that occurs again so often that it makes up the limit of the characters. */
const duplicated = (n: number, percent: number, less: number): string => {
  const phrase = Array.from({ length: n }, (_, i) => `${"bcdfghjklm"[i]}uu`).join(" ");
  return repeated(phrase, percent * 2 + 1, 600 * n - less);
};

const repetition: readonly Case[] = [
  [
    "dup_para_frac",
    () =>
      [
        ...Array.from({ length: 4 }, () => "ok"),
        ...Array.from({ length: 6 }, (_, i) => words(20, 6, i * 20).join(" ")),
      ].join("\n\n"),
    () =>
      [
        ...Array.from({ length: 5 }, () => "ok"),
        ...Array.from({ length: 5 }, (_, i) => words(20, 6, i * 20).join(" ")),
      ].join("\n\n"),
  ],
  [
    "dup_para_char_frac",
    () => fill([`${often} a ${often} b ${often}\n\n${long}\n\n${long}\n\n${often}`], 500),
    () => fill([`${often} a ${often} b ${often}\n\n${long}\n\n${long}\n\n${often}`], 499),
  ],
  [
    "dup_line_frac",
    () =>
      [
        ...Array.from({ length: 4 }, () => "ok"),
        ...Array.from({ length: 6 }, (_, i) => words(20, 6, i * 20).join(" ")),
      ].join("\n"),
    () =>
      [
        ...Array.from({ length: 5 }, () => "ok"),
        ...Array.from({ length: 5 }, (_, i) => words(20, 6, i * 20).join(" ")),
      ].join("\n"),
  ],
  [
    "dup_line_char_frac",
    () => fill([`${often} a ${often} b ${often}\n${long}\n${long}\n${often}`], 500),
    () => fill([`${often} a ${often} b ${often}\n${long}\n${long}\n${often}`], 499),
  ],
  ["top_2_gram", () => repeated("ab cd", 8, 200), () => repeated("ab cd", 8, 199)],
  ["top_3_gram", () => repeated("ab cd ef", 9, 400), () => repeated("ab cd ef", 9, 399)],
  ["top_4_gram", () => repeated("ab cd ef gh", 16, 1100), () => repeated("ab cd ef gh", 16, 1099)],
  ...([15, 14, 13, 12, 11, 10] as const).map((percent, i): Case => [
    `duplicated_${i + 5}_n_grams`,
    () => duplicated(i + 5, percent, 0),
    () => duplicated(i + 5, percent, 1),
  ]),
];

/** Letters that no rule of FineWeb minds: long lines that end in a full stop. */
const full = (count: number): string => lines(count, 8, (line) => `${line}.`);

const fineweb: readonly Case[] = [
  [
    "line_punct_ratio",
    () => lines(25, 8, (line, i) => (i < 3 ? `${line}!` : `${line},`)),
    () => lines(25, 8, (line, i) => (i < 2 ? `${line}!` : `${line},`)),
  ],
  // 30 characters are short, 31 are not.
  [
    "short_line_ratio",
    () => `${full(33)}\n${Array.from({ length: 67 }, (_, i) => `${words(4, 6, 900 + 4 * i).join(" ")} a.`).join("\n")}`,
    () => `${full(32)}\n${Array.from({ length: 68 }, (_, i) => `${words(4, 6, 900 + 4 * i).join(" ")} a.`).join("\n")}`,
  ],
  [
    "char_dup_ratio",
    () => `${fill([], 979)}.\n${"y".repeat(10)}\n${"y".repeat(10)}`,
    () => `${fill([], 978)}.\n${"y".repeat(10)}\n${"y".repeat(10)}`,
  ],
  // Line feeds between blank lines count, too; a full stop is a word.
  [
    "list_ratio",
    () => `${lines(30, 2, (line) => `${line}.`, 17)}\n${words(10, 17, 500).join(" ")}`,
    () => `${lines(30, 2, (line) => `${line}.`, 17)}\n\n${words(10, 17, 500).join(" ")}`,
  ],
  ["empty", () => full(3), () => " \n \n"],
];

for (const [filter, cases] of [
  ["gopher-quality", quality],
  ["gopher-repetition", repetition],
  ["fineweb", fineweb],
] as const) {
  describe(`the published limits of ${filter}`, () => {
    it.each(cases)("%s: a text on the limit is kept, one just beyond it is not", async (reason, last, beyond) => {
      expect(await reasonFor(filter, last())).toBeNull();
      expect(await reasonFor(filter, beyond())).toBe(reason);
    });
  });
}

it("lines of 31 characters are not short", async () => {
  const line = (i: number): string => `${words(4, 6, 4 * i).join(" ")} ab.`;
  expect(line(0).length).toBe(31);
  expect(await reasonFor("fineweb", Array.from({ length: 9 }, (_, i) => line(i)).join("\n"))).toBeNull();
});
