/**
 * Byte-level BPE against tokenizers (Rust) and tiktoken (Rust). Run in CI with `.venv`.
 *
 * The corpus part takes `FORGE_ORACLE_MEGABYTES` of the shared corpus (default 3; 100 is all of it).
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { zstdDecompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { random, shippedPath } from "../../forge/base/index.ts";
import { bpeClassTable } from "../../forge/kernels/bpe-classes.ts";
import { createBpeEncoder, createBpeTrainer, parseTokenizerJson } from "../../forge/kernels/bpe.ts";
import { specialTokens } from "../../schemas/record/chat.ts";
import { columnOf, trainingText } from "../kernels/bpe-support.ts";

const python = process.env["FORGE_PYTHON"] ?? shippedPath(".venv", "bin", "python");
const data = process.env["FORGE_SHARED_DATA"] ?? shippedPath("..", "shared", "data");
const script = shippedPath("tests", "oracle", "bpe.py");
const noPython = !existsSync(python);
const noData = noPython || !existsSync(data);
const megabytes = Number(process.env["FORGE_ORACLE_MEGABYTES"] ?? 3);
const minutes = 60_000;

/** Where pre-tokenisers, normalisers and added tokens have been wrong before. */
const nasty: readonly string[] = [
  ...trainingText,
  ..."|a| |  |   |\t|\n|\r\n| \n \n|a \n b|  a|a  |'s|'S|'re's|''ve|don't|DON'T|'| '|l'l'll".split("|"),
  "<|endoftext|>a<|padding|> assistant RWKV <|im_start|>",
  "'S|'rE|'VE|'LL|x'ſy|'lſ|!\n\n|a.\r\n\r\nb|\t\tx|  12345 678|1٣2½|\u3000\u3000x \n  y".replaceAll("|", " | "),
  ..."'S|'rE|x'ſy|!\n\n|a.\r\nb|\t\tx|  12345|a  1|\u3000\u3000x|\u2003\n x| \n \n 1|(a|1a|½a".split("|"),
  ...[2, 3, 23, 24, 25, 26, 48, 49, 50].flatMap((n) => [" ".repeat(n), `${" ".repeat(n)}x`, `x${" ".repeat(n)}\n`]),
  "e\u0301 e\u0323\u0301 e\u0301\u0323 \u1100\u1161\u11a8 가\u11a8 \u212b \u0958 \u0344 \u2126",
  "\ufeffa \u0085b \u180ec \u200bd \u2028e \u3000f \u00a0g \u1680h",
  "１２３ Ⅷ ½ ㊿ ᛮ 𝟘 ௰ \u{1F100}",
  "नमस्ते। कैसे हैं? سلام، كيف۔ 你好，世界。、…!?",
  "👨‍👩‍👧‍👦🏳️‍🌈 \u{10ffff} \u{e0041} \u0000\u0001\u007f",
  "a".repeat(5000),
  "ab\u00e9".repeat(3000),
];

function generated(count: number): string[] {
  const stream = random("oracle", "unicode");
  const planes = [0x80, 0x250, 0x800, 0x3000, 0x10000, 0x20000, 0x110000];
  return Array.from({ length: count }, () => {
    let text = "";
    for (let n = stream.below(60); n > 0; n--) {
      const code = stream.below(planes[stream.below(planes.length)] as number);
      text += code >= 0xd800 && code < 0xe000 ? " " : String.fromCodePoint(code);
      if (stream.below(4) === 0) text += [" ", "  ", "'s", "\n", "."][stream.below(5)] as string;
    }
    return text;
  });
}

async function corpus(): Promise<string[]> {
  const texts: string[] = [];
  let bytes = 0;
  for (const line of zstdDecompressSync(await readFile(join(data, "docs.jsonl.zst")))
    .toString()
    .split("\n")) {
    if (line === "" || bytes > megabytes * 1e6) break;
    const { text } = JSON.parse(line) as { text: string };
    bytes += Buffer.byteLength(text);
    texts.push(text);
  }
  return texts;
}

