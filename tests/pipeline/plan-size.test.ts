/** Plans of corpora of terabytes: made from descriptions of inputs alone, so nothing is read. */
import { expect, it } from "vitest";
import { planCorpus } from "../../forge/pipeline/plan.ts";
import type { CorpusInputs } from "../../forge/pipeline/index.ts";
import { tasksOf } from "../../schemas/run/plan.ts";
import { corpusConfigSchema } from "../../schemas/config/corpus.ts";

const config = corpusConfigSchema.parse({
  name: "large",
  sources: [
    { name: "one", path: "one" },
    { name: "two", path: "two" },
  ],
  dedup: { lines: {}, keepIndex: true },
  tokenizer: { path: "tokenizer.json" },
});

/** So many partitions of two sources, against a corpus of as many. */
function inputs(partitions: number): CorpusInputs {
  const fingerprint = "f".repeat(64);
  const [bytes, format, compression] = [2 ** 23, "jsonl" as const, "none" as const];
  return {
    root: "/data",
    files: [],
    splits: Array.from({ length: partitions }, (_, i) => {
      const source = i < partitions / 2 ? "one" : "two";
      const [start, end] = [(1000 + i) * bytes, (1001 + i) * bytes];
      return { source, bytes, parts: [{ uri: `${source}/a.jsonl`, format, compression, start, end, fingerprint }] };
    }),
    uncut: [],
    models: {},
    tokenizer: { path: "tokenizer.json", sha256: fingerprint },
    evaluation: [],
    existing: Array.from({ length: partitions }, (_, i) => {
      const part = `part-${String(i).padStart(5, "0")}`;
      return {
        corpus: "before",
        rank: 0,
        folder: "/data/before",
        index: { path: `index/${part}.col`, sha256: fingerprint },
        documents: { path: `documents/${part}.parquet`, sha256: fingerprint },
      };
    }),
    signals: [],
  };
}

it("a task that reads one partition is described in as few bytes, however many partitions there are", () => {
  const longest = (partitions: number): Record<string, number> =>
    Object.fromEntries(
      planCorpus(config, inputs(partitions))
        .stages.filter(({ tasks }) => tasks.length >= partitions)
        .map(({ name, tasks }) => [name, Math.max(...tasks.map((task) => JSON.stringify(task).length))]),
    );
  const [few, many] = [longest(20), longest(400)];
  expect(Object.keys(few)).toEqual(
    expect.arrayContaining(["ingest", "fingerprint", "sign", "gather", "decide", "cut-lines", "encode", "index"]),
  );
  for (const [name, length] of Object.entries(few)) {
    // A few digits more in numbers.
    expect(many[name], name).toBeLessThan(length + 40);
  }
});

it("a plan grows with the partitions, not with their square", () => {
  const bytes = (partitions: number): number => JSON.stringify(planCorpus(config, inputs(partitions)).stages).length;
  const [few, many] = [bytes(200), bytes(3200)];
  expect(many / few).toBeLessThan(16.5);
});

it("what many tasks have in common stands in a plan once, and every task still gets it", () => {
  const [few, many] = [planCorpus(config, inputs(4)), planCorpus(config, inputs(40))];
  for (const { name, tasks } of few.stages) {
    // The same partition of the same source; what names the number of partitions differs.
    const [own, shared] = [tasksOf(few, name), tasksOf(many, name)];
    if (tasks.length !== 4) continue;
    expect(Object.keys(shared[0]?.input as object).sort(), name).toEqual(Object.keys(own[0]?.input as object).sort());
    expect(shared.every((task) => !("common" in task))).toBe(true);
  }
  const [one, other] = [tasksOf(few, "ingest")[0], tasksOf(many, "ingest")[0]];
  expect(other?.input).toEqual(one?.input);
  expect(other?.key).toBe(one?.key);
  const ingest = many.stages.find(({ name }) => name === "ingest");
  expect(ingest?.common?.length).toBe(1);
  expect(JSON.stringify(ingest?.tasks[0]?.input)).not.toContain("maxRecordBytes");
});
