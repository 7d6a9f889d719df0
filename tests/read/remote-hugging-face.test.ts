/** Files of data sets on the Hugging Face hub, through its own library, against a small real hub. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startHubDouble, type FileServer, type HubDoubleOptions } from "../../forge/testing/index.ts";
import { openSources, planSources, type InputPlan } from "../../forge/read/index.ts";
import { remoteConfigSchema } from "../../schemas/config/remote.ts";
import { corpusConfigSchema } from "../../schemas/config/corpus.ts";
import { setEnvironment } from "../environment.ts";
import { samplesOf } from "./samples.ts";
import { configOf, folderOf, readAll } from "./support.ts";

const samples = await samplesOf(Array.from({ length: 90 }, (_, i) => (i === 7 ? null : `document ${i} Größe`)));
const first = "a".repeat(40);
const second = "b".repeat(40);
const quick = { retryDelayMs: 1, attempts: 3, timeoutMs: 2000 };

const servers: FileServer[] = [];
let environment: Disposable;
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "forge-hub-"));
  environment = setEnvironment({ HF_HOME: home, HF_TOKEN: undefined, HF_ENDPOINT: undefined });
});
afterEach(async () => {
  environment[Symbol.dispose]();
  await rm(home, { recursive: true });
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

async function serve(
  files: Readonly<Record<string, Uint8Array | string>>,
  options: Partial<HubDoubleOptions> = {},
): Promise<{
  readonly server: FileServer;
  readonly files: Map<string, Uint8Array>;
  readonly revisions: Map<string, string>;
}> {
  const map = new Map<string, Uint8Array>(
    Object.entries(files).map(([name, content]) => [name, Buffer.from(content as string)] as const),
  );
  const revisions = new Map([
    ["main", first],
    ["refs/convert/parquet", second],
  ]);
  const server = await startHubDouble({ files: map, dataset: "me/texts", revisions, ...options });
  servers.push(server);
  process.env["HF_ENDPOINT"] = server.url;
  return { server, files: map, revisions };
}

async function plan(uri: string): Promise<InputPlan> {
  const { sources, read } = configOf([{ name: "s", path: uri }]);
  return await planSources(sources, { root: "/", read, remote: remoteConfigSchema.parse(quick) });
}

const tree = {
  ".gitattributes": "x",
  "README.md": "# Card",
  "data/train-0.jsonl": '{"text":"a"}',
  "data/train-1.jsonl": '{"text":"b"}',
  "data/en/test #1.jsonl": '{"text":"c"}',
  "odd/a [1].jsonl": '{"text":"d"}',
};

describe("planning hf://", () => {
  it("lists a file, a folder, a glob or the whole data set, page by page", async () => {
    await serve(tree, { pageEntries: 2 });
    const found = async (path: string): Promise<string[]> =>
      (await plan(`hf://datasets/me/texts${path}`)).files.map(({ uri }) => uri.replace("hf://datasets/me/texts", ""));
    expect(await found("/data/train-0.jsonl")).toEqual(["/data/train-0.jsonl"]);
    expect(await found("/data")).toEqual(["/data/en/test #1.jsonl", "/data/train-0.jsonl", "/data/train-1.jsonl"]);
    expect(await found("/data/*.jsonl")).toEqual(["/data/train-0.jsonl", "/data/train-1.jsonl"]);
    expect(await found("/**/*.jsonl")).toEqual([
      "/data/en/test #1.jsonl",
      "/data/train-0.jsonl",
      "/data/train-1.jsonl",
      "/odd/a [1].jsonl",
    ]);
    expect(await found("/odd/a [1].jsonl")).toEqual(["/odd/a [1].jsonl"]);
    expect((await found("")).length).toBe(5);
    expect(await found("@refs/convert/parquet/README.md")).toEqual(["@refs/convert/parquet/README.md"]);
    expect(await found(`@${second}/README.md`)).toEqual([`@${second}/README.md`]);
  });

  it("pins the commit, knows files by their content and downloads nothing", async () => {
    const { server, revisions } = await serve({ "big.jsonl": "x".repeat(500), "small.jsonl": "{}" });
    const before = await plan("hf://datasets/me/texts/*.jsonl");
    expect(before.files.map(({ remote }) => remote?.revision)).toEqual([first, first]);
    expect(before.files.map(({ fingerprint }) => fingerprint)).toEqual([
      expect.stringMatching(/^[0-9a-f]{64}$/),
      expect.stringMatching(/^git [0-9a-f]{40}$/),
    ]);
    revisions.set("main", second);
    const after = await plan("hf://datasets/me/texts/*.jsonl");
    expect(after.files.map(({ remote }) => remote?.revision)).toEqual([second, second]);
    expect(after.files.map(({ fingerprint }) => fingerprint)).toEqual(
      before.files.map(({ fingerprint }) => fingerprint),
    );
    expect(server.requests.every(({ path }) => path.startsWith("/api/"))).toBe(true);
  });

  it("says what to do when the data set is closed or not there", async () => {
    await serve(tree, { token: "hf_right" });
    const closed = { code: "remote-forbidden", exitCode: 4, hint: expect.stringContaining("HF_TOKEN") };
    await expect(plan("hf://datasets/me/texts/data")).rejects.toMatchObject(closed);
    process.env["HF_TOKEN"] = "hf_wrong";
    await expect(plan("hf://datasets/me/texts/data")).rejects.toMatchObject(closed);
    delete process.env["HF_TOKEN"];
    await writeFile(join(home, "token"), "hf_right\n");
    expect((await plan("hf://datasets/me/texts/data")).files.length).toBe(3);
    await expect(plan("hf://datasets/me/texts/none/*.jsonl")).rejects.toMatchObject({ code: "sources-missing" });
    await expect(plan("hf://datasets/me/texts@no-such/data")).rejects.toMatchObject({ code: "sources-missing" });
    await expect(plan("hf://models/me/texts")).rejects.toMatchObject({ code: "uri-malformed", exitCode: 2 });
  });
});

