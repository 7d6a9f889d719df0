/** What forge writes is read by pyarrow, the reference implementation of Arrow and Parquet. Run in CI with `.venv`. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { shippedPath } from "../../forge/base/index.ts";
import { writeParquet, writeTokenFile } from "../../forge/shard/index.ts";

const python = process.env["FORGE_PYTHON"] ?? shippedPath(".venv", "bin", "python");
const missing = !existsSync(python);

async function runPython(script: string, ...args: readonly string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(python, ["-c", script, ...args], { maxBuffer: 2 ** 26 });
  return JSON.parse(stdout) as unknown;
}

describe.skipIf(missing)(`pyarrow reads it (skipped without Python: npm run oracles)`, () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "forge-pyarrow-"));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test.each([
    ["uint16", Uint16Array.from({ length: 40_001 }, (_, i) => (i % 8 === 7 ? 256 : i % 256))],
    ["uint32", Uint32Array.from({ length: 40_001 }, (_, i) => (i % 8 === 7 ? 256 : i % 256))],
  ] as const)("a %s token shard is mapped without a copy and fully valid", async (dtype, values) => {
    const path = join(folder, `${dtype}.arrow`);
    const offsets = Int32Array.from({ length: 5001 }, (_, i) => 8 * i);
    await writeTokenFile(
      path,
      {
        values: values.subarray(0, 40_000),
        offsets,
        ids: Array.from({ length: 5000 }, (_, i) => i.toString(16).padStart(32, "0")),
        sources: Array.from({ length: 5000 }, (_, i) => `Quelle-${i % 3}-ß.txt`),
      },
      {
        version: 1,
        split: "train",
        tokenizer: "bytes",
        tokenizerSha256: "0".repeat(64),
        vocabularySize: 257,
        dtype,
        bosId: null,
        eosId: 256,
        seed: 1,
        documents: 5000,
        tokens: 40_000,
      },
    );
    const script = `
import json, sys, pyarrow as pa
before = pa.total_allocated_bytes()
with pa.memory_map(sys.argv[1]) as source:
    table = pa.ipc.open_file(source).read_all()
    table.validate(full=True)
    column = table.column("tokens").chunk(0)
    values = column.values.to_numpy(zero_copy_only=True)
    print(json.dumps({
        "allocated": pa.total_allocated_bytes() - before,
        "type": str(table.schema.field("tokens").type), "rows": table.num_rows, "chunks": table.column("tokens").num_chunks,
        "sum": int(values.sum()), "dtype": str(values.dtype), "length": len(values),
        "second": column[1].as_py(), "id": table.column("id")[4999].as_py(), "source": table.column("source")[1].as_py(),
        "metadata": json.loads(table.schema.metadata[b"forge.tokens"])["eosId"]}))
`;
    expect(await runPython(script, path)).toEqual({
      allocated: 0,
      type: `list<item: ${dtype} not null>`,
      rows: 5000,
      chunks: 1,
      sum: [...values.subarray(0, 40_000)].reduce((sum, value) => sum + value, 0),
      dtype,
      length: 40_000,
      second: [8, 9, 10, 11, 12, 13, 14, 256],
      id: (4999).toString(16).padStart(32, "0"),
      source: "Quelle-1-ß.txt",
      metadata: 256,
    });
  });

  test("a Parquet file has the same rows, types and right statistics", async () => {
    const path = join(folder, "rows.parquet");
    const rows = ["a", "Ｚ", "🏋", "", null].map((text, i) => ({
      id: `id-${i}`,
      text,
      score: i / 4,
      count: 2n ** 60n + BigInt(i),
    }));
    await writeParquet(
      path,
      [
        { name: "id", type: "string" },
        { name: "text", type: "string", nullable: true },
        { name: "score", type: "double" },
        { name: "count", type: "int64" },
      ],
      rows,
      { rowGroupBytes: 20, metadata: { origin: "test" } },
    );
    const script = `
import json, sys, pyarrow.parquet as pq
file = pq.ParquetFile(sys.argv[1])
table = file.read()
table.validate(full=True)
print(json.dumps({
    "rows": [[row["id"], row["text"], row["score"], str(row["count"])] for row in table.to_pylist()],
    "types": [str(field.type) for field in table.schema], "groups": file.num_row_groups > 1,
    "codec": file.metadata.row_group(0).column(1).compression,
    "found": pq.read_table(sys.argv[1], filters=[("text", "=", "🏋")]).num_rows,
    "origin": file.metadata.metadata[b"origin"].decode()}))
`;
    expect(await runPython(script, path)).toEqual({
      rows: rows.map(({ id, text, score, count }) => [id, text, score, String(count)]),
      types: ["string", "string", "double", "int64"],
      groups: true,
      codec: "ZSTD",
      found: 1,
      origin: "test",
    });
  });

  test("pages with and without compression, dictionaries and nulls of every kind are read", async () => {
    const path = join(folder, "pages.parquet");
    const rows = Array.from({ length: 20_000 }, (_, i) => ({
      id: `row ${i * i}`,
      kind: i % 3 === 0 ? null : `kind ${i % 5}`,
      one: "always the same",
      none: null,
      text: i % 7 === 0 ? null : `${i * i} ß🏋 `.repeat(i % 60),
      flag: i % 4 === 0 ? null : i % 3 === 0,
      small: i === 17 ? 0.5 : null,
      day: new Date(86_400_000 * i),
    }));
    for (const zstdLevel of [1, 3]) {
      await writeParquet(
        path,
        [
          { name: "id", type: "string" },
          { name: "kind", type: "string", nullable: true },
          { name: "one", type: "string" },
          { name: "none", type: "string", nullable: true },
          { name: "text", type: "string", nullable: true, long: true },
          { name: "flag", type: "boolean", nullable: true },
          { name: "small", type: "float", nullable: true },
          { name: "day", type: "timestamp" },
        ],
        rows,
        { rowGroupBytes: 2 ** 22, zstdLevel },
      );
      const script = `
import json, sys, pyarrow.parquet as pq
file = pq.ParquetFile(sys.argv[1])
table = file.read()
table.validate(full=True)
group = file.metadata.row_group(0)
columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
print(json.dumps({
    "rows": [[*row.values()][:7] + [int(row["day"].timestamp())] for row in table.to_pylist()],
    "dictionaries": [name for name, column in columns.items() if column.has_dictionary_page],
    "text": columns["text"].is_stats_set, "found": pq.read_table(sys.argv[1], filters=[("id", "=", "row 289")])["small"].to_pylist()}))
`;
      const found = (await runPython(script, path)) as { readonly rows: unknown };
      expect(found).toMatchObject({ dictionaries: ["kind", "one"], text: false, found: [0.5] });
      expect(found.rows).toEqual(rows.map((row) => [...Object.values(row).slice(0, 7), row.day.getTime() / 1000]));
    }
  });
});
