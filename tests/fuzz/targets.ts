/** What is fuzzed: each kernel against its plain twin, and against a naive oracle where one is cheap. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { packageRoot } from "../../forge/base/locate.ts";
import type { Random } from "../../forge/base/random.ts";
import { filterClassTable } from "../../forge/kernels/filter-classes.ts";
import { loadFilterKernels } from "../../forge/kernels/filter-statistics.ts";
import { wasmFilterStatistics } from "../../forge/kernels/filter-wasm.ts";
import { createBpeEncoder, createBpeTrainer, parseTokenizerJson, type BpeModel } from "../../forge/kernels/bpe.ts";
import { loadFastText } from "../../forge/kernels/fasttext.ts";
import { loadKernels, type TextColumn } from "../../forge/kernels/index.ts";
import { NgramIndex } from "../../forge/kernels/ngram-index.ts";
import { ownKernelInstance } from "../../forge/kernels/own-instance.ts";
import { filterStatistics } from "../../forge/kernels/reference/filter-statistics.ts";
import { smallTokenizerJson } from "../kernels/bpe-support.ts";
import { pick } from "./inputs.ts";
import { trainNaively } from "./naive-trainer.ts";
import { assertSame } from "./same.ts";

/** Choices of a case besides its texts, as they are written to a file. */
export type Options = Readonly<Record<string, number | boolean | string | readonly string[]>>;

export interface Target {
  readonly name: string;
  /** Whether texts may be any bytes, have to be UTF-8, or are pieces of JSON Lines (any bytes). */
  readonly input: "bytes" | "utf8" | "json-lines";
  /** Longest text that is given; the twins of some are slow. @default no limit */
  readonly maxBytes?: number;
  options?(random: Random): Options;
  /** Throws where results differ. */
  check(texts: readonly Uint8Array[], options: Options): void;
}

