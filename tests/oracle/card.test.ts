/**
 * The dataset card is read by huggingface_hub, which is what the hub's own tools read it with, and the data set that it
 * describes by `datasets`. Run in CI with `.venv`.
 */
import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { shippedPath } from "../../forge/base/index.ts";
import { build, makeText, plantedConfig, plantedFiles, rowsOf, writeFiles } from "../pipeline/corpora.ts";

const python = process.env["FORGE_PYTHON"] ?? shippedPath(".venv", "bin", "python");
const missing = !existsSync(python);

const script = `
import json, sys
from huggingface_hub import DatasetCard
card = DatasetCard.load(sys.argv[1])
print(json.dumps({"data": card.data.to_dict(), "text": card.text, "round": DatasetCard(str(card)).data.to_dict()}))
`;

describe.skipIf(missing)("huggingface_hub reads the card (skipped without Python: npm run oracles)", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "forge-hub-"));
    await writeFiles(join(folder, "in"), {
      ...plantedFiles(),
      // To PyYAML a bare `no` is false.
      "e/norwegian.jsonl": JSON.stringify({ text: "en to tre fire fem seks syv åtte ni ti elleve", language: "no" }),
    });
    const sources = [
      { name: "records", path: ["a", "b", "d", "e"], license: "cc0-1.0" },
      { name: "files", path: "c/*", license: "MIT", language: "en" },
    ];
    await build(plantedConfig(join(folder, "in"), { sources }), join(folder, "out"));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test("as the metadata that we wrote, and writes it back as the same", async () => {
    const path = join(folder, "out", "README.md");
    const [, ours = "", ...text] = (await readFile(path, "utf8")).split("---\n");
    const { stdout } = await promisify(execFile)(python, ["-c", script, path]);
    const read = JSON.parse(stdout) as { data: Record<string, unknown>; text: string; round: unknown };
    expect(read.data).toEqual(parse(ours, { version: "1.1" }));
    expect(read.round).toEqual(read.data);
    expect(read.text.trim()).toBe(text.join("---\n").trim());
    expect(read.data["language"]).toContain("no");
    expect(read.data["license"]).toEqual(["cc0-1.0", "mit"]);
  });
});

const loading = `
import json, sys
from datasets import get_dataset_config_names, load_dataset, load_dataset_builder
folder, cache = sys.argv[1:]
loaded = {}
for name in get_dataset_config_names(folder):
    rows = load_dataset(folder, name, split="train", cache_dir=cache)
    streamed = load_dataset(folder, name, split="train", streaming=True)
    info = load_dataset_builder(folder, name, cache_dir=cache).info
    loaded[name] = {
        "rows": [dict(row) for row in rows.select_columns([one for one in rows.column_names if not one.startswith("signal_")])],
        "streamed": [row["id"] if "id" in row else None for row in streamed],
        "columns": {one: str(feature.dtype) for one, feature in rows.features.items()},
        "promised": [info.splits["train"].num_examples, info.download_size] if info.splits else None,
    }
loaded["(default)"] = load_dataset(folder, split="train", cache_dir=cache).num_rows
print(json.dumps(loaded))
`;

const withoutDatasets = missing || spawnSync(python, ["-c", "import datasets"]).status !== 0;

interface LoadedRows {
  readonly rows: readonly Record<string, unknown>[];
  readonly streamed: readonly (string | null)[];
  readonly columns: Readonly<Record<string, string>>;
  readonly promised: readonly [number, number] | null;
}

describe.skipIf(withoutDatasets)("`datasets` loads an output (skipped without it: npm run oracles)", () => {
  let folder: string;
  let loaded: Record<string, LoadedRows> & { readonly "(default)": number };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "forge-datasets-"));
    const question = makeText(120, "quiz");
    await writeFiles(join(folder, "in"), {
      ...plantedFiles(),
      // A part of its own whose documents all go, one that no one kept, and a `meta` that the others do not have.
      "e/all-short.jsonl": Array.from({ length: 3 }, (_, i) => JSON.stringify({ text: makeText(3, `e${i}`) })).join(
        "\n",
      ),
      "f/meta.jsonl": JSON.stringify({ text: makeText(90, "meta"), topic: "one", date: "2026-01-02", language: "no" }),
      "f/leaked.jsonl": JSON.stringify({ text: `${makeText(60, "before")} ${question} ${makeText(60, "behind")}` }),
      "quiz.jsonl": JSON.stringify({ question }),
    });
    const sources = [
      { name: "records", path: ["a", "b", "d"] },
      { name: "files", path: "c/*" },
      { name: "short", path: "e" },
      { name: "meta", path: "f", fields: { meta: ["topic"] } },
    ];
    const decontaminate = {
      action: "drop",
      sets: [{ name: "quiz", path: "quiz.jsonl", fields: { question: "question" } }],
    };
    await build(plantedConfig(join(folder, "in"), { sources, decontaminate }), join(folder, "out"));
    const { stdout } = await promisify(execFile)(python, ["-c", loading, join(folder, "out"), join(folder, "cache")], {
      env: {
        ...process.env,
        HF_HUB_OFFLINE: "1",
        HF_DATASETS_DISABLE_PROGRESS_BARS: "1",
        HF_HOME: join(folder, "home"),
      },
      maxBuffer: 1 << 26,
    });
    loaded = JSON.parse(stdout) as typeof loaded;
  }, 240_000);
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test("with kept documents as what is loaded by default, rejects and contamination by name", async () => {
    expect(Object.keys(loaded).sort()).toEqual(["(default)", "contamination", "default", "rejects"]);
    expect(loaded["(default)"]).toBe(loaded["default"]?.rows.length);
    expect(loaded["contamination"]?.rows).toMatchObject([{ set: "quiz" }]);
  });

  test.each([
    ["default", "documents"],
    ["rejects", "rejects"],
  ] as const)("and the rows of %s are those of %s/, whole or streamed", async (name, part) => {
    const ours = await rowsOf(join(folder, "out"), part);
    const theirs = loaded[name];
    expect(ours.length).toBeGreaterThan(10);
    expect(theirs?.rows).toEqual(
      ours.map((row) => Object.fromEntries(Object.entries(row).filter(([column]) => !column.startsWith("signal_")))),
    );
    expect(theirs?.streamed).toEqual(ours.map((row) => row["id"]));
    expect(Object.keys(theirs?.columns ?? {})).toEqual(Object.keys(ours[0] ?? {}));
    expect(theirs?.columns["text"]).toBe("string");
    // The card promised as many rows as there are; `datasets` would refuse to load others.
    expect(theirs?.promised?.[0]).toBe(ours.length);
  });
});
