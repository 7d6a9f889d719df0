/** A small corpus and some answers, written as `forge` writes them. */
import { join } from "node:path";
import { random } from "../../forge/base/random.ts";
import { writeParquet, writeTokenFile } from "../../forge/shard/index.ts";
import { loadTokenizer, trainTokenizer } from "../../forge/tokenize/index.ts";
import { trainConfigSchema, type TrainConfig } from "../../schemas/config/train.ts";

const words = "the sea is calm and deep while old ships carry grain over green water to quiet towns".split(" ");

export function sentences(count: number, seed: number): string[] {
  const stream = random(seed, "sentences");
  return Array.from({ length: count }, () =>
    Array.from({ length: 12 }, () => words[stream.below(words.length)]).join(" "),
  );
}

/** Writes tokenizer/, tokens/ and answers/ below a folder. */
export async function writeCorpus(
  folder: string,
  options: { readonly seed?: number; readonly documents?: number } = {},
): Promise<void> {
  const { seed = 1, documents = 60 } = options;
  const texts = sentences(documents, seed);
  const values = texts.map((text) => Buffer.from(text));
  let end = 0;
  const offsets = Int32Array.from([0, ...values.map((value) => (end += value.length))]);
  const column = { values: Buffer.concat(values), offsets, length: texts.length };
  await trainTokenizer([column], join(folder, "tokenizer"), { vocabularySize: 300, minFrequency: 2 });
  const tokenizer = await loadTokenizer(join(folder, "tokenizer"));
  for (const split of ["train", "validation"] as const) {
    const part = texts.filter((_, i) => (i % 6 === 0) === (split === "validation"));
    const ids = part.map((text) => [...tokenizer.encode(text), tokenizer.eosId as number]);
    let tokens = 0;
    const bounds = Int32Array.from([0, ...ids.map((list) => (tokens += list.length))]);
    const shard = {
      values: Uint16Array.from(ids.flat()),
      offsets: bounds,
      ids: part.map((_, i) => String(i).padStart(32, "0")),
      sources: part.map(() => "test"),
    };
    await writeTokenFile(join(folder, "tokens", `${split}-00000.arrow`), shard, {
      version: 1,
      split,
      tokenizer: "test",
      tokenizerSha256: tokenizer.sha256,
      vocabularySize: tokenizer.vocabularySize,
      dtype: "uint16",
      bosId: tokenizer.bosId,
      eosId: tokenizer.eosId,
      seed: 1,
      documents: part.length,
      tokens,
    });
  }
  const answers = sentences(12, seed + 1).map((text, i) => ({
    messages_student: JSON.stringify([
      { role: "user", content: `say ${words[i]}` },
      { role: "assistant", content: text.slice(0, 20) },
    ]),
  }));
  await writeParquet(
    join(folder, "answers", "part-00000.parquet"),
    [{ name: "messages_student", type: "string" }],
    answers,
  );
}

export function tinyConfig(corpus: string, out: string, changes: object = {}): TrainConfig {
  return trainConfigSchema.parse({
    out,
    data: { kind: "tokens", path: corpus },
    model: { layers: 1, width: 16, heads: 2, context: 32 },
    length: { steps: 9 },
    batch: { rows: 4, microBatchRows: 2, lanes: 2 },
    optimizer: { learningRate: 1e-2 },
    evaluate: { everySteps: 4, samples: 8 },
    checkpoint: { everySteps: 3, keep: 2 },
    backend: { threads: 1 },
    ...changes,
  });
}
