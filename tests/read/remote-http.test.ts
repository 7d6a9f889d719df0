/** Files behind http://, against a real server with faults. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { startHttpDouble, type FileServer, type HttpDoubleOptions } from "../../forge/testing/index.ts";
import { parquetWriteBuffer } from "hyparquet-writer";
import { openSources, planSources, readSplit } from "../../forge/read/index.ts";
import { readBytes } from "../../forge/read/byte-source.ts";
import { describeHttp } from "../../forge/read/remote/http.ts";
import { remoteConfigSchema } from "../../schemas/config/remote.ts";
import { samplesOf } from "./samples.ts";
import { configOf, folderOf, readAll } from "./support.ts";

const quick = remoteConfigSchema.parse({ retryDelayMs: 1, attempts: 4, timeoutMs: 400 });
const texts = Array.from({ length: 150 }, (_, i) =>
  i % 40 === 7 ? null : `document ${i} ${"Größe 日本 ".repeat(1 + (i % 5))}`,
);
const samples = await samplesOf(texts);

/** Bytes that repeat nowhere. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeUInt32LE(Math.imul(i + 1, 2654435761) >>> 0, i);
  return bytes;
}

const servers: FileServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

async function serve(
  files: Readonly<Record<string, Uint8Array | string>>,
  options: Omit<HttpDoubleOptions, "files"> = {},
): Promise<FileServer & { readonly files: Map<string, Uint8Array> }> {
  const map = new Map(Object.entries(files).map(([name, content]) => [name, Buffer.from(content as string)] as const));
  const server = await startHttpDouble({ files: map, ...options });
  servers.push(server);
  return Object.assign(server, { files: map });
}

/** All bytes of a range, through the source that a plan would open. */
async function fetchRange(url: string, start?: number, end?: number, settings = quick): Promise<Buffer> {
  const { remote } = await describeHttp({ uri: url, url }, settings);
  const source = await openSources({ root: "/", remote: settings })({ uri: url, remote });
  if (start !== undefined && end !== undefined) return await readBytes(source, start, end);
  return Buffer.concat(await Array.fromAsync(source.read(start)));
}

describe.each(samples.map((sample) => [sample.name, sample] as const))("%s over HTTP", (name, sample) => {
  it("gives the same documents as the file on the disk, however it is split", async () => {
    await using folder = await folderOf({ [name]: sample.bytes });
    const server = await serve({ [name]: sample.bytes });
    const rows = (found: Awaited<ReturnType<typeof readAll>>): unknown =>
      found.documents.map(({ id: _id, source: _source, ...rest }) => rest);
    for (const splitBytes of [1 << 20, 1024]) {
      const here = await readAll(folder.path, configOf([{ name: "s", path: name }], { splitBytes }));
      const there = await readAll("/", configOf([{ name: "s", path: `${server.url}/${name}` }], { splitBytes }));
      expect(rows(there)).toEqual(rows(here));
      expect(there.quarantined.map(({ source: _, ...rest }) => rest)).toEqual(
        here.quarantined.map(({ source: _, ...rest }) => rest),
      );
    }
  });
});

