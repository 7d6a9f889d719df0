// @ts-check
// Makes a fresh clone ready and runs one of its commands: `npm run quickstart`, `npm test`, `npm run bench`, `npm run fuzz`.
// Plain JavaScript without dependencies: it runs under the system's Node before anything is installed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findNode24, isNewEnough, root, runChild } from "./run.js";

/** @type {Readonly<Record<string, readonly string[]>>} */
const tasks = {
  quickstart: ["scripts/quickstart.ts"],
  test: ["node_modules/vitest/vitest.mjs", "run"],
  bench: ["tests/bench/run.ts"],
  fuzz: ["tests/fuzz/run.ts"],
};

/** @param {string} sentence @param {string} hint @returns {never} */
function fail(sentence, hint) {
  process.stderr.write(`error: ${sentence}\nhint: ${hint}\n`);
  process.exit(4);
}

/** Installs the locked dependencies unless node_modules was made from this very lock file. */
function install() {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const stamp = join(root, "node_modules", ".forge-lock");
  if (existsSync(stamp) && readFileSync(stamp, "utf8").trim() === lock) return;
  process.stderr.write("· installing dependencies (about 600 MB, half a minute)\n");
  const npm = process.env["npm_execpath"];
  const args = ["ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error"];
  const result =
    npm === undefined
      ? spawnSync("npm", args, {
          cwd: root,
          stdio: ["ignore", "ignore", "inherit"],
          shell: process.platform === "win32",
        })
      : spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  if (result.error !== undefined) fail(`npm could not be started: ${result.error.message}`, "install npm 10 or newer");
  if (result.status !== 0) {
    fail(
      `npm ci failed with exit code ${result.status}`,
      "check the network, the free disk space (1 GB) and the lines above",
    );
  }
  writeFileSync(stamp, `${lock}\n`);
}

const [task = "", ...rest] = process.argv.slice(2);
const command = tasks[task];
if (command === undefined) fail(`unknown task "${task}"`, `known: ${Object.keys(tasks).join(", ")}`);
install();
const node = isNewEnough() ? process.execPath : findNode24();
if (node === undefined) {
  fail(
    `Node 24 is needed here (${process.platform} ${process.arch}), this is ${process.version}`,
    "the clone brings its own on Linux x64, Linux arm64 and Windows x64; elsewhere install Node 24 or set FORGE_NODE",
  );
}
const kernels = await runChild(node, [join(root, "scripts/build-kernels.ts")], { cwd: root });
process.exitCode = kernels === 0 ? await runChild(node, [...command, ...rest], { cwd: root }) : kernels;
