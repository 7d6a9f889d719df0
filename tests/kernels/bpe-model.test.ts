import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseTokenizerJson } from "../../forge/kernels/bpe.ts";
import { scanTokenizerJson } from "../../forge/kernels/bpe-scan.ts";
import { shippedPath } from "../../forge/base/index.ts";
import { smallTokenizerJson } from "./bpe-support.ts";

/** What comes of a file: the model with its tokens spelt out, or the error. */
function readingOf(bytes: Uint8Array): unknown {
  try {
    const { tokens, ...model } = parseTokenizerJson(bytes);
    return { ...model, tokens: Array.from({ length: tokens.length }, (_, id) => tokens.at(id)) };
  } catch (error) {
    return error;
  }
}

/** The same file with a byte-order mark, which makes it unusual: it is parsed as a whole. */
function parsedWhole(bytes: Uint8Array): unknown {
  const marked = Buffer.concat([Buffer.from("\ufeff"), bytes]);
  expect(scanTokenizerJson(marked)).toBeUndefined();
  return readingOf(marked);
}

function expectBothWaysToAgree(file: unknown): void {
  const bytes = Buffer.from(typeof file === "string" ? file : JSON.stringify(file));
  expect(scanTokenizerJson(bytes)).toBeDefined();
  expect(readingOf(bytes)).toEqual(parsedWhole(bytes));
}

const small = smallTokenizerJson();
const smallText = JSON.stringify(small);
const changed = (change: (json: any) => void): unknown => {
  const json = structuredClone(small);
  change(json);
  return json;
};

describe("a tokenizer.json read from its bytes", () => {
  it.each([
    ["merges as pairs", small],
    [
      "merges as strings",
      changed(({ model }) => (model.merges = model.merges.map((pair: string[]) => pair.join(" ")))),
    ],
    ["no merges", changed(({ model }) => (model.merges = []))],
    ["white space everywhere", JSON.stringify(small, null, "\t")],
    [
      "characters beyond ASCII escaped",
      smallText.replaceAll(/[\u0080-\uffff]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`),
    ],
    [
      "tokens beyond the alphabet, of three bytes and four, named like what every object has, and empty",
      changed(({ model }) =>
        Object.assign(model.vocab, { 中文: 900, "😀": 901, constructor: 902, "1": 903, "": 904, " ": 905 }),
      ),
    ],
    ["ids that nothing has", changed(({ model }) => (model.vocab["far away"] = 5000))],
    ["an added token that is in the vocabulary", changed((json) => json.added_tokens.push({ id: 64, content: "a" }))],
    ["another token for an id that is in use", changed((json) => json.added_tokens.push({ id: 64, content: "xyzzy" }))],
  ])("is the one that JSON.parse gives: %s", (_, file) => {
    expectBothWaysToAgree(file);
  });

  it.each([
    ["a token twice", smallText.replace('"vocab":{', '"vocab":{"the":3,"the":900,')],
    ["two tokens of one id", smallText.replace('"vocab":{', '"vocab":{"2":900,"1":900,')],
    ["a key twice", smallText.replace('"model":{', '"model":{"vocab":{"a":1},')],
    ["a key with an escape", smallText.replace('"vocab"', '"voc\\u0061b"')],
    ["half a surrogate pair", smallText.replace('"vocab":{', '"vocab":{"\\ud83d":900,')],
    ["merges before the vocabulary", changed((json) => (json.model = { merges: json.model.merges, ...json.model }))],
  ])("is left to JSON.parse where it is unusual: %s", (_, file) => {
    const bytes = Buffer.from(typeof file === "string" ? file : JSON.stringify(file));
    expect(scanTokenizerJson(bytes)).toBeUndefined();
    expect(readingOf(bytes)).toEqual(parsedWhole(bytes));
  });

  it("gives what JSON.parse gives, or its error, whatever bytes are changed", () => {
    const bytes = Buffer.from(smallText);
    // Where vocabulary and merges begin and end, and the characters that mean something there.
    const places = fc.oneof(
      fc.nat(bytes.length),
      ...["added_tokens", "pre_tokenizer", "model", "vocab", "merges"].map((key) =>
        fc.integer({ min: -2, max: 40 }).map((shift) => smallText.indexOf(`"${key}"`) + shift),
      ),
      fc.integer({ min: bytes.length - 20, max: bytes.length }),
    );
    const pieces = fc.oneof(
      fc.constantFrom(
        ...'"\\{}[],: 0123456789.e-+\n\t\0\u0120atn',
        "\\u0061",
        "\\n",
        "\\x",
        "\ud83d\ude00",
        '"a":1,',
        "01",
      ),
      fc.uint8Array({ maxLength: 3 }),
    );
    fc.assert(
      fc.property(places, fc.nat(6), pieces, (at, remove, piece) => {
        const insert = typeof piece === "string" ? Buffer.from(piece) : piece;
        const edited = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);
        // The mark would be seen in the place of an error.
        const [given, expected] = [readingOf(edited), parsedWhole(edited)];
        if (given instanceof Error && given.message.includes("is not JSON")) {
          expect(expected).toMatchObject({ message: expect.stringContaining("is not JSON") as string });
        } else expect(given).toEqual(expected);
      }),
      { numRuns: 400 },
    );
  });

  const real = shippedPath("../shared/data/tokenizers");
  it.skipIf(!existsSync(real)).each(["gpt2.json", "gpt-neox-20b.json"])(
    "is the one that JSON.parse gives: ../shared/data/tokenizers/%s",
    (name) => {
      expectBothWaysToAgree(readFileSync(join(real, name), "utf8"));
    },
  );
});