describe("a file behind http://", () => {
  const content = noise(9_500_003);

  it("is described by one small request", async () => {
    const server = await serve({ "a.jsonl": content });
    const found = await describeHttp({ uri: "u", url: `${server.url}/a.jsonl` }, quick);
    expect(found.bytes).toBe(content.length);
    expect(found.remote).toMatchObject({ ranges: true, exact: true, bytes: content.length });
    expect([server.requests.length, server.sentBytes]).toEqual([1, 1]);
  });

  it("is read in blocks whose borders are not seen", async () => {
    const server = await serve({ "a.bin": content });
    expect((await fetchRange(`${server.url}/a.bin`)).equals(content)).toBe(true);
    expect(
      (await fetchRange(`${server.url}/a.bin`, 4_194_303, 8_500_000)).equals(content.subarray(4_194_303, 8_500_000)),
    ).toBe(true);
    expect((await fetchRange(`${server.url}/moved/a.bin`, 5, 6)).equals(content.subarray(5, 6))).toBe(true);
    for (const { headers } of server.requests) expect(headers["accept-encoding"]).toBe("identity");
  });

  it.each([503, 429, 500, "reset", "reset-mid-body", "silence", "silence-mid-body"] as const)(
    "is whole although every second request meets %s",
    async (wrong) => {
      const server = await serve({ "a.bin": content }, { fault: (i) => (i % 2 === 1 ? wrong : undefined) });
      expect((await fetchRange(`${server.url}/a.bin`)).equals(content)).toBe(true);
    },
  );

  it("goes on at the byte where the connection broke", async () => {
    const server = await serve({ "a.bin": content }, { fault: (i) => (i === 1 ? "reset-mid-body" : undefined) });
    expect((await fetchRange(`${server.url}/a.bin`, 0, 1000)).equals(content.subarray(0, 1000))).toBe(true);
    expect(server.requests.map(({ headers }) => headers["range"])).toEqual([
      "bytes=0-0",
      "bytes=0-999",
      "bytes=500-999",
    ]);
  });

  it("is given up with a passing fault after so many tries in a row, and no sooner", async () => {
    for (const [faults, fails] of [
      [3, false],
      [4, true],
    ] as const) {
      const server = await serve({ "a.bin": "text" }, { fault: (i) => (i >= 1 && i <= faults ? 503 : undefined) });
      const reading = fetchRange(`${server.url}/a.bin`, 0, 4);
      if (fails) await expect(reading).rejects.toMatchObject({ code: "remote-busy", exitCode: 75 });
      else expect(String(await reading)).toBe("text");
    }
  });

  it("of which a server sends more than it was asked for is given up with a passing fault", async () => {
    const server = createServer((_request, response) => {
      response.writeHead(206, { "content-range": "bytes 0-3/4", etag: '"x"' });
      response.end("text and more");
    });
    await new Promise<void>((listening) => void server.listen(0, "127.0.0.1", listening));
    const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.txt`;
    const remote = { bytes: 4, ranges: true, exact: true, etag: '"x"' };
    const source = await openSources({ root: "/", remote: quick })({ uri, remote });
    await expect(Array.fromAsync(source.read())).rejects.toMatchObject({
      exitCode: 75,
      message: expect.stringContaining(`${uri}: the server sent more than it was asked for`),
    });
    server.closeAllConnections();
    server.close();
  });

  it("that changed since it was described is an error that names it", async () => {
    for (const etags of ["strong", "weak"] as const) {
      const server = await serve({ "a.bin": "before" }, { etags });
      const uri = `${server.url}/a.bin`;
      const { remote } = await describeHttp({ uri, url: uri }, quick);
      server.files.set("a.bin", Buffer.from("behind"));
      const source = await openSources({ root: "/", remote: quick })({ uri, remote });
      await expect(Array.fromAsync(source.read())).rejects.toMatchObject({
        code: "remote-changed",
        exitCode: 3,
        message: expect.stringContaining(uri),
      });
    }
  });

  it("that became longer or shorter is an error, too, where there is no entity tag", async () => {
    for (const later of ["much longer", "x"]) {
      const server = await serve({ "a.bin": "before" }, { etags: "none" });
      const uri = `${server.url}/a.bin`;
      const { remote } = await describeHttp({ uri, url: uri }, quick);
      server.files.set("a.bin", Buffer.from(later));
      const source = await openSources({ root: "/", remote: quick })({ uri, remote });
      await expect(Array.fromAsync(source.read())).rejects.toMatchObject({ code: "remote-changed" });
    }
  });

  it("is read from front to back where the server knows no ranges, resumed by reading again and comparing", async () => {
    let broken = 0;
    const server = await serve(
      { "a.bin": content },
      {
        ranges: false,
        etags: "none",
        lengths: false,
        fault: (i) => (i > 0 && broken++ < 2 ? "reset-mid-body" : undefined),
      },
    );
    expect((await fetchRange(`${server.url}/a.bin`)).equals(content)).toBe(true);
    let requests = 0;
    const other = await serve(
      { "a.bin": content },
      {
        ranges: false,
        etags: "none",
        fault: () => {
          requests++;
          if (requests === 3)
            other.files.set(
              "a.bin",
              content.map((byte) => byte ^ 1),
            );
          return requests === 2 ? "reset-mid-body" : undefined;
        },
      },
    );
    await expect(fetchRange(`${other.url}/a.bin`)).rejects.toMatchObject({ code: "remote-changed" });
  });

  it("comes in chunks of a few MB, however large it is", async () => {
    const server = await serve({ "a.bin": content });
    const uri = `${server.url}/a.bin`;
    const { remote } = await describeHttp({ uri, url: uri }, quick);
    const source = await openSources({ root: "/", remote: quick })({ uri, remote });
    const lengths = (await Array.fromAsync(source.read())).map(({ length }) => length);
    expect(lengths).toEqual([1 << 20, 1 << 22, 1 << 22, content.length - (1 << 20) - (1 << 23)]);
  });

  it("in Parquet gives its footer and the wanted columns of the row groups of a task, no more", async () => {
    const column = (name: string): { name: string; data: string[]; type: "STRING" } => ({
      name,
      data: Array.from({ length: 400 }, (_, i) => noise(10_000).toString("base64") + i),
      type: "STRING",
    });
    const columnData = [column("text"), column("unwanted")];
    const bytes = new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 50, codec: "UNCOMPRESSED" }));
    const server = await serve({ "a.parquet": bytes });
    const { sources, read } = configOf([{ name: "s", path: `${server.url}/a.parquet` }], { splitBytes: 1 << 20 });
    const { splits } = await planSources(sources, { root: "/", read, remote: quick });
    expect(splits.length).toBe(8);
    const planned = server.sentBytes;
    const openSource = openSources({ root: "/", remote: quick });
    const items = await Array.fromAsync(
      readSplit(splits[3] as never, { root: "/", source: sources[0] as never, read, openSource }),
    );
    expect(items).toMatchObject([{ batch: { numRows: 50 } }]);
    const footer = 1 << 19;
    expect(planned).toBeLessThanOrEqual(footer + 1);
    expect(server.sentBytes - planned).toBeLessThan(footer + (bytes.length / 16) * 1.1);
  });

  it("closes its connections when a reader leaves early", async () => {
    const server = await serve({ "a.bin": content });
    const uri = `${server.url}/a.bin`;
    const { remote } = await describeHttp({ uri, url: uri }, quick);
    const source = await openSources({ root: "/", remote: quick })({ uri, remote });
    for await (const _ of source.read()) break;
    expect(server.sentBytes).toBeLessThan(content.length);
  });

  it("is read little further than a task's range", async () => {
    const server = await serve({ "a.bin": content });
    const uri = `${server.url}/a.bin`;
    const { remote } = await describeHttp({ uri, url: uri }, quick);
    const source = await openSources({ root: "/", remote: quick })({ uri, remote, end: 2_000_000 });
    let read = 0;
    for await (const chunk of source.read(1000)) if ((read += chunk.length) > 2_000_000) break;
    expect(server.sentBytes).toBeLessThanOrEqual(1 + 2_000_000 + (1 << 18));
  });
});

describe("planning files behind http://", () => {
  const plan = async (path: string | string[], more = {}): ReturnType<typeof planSources> => {
    const { sources, read } = configOf([{ name: "s", path, ...more }]);
    return await planSources(sources, { root: "/", read, remote: quick });
  };

  it("names what is not there, and tells a closed door from a fault that passes", async () => {
    const server = await serve({ "a.txt": "a" });
    await expect(plan([`${server.url}/a.txt`, `${server.url}/b.txt`])).rejects.toMatchObject({
      code: "sources-missing",
      message: expect.stringContaining(`${server.url}/b.txt does not exist (404)`),
      details: { missing: [expect.stringContaining("/b.txt does not exist")] },
    });
    const closed = await serve({ "a.txt": "a" }, { login: "me:secret" });
    await expect(plan(`${closed.url}/a.txt`)).rejects.toMatchObject({ code: "remote-forbidden", exitCode: 4 });
    const busy = await serve({ "a.txt": "a" }, { fault: () => 503 });
    await expect(plan(`${busy.url}/a.txt`)).rejects.toMatchObject({ code: "remote-busy", exitCode: 75 });
    await expect(plan("http://127.0.0.1:1/a.txt")).rejects.toMatchObject({ code: "remote-unreachable", exitCode: 75 });
    await expect(plan("gopher://host/a.txt")).rejects.toMatchObject({ code: "scheme-unknown", exitCode: 2 });
  });

  it("keeps names, passwords and signatures out of everything but the secrets", async () => {
    const server = await serve({ "a.txt": "text" }, { login: "me:secret" });
    const url = `${server.url.replace("//", "//me:secret@")}/a.txt?part=1&X-Amz-Signature=abc&Expires=9`;
    const { secrets, ...rest } = await plan(url);
    expect(JSON.stringify(rest)).not.toMatch(/secret|abc|Expires/);
    expect(rest.files[0]?.uri).toBe(`${server.url}/a.txt?part=1`);
    expect(secrets).toEqual({ [`${server.url}/a.txt?part=1`]: url });
    const { documents } = await readAll("/", configOf([{ name: "s", path: url }]));
    expect(documents).toMatchObject([{ text: "text", source: `${server.url}/a.txt?part=1` }]);
  });

  it("has a task copy first what is not known for sure or not delivered in parts", async () => {
    const uncut = async (options: Omit<HttpDoubleOptions, "files">): Promise<number> => {
      const server = await serve({ "a.txt": "text" }, options);
      return (await plan(`${server.url}/a.txt`)).uncut.length;
    };
    expect(await uncut({})).toBe(0);
    expect(await uncut({ etags: "weak" })).toBe(1);
    expect(await uncut({ etags: "none" })).toBe(1);
    expect(await uncut({ ranges: false })).toBe(1);
  });

  it("goes by the name in the path, and by the encoding where that says nothing of compression", async () => {
    const server = await serve({ "a b.jsonl": "{}", "c.jsonl.gz": "x" }, { headers: { "content-encoding": "gzip" } });
    const { files } = await plan([`${server.url}/a%20b.jsonl?x=1`, `${server.url}/c.jsonl.gz`]);
    expect(files.map(({ format, compression }) => [format, compression])).toEqual([
      ["jsonl", "gzip"],
      ["jsonl", "gzip"],
    ]);
  });

  it("is refused when its server sends it in an encoding that nothing here undoes", async () => {
    const server = await serve({ "a.jsonl": "{}" }, { headers: { "content-encoding": "br" } });
    await expect(plan([`${server.url}/a.jsonl`])).rejects.toThrow(/a\.jsonl is sent in Content-Encoding br/);
  });

  it("leaves out what is excluded, with or without the scheme", async () => {
    const server = await serve({ "a.txt": "a", "b.txt": "b" });
    const paths = [`${server.url}/a.txt`, `${server.url}/b.txt`];
    expect((await plan(paths, { exclude: ["**/b.txt"] })).files.length).toBe(1);
    expect((await plan(paths, { exclude: [`${server.url}/b.txt`] })).files.length).toBe(1);
  });
});