/** Makes all targets; watch the instances before. */
export async function makeTargets(): Promise<readonly Target[]> {
  const fast = await loadKernels({ implementation: "wasm" });
  const plain = await loadKernels({ implementation: "reference" });
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const columns = (random: Random): Options => ({ lead: random.below(4), tail: random.below(256) });
  const minHash = (random: Random): Options => ({
    ...columns(random),
    shingleWords: pick(random, [1, 2, 3, 5, 5, 5, 13, 40]),
    bands: pick(random, [1, 3, 14, 26]),
    rows: pick(random, [1, 2, 8, 11]),
    seed: random.below(5),
  });
  const targets: Target[] = [
    {
      name: "utf8",
      input: "bytes",
      check(texts) {
        for (const text of texts) {
          assertSame(fast.findInvalidUtf8(text), plain.findInvalidUtf8(text), "first invalid byte");
          const repaired = fast.repairUtf8(text);
          assertSame(repaired, plain.repairUtf8(text), "repaired");
          const decoded = decoder.decode(text);
          assertSame(Buffer.from(repaired.bytes).toString("hex"), Buffer.from(decoded).toString("hex"), "TextDecoder");
          const column = columnOf([repaired.bytes], {});
          assertSame(fast.countCodePoints(column)[0], [...decoded].length, "code points");
        }
      },
    },
    {
      name: "jsonl",
      input: "json-lines",
      options: (random) => ({
        maxRecordBytes: pick(random, [1, 20, 1000, 2 ** 24]),
        final: random.below(4) !== 0,
        borrow: random.below(2) === 0,
        fields: pick(random, [["text"], ["text", "id", "ключ"], [], ["", "te\0xt"], ["text", "text"]]),
        border: random.below(1000),
      }),
      check(texts, options) {
        const chunk = new Uint8Array(Buffer.concat(texts));
        // The schema of options is the one above.
        const how = options as unknown as Parameters<typeof fast.extractJsonLines>[1] & { readonly border: number };
        const whole = plain.extractJsonLines(chunk, how);
        assertSame(fast.extractJsonLines(chunk, how), whole, "records");
        // Cut anywhere, and given on from where the first part ended.
        const cut = Math.floor((chunk.length * how.border) / 1000);
        const first = fast.extractJsonLines(chunk.subarray(0, cut), { ...how, final: false, borrow: false });
        const second = fast.extractJsonLines(chunk.subarray(first.consumed), { ...how, borrow: false });
        assertSame(first.length + second.length, whole.length, "records in two parts");
        assertSame(first.consumed + second.consumed, whole.consumed, "consumed in two parts");
        assertSame(
          first.quarantined.length + second.quarantined.length,
          whole.quarantined.length,
          "quarantined in two",
        );
      },
    },
    compare("normal-form", columns, (column) => [fast, plain].map((kernels) => kernels.normalizeForDedup(column))),
    compare(
      "clean-text",
      (random) => ({ ...columns(random), controls: random.below(2) === 0, whitespace: random.below(2) === 0 }),
      (column, { controls, whitespace }) =>
        [fast, plain].map((kernels) =>
          kernels.cleanTexts(column, { controls: controls as boolean, whitespace: whitespace as boolean }),
        ),
    ),
    compare("words", columns, (column) =>
      [fast, plain].map((kernels) => [kernels.segmentWords(column), kernels.segmentWords(column, "whitespace")]),
    ),
    compare(
      "hashes",
      (random) => ({ ...columns(random), seed: random.uint32() }),
      (column, { seed }) =>
        [fast, plain].map((kernels) => [
          kernels.hashTexts(column, seed as number),
          kernels.hashLines(column, seed as number),
        ]),
    ),
    compare(
      "minhash",
      minHash,
      (column, options) => [fast, plain].map((kernels) => kernels.signMinHash(column, options)),
      5000,
    ),
    compare("shingles", minHash, (column, { shingleWords }) =>
      [fast, plain].map((kernels) => {
        const sets = kernels.shingleSets(column, shingleWords as number);
        const jaccard = column.length < 2 ? 0 : kernels.jaccard(sets, 0, sets, column.length - 1);
        return [kernels.shingles(column, shingleWords as number), sets, jaccard];
      }),
    ),
    {
      name: "ngram-index",
      input: "bytes",
      options: minHash,
      check(texts, options) {
        const column = columnOf(texts, options);
        const sequences = fast.shingles(column, options["shingleWords"] as number);
        const half = Math.ceil(texts.length / 2);
        const indexed = { hashes: sequences.hashes, offsets: sequences.offsets.subarray(0, half + 1) };
        const index = NgramIndex.create(Math.max(1, sequences.hashes.length / 2));
        index.add(
          indexed,
          Array.from({ length: half }, (_, i) => i * 7),
        );
        assertSame(index.lookup(sequences), lookUpNaively(sequences, half), "hits");
      },
    },
    await filterTarget(columns),
    await c4Target(columns),
    ...bpeTargets(columns),
    {
      name: "bpe-train",
      input: "utf8",
      maxBytes: 300,
      options: (random) => ({
        merges: random.below(40),
        minFrequency: 1 + random.below(3),
        border: random.below(8),
        specialTokens: pick(random, [[], ["<|endoftext|>"]]),
      }),
      check(texts, options) {
        const { merges, minFrequency, border, specialTokens } = options as never as Record<string, number> & {
          readonly specialTokens: readonly string[];
        };
        const how = {
          vocabularySize: 256 + specialTokens.length + (merges as number),
          minFrequency: minFrequency as number,
          specialTokens,
        };
        const [whole, parts] = [
          createBpeTrainer(how, { implementation: "wasm" }),
          createBpeTrainer(how, { implementation: "reference" }),
        ];
        whole.add(columnOf(texts, {}));
        parts.add(columnOf(texts.slice(0, border), {}));
        parts.add(columnOf(texts.slice(border), {}));
        const trained = whole.train();
        assertSame(parts.train(), trained, "the plain tokenizer, in two batches");
        assertSame(trained.model.merges, trainNaively(texts, trained.model.vocab, how), "merges");
      },
    },
    fastTextTarget(columns),
  ];
  return targets;

  function compare(
    name: string,
    options: (random: Random) => Options,
    both: (column: TextColumn, options: Options) => readonly unknown[],
    maxBytes = Number.POSITIVE_INFINITY,
  ): Target {
    return {
      name,
      input: "bytes",
      maxBytes,
      options,
      check(texts, chosen) {
        const [ours, twin] = both(columnOf(texts, chosen), chosen);
        assertSame(ours, twin, name);
      },
    };
  }
}

