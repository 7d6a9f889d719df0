import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { digestFile, random } from "../../forge/base/index.ts";
import type { TextColumn } from "../../forge/kernels/types.ts";
import { loadTokenizer, trainTokenizer } from "../../forge/tokenize/index.ts";
import { specialTokens } from "../../schemas/record/chat.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-tokenize-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const texts = [
  "The forge takes raw text and makes a corpus of it. The forge keeps what is good.",
  "Grüße aus der Schmiede: die Schmiede formt den Text, der Text formt das Modell.",
  "function forge(text) { return text.trim(); } // the forge, the text, the corpus",
  "世界、こんにちは世界。 🏋️ 🏋️ naïve café <|end|> is only text here <|endoftext|>",
];
const config = { vocabularySize: 300, minFrequency: 2 };

function columnOf(parts: readonly string[]): TextColumn {
  const buffers = parts.map((text) => Buffer.from(text, "utf8"));
  const offsets = new Int32Array(parts.length + 1);
  buffers.forEach((buffer, i) => {
    offsets[i + 1] = (offsets[i] as number) + buffer.byteLength;
  });
  return { values: Buffer.concat(buffers), offsets, length: parts.length };
}

test("a trained tokenizer has the bytes, the special tokens right after them, and merges", async () => {
  const { texts: count, bytes, files } = await trainTokenizer([columnOf(texts)], folder, config);
  expect(count).toBe(texts.length);
  expect(bytes).toBe(Buffer.byteLength(texts.join("")));
  const tokenizer = await loadTokenizer(folder, "test");
  expect(tokenizer.vocabularySize).toBe(300);
  expect(Object.values(specialTokens).map((token) => tokenizer.tokenId(token))).toEqual([256, 257, 258, 259, 260, 261]);
  expect(tokenizer).toMatchObject({ name: "test", bosId: null, eosId: 256 });
  expect(tokenizer.tokenId("<|nothing|>")).toBeUndefined();
  expect(tokenizer.sha256).toBe((await digestFile(join(folder, "tokenizer.json"))).sha256);
  expect(files[0]).toMatchObject({ name: "tokenizer.json", sha256: tokenizer.sha256 });
  const tokens = tokenizer.encode(texts[0] as string);
  expect(tokens.length).toBeLessThan((texts[0] as string).length);
});

test("any text comes back from its ids, and never holds a special token", async () => {
  await trainTokenizer([columnOf(texts)], folder, config);
  const tokenizer = await loadTokenizer(folder);
  const special = new Set(Object.values(specialTokens).map((token) => tokenizer.tokenId(token)));
  const spelt = fc.constantFrom(...Object.values(specialTokens));
  const text = fc.array(fc.oneof(fc.string({ unit: "grapheme" }), spelt)).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.array(text), (many) => {
      const { ids, offsets } = tokenizer.encodeColumn(columnOf(many));
      expect([...ids].some((id) => special.has(id))).toBe(false);
      many.forEach((one, i) => {
        const own = ids.subarray(offsets[i], offsets[i + 1]);
        expect(tokenizer.decode(own)).toBe(one);
        expect(own).toEqual(tokenizer.encode(one));
      });
    }),
  );
  expect(tokenizer.decode(Uint32Array.of(256, 261))).toBe("<|endoftext|><|end|>");
});

test("training depends on the texts alone, not on how they are batched or ordered", async () => {
  await trainTokenizer([columnOf(texts)], join(folder, "whole"), config);
  const expected = await readFile(join(folder, "whole", "tokenizer.json"), "utf8");
  for (let seed = 0; seed < 5; seed++) {
    const shuffled = random(seed).shuffle([...texts]);
    await trainTokenizer(
      shuffled.map((text) => columnOf([text])),
      join(folder, `${seed}`),
      config,
    );
    expect(await readFile(join(folder, `${seed}`, "tokenizer.json"), "utf8")).toBe(expected);
  }
});

test("training on nothing says that there is nothing", async () => {
  await expect(trainTokenizer([columnOf([""])], folder, config)).rejects.toMatchObject({ code: "corpus-empty" });
});

describe("tokenizer_config.json", () => {
  test("decides on BOS and EOS", async () => {
    await trainTokenizer([columnOf(texts)], folder, config);
    const path = join(folder, "tokenizer_config.json");
    await writeFile(
      path,
      JSON.stringify({ bos_token: "<|pad|>", add_bos_token: true, eos_token: { content: "<|end|>" } }),
    );
    expect(await loadTokenizer(folder)).toMatchObject({ bosId: 257, eosId: 261 });
    await writeFile(path, JSON.stringify({ bos_token: "<|pad|>", eos_token: "<|unknown|>" }));
    expect(await loadTokenizer(folder)).toMatchObject({ bosId: null, eosId: null });
    await rm(path);
    expect(await loadTokenizer(join(folder, "tokenizer.json"))).toMatchObject({ bosId: null, eosId: 256 });
  });

  test("that is damaged is refused by name", async () => {
    await trainTokenizer([columnOf(texts)], folder, config);
    await writeFile(join(folder, "tokenizer_config.json"), "{");
    await expect(loadTokenizer(folder)).rejects.toMatchObject({
      code: "tokenizer-config-invalid",
      position: { file: join(folder, "tokenizer_config.json") },
    });
  });
});

test("a tokenizer that is not there is named", async () => {
  await expect(loadTokenizer(join(folder, "nowhere"))).rejects.toMatchObject({ code: "file-not-found" });
});
