/**
 * datatrove as a peer: found by `DATATROVE_PATH` (its source tree), run by `DATATROVE_PYTHON`, a Python that has its
 * dependencies (without it the oracles' one). datatrove.py says what is run; nothing of datatrove stands here.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { shippedPath } from "../../../forge/base/locate.ts";

/** What datatrove.py writes, by mode. */
export interface DatatroveResults {
  readonly minhash: { readonly signed: number };
  readonly "minhash-kept": { readonly removed: readonly number[] };
  readonly "minhash-whitespace": WhitespaceSignatures;
  readonly filters: { readonly reasons: readonly (string | null)[] };
  readonly "filters-whitespace": { readonly documents: readonly WhitespaceValues[] };
}

/** Signatures with words split at white space. Parameters are decimal, 64 bits; a signature is base64 of 64-bit values. */
export interface WhitespaceSignatures {
  readonly multipliers: readonly string[];
  readonly increments: readonly string[];
  readonly documents: readonly { readonly normal: string; readonly shingles: number; readonly signature: string }[];
}

/** What the filters compare with their limits, named as our signals are. */
export interface WhitespaceValues {
  readonly signals: Readonly<Record<string, number>>;
  /** Set where datatrove gives up: it divides by the number of words, lines or characters. */
  readonly error: string | null;
  readonly c4: {
    /** Null for a document that C4 turns away for `reason`. */
    readonly text: string | null;
    readonly reason: string | null;
    readonly sentences: number | null;
    readonly kept: number;
  };
}

export type DatatroveMode = keyof DatatroveResults;

export interface Datatrove {
  /** Runs one mode in a fresh process; `seconds` are the processor time of the whole process. @throws Error with what it printed */
  run<M extends DatatroveMode>(
    mode: M,
    texts: readonly string[],
  ): Promise<{ readonly seconds: number; readonly result: DatatroveResults[M] }>;
}

/** Where the package and its Python are, or why it cannot be run. */
export function locateDatatrove(): { readonly source: string; readonly python: string } | string {
  const path = process.env["DATATROVE_PATH"];
  if (path === undefined || path === "") return "datatrove is not run: set DATATROVE_PATH to its source tree";
  const source = [path, join(path, "src")].find((folder) => existsSync(join(folder, "datatrove", "__init__.py")));
  if (source === undefined) return `datatrove is not run: no package datatrove in ${path}`;
  const python =
    process.env["DATATROVE_PYTHON"] ?? process.env["FORGE_PYTHON"] ?? shippedPath(".venv", "bin", "python");
  if (existsSync(python)) return { source, python };
  return "datatrove is not run: set DATATROVE_PYTHON to a Python with its dependencies";
}

/** datatrove, or why it cannot be run. */
export function findDatatrove(): Datatrove | string {
  const located = locateDatatrove();
  if (typeof located === "string") return located;
  const { source, python } = located;
  return {
    async run(mode, texts) {
      const folder = await mkdtemp(join(tmpdir(), "forge-datatrove-"));
      try {
        const [input, output] = [join(folder, "texts.json"), join(folder, "result.json")];
        await writeFile(input, JSON.stringify(texts));
        await runPython(python, [shippedPath(script), source, mode, input, output]);
        return JSON.parse(await readFile(output, "utf8")) as never;
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

const script = "tests/bench/kernels/datatrove.py";

async function runPython(python: string, args: readonly string[]): Promise<void> {
  const child = spawn(python, args, {
    stdio: ["ignore", "ignore", "pipe"],
    // One thread, as ours.
    env: { ...process.env, OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" },
  });
  const stop = (): boolean => child.kill();
  process.once("exit", stop);
  let printed = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (printed = (printed + text).slice(-4000)));
  const code = await new Promise<number | null>((resolve, reject) => child.on("close", resolve).on("error", reject));
  process.off("exit", stop);
  if (code !== 0) throw new Error(`datatrove ended with ${code}:\n${printed}`);
}