async function filterTarget(options: (random: Random) => Options): Promise<Target> {
  const fast = await loadFilterKernels({ implementation: "wasm" });
  const plain = await loadFilterKernels({ implementation: "reference" });
  const instance = ownKernelInstance();
  if (instance === undefined) throw new Error("the WebAssembly kernels do not run here");
  const classes = filterClassTable("whitespace");
  const fastAtSpace = wasmFilterStatistics(instance, classes);
  return {
    name: "filter-statistics",
    input: "utf8",
    options,
    check(texts, chosen) {
      const column = columnOf(texts, chosen);
      assertSame(fast.computeFilterStatistics(column), plain.computeFilterStatistics(column), "statistics");
      assertSame(fast.computeFinewebStatistics(column), plain.computeFinewebStatistics(column), "FineWeb's statistics");
      const limits = Float32Array.from({ length: 13 }, (_, i) => ((texts.length + i) % 5) / 10);
      const [within, plainly] = [fast, plain].map((kernels) => kernels.computeStatisticsWithin(column, limits));
      assertSame(within?.statistics, plainly?.statistics, "statistics within limits");
      assertSame({ stages: within?.stages }, { stages: plainly?.stages }, "stages within limits");
      assertSame(fastAtSpace(column), filterStatistics(column, classes), "statistics of words at white space");
    },
  };
}

async function c4Target(columns: (random: Random) => Options): Promise<Target> {
  const fast = await loadFilterKernels({ implementation: "wasm" });
  const plain = await loadFilterKernels({ implementation: "reference" });
  return {
    name: "c4-lines",
    input: "utf8",
    options: (random) => ({
      ...columns(random),
      terminalPunctuation: random.below(2) === 0,
      minWordsPerLine: random.below(5),
      maxWordLength: pick(random, [1, 10, 1000]),
      removeCitations: random.below(2) === 0,
      javascript: random.below(2) === 0,
      policy: random.below(2) === 0,
      loremIpsum: random.below(2) === 0,
      curlyBracket: random.below(2) === 0,
      fineweb: random.below(2) === 0,
    }),
    check(texts, chosen) {
      const column = columnOf(texts, chosen);
      // The schema of options is the one above; 0 switches the limits off.
      const { minWordsPerLine, maxWordLength, ...rest } = chosen as never as Parameters<typeof fast.editC4Lines>[1];
      const rules = {
        ...rest,
        minWordsPerLine: minWordsPerLine === 0 ? null : minWordsPerLine,
        maxWordLength: maxWordLength === 1 ? null : maxWordLength,
      };
      const [ours, twin] = [fast.editC4Lines(column, rules), plain.editC4Lines(column, rules)];
      const cut = (edit: typeof ours): unknown => {
        const { values, offsets, length } = edit.text;
        return { ...edit, text: { values: values.subarray(0, offsets[length]), offsets, length } };
      };
      assertSame(cut(ours), cut(twin), "edit");
      const choice = chosen["fineweb"] === true ? "fineweb" : "all";
      const [measured, plainly] = [fast.measureC4(column, rules, choice), plain.measureC4(column, rules, choice)];
      assertSame({ ...measured, edit: cut(measured.edit) }, { ...plainly, edit: cut(plainly.edit) }, "counts and edit");
    },
  };
}

/** Encoders of each family: the real files where they are, else small vocabularies. */
function bpeTargets(options: (random: Random) => Options): Target[] {
  const shared = join(packageRoot, "../shared/data/tokenizers");
  const real = (name: string): BpeModel | undefined => {
    const path = join(shared, name);
    return existsSync(path) ? parseTokenizerJson(readFileSync(path)) : undefined;
  };
  const small = (change: (json: Record<string, unknown>) => void): BpeModel => {
    const json = smallTokenizerJson();
    change(json);
    return parseTokenizerJson(Buffer.from(JSON.stringify(json)));
  };
  const added = (id: number, content: string, normalized: boolean): unknown => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized,
    special: false,
  });
  const bloom = {
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex: " ?[^(\\s|[.,!?…。，、।۔،])]+" }, behavior: "Isolated", invert: false },
      { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  };
  const models: Readonly<Record<string, BpeModel>> = {
    "bpe-gpt2": real("gpt2.json") ?? small(() => {}),
    "bpe-gpt2-small": small(() => {}),
    "bpe-neox": real("gpt-neox-20b.json") ?? small((json) => (json["normalizer"] = { type: "NFC" })),
    "bpe-bloom": small((json) => (json["pre_tokenizer"] = bloom)),
    "bpe-added": small((json) => {
      (json["added_tokens"] as unknown[]).push(
        ...["  ", "the q", "Éa"].map((token, i) => added(700 + i, token, false)),
      );
    }),
    "bpe-added-normalized": small((json) => {
      json["normalizer"] = { type: "NFC" };
      (json["added_tokens"] as unknown[]).push(...["  ", "the q", "Éa"].map((token, i) => added(700 + i, token, true)));
    }),
  };
  return Object.entries(models).map(([name, model]) => {
    const fast = createBpeEncoder(model, { implementation: "wasm" });
    const plain = createBpeEncoder(model, { implementation: "reference" });
    return {
      name,
      input: "bytes",
      options,
      check(texts, chosen) {
        const column = columnOf(texts, chosen);
        const ours = fast.encode(column);
        assertSame(ours, plain.encode(column), "ids");
        if (model.normalForm !== undefined) return;
        const [start, end] = [column.offsets[0], column.offsets[column.length]];
        assertSame(Buffer.from(fast.decode(ours.ids)), Buffer.from(column.values.subarray(start, end)), "decoded");
      },
    };
  });
}