describe.each(samples.map((sample) => [sample.name, sample] as const))("%s on the hub", (name, sample) => {
  it("gives the same documents as on the disk, however it is split and whatever the network does", async () => {
    await using folder = await folderOf({ [name]: sample.bytes });
    process.env["HF_TOKEN"] = "hf_right";
    await serve(
      { [`data/${name}`]: sample.bytes },
      { token: "hf_right", fault: (i) => (i % 5 === 3 ? "reset-mid-body" : i % 5 === 4 ? 429 : undefined) },
    );
    for (const splitBytes of [1 << 20, 1024]) {
      const config = (path: string): ReturnType<typeof corpusConfigSchema.parse> =>
        corpusConfigSchema.parse({ name: "x", sources: [{ name: "s", path }], read: { splitBytes }, remote: quick });
      const here = await readAll(folder.path, config(name));
      const there = await readAll("/", config("hf://datasets/me/texts/data"));
      const rows = (found: typeof here): unknown => found.documents.map(({ id: _, source: __, ...rest }) => rest);
      expect(rows(there)).toEqual(rows(here));
      expect(there.quarantined.length).toBe(here.quarantined.length);
    }
  });
});

describe("a file of the hub", () => {
  it("is read where its redirect led, without the token, and asked for anew when that address expired", async () => {
    process.env["HF_TOKEN"] = "hf_right";
    const content = Buffer.alloc(9_000_000, "abcdefg");
    const { server } = await serve({ "a.bin": content }, { token: "hf_right", addressUses: 2 });
    const [file] = (await plan("hf://datasets/me/texts/a.bin")).files;
    const source = await openSources({ root: "/", remote: remoteConfigSchema.parse(quick) })(file as never);
    expect(Buffer.concat(await Array.fromAsync(source.read())).equals(content)).toBe(true);
    const hub = server.requests.filter(({ path }) => path.includes("/resolve/"));
    expect(hub.every(({ path }) => path.includes(first))).toBe(true);
    expect(hub.length).toBe(2);
  });

  it("is whole, too, when it is small and the hub ignores ranges", async () => {
    await serve(tree);
    const { documents } = await readAll("/", configOf([{ name: "s", path: "hf://datasets/me/texts/data" }]));
    expect(documents.map(({ text }) => text)).toEqual(["c", "a", "b"]);
    expect(documents[0]?.["source"]).toBe("hf://datasets/me/texts/data/en/test #1.jsonl");
  });
});
