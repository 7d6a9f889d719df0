/** Corpora of files on other machines: the same documents as from the disk, whatever the network does. */
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  startHttpDouble,
  startHubDouble,
  startS3Double,
  type FileFault,
  type FileServer,
  type HttpDoubleOptions,
} from "../../forge/testing/index.ts";
import { exists } from "../../forge/base/index.ts";
import { estimateBuild, planBuild } from "../../forge/pipeline/index.ts";
import { corpusConfigSchema, type CorpusConfig } from "../../schemas/config/corpus.ts";
import { lostDocuments } from "../../schemas/run/manifest.ts";
import { setEnvironment } from "../environment.ts";
import { build, makeText, rowsOf, snapshot, writeFiles } from "./corpora.ts";

const names = ["a.jsonl", "b.jsonl.gz", "c.md", "d.jsonl.gz"];
const textOf = (i: number): string => makeText(40 + (i % 9) * 10, i);
const line = (i: number): string => JSON.stringify({ text: textOf(i) });
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `${line(from + i)}\n`).join("");

let work: string;
const files = new Map<string, Uint8Array>();
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "forge-remote-"));
  files.set("a.jsonl", Buffer.from(`${lines(0, 60)}{broken\n`));
  files.set("b.jsonl.gz", gzipSync(lines(60, 130)));
  files.set("c.md", Buffer.from(makeText(200, "page")));
  files.set("d.jsonl.gz", gzipSync(lines(130, 133)));
  await writeFiles(join(work, "in"), Object.fromEntries(files));
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

function configOf(paths: readonly string[], more: Record<string, unknown> = {}): CorpusConfig {
  return corpusConfigSchema.parse({
    name: "remote",
    root: join(work, "in"),
    sources: [{ name: "all", path: paths }],
    read: { splitBytes: 8192, pieceBytes: 16_384 },
    remote: { retryDelayMs: 1, timeoutMs: 1000 },
    filters: [],
    dedup: { bands: 8, rows: 5, verifyGroups: 2 },
    tokenizer: { name: "remote-270", vocabularySize: 270 },
    shard: { tokensPerShard: 8192 },
    ...more,
  });
}

/** Kept documents as far as they do not name the place that they came from. */
async function documentsOf(out: string): Promise<unknown> {
  const rows = (await rowsOf(out, "documents")).map(({ id: _, source: __, ...rest }) => rest);
  return rows.sort((a, b) => (String(a["text"]) < String(b["text"]) ? -1 : 1));
}

/** A server at a port that stays the same would hide that ids hold it; so one server serves a whole test. */
async function withServer(
  options: Omit<HttpDoubleOptions, "files">,
  use: (paths: string[], server: Awaited<ReturnType<typeof startHttpDouble>>) => Promise<void>,
): Promise<void> {
  await using server = await startHttpDouble({ files, ...options });
  await use(
    names.map((name) => `${server.url}/${name}`),
    server,
  );
}

