/**
 * A tiny GPT-2 made here: a byte-level BPE tokenizer, random weights in Hugging Face layout, and the plainest forward
 * pass that can be written. The oracle of the export tests; slow and obvious on purpose.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { random } from "../../forge/base/random.ts";
import { chatTemplate, specialTokens } from "../../schemas/record/chat.ts";

export interface TinyConfig {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly context: number;
  readonly vocabulary: number;
}

export interface TinyTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** GPT-2's byte alphabet: printable bytes as themselves, the others from U+0100 on (openai/gpt-2, encoder.py). */
export const byteLetters: readonly string[] = (() => {
  const letters: string[] = [];
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    letters.push(String.fromCodePoint(printable ? byte : next++));
  }
  return letters;
})();

const text =
  "the licence of the software is the licence that the author of the software gives to the user of the software; " +
  "a function returns what its name says, and the caller reads the name. Ünïcödé wörds and 12345 numbers, don't you see?";

/** tokenizer.json as forge's trainer writes it: 256 bytes, special tokens, then merges learnt from a sentence. */
export function tinyTokenizerJson(merges: number): object {
  const specials = Object.values(specialTokens);
  const vocab = new Map<string, number>(byteLetters.map((letter, byte) => [letter, byte]));
  specials.forEach((token, i) => vocab.set(token, 256 + i));
  const words = text
    .match(/'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+/gu)!
    .map((word) => [...Buffer.from(word, "utf8")].map((byte) => byteLetters[byte] as string));
  const learnt: [string, string][] = [];
  while (learnt.length < merges) {
    const counts = new Map<string, number>();
    for (const word of words) {
      for (let i = 1; i < word.length; i++) {
        const pair = `${word[i - 1]} ${word[i]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    const best = [...counts].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0];
    if (best === undefined) break;
    const [left, right] = best[0].split(" ") as [string, string];
    learnt.push([left, right]);
    vocab.set(left + right, 256 + specials.length + learnt.length - 1);
    for (const word of words) {
      for (let i = word.length - 1; i > 0; i--) {
        if (word[i - 1] === left && word[i] === right) word.splice(i - 1, 2, left + right);
      }
    }
  }
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specials.map((content, i) => ({ id: 256 + i, content, ...flags })),
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocab),
      merges: learnt,
    },
  };
}

/** Random weights under the names that transformers saves. `scale` 0.02 is GPT-2's; larger ones tell tokens apart. */
export function tinyWeights(config: TinyConfig, seed: number, scale = 0.15): Map<string, TinyTensor> {
  const { width: d, layers, context, vocabulary } = config;
  const stream = random("tiny-gpt2", seed);
  const tensors = new Map<string, TinyTensor>();
  const put = (name: string, shape: readonly number[], mean: number, deviation: number): void => {
    const data = new Float32Array(shape.reduce((n, size) => n * size, 1));
    for (let i = 0; i < data.length; i++) data[i] = mean + deviation * stream.normal();
    tensors.set(`transformer.${name}`, { shape, data });
  };
  put("wte.weight", [vocabulary, d], 0, scale);
  put("wpe.weight", [context, d], 0, scale);
  for (let i = 0; i < layers; i++) {
    for (const norm of ["ln_1", "ln_2"]) {
      put(`h.${i}.${norm}.weight`, [d], 1, 0.1);
      put(`h.${i}.${norm}.bias`, [d], 0, 0.1);
    }
    for (const [name, inputs, outputs] of [
      ["attn.c_attn", d, 3 * d],
      ["attn.c_proj", d, d],
      ["mlp.c_fc", d, 4 * d],
      ["mlp.c_proj", 4 * d, d],
    ] as const) {
      put(`h.${i}.${name}.weight`, [inputs, outputs], 0, scale);
      put(`h.${i}.${name}.bias`, [outputs], 0, 0.1);
    }
  }
  put("ln_f.weight", [d], 1, 0.1);
  put("ln_f.bias", [d], 0, 0.1);
  return tensors;
}

export function tinyConfigJson(config: TinyConfig): Record<string, unknown> {
  return {
    architectures: ["GPT2LMHeadModel"],
    model_type: "gpt2",
    activation_function: "gelu_new",
    vocab_size: config.vocabulary,
    n_positions: config.context,
    n_ctx: config.context,
    n_embd: config.width,
    n_layer: config.layers,
    n_head: config.heads,
    n_inner: null,
    layer_norm_epsilon: 1e-5,
    attn_pdrop: 0,
    embd_pdrop: 0,
    resid_pdrop: 0,
    scale_attn_weights: true,
    tie_word_embeddings: true,
    bos_token_id: 256,
    eos_token_id: 256,
    torch_dtype: "float32",
  };
}

/** Logits after the last token, in double precision (Radford et al. 2019; openai/gpt-2, model.py). */
export function tinyLogits(
  config: TinyConfig,
  tensors: Map<string, TinyTensor>,
  tokens: ArrayLike<number>,
): Float32Array {
  const { width: d, heads } = config;
  const weights = (name: string): Float32Array => tensors.get(`transformer.${name}`)!.data;
  const size = d / heads;
  const norm = (x: number[], name: string): number[] => {
    const mean = x.reduce((a, b) => a + b, 0) / d;
    const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / d;
    const [scale, shift] = [weights(`${name}.weight`), weights(`${name}.bias`)];
    return x.map((value, i) => ((value - mean) / Math.sqrt(variance + 1e-5)) * scale[i]! + shift[i]!);
  };
  const linear = (x: number[], name: string): number[] => {
    const [matrix, bias] = [weights(`${name}.weight`), weights(`${name}.bias`)];
    return Array.from(bias, (b, o) => x.reduce((sum, value, i) => sum + value * matrix[i * bias.length + o]!, b));
  };
  const gelu = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
  let rows = Array.from(tokens, (token, t) =>
    Array.from({ length: d }, (_, i) => weights("wte.weight")[token * d + i]! + weights("wpe.weight")[t * d + i]!),
  );
  for (let layer = 0; layer < config.layers; layer++) {
    const qkv = rows.map((row) => linear(norm(row, `h.${layer}.ln_1`), `h.${layer}.attn.c_attn`));
    rows = rows.map((row, t) => {
      const mixed = Array.from({ length: d }, () => 0);
      for (let head = 0; head < heads; head++) {
        const at = head * size;
        const scores = qkv.slice(0, t + 1).map((other) => {
          let dot = 0;
          for (let i = 0; i < size; i++) dot += qkv[t]![at + i]! * other[d + at + i]!;
          return dot / Math.sqrt(size);
        });
        const top = Math.max(...scores);
        const total = scores.reduce((sum, score) => sum + Math.exp(score - top), 0);
        scores.forEach((score, s) => {
          for (let i = 0; i < size; i++) mixed[at + i]! += (Math.exp(score - top) / total) * qkv[s]![2 * d + at + i]!;
        });
      }
      const attended = linear(mixed, `h.${layer}.attn.c_proj`).map((value, i) => value + row[i]!);
      const hidden = linear(norm(attended, `h.${layer}.ln_2`), `h.${layer}.mlp.c_fc`).map(gelu);
      return linear(hidden, `h.${layer}.mlp.c_proj`).map((value, i) => value + attended[i]!);
    });
  }
  const final = norm(rows.at(-1)!, "ln_f");
  return Float32Array.from({ length: config.vocabulary }, (_, token) =>
    final.reduce((sum, value, i) => sum + value * weights("wte.weight")[token * d + i]!, 0),
  );
}

/** The safetensors format, written by hand so that the reader under test has another hand's file to read. */
export function safetensorsBytes(tensors: ReadonlyMap<string, TinyTensor>): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([
    length,
    padded,
    ...[...tensors.values()].map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  ]);
}

/** Writes a checkpoint folder in Hugging Face layout. */
export async function writeTinyCheckpoint(
  folder: string,
  config: TinyConfig,
  tensors: ReadonlyMap<string, TinyTensor>,
  tokenizer: object,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "model.safetensors"), safetensorsBytes(tensors));
  await writeFile(join(folder, "config.json"), JSON.stringify(tinyConfigJson(config)));
  await writeFile(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify({ chat_template: chatTemplate }));
}
