/** Parquet and Arrow files of pyarrow, the reference implementation, are read to the very rows that it wrote. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { shippedPath } from "../../../forge/base/index.ts";
import { configOf, readAll } from "../../read/support.ts";

const python = process.env["FORGE_PYTHON"] ?? shippedPath(".venv", "bin", "python");
const missing = !existsSync(python);

/** Writes one table in every way, and what it holds as JSON. */
const script = `
import datetime, json, os, random, sys
import pyarrow as pa, pyarrow.parquet as pq, pyarrow.ipc as ipc
folder = sys.argv[1]
random.seed(7)
words = ["corpus", "tide", "Größe", "日本語", "🏋️", "naïve", "\\u0000", "e\\u0301", "a" * 500]
rows = 700
def text(i): return " ".join(random.choice(words) for _ in range(random.randrange(0, 60))) + f" {i}"
texts = [None if i % 97 == 5 else text(i) for i in range(rows)]
urls = [None if i % 3 == 0 else f"https://example.org/{i}" for i in range(rows)]
languages = [random.choice(["en", "de", None]) for _ in range(rows)]
dates = [datetime.datetime(2020, 1, 1) + datetime.timedelta(hours=i, milliseconds=7) for i in range(rows)]
numbers = [2**60 + i for i in range(rows)]
tags = [[f"t{j}" for j in range(i % 4)] for i in range(rows)]
table = pa.table({
  "id": pa.array(range(rows)), "text": texts, "url": urls, "language": languages,
  "date": pa.array(dates, pa.timestamp("us")), "number": numbers, "tags": tags,
})
for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
    for version in ["1.0", "2.0"]:
        pq.write_table(table, f"{folder}/{codec}-{version}.parquet", compression=codec, row_group_size=100, data_page_version=version, data_page_size=2000)
pq.write_table(table, f"{folder}/plain.parquet", use_dictionary=False, row_group_size=333)
pq.write_table(table, f"{folder}/delta.parquet", use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY", "url": "DELTA_LENGTH_BYTE_ARRAY"})
def with_text(kind): return table.set_column(1, "text", table["text"].cast(kind))
large = with_text(pa.large_string())
pq.write_table(large, f"{folder}/large.parquet")
pq.write_table(with_text(pa.binary()), f"{folder}/binary.parquet")
dictionary = table.set_column(1, "text", table["text"].dictionary_encode()).set_column(3, "language", table["language"].dictionary_encode())
kinds = {"string": table, "large": large, "view": with_text(pa.string_view()), "binary": with_text(pa.binary()), "dictionary": dictionary}
for name, one in kinds.items():
    for codec in [None, "lz4", "zstd"]:
        options = ipc.IpcWriteOptions(compression=codec)
        with ipc.new_file(f"{folder}/{name}-{codec}.arrow", one.schema, options=options) as out: out.write_table(one, 100)
        with ipc.new_stream(f"{folder}/{name}-{codec}-stream.ipc", one.schema, options=options) as out: out.write_table(one, 100)
with pa.CompressedOutputStream(f"{folder}/packed.arrow.gz", "gzip") as sink:
    with ipc.new_file(sink, table.schema) as out: out.write_table(table, 100)
with pa.CompressedOutputStream(f"{folder}/packed.arrow.zst", "zstd") as sink:
    with ipc.new_stream(sink, table.schema) as out: out.write_table(table, 100)
import pyarrow.feather as feather
feather.write_feather(table, f"{folder}/default.feather")
import decimal
D = decimal.Decimal
numbers_table = pa.table({
  "text": ["a", "b", "c"],
  "price": pa.array([D("-0.001"), D("12345678901234567.125"), None], pa.decimal128(20, 3)),
  "entries": pa.array([[("kä", 1), ("b", 2)], [], None], pa.map_(pa.string(), pa.int32())),
})
os.mkdir(f"{folder}/odd")
pq.write_table(numbers_table, f"{folder}/odd/a.parquet")
with ipc.new_file(f"{folder}/odd/a.arrow", numbers_table.schema) as out: out.write_table(numbers_table)
one = pa.record_batch([pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), pa.array(["one", "two"]))], ["text"])
two = pa.record_batch([pa.DictionaryArray.from_arrays(pa.array([2, 0], pa.int32()), pa.array(["one", "two", "three"]))], ["text"])
for new, name in [(ipc.new_file, "delta.arrow"), (ipc.new_stream, "delta.ipc")]:
    options = ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    with new(f"{folder}/odd/{name}", one.schema, options=options) as out: out.write_batch(one); out.write_batch(two)
iso = lambda d: d.isoformat(timespec="milliseconds") + "Z"
meta = lambda i: '{"number":%d%s}' % (numbers[i], ',"tags":' + json.dumps(tags[i], separators=(",", ":")))
expected = [{"row": i, "text": texts[i], "url": urls[i], "language": languages[i], "date": iso(dates[i]), "meta": meta(i)} for i in range(rows)]
json.dump(expected, open(f"{folder}/expected.json", "w"))
print(json.dumps(sorted(os.listdir(folder))))
`;

