/**
 * Makes `.venv` with pinned Python wheels: the reference implementations that oracle tests and benches compare with.
 *
 * `npm run oracles`. Optional: without it those tests skip visibly. `FORGE_PYTHON` names another Python instead.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../forge/base/locate.ts";

const wheels = [
  "numpy==2.2.6",
  "torch==2.13.0+cpu",
  "transformers==5.17.0",
  "tokenizers==0.23.2",
  "tiktoken==0.14.0",
  "pyarrow==25.0.1",
  "gguf==0.19.0",
  "safetensors==0.8.0",
  "datasets==5.0.1",
];

const folder = join(packageRoot, ".venv");
const python = join(folder, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
const stamp = join(folder, ".forge-oracles");
const wanted = createHash("sha256").update(wheels.join("\n")).digest("hex");

if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) process.stderr.write("oracles are current\n");
else {
  run("python3", ["-m", "venv", folder]);
  // Retries would multiply the wait where an index cannot be reached at all.
  run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "0", ...wheels]);
  writeFileSync(stamp, wanted);
  process.stderr.write(`oracles are ready in ${folder}\n`);
}

function run(program: string, args: readonly string[]): void {
  const { status, error, stderr } = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 26 });
  if (status === 0) return;
  process.stderr.write(
    `error: ${program} ${args.slice(0, 3).join(" ")} failed: ${error?.message ?? stderr.slice(-2000)}\n`,
  );
  process.exit(4);
}
