/** The dataset card is read by huggingface_hub, which is what the hub's own tools read it with. Run in CI with `.venv`. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { shippedPath } from "../../forge/base/index.ts";
import { build, plantedConfig, plantedFiles, writeFiles } from "../pipeline/corpora.ts";

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
