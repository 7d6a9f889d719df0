import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBpeEncoder, type BpeModel } from "../../forge/kernels/bpe.ts";
import { preTokenizers } from "../../forge/kernels/bpe-pre-tokenizer.ts";
import { splitterOf } from "../../forge/kernels/reference/bpe-split.ts";
import { columnOf, mergeNaively, modelOf, patterns, smallTokenizerJson, splitByPattern } from "./bpe-support.ts";

/** Characters at which pre-tokenisers turn, all of them older than Unicode 16. */
const turning = fc.constantFrom(
  ...Array.from("aZé中अ1٣½²!'.,|()[]…。。，、।۔،_-😀\u0301\u200d \t\n\r\v\f\u0085\u00a0\u2003\u3000\ufeff\0"),
  ..."'s|'t|'re|'ve|'m|'ll|'d|'S|'rE|'Ve|'LL|'ſ| '|  |\r\n|12345|quick|<|endoftext|>|aaaa| the".split("|"),
);
const text = fc.array(turning, { maxLength: 40 }).map((parts) => parts.join(""));
const wildText = fc.oneof(text, fc.string({ unit: "grapheme", maxLength: 60 }));

describe.each(preTokenizers)("the %s pre-tokeniser", (kind) => {
  const split = splitterOf(kind);
  const piecesOf = (bytes: Uint8Array): Uint8Array[] => {
    const pieces: Uint8Array[] = [];
    for (let start = 0; start < bytes.length;) {
      const end = split(bytes, start, bytes.length);
      pieces.push(bytes.subarray(start, end));
      start = end;
    }
    return pieces;
  };

  it("splits as its regular expression does", () => {
    fc.assert(
      fc.property(text, (string) => {
        const pieces = piecesOf(Buffer.from(string)).map((piece) => Buffer.from(piece).toString());
        expect(pieces).toEqual(splitByPattern(string, patterns[kind]));
      }),
      { numRuns: 2000 },
    );
  });

  it("goes forward on any bytes and leaves none out", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
        const pieces = piecesOf(bytes);
        expect(pieces.every((piece) => piece.length > 0)).toBe(true);
        expect(Buffer.concat(pieces)).toEqual(Buffer.from(bytes));
      }),
    );
  });
});

const implementations = ["reference", "wasm"] as const;

