/** Files in buckets, through the real AWS SDK, against a small real server. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startS3Double, type FileServer, type S3DoubleOptions } from "../../forge/testing/index.ts";
import { openSources, planSources, type InputPlan } from "../../forge/read/index.ts";
import { remoteConfigSchema } from "../../schemas/config/remote.ts";
import { corpusConfigSchema } from "../../schemas/config/corpus.ts";
import { setEnvironment } from "../environment.ts";
import { samplesOf } from "./samples.ts";
import { configOf, folderOf, readAll } from "./support.ts";

const samples = await samplesOf(Array.from({ length: 90 }, (_, i) => (i === 7 ? null : `document ${i} Größe`)));
const key = "AKIADOUBLE";

let environment: Disposable;
beforeAll(() => {
  environment = setEnvironment({ AWS_ACCESS_KEY_ID: key, AWS_SECRET_ACCESS_KEY: "secret" });
});
afterAll(() => environment[Symbol.dispose]());

const servers: FileServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

async function serve(
  files: Readonly<Record<string, Uint8Array | string>>,
  options: Partial<S3DoubleOptions> = {},
): Promise<{ readonly server: FileServer; readonly files: Map<string, Uint8Array>; readonly remote: object }> {
  const map = new Map<string, Uint8Array>(
    Object.entries(files).map(([name, content]) => [name, Buffer.from(content as string)] as const),
  );
  const server = await startS3Double({ files: map, bucket: "corpus", accessKey: key, ...options });
  servers.push(server);
  const remote = { s3: { endpoint: server.url }, retryDelayMs: 1, attempts: 3, timeoutMs: 2000 };
  return { server, files: map, remote };
}

async function plan(path: string, remote: object): Promise<InputPlan> {
  const { sources, read } = configOf([{ name: "s", path }]);
  return await planSources(sources, { root: "/", read, remote: remoteConfigSchema.parse(remote) });
}

describe("planning s3://", () => {
  const files = {
    "a/one.jsonl": "{}",
    "a/two.jsonl": "{}",
    "a/b/three.jsonl": "{}",
    "a/b/four [x].md": "text",
    "a/.hidden": "no",
    "a/b/": "",
    "z.txt": "text",
  };
  it("lists an object, a folder or a glob, page by page", async () => {
    const { remote } = await serve(files, { pageKeys: 2 });
    const found = async (path: string): Promise<string[]> =>
      (await plan(`s3://corpus/${path}`, remote)).files.map(({ uri }) => uri.replace("s3://corpus/", ""));
    expect(await found("z.txt")).toEqual(["z.txt"]);
    expect(await found("a")).toEqual(["a/b/four [x].md", "a/b/three.jsonl", "a/one.jsonl", "a/two.jsonl"]);
    expect(await found("a/b/")).toEqual(["a/b/four [x].md", "a/b/three.jsonl"]);
    expect(await found("a/*.jsonl")).toEqual(["a/one.jsonl", "a/two.jsonl"]);
    expect(await found("a/**/{one,three}.jsonl")).toEqual(["a/b/three.jsonl", "a/one.jsonl"]);
    expect(await found("a/b/four [x].md")).toEqual(["a/b/four [x].md"]);
    expect((await found("")).length).toBe(5);
  });

  it("downloads nothing", async () => {
    const { remote, server } = await serve({ "a.jsonl": "x".repeat(1000), "b.jsonl": "y" });
    await plan("s3://corpus/*.jsonl", remote);
    await plan("s3://corpus/a.jsonl", remote);
    expect(server.requests.map(({ method, path }) => [method, path.includes("list-type=2")])).toEqual([
      ["GET", true],
      ["HEAD", false],
    ]);
  });

  it("names what is not there, closed doors and faults that pass", async () => {
    const { remote } = await serve(files);
    await expect(plan("s3://corpus/none/*.jsonl", remote)).rejects.toMatchObject({
      code: "sources-missing",
      message: expect.stringContaining("s3://corpus/none/*.jsonl"),
    });
    await expect(plan("s3://other/a.jsonl", remote)).rejects.toMatchObject({ code: "sources-missing" });
    const closed = await serve(files, { accessKey: "OTHER" });
    await expect(plan("s3://corpus/a", closed.remote)).rejects.toMatchObject({ code: "remote-forbidden", exitCode: 4 });
    const busy = await serve(files, { fault: () => 503 });
    await expect(plan("s3://corpus/a", busy.remote)).rejects.toMatchObject({ code: "remote-busy", exitCode: 75 });
    expect(busy.server.requests.length).toBe(3);
    await expect(plan("s3://", remote)).rejects.toMatchObject({ code: "uri-malformed", exitCode: 2 });
  });

  it("reads public buckets without credentials, and several services in one run", async () => {
    const { remote } = await serve({ "a.txt": "a" });
    const open = await serve({ "b.txt": "b" }, { bucket: "public", accessKey: undefined as never });
    const buckets = { public: { endpoint: open.server.url, anonymous: true } };
    const both = { ...remote, s3: { ...(remote as { s3: object }).s3, buckets } };
    const config = corpusConfigSchema.parse({
      name: "both",
      sources: [{ name: "s", path: ["s3://corpus/a.txt", "s3://public/*.txt"] }],
      remote: both,
    });
    expect((await readAll("/", config)).documents.map(({ text }) => text)).toEqual(["a", "b"]);
  });
});

describe.each(samples.map((sample) => [sample.name, sample] as const))("%s in a bucket", (name, sample) => {
  it("gives the same documents as on the disk, however it is split and whatever the network does", async () => {
    await using folder = await folderOf({ [name]: sample.bytes });
    const { remote } = await serve(
      { [name]: sample.bytes },
      { fault: (i) => (i % 4 === 2 ? "reset-mid-body" : i % 4 === 3 ? 503 : undefined) },
    );
    for (const splitBytes of [1 << 20, 1024]) {
      const sources = (path: string): object => ({
        name: "x",
        sources: [{ name: "s", path }],
        read: { splitBytes },
        remote,
      });
      const here = await readAll(folder.path, corpusConfigSchema.parse(sources(name)));
      const there = await readAll("/", corpusConfigSchema.parse(sources(`s3://corpus/${name}`)));
      const rows = (found: typeof here): unknown => found.documents.map(({ id: _, source: __, ...rest }) => rest);
      expect(rows(there)).toEqual(rows(here));
      expect(there.quarantined.length).toBe(here.quarantined.length);
    }
  });
});

describe("an object", () => {
  it("that changed since it was listed is an error that names it", async () => {
    const { remote, files } = await serve({ "a.bin": "before" });
    const settings = remoteConfigSchema.parse(remote);
    const [file] = (await plan("s3://corpus/a.bin", remote)).files;
    files.set("a.bin", Buffer.from("behind"));
    const source = await openSources({ root: "/", remote: settings })(file as never);
    await expect(Array.fromAsync(source.read())).rejects.toMatchObject({
      code: "remote-changed",
      exitCode: 3,
      message: expect.stringContaining("s3://corpus/a.bin"),
    });
  });

  it("whose server falls silent is given up with a passing fault", async () => {
    const { remote } = await serve({ "a.bin": "text" }, { fault: (i) => (i > 0 ? "silence" : undefined) });
    const settings = remoteConfigSchema.parse({ ...remote, timeoutMs: 100 });
    const [file] = (await plan("s3://corpus/a.bin", remote)).files;
    const source = await openSources({ root: "/", remote: settings })(file as never);
    await expect(Array.fromAsync(source.read())).rejects.toMatchObject({ code: "remote-timeout", exitCode: 75 });
  });
});