describe("a corpus of files behind http://", () => {
  it("keeps the same documents as from the disk, and loses none", async () => {
    await build(configOf(names), join(work, "disk"));
    for (const [i, options] of [
      {},
      { ranges: false },
      { etags: "weak" },
      { etags: "none", lengths: false, ranges: false },
    ].entries()) {
      await withServer(options as HttpDoubleOptions, async (paths) => {
        const out = join(work, `http-${i}`);
        const manifest = await build(configOf(paths), out);
        expect(lostDocuments(manifest.conservation)).toBe(0);
        expect(manifest.conservation.quarantined).toBe(1);
        expect(manifest.figures.sources[0]).toMatchObject({
          files: 4,
          bytes: [...files.values()].reduce((sum, { length }) => sum + length, 0),
        });
        expect(await documentsOf(out)).toEqual(await documentsOf(join(work, "disk")));
      });
    }
  });

  it("gives the same bytes for any number of workers and whatever the network does", { timeout: 90_000 }, async () => {
    let fault: ((index: number) => FileFault | undefined) | undefined;
    await withServer({ fault: (index) => fault?.(index) }, async (paths) => {
      await build(configOf(paths), join(work, "one"), { workers: 1 });
      const first = await snapshot(join(work, "one"));
      for (const workers of [2, 5]) {
        await build(configOf(paths), join(work, `w${workers}`), { workers });
        expect(await snapshot(join(work, `w${workers}`))).toEqual(first);
      }
      const faults: readonly FileFault[] = ["reset", 503, "reset-mid-body", 429];
      fault = (index) => (index % 3 === 0 ? faults[(index / 3) % faults.length] : undefined);
      await build(configOf(paths), join(work, "faults"), { workers: 2 });
      expect(await snapshot(join(work, "faults"))).toEqual(first);
    });
  });

  it("goes on where it stopped when the server failed for good, and reads nothing twice", async () => {
    let down = false;
    await withServer({ fault: (index) => (down && index > 8 ? 503 : undefined) }, async (paths, server) => {
      const config = configOf(paths, { remote: { attempts: 2, retryDelayMs: 1 } });
      await build(config, join(work, "whole"));
      const wanted = await snapshot(join(work, "whole"));
      const out = join(work, "stopped");
      down = true;
      await expect(build(config, out)).rejects.toMatchObject({ code: "remote-busy", exitCode: 75 });
      down = false;
      await build(config, out);
      expect(await snapshot(out)).toEqual(wanted);
      const before = server.sentBytes;
      await build(config, out);
      expect(server.sentBytes - before).toBe(names.length);
    });
  });

  it("asks for no more than the first byte of each file when it only plans", async () => {
    for (const ranges of [true, false]) {
      await withServer({ ranges }, async (paths, server) => {
        const plan = await planBuild(configOf(paths));
        expect(server.requests.map(({ headers }) => headers["range"])).toEqual(names.map(() => "bytes=0-0"));
        expect(plan.stages[0]).toMatchObject({ name: "split" });
        expect(plan.stages[0]?.tasks.length).toBe(ranges ? 1 : 4);
        const { cut, copied } = estimateBuild(plan, configOf(paths), 1);
        // The large compressed file is cut as it arrives.
        expect([cut.files, copied.files]).toEqual(ranges ? [1, 0] : [1, 3]);
      });
    }
  });

  it("is refused when a file changed since, and with --update reads that file only", async () => {
    const own = new Map([
      ["a.txt", Buffer.from(makeText(50, "a"))],
      ["b.txt", Buffer.from(makeText(50, "b"))],
    ]);
    await using server = await startHttpDouble({ files: own });
    const config = configOf(
      ["a.txt", "b.txt"].map((name) => `${server.url}/${name}`),
      { read: { splitBytes: 1024 } },
    );
    const out = join(work, "changed");
    await build(config, out);
    own.set("b.txt", Buffer.from(makeText(50, "c")));
    await expect(build(config, out)).rejects.toMatchObject({ code: "output-differs" });
    await build(config, out, { update: true });
    expect((await rowsOf(out, "documents")).map(({ text }) => text).sort()).toEqual(
      [makeText(50, "a"), makeText(50, "c")].sort(),
    );
  });

  it("ends, and keeps nothing of it, when a file changes while it is read; --update then reads the new one", async () => {
    const own = new Map([["a.jsonl", Buffer.from(lines(0, 40))]]);
    const fault = (index: number): undefined => {
      // The first request described it, the second read its beginning.
      if (index === 2) own.set("a.jsonl", Buffer.from(lines(200, 240)));
    };
    await using server = await startHttpDouble({ files: own, fault });
    const config = configOf([`${server.url}/a.jsonl`], { read: { splitBytes: 4096 } });
    const out = join(work, "meanwhile");
    await expect(build(config, out)).rejects.toMatchObject({
      code: "remote-changed",
      exitCode: 3,
      message: expect.stringContaining(`${server.url}/a.jsonl`),
    });
    await expect(build(config, out)).rejects.toMatchObject({ code: "output-differs" });
    await build(config, out, { update: true });
    const texts = (await rowsOf(out, "documents")).map(({ text }) => String(text));
    expect(texts.sort()).toEqual(Array.from({ length: 40 }, (_, i) => textOf(200 + i)).sort());
  });

  it("leaves no name, password or signature in its output", async () => {
    await withServer({ login: "me:hidden" }, async (paths, server) => {
      const secret = paths.map((path) => `${path.replace("//", "//me:hidden@")}?X-Amz-Signature=abcdef`);
      const out = join(work, "secret");
      await build(configOf(secret), out, { workers: 2 });
      expect(await exists(join(out, ".work", "secrets.json"))).toBe(false);
      for (const path of Object.keys(await snapshot(out)).concat(
        ".work/plan.json",
        ".work/inputs.json",
        "events.ndjson",
      )) {
        const text = (await readFile(join(out, path))).toString("latin1");
        expect([path, /me:hidden|abcdef/.test(text)]).toEqual([path, false]);
      }
      expect(server.requests.every(({ path }) => path.includes("X-Amz-Signature"))).toBe(true);
      expect((await stat(join(out, "manifest.json"))).size).toBeGreaterThan(0);
    });
  });

  it("may be searched for evaluation sets that are remote, too", async () => {
    const own = new Map([
      ["set.jsonl", Buffer.from(`${JSON.stringify({ question: makeText(200, "page") })}\n`)],
      ["c.md", files.get("c.md") as Uint8Array],
    ]);
    await using server = await startHttpDouble({ files: own });
    const sets = [{ name: "set", path: `${server.url}/set.jsonl`, fields: { question: "question" } }];
    const config = configOf([`${server.url}/c.md`, "a.jsonl"], { decontaminate: { sets, action: "drop" } });
    const manifest = await build(config, join(work, "evaluation"));
    expect(manifest.figures.contamination?.dropped).toBe(1);
  });
});