describe.skipIf(noPython)(
  "byte-level BPE beside tokenizers and tiktoken (skipped without Python: npm run oracles)",
  () => {
    let folder: string;
    let bloomPath: string;
    const samples = [...nasty, ...generated(2000)];
    const texts = { samples, corpus: [] as string[] };

    const run = (...args: readonly string[]): Promise<unknown> =>
      promisify(execFile)(python, [script, ...args], { env: { ...process.env, TOKENIZERS_PARALLELISM: "false" } });
    const pathOf = (kind: keyof typeof texts): string => join(folder, `${kind}.json`);

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "forge-bpe-oracle-"));
      if (!noData) texts.corpus = await corpus();
      await writeFile(pathOf("samples"), JSON.stringify(texts.samples));
      await writeFile(pathOf("corpus"), JSON.stringify(texts.corpus));
      bloomPath = join(folder, "bloom.json");
      await run("train", pathOf(noData ? "samples" : "corpus"), bloomPath, "250000", '["<unk>","<s>","</s>"]', "bloom");
    }, 10 * minutes);
    afterAll(() => rm(folder, { recursive: true, force: true }));

    /** Texts whose ids differ, each with its number. */
    async function differing(
      tokenizer: string,
      peer: "tokenizers" | "tiktoken" | "transformers",
      kind: keyof typeof texts,
    ): Promise<unknown[]> {
      const out = join(folder, `${peer}-${kind}.ids`);
      await run(peer, tokenizer, pathOf(kind), out);
      const bytes = await readFile(out);
      const theirs = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
      const encoder = createBpeEncoder(parseTokenizerJson(await readFile(tokenizer)));
      const { ids, offsets } = encoder.encode(columnOf(texts[kind]));
      const wrong: unknown[] = [];
      let at = 0;
      texts[kind].forEach((text, i) => {
        const expected = theirs.subarray(at + 1, at + 1 + (theirs[at] as number));
        at += 1 + expected.length;
        const got = ids.subarray(offsets[i], offsets[i + 1]);
        if (Buffer.compare(asBytes(got), asBytes(expected)) !== 0) wrong.push([i, text.slice(0, 200)]);
      });
      expect(at).toBe(theirs.length);
      return wrong;
    }
    const asBytes = (ids: Uint32Array): Buffer => Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength);

    it(
      "has Oniguruma's classes for every code point",
      async () => {
        const out = join(folder, "classes");
        await run("classes", out);
        expect(Buffer.compare(await readFile(out), bpeClassTable())).toBe(0);
      },
      5 * minutes,
    );

    it.skipIf(noData).each([
      ["gpt2.json", "tokenizers"],
      ["gpt2.json", "tiktoken"],
      ["gpt-neox-20b.json", "tokenizers"],
    ] as const)(
      "%s gives the ids of %s on nasty, generated and real text (skipped without the shared data)",
      async (name, peer) => {
        for (const kind of ["samples", "corpus"] as const) {
          expect(await differing(join(data, "tokenizers", name), peer, kind)).toEqual([]);
        }
      },
      20 * minutes,
    );

    it(
      "BLOOM's pre-tokeniser with a trained vocabulary gives the ids of tokenizers",
      async () => {
        for (const kind of ["samples", "corpus"] as const) {
          expect(await differing(bloomPath, "tokenizers", kind)).toEqual([]);
        }
      },
      20 * minutes,
    );

    // The one with cl100k ignores merges, as Llama-3 does.
    it.each(["cl100k", "qwen2", "gpt2-digits"] as const)(
      "the pre-tokeniser %s with a trained vocabulary gives the ids of tokenizers",
      async (kind) => {
        const path = join(folder, `${kind}.json`);
        await run("train", pathOf(noData ? "samples" : "corpus"), path, "8000", '["<|endoftext|>"]', kind);
        expect(parseTokenizerJson(await readFile(path)).preTokenizer).toBe(kind);
        for (const texts of ["samples", "corpus"] as const) {
          expect(await differing(path, "tokenizers", texts)).toEqual([]);
        }
      },
      20 * minutes,
    );

    it(
      "a tokenizer.json that we train loads in transformers and tokenizers, and gives our ids",
      async () => {
        const trainer = createBpeTrainer({ vocabularySize: 2000, specialTokens: Object.values(specialTokens) });
        trainer.add(columnOf(texts.samples));
        const path = join(folder, "trained.json");
        await writeFile(path, JSON.stringify(trainer.train()));
        expect(await differing(path, "tokenizers", "samples")).toEqual([]);
        expect(await differing(path, "transformers", "samples")).toEqual([]);
      },
      10 * minutes,
    );

    const realBloom = process.env["FORGE_BLOOM_TOKENIZER"] ?? "";
    it.skipIf(realBloom === "")(
      "BLOOM's own tokenizer.json gives the ids of tokenizers (skipped: not to be had here; FORGE_BLOOM_TOKENIZER)",
      async () => {
        for (const kind of ["samples", "corpus"] as const) {
          expect(await differing(realBloom, "tokenizers", kind)).toEqual([]);
        }
      },
      20 * minutes,
    );

    it.skipIf(noData).each([4096, 32_000])(
      "training to %i tokens learns the merges of tokenizers' BpeTrainer, and tokenizers reads the file",
      async (vocabularySize) => {
        const special = Object.values(specialTokens);
        const out = join(folder, "theirs.json");
        await run("train", pathOf("corpus"), out, String(vocabularySize), JSON.stringify(special), "gpt2");
        const trainer = createBpeTrainer({ vocabularySize, specialTokens: special });
        trainer.add(columnOf(texts.corpus));
        const ours = trainer.train();
        const theirs = JSON.parse(await readFile(out, "utf8")) as typeof ours;
        expect(ours.model.merges).toEqual(theirs.model.merges);
        const path = join(folder, "ours.json");
        await writeFile(path, JSON.stringify(ours));
        expect(await differing(path, "tokenizers", "samples")).toEqual([]);
      },
      10 * minutes,
    );
  },
);