function fastTextTarget(columns: (random: Random) => Options): Target {
  const folder = dirname(createRequire(import.meta.url).resolve("fasttext.wasm.js"));
  const bytes = readFileSync(join(folder, "../models/language-identification/assets/lid.176.ftz"));
  const fast = loadFastText(bytes, { implementation: "wasm" });
  const plain = loadFastText(bytes, { implementation: "reference" });
  return {
    name: "fasttext",
    input: "bytes",
    maxBytes: 3000,
    options: (random) => ({
      ...columns(random),
      k: 1 + random.below(3),
      maxCodePoints: pick(random, [0, 1, 50, 1000, 1e9]),
    }),
    check(texts, chosen) {
      const column = columnOf(texts, chosen);
      const how = { k: chosen["k"] as number, maxCodePoints: chosen["maxCodePoints"] as number };
      const [ours, twin] = [fast.predict(column, how), plain.predict(column, how)];
      for (const [i, probability] of twin.probability.entries()) {
        const found = ours.probability[i] as number;
        // Sums of floats in another order: equal to rounding, and labels may change places where they are nearly tied.
        if (!(Math.abs(found - probability) <= 1e-5))
          throw new Error(`probability ${i} is ${found}, not ${probability}`);
        const neighbours = [twin.probability[i - 1] ?? 2, twin.probability[i + 1] ?? -1];
        if (
          how.k === 1 ||
          neighbours.some((other) => Math.abs(other - probability) < 2e-5) ||
          i % how.k === how.k - 1
        ) {
          if (how.k > 1 || probability < 0.5) continue;
        }
        assertSame(ours.labelIndex[i], twin.labelIndex[i], `label ${i}`);
      }
    },
  };
}

/** A column with bytes before the first text and after the last. */
function columnOf(texts: readonly Uint8Array[], { lead = 0, tail = 0 }: Options): TextColumn {
  const offsets = new Int32Array(texts.length + 1);
  offsets[0] = lead as number;
  for (const [i, text] of texts.entries()) offsets[i + 1] = (offsets[i] as number) + text.length;
  const values = Buffer.concat([Buffer.alloc(lead as number, 0xff), ...texts, Buffer.alloc(20, tail as number)]);
  return { values: new Uint8Array(values), offsets, length: texts.length };
}

function lookUpNaively(
  { hashes, offsets }: { readonly hashes: Uint32Array; readonly offsets: Int32Array },
  indexed: number,
): unknown {
  const items = new Map<string, number>();
  const hits = { texts: [] as number[], positions: [] as number[], items: [] as number[] };
  const eachOf = (text: number, visit: (key: string, position: number) => void): void => {
    const start = offsets[text] as number;
    for (let at = start; at < (offsets[text + 1] as number); at++)
      visit(`${hashes[2 * at]} ${hashes[2 * at + 1]}`, at - start);
  };
  for (let text = 0; text < indexed; text++) {
    eachOf(text, (key) => {
      if (!items.has(key)) items.set(key, text * 7);
    });
  }
  for (let text = 0; text + 1 < offsets.length; text++) {
    eachOf(text, (key, position) => {
      const item = items.get(key);
      if (item === undefined) return;
      hits.texts.push(text);
      hits.positions.push(position);
      hits.items.push(item);
    });
  }
  return {
    texts: Int32Array.from(hits.texts),
    positions: Int32Array.from(hits.positions),
    items: Uint32Array.from(hits.items),
  };
}
