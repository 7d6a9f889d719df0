/** Files that are cut into pieces first: planned in two steps, and all else as ever. */
import { mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exists, type ForgeEvent } from "../../forge/base/index.ts";
import { localExecutor } from "../../forge/execute/index.ts";
import { planBuild, refilterCorpus } from "../../forge/pipeline/index.ts";
import { lostDocuments } from "../../schemas/run/manifest.ts";
import { corpusConfigSchema, type CorpusConfig } from "../../schemas/config/corpus.ts";
import { build, makeText, quarantineOf, rowsOf, snapshot, writeFiles } from "./corpora.ts";
import { buildAndKill } from "./kill.ts";

let work: string;
let root: string;
let first: Record<string, string>;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "forge-split-"));
  root = join(work, "in");
  const lines = Array.from({ length: 60 }, (_, i) => JSON.stringify({ text: makeText(40 + (i % 9) * 10, i) }));
  lines.splice(20, 0, "{broken", lines[3] as string);
  const gzip = gzipSync(lines.join("\n"));
  await writeFiles(root, {
    "a.jsonl.gz": gzip,
    "b.jsonl.zst": zstdCompressSync(Buffer.from(lines.slice(0, 30).join("\n").replaceAll("the", "thy"))),
    "c.jsonl": `${lines.slice(40).join("\n").replaceAll("the", "tho")}\n`,
    "d.jsonl.gz": gzipSync(lines.slice(10).join("\n").replaceAll("the", "tha")).subarray(0, -100),
  });
  await build(configOf(), join(work, "whole"), { workers: 0 });
  first = await snapshot(join(work, "whole"));
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

function configOf(
  read: Record<string, unknown> = { pieceBytes: 10_000 },
  more: Record<string, unknown> = {},
): CorpusConfig {
  return corpusConfigSchema.parse({
    name: "split",
    root,
    sources: [{ name: "all", path: "*" }],
    read,
    filters: [],
    dedup: { bands: 8, rows: 5, verifyGroups: 2 },
    tokenizer: { name: "split-270", vocabularySize: 270 },
    shard: { tokensPerShard: 8192 },
    ...more,
  });
}

