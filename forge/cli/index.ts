/** The command table of `forge`. Each command's module is loaded only when it runs. */
import type { ProgramSpec } from "../console/program.ts";
import { version } from "../base/version.ts";

export const forgeProgram: ProgramSpec = {
  name: "forge",
  summary:
    "Turns raw text into a clean, deduplicated, tokenised corpus, and a teacher's answers into fine-tuning data.",
  version,
  examples: [
    "forge build-corpus docs/recipes/quickstart.yaml",
    "forge build-corpus --source 'texts/**/*.jsonl.zst' --out shards/mine",
    "forge teach --prompts prompts/orca.yaml --out shards/answers",
    "forge verify shards/quickstart",
  ],
  commands: [
    {
      name: "build-corpus",
      summary: "Read, filter, deduplicate, tokenise and shard documents",
      load: async () => (await import("./build-corpus.ts")).spec,
    },
    {
      name: "refilter",
      summary: "Apply changed filters and deduplication without reading the sources again",
      load: async () => (await import("./refilter.ts")).spec,
    },
    {
      name: "teach",
      summary: "Ask a teacher model, check every answer, store what passes and what does not",
      load: async () => (await import("./teach.ts")).spec,
    },
    {
      name: "card",
      summary: "Write the dataset card of an output",
      load: async () => (await import("./card.ts")).spec,
    },
    {
      name: "stats",
      summary: "Show the figures of a corpus: funnel, sources, languages, tokens, signals",
      load: async () => (await import("./stats.ts")).spec,
    },
    {
      name: "inspect",
      summary: "Look at documents, rejects with their reasons, or duplicates side by side",
      load: async () => (await import("./inspect.ts")).spec,
    },
    {
      name: "where",
      summary: "Tell which document and source record a token comes from",
      load: async () => (await import("./where.ts")).spec,
    },
    {
      name: "export",
      summary: "Write token shards for nanoGPT, llm.c, Megatron-LM or datatrove, optionally as a mixture",
      load: async () => (await import("./export.ts")).spec,
    },
    {
      name: "verify",
      summary: "Check an output: hashes, counts, conservation, tokenizer",
      load: async () => (await import("./verify.ts")).spec,
    },
    {
      name: "doctor",
      summary: "Tell what this machine has and what is missing",
      load: async () => (await import("./doctor.ts")).spec,
    },
  ],
};