describe.each(implementations)("encoding (%s)", (implementation) => {
  const json = smallTokenizerJson();
  const model = modelOf(json);
  const encoderOf = (of: BpeModel) => createBpeEncoder(of, { implementation });
  const encoder = encoderOf(model);
  const encode = (string: string | Uint8Array, using = encoder): number[] => [...using.encode(columnOf([string])).ids];

  it("merges each pre-token as the naive algorithm does", () => {
    fc.assert(
      fc.property(wildText, (string) => {
        const pieces = splitByPattern(string, patterns.gpt2);
        expect(encode(string)).toEqual(pieces.flatMap((piece) => mergeNaively(model, Buffer.from(piece))));
      }),
      { numRuns: 500 },
    );
  });

  it("is undone by decoding, for any bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.uint8Array(), wildText)), (texts) => {
        const column = columnOf(texts);
        const { ids, offsets } = encoder.encode(column);
        texts.forEach((original, i) => {
          const decoded = encoder.decode(ids.subarray(offsets[i], offsets[i + 1]));
          expect(Buffer.from(decoded)).toEqual(Buffer.from(original as string));
        });
      }),
    );
  });

  it("gives the same ids again, whatever it saw in between", () => {
    const fresh = (string: string): number[] => encode(string, encoderOf(model));
    fc.assert(
      fc.property(fc.array(wildText, { maxLength: 4 }), (texts) => {
        for (const string of texts) expect(encode(string)).toEqual(fresh(string));
      }),
      { numRuns: 8 },
    );
  });

  it("never makes a special token from text, even one that its letters spell", () => {
    const special = new Set(model.specialTokens.values());
    expect([...special]).toEqual([256, 257]);
    for (const string of ["<|endoftext|>", "quick", " quick brown", "the quick"]) {
      expect(encode(string).some((id) => special.has(id))).toBe(false);
    }
  });

  it("decodes special tokens to their content and unknown ids to nothing", () => {
    expect(Buffer.from(encoder.decode(Uint32Array.of(256, 257, 1 << 20))).toString()).toBe("<|endoftext|>quick");
  });

  it.each([
    ["one letter", "a"],
    ["a space", " "],
    ["two letters in turn", "ab"],
    ["a character of four bytes", "😀"],
  ])("takes a long run of %s in one pre-token", (_, unit) => {
    const long = unit.repeat(200_000 / unit.length);
    const ids = encoder.encode(columnOf([long])).ids;
    expect(Buffer.from(encoder.decode(ids)).toString() === long).toBe(true);
    // The ids of a long run repeat those of a short one, but for its two ends.
    const short = encode(unit.repeat(4096));
    expect([...ids.subarray(0, short.length - 64)]).toEqual(short.slice(0, -64));
  });

  it("finds added tokens before all else, the leftmost and of those the longest", () => {
    const changed = smallTokenizerJson();
    const added = (id: number, content: string, normalized = true): object => ({
      id,
      content,
      normalized,
      special: false,
    });
    changed["added_tokens"].push(added(900, "  "), added(901, "    "), added(902, "zqx"), added(903, "zq"));
    const using = encoderOf(modelOf(changed));
    expect(using.vocabularySize).toBe(904);
    const dot = model.byteIds[0x2e] as number;
    expect(encode("       .", using)).toEqual([901, 900, ...encode(" .")]);
    expect(encode("zqx.zq.  .", using)).toEqual([902, dot, 903, dot, 900, dot]);
    fc.assert(
      fc.property(text, (string) => {
        expect(Buffer.from(using.decode(Uint32Array.from(encode(string, using)))).toString()).toBe(string);
      }),
    );
  });

  it("normalises to NFC where the tokenizer says so", () => {
    const changed = { ...smallTokenizerJson(), normalizer: { type: "NFC" } };
    const using = encoderOf(modelOf(changed));
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from("aeo\u0301\u0308\u0323한한😀 .")) }), (string) => {
        expect(encode(string, using)).toEqual(encode(string.normalize("NFC")));
      }),
    );
  });

  it("takes what is no UTF-8 for U+FFFD where it normalises", () => {
    const using = encoderOf(modelOf({ ...smallTokenizerJson(), normalizer: { type: "NFC" } }));
    // A surrogate, an overlong form, a cut sequence.
    for (const bytes of [[0xed, 0xb8, 0x80], [0xe0, 0x82, 0x80], [0xc3]]) {
      const text = Uint8Array.from([0x61, ...bytes]);
      expect(encode(text, using)).toEqual(encode(Buffer.from(text).toString()));
    }
  });

  it("gives back added tokens also where their letters stand for bytes in a vocabulary", () => {
    const changed = smallTokenizerJson();
    changed["added_tokens"].push({ id: 900, content: "Éa", special: false });
    const using = encoderOf(modelOf(changed));
    expect(encode("Éa", using)).toEqual([900]);
    expect(Buffer.from(using.decode(Uint32Array.of(900))).toString()).toBe("Éa");
  });

  it("puts a space before text where the tokenizer says so, but not a second one", () => {
    const changed = smallTokenizerJson();
    changed["pre_tokenizer"].add_prefix_space = true;
    const using = createBpeEncoder(modelOf(changed));
    expect(encode("the dog", using)).toEqual(encode(" the dog"));
    expect(encode(" the dog", using)).toEqual(encode(" the dog"));
    expect(encode("", using)).toEqual([]);
  });

  it("takes a pre-token that is a token as it is where merges are to be ignored", () => {
    const changed = smallTokenizerJson();
    changed["model"].ignore_merges = true;
    changed["model"].vocab["Ġzzz"] = 900;
    const using = createBpeEncoder(modelOf(changed));
    expect(encode(" zzz", using)).toEqual([900]);
    expect(encode(" the zzzz", using)).toEqual(encode(" the zzzz"));
  });
});

describe("the two encoders", () => {
  const bytes = fc.oneof(
    wildText.map((string) => Buffer.from(string)),
    fc.uint8Array({ maxLength: 80 }),
    // Long pre-tokens, where windows meet.
    fc
      .tuple(fc.constantFrom("ab", "a", "xyz", "中文", " \u3000", "=-"), fc.integer({ min: 1, max: 9000 }))
      .map(([unit, n]) => Buffer.from(unit.repeat(n))),
    fc.string({ unit: fc.constantFrom("a", "b", "the", "o", "é"), minLength: 2000, maxLength: 6000, size: "max" }),
  );
  const bloom = {
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex: " ?[^(\\s|[.,!?…。，、।۔،])]+" }, behavior: "Isolated", invert: false },
      { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  };
  const runsOfSpaces = Array.from({ length: 5 }, (_, i) => ({ id: 900 + i, content: " ".repeat(6 - i) }));
  const splitBy = (preTokenizer: BpeModel["preTokenizer"]): BpeModel => ({
    ...modelOf(smallTokenizerJson()),
    preTokenizer,
  });
  const models = {
    gpt2: modelOf(smallTokenizerJson()),
    cl100k: splitBy("cl100k"),
    qwen2: splitBy("qwen2"),
    "gpt2-digits": splitBy("gpt2-digits"),
    bloom: modelOf({ ...smallTokenizerJson(), pre_tokenizer: bloom }),
    neox: modelOf({
      ...smallTokenizerJson(),
      normalizer: { type: "NFC" },
      added_tokens: [...smallTokenizerJson()["added_tokens"], ...runsOfSpaces],
    }),
    added: modelOf({
      ...smallTokenizerJson(),
      added_tokens: [
        { id: 900, content: "中中" },
        { id: 901, content: "bob" },
        { id: 902, content: "th o" },
      ],
    }),
  };

  it.each(Object.entries(models))("give the same ids for any bytes (%s)", (_, model) => {
    const [plain, fast] = implementations.map((implementation) => createBpeEncoder(model, { implementation }));
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 8 }), (texts) => {
        const column = columnOf(texts);
        expect(fast?.encode(column)).toEqual(plain?.encode(column));
      }),
      { numRuns: 40 },
    );
  });
});

