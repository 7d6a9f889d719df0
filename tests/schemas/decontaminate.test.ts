import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../forge/base/index.ts";
import { decontaminateConfigSchema } from "../../schemas/config/decontaminate.ts";

const set = { name: "a", path: "a.jsonl", fields: { question: "q" } };

describe("the config of decontamination", () => {
  it("has GPT-3's limits as defaults and looks for nothing without a set", () => {
    expect(decontaminateConfigSchema.parse({})).toEqual({
      sets: [],
      action: "drop",
      ngram: 13,
      minWords: 4,
      maxCorpusFrequency: 10,
      window: 200,
      minPieceCharacters: 200,
      maxPieces: 10,
    });
  });

  it("refuses two sets of one name, a set without a field, and whole examples longer than an n-gram", () => {
    const issues = (config: unknown): string[] =>
      decontaminateConfigSchema.safeParse(config).error?.issues.map(({ message }) => message) ?? [];
    expect(issues({ sets: [set] })).toEqual([]);
    expect(issues({ sets: [set, set] })).toEqual(["two evaluation sets have the same name"]);
    expect(issues({ sets: [{ ...set, fields: { id: "id" } }] })).toEqual([
      "name at least one of question, answer and passage",
    ]);
    expect(issues({ ngram: 5, minWords: 5 })).toEqual([]);
    expect(issues({ ngram: 5, minWords: 6 })).toEqual(["minWords is at most ngram"]);
  });

  it("reads the example of its how-to page", async () => {
    const page = await readFile(join(packageRoot, "docs/how-to/decontaminate.md"), "utf8");
    const [, yaml = ""] = /```yaml\n([^]*?)```/.exec(page) ?? [];
    const { decontaminate } = parse(yaml) as { decontaminate: unknown };
    expect(decontaminateConfigSchema.parse(decontaminate).sets.map(({ name }) => name)).toEqual([
      "gsm8k",
      "squad",
      "arc-challenge",
    ]);
  });
});
