import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentReporter, type ForgeEvent } from "../../forge/base/index.ts";
import { planBuild } from "../../forge/pipeline/index.ts";
import { openTokenShards, verifyOutput } from "../../forge/shard/index.ts";
import { loadTokenizer } from "../../forge/tokenize/index.ts";
import { lostDocuments } from "../../schemas/run/manifest.ts";
import type { CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import { build, planted, plantedConfig, plantedFiles, quarantineOf, rowsOf, snapshot, writeFiles } from "./corpora.ts";

let work: string;
let root: string;
let out: string;
let manifest: CorpusManifest;
let first: Record<string, string>;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "forge-build-"));
  root = join(work, "in");
  out = join(work, "out");
  await writeFiles(root, plantedFiles());
  manifest = await build(plantedConfig(root), out);
  first = await snapshot(out);
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

describe("building a corpus", () => {
  it("accounts for every document: in = kept + rejected + quarantined, in the manifest and in the files", async () => {
    const { conservation, stages } = manifest;
    expect(conservation.documentsIn).toBe(planted.records);
    expect([conservation, ...stages].map(lostDocuments)).toEqual([0, 0, 0]);
    const documents = await rowsOf(out, "documents");
    const rejects = await rowsOf(out, "rejects");
    const quarantined = await quarantineOf(out);
    expect(documents).toHaveLength(conservation.kept);
    expect(quarantined).toHaveLength(conservation.quarantined);
    expect(documents.length + rejects.length + quarantined.length).toBe(planted.records);
    expect(new Set([...documents, ...rejects].map((row) => row["id"])).size).toBe(documents.length + rejects.length);
    const byReason = Object.groupBy(rejects, (row) => String(row["reason"]));
    for (const [reason, count] of Object.entries(conservation.rejected)) expect(byReason[reason]).toHaveLength(count);
  });

  it("removes exactly the planted copies, each with a partner that is kept", async () => {
    const { rejected } = manifest.conservation;
    expect(rejected).toMatchObject({ "exact-duplicate": planted.exact, "near-duplicate": planted.near });
    const kept = new Set((await rowsOf(out, "documents")).map((row) => row["id"]));
    for (const row of await rowsOf(out, "rejects")) {
      if (row["stage"] !== "dedup") continue;
      expect(kept.has(row["partnerId"])).toBe(true);
      expect(row["jaccard"]).toBeGreaterThanOrEqual(0.8);
    }
  });

  it("names the filter, the reason and the measured value of a rejected document", async () => {
    const rows = (await rowsOf(out, "rejects")).filter((row) => row["stage"] !== "dedup");
    expect(rows).toHaveLength(planted.short);
    for (const row of rows)
      expect(row).toMatchObject({ stage: "length", reason: "too_few_words", value: 5, partnerId: null, jaccard: null });
  });

  it("keeps of a rejected document what it keeps of a kept one: the columns of documents/, signals among them", async () => {
    const [document] = await rowsOf(out, "documents");
    const columns = Object.keys(document ?? {}).filter((name) => name !== "clusterSize");
    expect(columns).toContain("signal_characters");
    const rejects = await rowsOf(out, "rejects");
    expect(new Set(rejects.map((row) => row["stage"]))).toEqual(new Set(["length", "dedup"]));
    for (const row of rejects) {
      expect(Object.keys(row)).toEqual(expect.arrayContaining(columns));
      expect(row["signal_characters"]).toBe([...String(row["text"])].length);
    }
  });

  it("replaces invalid UTF-8 and counts it", () => {
    expect(manifest.figures.replacements).toBe(2);
  });

  it(
    "writes the same bytes with 0, 2 and 5 worker threads, wherever the input lies and however it was listed",
    { timeout: 120_000 },
    async () => {
      const elsewhere = join(work, "elsewhere");
      await writeFiles(elsewhere, Object.fromEntries(Object.entries(plantedFiles()).reverse()));
      const config = plantedConfig(root);
      const reordered = {
        ...config,
        sources: config.sources.map((source) => ({ ...source, path: [source.path ?? []].flat().reverse() })),
      };
      await build(config, join(work, "two"), { workers: 2 });
      expect(await snapshot(join(work, "two"))).toEqual(first);
      // Sources' paths are config and so in manifest and card; everything else must be equal.
      await build({ ...reordered, root: elsewhere }, join(work, "five"), { workers: 5 });
      const { "manifest.json": _one, "README.md": _card, ...files } = await snapshot(join(work, "five"));
      const { "manifest.json": _other, "README.md": _otherCard, ...expected } = first;
      const withoutRecords = (all: Record<string, string>): [string, string][] =>
        Object.entries(all).filter(([path]) => !path.startsWith(join(".work", "done")));
      expect(withoutRecords(files)).toEqual(withoutRecords(expected));
    },
  );

  it("does nothing when all is done already", async () => {
    const events: ForgeEvent[] = [];
    await build(plantedConfig(root), out, { reporter: (event) => void events.push(event) });
    const tasks = (await planBuild(plantedConfig(root))).stages.flatMap((stage) => stage.tasks);
    expect(events.filter((event) => event.type === "task-skip")).toHaveLength(tasks.length);
    expect(await snapshot(out)).toEqual(first);
  });

  it("plans the same tasks each time, as plain JSON", async () => {
    const plan = await planBuild(plantedConfig(root));
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    expect(await planBuild(plantedConfig(root))).toEqual(plan);
  });

  it("passes its own verification, tokens decoded to the documents' texts", async () => {
    const tokenizer = await loadTokenizer(join(out, "tokenizer"));
    const report = await verifyOutput(out, {
      decode: (ids) => tokenizer.decode(ids),
      sample: 1000,
      reporter: silentReporter,
    });
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({ documents: manifest.conservation.kept, roundTrips: manifest.conservation.kept });
    const train = await openTokenShards(out, "train");
    const validation = await openTokenShards(out, "validation");
    const { tokens } = manifest.figures;
    expect([train.tokens, validation.tokens]).toEqual([tokens["train"]?.tokens, tokens["validation"]?.tokens]);
  });

  it("leaves a log of its stages and no temporary file or lock", async () => {
    const events = (await readFile(join(out, "events.ndjson"), "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as ForgeEvent);
    expect(events.some((event) => event.type === "stage-end" && event.stage === "ingest")).toBe(true);
    const names = await readdir(out, { recursive: true });
    expect(names.filter((name) => name.includes(".tmp-") || name.includes(".lock"))).toEqual([]);
  });
});

describe("an output made otherwise", () => {
  it("is refused, naming what changed, and left as it was", async () => {
    const changed = plantedConfig(root, { dedup: { bands: 8, rows: 5, verifyGroups: 2, threshold: 0.95 } });
    await expect(build(changed, out)).rejects.toMatchObject({
      code: "output-differs",
      exitCode: 2,
      details: { changes: ["config.dedup changed (threshold) from 0.8 to 0.95"] },
    });
    expect(await snapshot(out)).toEqual(first);
  });

  it(
    "is brought up to date by --update: only what depends on the change is redone, to the bytes of a fresh run",
    { timeout: 120_000 },
    async () => {
      const target = join(work, "update");
      await build(plantedConfig(root), target);
      const changed = plantedConfig(root, { shard: { tokensPerShard: 20_000, validationFraction: 0.2 } });
      const done: string[] = [];
      await build(changed, target, {
        update: true,
        reporter: (event) => void (event.type === "task-skip" && done.push(event.task)),
      });
      const plan = await planBuild(changed);
      const redone = plan.stages
        .flatMap((stage) => stage.tasks.map((task) => task.id))
        .filter((id) => !done.includes(id));
      expect([...new Set(redone.map((id) => id.split("/")[0]))]).toEqual(["order", "shard"]);
      await build(changed, join(work, "fresh"));
      expect(await snapshot(target)).toEqual(await snapshot(join(work, "fresh")));
    },
  );

  it("notices a changed, a new and a removed input file", async () => {
    const moving = join(work, "moving");
    await writeFiles(moving, {
      "c/one.md": plantedFiles()["c/one.md"] ?? "",
      "c/two.txt": "Some words to read here. ".repeat(20),
    });
    const config = { ...plantedConfig(moving), sources: plantedConfig(moving).sources.slice(1) };
    const target = join(work, "moved");
    await build(config, target);
    await writeFile(join(moving, "c/two.txt"), "Other words to read here. ".repeat(20));
    await writeFile(join(moving, "c/three.txt"), "New words to read there. ".repeat(20));
    await rm(join(moving, "c/one.md"));
    const error = await build(config, target).catch((thrown: unknown) => thrown);
    const changes = (error as { details: { changes: string[] } }).details.changes;
    expect(changes.map((change) => change.replace(/ from .*/, ""))).toEqual([
      "input c/one.md is gone",
      "input c/three.txt is new",
      "input c/two.txt changed",
    ]);
    await build(config, target, { update: true });
    await build(config, join(work, "moved-fresh"));
    expect(await snapshot(target)).toEqual(await snapshot(join(work, "moved-fresh")));
  });

  it("starts over with --force, but never touches files that it did not make", async () => {
    const target = join(work, "force");
    const config = { ...plantedConfig(root), sources: plantedConfig(root).sources.slice(1) };
    await build(config, target);
    const changed = { ...config, name: "renamed" };
    await expect(build(changed, target)).rejects.toMatchObject({ code: "output-differs" });
    await build(changed, target, { force: true });
    const foreign = join(work, "foreign");
    await writeFiles(foreign, { "thesis.doc": "years of work" });
    await expect(build(changed, foreign, { force: true })).rejects.toMatchObject({ code: "output-foreign" });
    expect(await readdir(foreign)).toEqual(["thesis.doc"]);
    await rm(join(target, ".work"), { recursive: true });
    await expect(build(changed, target)).rejects.toMatchObject({ code: "output-differs" });
    await build(changed, target, { force: true });
  });
});