describe("the fast encoder", () => {
  it("gives the same ids again when it saw more words than it remembers", () => {
    const encoder = createBpeEncoder(modelOf(smallTokenizerJson()), { implementation: "wasm" });
    // Of up to 15 bytes and longer, with few ids and many.
    const words = Array.from({ length: 300_000 }, (_, i) => `${i.toString(36)}${i % 3 === 0 ? "-the-theé中" : "x"}`);
    const column = columnOf([words.join(" ")]);
    const { ids } = encoder.encode(column);
    const again = encoder.encode(column).ids;
    expect(
      Buffer.compare(Buffer.from(again.buffer, 0, 4 * again.length), Buffer.from(ids.buffer, 0, 4 * ids.length)),
    ).toBe(0);
    expect(Buffer.from(encoder.decode(ids)).toString() === words.join(" ")).toBe(true);
  });

  it("merges as the plain one does where tokens are longer than its windows", () => {
    const json = smallTokenizerJson();
    for (let n = 1; n <= 8; n++) {
      json["model"].vocab["q".repeat(2 ** n)] = 900 + n;
      json["model"].merges.push(["q".repeat(2 ** (n - 1)), "q".repeat(2 ** (n - 1))]);
    }
    const [plain, fast] = implementations.map((implementation) => createBpeEncoder(modelOf(json), { implementation }));
    const lengths = [1, 2, 63, 64, 65, 127, 128, 129, 300, 1000, 4095, 4096, 4097, 9000];
    const column = columnOf(lengths.map((n) => "q".repeat(n)));
    expect(fast?.encode(column)).toEqual(plain?.encode(column));
  });
});

describe("reading a tokenizer.json", () => {
  it.each([
    ["a WordPiece model", "WordPiece", (json: any) => (json.model.type = "WordPiece")],
    ["dropout", "dropout", (json: any) => (json.model.dropout = 0.1)],
    ["a suffix", "end_of_word_suffix", (json: any) => (json.model.end_of_word_suffix = "</w>")],
    ["another normaliser", "Lowercase", (json: any) => (json.normalizer = { type: "Lowercase" })],
    ["another pre-tokeniser", "Metaspace", (json: any) => (json.pre_tokenizer = { type: "Metaspace" })],
    ["a pattern that is not known", "[a-z]+", (json: any) => (json.pre_tokenizer = sequence("[a-z]+"))],
    ["a missing byte", "0x61", (json: any) => delete json.model.vocab["a"]],
    ["a merge out of nothing", "merge 0", (json: any) => json.model.merges.unshift(["nothing", "here"])],
    [
      "an added token that strips",
      "lstrip",
      (json: any) => json.added_tokens.push({ id: 900, content: "xyzzy", lstrip: true }),
    ],
    ["a token with two ids", "two ids", (json: any) => json.added_tokens.push({ id: 900, content: "a" })],
    ["no model", "model", (json: any) => delete json.model],
  ])("refuses %s by name", (_, named, change) => {
    const json = smallTokenizerJson();
    change(json);
    expect(() => modelOf(json)).toThrow(
      expect.objectContaining({ name: "DataError", message: expect.stringContaining(named) as string }),
    );
  });

  it("knows the patterns of GPT-4, Llama-3 and Qwen2, and digits that stand alone", () => {
    const pattern = (numbers: string): string =>
      `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}${numbers}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
    const of = (preTokenizer: object) => modelOf({ ...smallTokenizerJson(), pre_tokenizer: preTokenizer }).preTokenizer;
    expect(of(sequence(pattern("{1,3}")))).toBe("cl100k");
    expect(of(sequence(pattern("")))).toBe("qwen2");
    const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
    const digits = { type: "Digits", individual_digits: true };
    expect(of({ type: "Sequence", pretokenizers: [digits, byteLevel] })).toBe("gpt2-digits");
  });

  it("knows BLOOM's pattern", () => {
    const json = { ...smallTokenizerJson(), pre_tokenizer: sequence(" ?[^(\\s|[.,!?…。，、।۔،])]+") };
    expect(modelOf(json).preTokenizer).toBe("bloom");
  });

  it("keeps tokens that are named like what every object has", () => {
    const json = JSON.stringify(smallTokenizerJson())
      .replace('"vocab":{', '"vocab":{"__":800,"proto":801,"proto__":802,"__proto__":803,"constructor":804,')
      .replace('"merges":[', '"merges":[["__","proto__"],');
    const model = modelOf(JSON.parse(json));
    expect(model.merges.slice(0, 3)).toEqual(Uint32Array.of(800, 802, 803));
    expect(Buffer.from(model.tokens.at(803) ?? []).toString()).toBe("__proto__");
  });

  it("reads merges written as one string", () => {
    const json = smallTokenizerJson();
    const merges = modelOf(json).merges;
    json["model"].merges = json["model"].merges.map((pair: string[]) => pair.join(" "));
    expect(modelOf(json).merges).toEqual(merges);
  });

  function sequence(pattern: string): object {
    return {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    };
  }
});
