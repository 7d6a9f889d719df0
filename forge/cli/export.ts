/** `forge export`: token shards in other trainers' formats, as they are or as a weighted mixture. */
import { basename, resolve } from "node:path";
import { splitNames, type SplitName } from "../../schemas/record/tokens.ts";
import { UsageError } from "../base/index.ts";
import type { CommandSpec } from "../console/command.ts";
import { formatBytes, formatCount, formatTable } from "../console/format.ts";
import { outputFolder } from "./folder.ts";
import { exportTokens, tokenExportFormats, type MixtureWeight, type TokenExportFormat } from "../shard/index.ts";

export const spec: CommandSpec = {
  name: "export",
  summary: "Write token shards for nanoGPT, llm.c, Megatron-LM or datatrove, optionally as a mixture",
  description:
    "A weight is how often the documents of matching sources are written: 2 is two epochs, 0.5 half of the tokens. " +
    "The first pattern that matches a document's source decides; the others have weight 1. Shards stay as they are.",
  examples: [
    "forge export shards/quickstart --format nanogpt --out data/train",
    "forge export shards/mine --format megatron --split validation --out data/validation",
    "forge export shards/mine --format llm.c --weight 'books/**=2' --weight web=0.5 --max-tokens 1000000000 --out data/mix",
  ],
  argument: { name: "DIR", description: "Output folder of build-corpus", required: true },
  options: [
    { name: "format", value: "NAME", description: `One of ${tokenExportFormats.join(", ")}` },
    { name: "out", value: "PREFIX", description: "Path of the files without their extension" },
    { name: "split", value: "NAME", description: "train or validation", defaultText: "train" },
    {
      name: "weight",
      value: "PATTERN=WEIGHT",
      description: "Glob or folder of source URIs, and how often to write its documents (repeatable)",
      repeatable: true,
    },
    { name: "max-tokens", value: "N", description: "Stop with the document that reaches so many tokens" },
    { name: "seed", value: "N", description: "Seed of the mixture's order", defaultText: "1" },
  ],
  async run({ argument, flags, cwd, signal }) {
    const { folder, name } = await outputFolder({ argument, cwd });
    const format = choose("format", flags.text("format"), tokenExportFormats);
    const split = choose("split", flags.text("split") ?? "train", splitNames);
    const out = flags.text("out") ?? `${basename(folder)}-${split}`;
    const weights = flags.list("weight").map(parseWeight);
    const maxTokens = flags.integer("max-tokens", 1);
    const seed = flags.integer("seed", 0);
    const written = await exportTokens(folder, split as SplitName, format as TokenExportFormat, resolve(cwd, out), {
      weights,
      ...(maxTokens !== undefined && { maxTokens }),
      ...(seed !== undefined && { seed }),
      signal,
    });
    const total = `${formatCount(written.documents)} documents, ${formatCount(written.tokens)} tokens`;
    const mixture = written.mixture.map((one) => [
      one.pattern,
      `weight ${one.weight}`,
      `realised ${(one.writtenTokens / one.tokens).toFixed(4)}`,
      `${formatCount(one.writtenTokens)} of ${formatCount(one.tokens)} tokens`,
    ]);
    const text = [
      ...written.files.map((file) => `wrote ${file.path} (${formatBytes(file.bytes)})`),
      total,
      ...(mixture.length === 0 ? [] : [formatTable(mixture)]),
    ].join("\n");
    return { text, json: { folder: name, split, format, ...written } };
  },
};

function choose(flag: string, value: string | undefined, known: readonly string[]): string {
  if (value !== undefined && known.includes(value)) return value;
  const message = value === undefined ? `--${flag} is missing` : `--${flag} ${value} is not known`;
  throw new UsageError(`${flag}-unknown`, message, { hint: `Known: ${known.join(", ")}` });
}

function parseWeight(text: string): MixtureWeight {
  const [, pattern, weight] = /^(.+)=(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (pattern !== undefined && weight !== undefined && Number(weight) <= 1000)
    return { pattern, weight: Number(weight) };
  throw new UsageError("weight-invalid", `--weight ${text} is not PATTERN=WEIGHT`, {
    hint: "For example: --weight 'books/**=2' (a number from 0 to 1000)",
  });
}