interface Row {
  readonly row: number;
  readonly text: string | null;
}

describe.skipIf(missing)("files that pyarrow wrote (skipped without Python: npm run oracles)", () => {
  let folder: string;
  let names: readonly string[];
  let expected: readonly Row[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "forge-columnar-"));
    const { stdout } = await promisify(execFile)(python, ["-c", script, folder]);
    names = (JSON.parse(stdout) as string[]).filter((name) => /\.(?!json)/.test(name));
    expected = JSON.parse(await readFile(join(folder, "expected.json"), "utf8")) as Row[];
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test("are read identically, whatever codec, encoding, page version and string type", async () => {
    expect(names.length).toBe(12 + 4 + 30 + 3);
    const good = expected.filter(({ text }) => text !== null);
    const nulls = expected.filter(({ text }) => text === null).map(({ row }) => row);
    for (const path of names) {
      for (const splitBytes of [2 ** 30, 20_000]) {
        const source = { name: "s", path, fields: { meta: ["number", "tags"] } };
        const { documents, quarantined, plan } = await readAll(folder, configOf([source], { splitBytes }));
        const rows = documents.map(({ text, url, language, date, meta }) => ({ text, url, language, date, meta }));
        expect(rows, path).toEqual(good.map(({ row: _row, ...rest }) => rest));
        expect(
          quarantined.map(({ row, reason }) => [row, reason]),
          path,
        ).toEqual(nulls.map((row) => [row, "field-missing"]));
        if (splitBytes < 2 ** 30 && /none-|None\.arrow/.test(path)) expect(plan.splits.length).toBeGreaterThan(1);
      }
    }
  });

  test("keep decimals and maps in meta, and read dictionaries that grow from batch to batch", async () => {
    const metaOf = async (path: string): Promise<unknown[]> => {
      const source = { name: "s", path, fields: { meta: ["price", "entries"] } };
      return (await readAll(folder, configOf([source]))).documents.map(({ meta }) => meta);
    };
    expect(await metaOf("odd/a.arrow")).toEqual([
      '{"price":"-0.001","entries":{"kä":1,"b":2}}',
      '{"price":"12345678901234567.125","entries":{}}',
      null,
    ]);
    expect((await metaOf("odd/a.parquet"))[0]).toBe('{"price":-0.001,"entries":{"kä":1,"b":2}}');
    for (const path of ["odd/delta.arrow", "odd/delta.ipc"]) {
      const { documents } = await readAll(folder, configOf([{ name: "s", path }]));
      expect(documents.map(({ text }) => text)).toEqual(["one", "two", "three", "one"]);
    }
  });

  test("have the same ids in every codec and split, for they are made of rows", async () => {
    const idsOf = async (path: string, splitBytes: number): Promise<unknown[]> => {
      const { documents } = await readAll(folder, configOf([{ name: "s", path }], { splitBytes }));
      return documents.map(({ id }) => id);
    };
    for (const path of ["zstd-1.0.parquet", "string-None.arrow", "dictionary-zstd.arrow"]) {
      expect(await idsOf(path, 4096)).toEqual(await idsOf(path, 2 ** 30));
    }
  });
});
