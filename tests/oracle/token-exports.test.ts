/** Exports of tokens are read back by numpy and torch as the trainers they are for do it, and by datatrove's own reader. */
import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { random, shippedPath } from "../../forge/base/index.ts";
import { exportTokens, writeTokenFile, type TokenExportFormat } from "../../forge/shard/index.ts";
import { locateDatatrove } from "../bench/kernels/datatrove.ts";

const python = process.env["FORGE_PYTHON"] ?? shippedPath(".venv", "bin", "python");
const missing = existsSync(python) ? "" : " (skipped without Python: npm run oracles)";
const trove = findReader();
const noTrove = typeof trove === "string" ? ` (skipped: ${trove})` : "";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-exports-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/**
 * Writes three shards of documents with BOS and EOS that use a vocabulary up to its last id.
 *
 * @returns the documents' tokens
 */
async function writeShards(vocabularySize: number): Promise<readonly (readonly number[])[]> {
  const stream = random("exports", vocabularySize);
  const [bos, eos] = [vocabularySize - 1, 0];
  const documents = Array.from({ length: 90 }, (_, i) => [
    bos,
    ...Array.from({ length: i % 7 === 0 ? 0 : stream.below(60) }, () => 1 + stream.below(vocabularySize - 2)),
    eos,
  ]);
  const narrow = vocabularySize <= 65_536;
  for (let shard = 0; shard < 3; shard++) {
    const own = documents.slice(30 * shard, 30 * (shard + 1));
    let end = 0;
    await writeTokenFile(
      join(folder, `tokens/train-0000${shard}.arrow`),
      {
        values: narrow ? Uint16Array.from(own.flat()) : Uint32Array.from(own.flat()),
        offsets: Int32Array.from([0, ...own.map(({ length }) => (end += length))]),
        ids: own.map((_, i) => `${shard}${i}`.padStart(32, "0")),
        sources: own.map((_, i) => (i % 2 === 0 ? "even" : "odd")),
      },
      {
        version: 1,
        split: "train",
        tokenizer: "a|name",
        tokenizerSha256: "0".repeat(64),
        vocabularySize,
        dtype: narrow ? "uint16" : "uint32",
        bosId: bos,
        eosId: eos,
        seed: 1,
        documents: own.length,
        tokens: end,
      },
    );
  }
  return documents;
}

/** Exports and reads back. */
async function readBack(
  format: TokenExportFormat,
  options: Parameters<typeof exportTokens>[4] = {},
): Promise<Record<string, unknown>> {
  const prefix = join(folder, format, "x");
  await exportTokens(folder, "train", format, prefix, options);
  const [program, environment] =
    format === "datatrove" && typeof trove !== "string" ? [trove.python, trove.environment] : [python, {}];
  const script = shippedPath("tests/oracle/token_exports.py");
  const { stdout } = await promisify(execFile)(program, [script, format, prefix], {
    env: { ...process.env, ...environment },
    maxBuffer: 1 << 26,
  });
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe.skipIf(missing !== "")(`A trainer reads what was exported for it${missing}`, () => {
  test.each([257, 65_536])("nanoGPT, with a vocabulary of %i", async (vocabulary) => {
    const documents = await writeShards(vocabulary);
    expect(await readBack("nanogpt")).toEqual({ tokens: documents.flat(), largest: vocabulary - 1 });
  });

  test.each([
    [65_536, 2],
    [65_537, 4],
    [250_880, 4],
  ])("llm.c, with a vocabulary of %i", async (vocabulary, width) => {
    const documents = await writeShards(vocabulary);
    expect(await readBack("llm.c")).toEqual({ tokens: documents.flat(), width });
  });

  test.each([
    [65_499, "uint16"],
    [65_500, "int32"],
    [250_880, "int32"],
  ])("Megatron-LM, with a vocabulary of %i, as %s", async (vocabulary, dtype) => {
    const documents = await writeShards(vocabulary);
    expect(await readBack("megatron")).toEqual({ documents, dtype });
  });

  test("a mixture, whose documents are whole and as often there as their weights say", async () => {
    const documents = await writeShards(65_536);
    const { documents: read } = await readBack("megatron", { weights: [{ pattern: "odd", weight: 2 }] });
    const expected = documents.flatMap((document, i) => (i % 2 === 0 ? [document] : [document, document]));
    const sorted = (all: unknown): string[] => (all as number[][]).map(String).sort();
    expect(sorted(read)).toEqual(sorted(expected));
    expect(read).not.toEqual(expected);
  });
});

describe.skipIf(noTrove !== "")(`datatrove reads what was exported for it${noTrove}`, () => {
  test.each([65_536, 250_880])("with a vocabulary of %i, documents known by their index", async (vocabulary) => {
    const documents = await writeShards(vocabulary);
    const { tokenizer, tokens, positions } = await readBack("datatrove");
    expect(tokenizer).toBe("a|name");
    // It gives whole windows of 16 tokens only.
    const whole = documents.flat().length - (documents.flat().length % 16);
    expect(tokens).toEqual(documents.flat().slice(0, whole));
    const within = documents.flatMap((document) => document.map((_, i) => i)).slice(0, whole);
    // A window begins to count anew.
    const first = (i: number): number => within[i - (i % 16)] as number;
    const begins = (i: number): boolean => within.slice(i - (i % 16) + 1, i + 1).includes(0);
    expect(positions).toEqual(within.map((position, i) => (begins(i) ? position : position - first(i))));
  });
});

/** A Python that has datatrove's data sets, which need torch besides; or why there is none. */
function findReader(): { readonly python: string; readonly environment: Readonly<Record<string, string>> } | string {
  const found = locateDatatrove();
  if (typeof found === "string") return found;
  const paths = [found.source, process.env["PYTHONPATH"] ?? ""].filter((path) => path !== "");
  const environment = { PYTHONPATH: paths.join(delimiter) };
  try {
    execFileSync(found.python, ["-c", "import torch, datatrove.utils.dataset"], {
      env: { ...process.env, ...environment },
      stdio: "ignore",
    });
  } catch {
    return "datatrove's data sets do not import: DATATROVE_PYTHON needs torch, too";
  }
  return { python: found.python, environment };
}