describe("a corpus of large compressed files", () => {
  it("keeps the same documents and tokens as when no file is cut, and loses none", async () => {
    const out = join(work, "uncut");
    const manifest = await build(configOf({}), out);
    const cut = JSON.parse(await readFile(join(work, "whole", "manifest.json"), "utf8")) as typeof manifest;
    expect(lostDocuments(cut.conservation)).toBe(0);
    expect(cut.conservation).toEqual(manifest.conservation);
    const byId = (a: Record<string, unknown>, b: Record<string, unknown>): number =>
      String(a["id"]) < String(b["id"]) ? -1 : 1;
    for (const part of ["documents", "rejects"] as const) {
      const [one, other] = await Promise.all([rowsOf(join(work, "whole"), part), rowsOf(out, part)]);
      expect(one.sort(byId)).toEqual(other.sort(byId));
    }
    const places = async (folder: string): Promise<unknown[]> =>
      (await quarantineOf(folder)).map(({ source, reason, byteOffset }) => [source, reason, byteOffset]);
    expect(await places(join(work, "whole"))).toEqual(await places(out));
    const tokens = (all: Record<string, string>): unknown =>
      Object.entries(all).filter(([path]) => path.startsWith("tokens/"));
    expect(tokens(await snapshot(out))).toEqual(tokens(first));
    expect((await readdir(join(work, "whole", "documents"))).length).toBeGreaterThan(6);
  });

  it("gives the same documents and tokens with compressed pieces", async () => {
    const out = join(work, "compressed");
    await build(configOf({ pieceBytes: 10_000, compressPieces: true }), out);
    const data = (all: Record<string, string>): unknown =>
      Object.entries(all).filter(([path]) => /^(documents|rejects|tokens|quarantine)/.test(path));
    expect(data(await snapshot(out))).toEqual(data(first));
  });

  it("gives the same bytes with worker threads", { timeout: 60_000 }, async () => {
    await build(configOf(), join(work, "threads"), { workers: 3 });
    expect(await snapshot(join(work, "threads"))).toEqual(first);
  });

  it("gives the same bytes after kills while it cuts and later", { timeout: 120_000 }, async () => {
    const configPath = join(work, "config.json");
    await writeFile(configPath, JSON.stringify(configOf()));
    const out = join(work, "killed");
    for (const afterEvents of [2, 4, 12, 30]) {
      await buildAndKill(configPath, out, afterEvents);
      expect(await exists(join(out, "manifest.json"))).toBe(false);
    }
    await build(configOf(), out);
    expect(await snapshot(out)).toEqual(first);
  });

  it("does nothing when all is done, though the pieces went when they were read", async () => {
    const out = join(work, "whole");
    const events: ForgeEvent[] = [];
    const reporter = (event: ForgeEvent): void => void events.push(event);
    await build(configOf(), out, { reporter });
    expect(events.some(({ type }) => type === "task-skip")).toBe(true);
    const plan = JSON.parse(await readFile(join(out, ".work/plan.json"), "utf8")) as { stages: { tasks: unknown[] }[] };
    const tasks = plan.stages.flatMap((stage) => stage.tasks);
    expect(events.filter(({ type }) => type === "task-skip")).toHaveLength(tasks.length);
    expect(await snapshot(out)).toEqual(first);
    expect(await readdir(join(out, ".work/pieces"))).toEqual([]);
  });

  it("is cut again only when documents have to be read anew", async () => {
    const out = join(work, "anew");
    await build(configOf(), out);
    const tasksDone = async (config: CorpusConfig): Promise<Readonly<Record<string, number>>> => {
      const done: Record<string, number> = { split: 0, ingest: 0 };
      const reporter = (event: ForgeEvent): void => {
        if (event.type === "stage-start") done[event.stage] = (done[event.stage] ?? 0) + (event.tasks ?? 0);
        if (event.type === "task-skip") done[event.stage] = (done[event.stage] ?? 0) - 1;
      };
      await build(config, out, { update: true, reporter });
      return done;
    };
    const stricter = await tasksDone(configOf(undefined, { filters: [{ filter: "length", minWords: 60 }] }));
    expect(stricter["split"]).toBe(0);
    expect(stricter["ingest"]).toBeGreaterThan(6);
    const otherwise = configOf(undefined, { repair: { whitespace: false } });
    expect((await tasksDone(otherwise))["split"]).toBe(3);
    await build(otherwise, join(work, "anew-fresh"));
    expect(await snapshot(out)).toEqual(await snapshot(join(work, "anew-fresh")));
  });

  it("ends with what to do when a piece is needed that is gone, and loses no document to it", async () => {
    const out = join(work, "gone");
    await build(configOf(), out);
    await rm(join(out, ".work/done/ingest/00001.json"));
    await truncate(join(out, ".work/ingest/00001-documents.arrow"), 10);
    await expect(build(configOf(), out)).rejects.toMatchObject({ code: "piece-gone", exitCode: 3 });
    await rm(join(out, ".work/ingest"), { recursive: true });
    await build(configOf(), out);
    expect(await snapshot(out)).toEqual(first);
  });

  it("is refused when a setting changed, and brought up to date by --update without cutting again", async () => {
    const out = join(work, "update");
    await build(configOf(), out);
    const changed = configOf(undefined, { shard: { tokensPerShard: 4000 } });
    await expect(build(changed, out)).rejects.toMatchObject({
      code: "output-differs",
      details: { changes: ["config.shard changed (tokensPerShard) from 8192 to 4000"] },
    });
    expect(await snapshot(out)).toEqual(first);
    const skipped: string[] = [];
    await build(changed, out, {
      update: true,
      reporter: (event) => void (event.type === "task-skip" && skipped.push(event.task)),
    });
    expect(skipped.filter((id) => id.startsWith("split/"))).toHaveLength(3);
    expect(skipped.filter((id) => id.startsWith("ingest/")).length).toBeGreaterThan(6);
    await build(changed, join(work, "fresh"));
    expect(await snapshot(out)).toEqual(await snapshot(join(work, "fresh")));
    await build(configOf({}, { shard: { tokensPerShard: 4000 } }), out, { update: true });
    expect(await exists(join(out, ".work/pieces"))).toBe(true);
    expect(await readdir(join(out, ".work/pieces"))).toEqual([]);
  });

  it("can be filtered again without its sources", async () => {
    const out = join(work, "refilter");
    await build(configOf(), out);
    await rename(root, `${root}-away`);
    try {
      const stricter = configOf(undefined, { filters: [{ filter: "length", minWords: 60 }] });
      await refilterCorpus(stricter, { out, executor: localExecutor({ workers: 0 }) });
      await rename(`${root}-away`, root);
      await build(stricter, join(work, "refilter-fresh"));
      const keptIn = async (folder: string): Promise<unknown> =>
        Object.entries(await snapshot(folder)).filter(([path]) => /^(documents|rejects|tokens)\//.test(path));
      expect(await keptIn(out)).toEqual(await keptIn(join(work, "refilter-fresh")));
    } finally {
      await rename(`${root}-away`, root).catch(() => undefined);
    }
  });

  it("shows in a dry run which files will be cut", async () => {
    const plan = await planBuild(configOf());
    expect(plan.stages.slice(0, 2).map(({ name, tasks }) => [name, tasks.length])).toEqual([
      ["split", 3],
      ["ingest", 1],
    ]);
  });
});