type StartServer = (fault: (index: number) => FileFault | undefined) => Promise<FileServer>;
const commit = "c".repeat(40);

/** What is served under which URIs, and the settings that lead there. */
const services: readonly (readonly [string, StartServer, (url: string) => readonly [string, object]])[] = [
  [
    "s3://",
    (fault) => startS3Double({ files, bucket: "corpus", accessKey: "AKIADOUBLE", pageKeys: 2, fault }),
    (url) => ["s3://corpus/*", { s3: { endpoint: url } }],
  ],
  [
    "hf://",
    (fault) =>
      startHubDouble({ files, dataset: "me/texts", revisions: new Map([["main", commit]]), token: "hf_double", fault }),
    () => ["hf://datasets/me/texts", {}],
  ],
];

describe.each(services)("a corpus of files behind %s", (scheme, start, place) => {
  it("keeps what it keeps from the disk; neither workers nor faults change a byte", { timeout: 90_000 }, async () => {
    let fault: ((index: number) => FileFault | undefined) | undefined;
    await using server = await start((index) => fault?.(index));
    using _environment = setEnvironment({
      AWS_ACCESS_KEY_ID: "AKIADOUBLE",
      AWS_SECRET_ACCESS_KEY: "secret",
      HF_ENDPOINT: server.url,
      HF_TOKEN: "hf_double",
    });
    const [path, settings] = place(server.url);
    const config = configOf([path], { remote: { retryDelayMs: 1, timeoutMs: 2000, ...settings } });
    const [disk, one, other] = ["disk", "one", "other"].map((name) => join(work, `${scheme.slice(0, 2)}-${name}`)) as [
      string,
      string,
      string,
    ];
    await build(configOf(names), disk);
    const manifest = await build(config, one);
    const first = await snapshot(one);
    expect(await documentsOf(one)).toEqual(await documentsOf(disk));
    expect(lostDocuments(manifest.conservation)).toBe(0);
    const pinned = scheme === "hf://" ? { "hf://datasets/me/texts": commit } : {};
    expect(manifest.figures.sources[0]?.revisions).toEqual(pinned);
    const faults: readonly FileFault[] = ["reset", 503, "reset-mid-body", 429];
    fault = (index) => (index % 3 === 0 ? faults[(index / 3) % faults.length] : undefined);
    await build(config, other, { workers: 2 });
    expect(await snapshot(other)).toEqual(first);
    const stored = await readFile(join(one, ".work", "plan.json"), "utf8");
    expect(stored).not.toMatch(/hf_double|AKIADOUBLE/);
    if (scheme === "hf://") expect(stored).toContain(commit);
  });
});
