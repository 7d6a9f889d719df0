// @ts-check
// Starts a program under Node 24, from whatever Node runs this file. Plain JavaScript: an old Node must be able to run it.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import module, { createRequire } from "node:module";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { staleKernels } from "./kernels.js";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const oldestMajor = 24;

/** The Node of the clone (a platform package), one named by FORGE_NODE, or undefined. @returns {string | undefined} */
export function findNode24() {
  const named = process.env["FORGE_NODE"];
  if (named !== undefined && named !== "") return named;
  const require = createRequire(import.meta.url);
  const platform = process.platform === "win32" ? "win" : process.platform;
  for (const name of [`node-${platform}-${process.arch}`]) {
    try {
      const folder = dirname(require.resolve(`${name}/package.json`));
      const program = join(folder, "bin", process.platform === "win32" ? "node.exe" : "node");
      if (existsSync(program)) return program;
    } catch {
      // Not installed: the published package does not carry it.
    }
  }
  // Somebody with several Nodes: the first on the PATH may be the right one though another one runs this file.
  const answer = spawnSync("node", ["-p", "process.versions.node.split('.')[0]"], { encoding: "utf8" });
  return answer.status === 0 && Number(answer.stdout) >= oldestMajor ? "node" : undefined;
}

/** @returns {boolean} whether the Node that runs this file is new enough */
export function isNewEnough() {
  return Number(process.versions.node.split(".")[0]) >= oldestMajor;
}

/**
 * Runs `program` (a path without extension below the package root): from dist/ when built, else from source.
 * @param {string} program for instance "forge/cli/main"
 */
export async function run(program) {
  const source = join(root, `${program}.ts`);
  const entry = existsSync(source) ? source : join(root, "dist", `${program}.js`);
  const words = process.argv.slice(2);
  const stale = words.some((word) => /^(-h|--help|-V|--version)$/.test(word)) ? [] : staleKernels(root);
  if (stale.length > 0) {
    process.stderr.write(
      `error: ${stale.join(", ")}: compiled from other sources than there are now.\n` +
        "hint: npm run build:kernels (a few seconds; npm test and npm run quickstart do it, too).\n",
    );
    process.exitCode = 4;
    return;
  }
  if (isNewEnough()) {
    // What was compiled once, and had its types stripped, need not be again: half the time of a short command.
    module.enableCompileCache();
    // Threads that decompress, read and write for all workers of a run: four, unless Node is told before it uses one.
    process.env["UV_THREADPOOL_SIZE"] ??= String(Math.max(4, 2 * availableParallelism()));
    await import(pathToFileURL(entry).href);
    return;
  }
  const node = findNode24();
  if (node === undefined) {
    process.stderr.write(
      `error: Node ${oldestMajor} or newer is needed, this is ${process.version}, and none was found on the PATH.\n` +
        `hint: install Node ${oldestMajor}, or set FORGE_NODE to its path.\n`,
    );
    process.exitCode = 4;
    return;
  }
  const env = { NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache"), ...process.env };
  process.exitCode = await runChild(node, [entry, ...process.argv.slice(2)], { env });
}

/**
 * Runs a Node child that ends when this process dies, however it dies: the child watches the IPC channel.
 * @param {string} node
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<number>} its exit code
 */
export function runChild(node, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(node, args, { stdio: ["inherit", "inherit", "inherit", "ipc"], ...options });
    // A terminal sends SIGINT to the whole group, `kill -INT` to this process alone: the child is told how many came
    // here and takes them together with its own. It decides when to stop, this process only waits.
    let interrupts = 0;
    const forward = (/** @type {NodeJS.Signals} */ signal) => {
      if (signal === "SIGTERM") child.kill(signal);
      else if (child.connected) child.send({ interrupts: (interrupts += 1) }, () => undefined);
    };
    process.on("SIGINT", forward);
    process.on("SIGTERM", forward);
    child.on("error", (error) => {
      process.stderr.write(`error: ${node} could not be started: ${error.message}\n`);
      resolve(4);
    });
    child.on("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : signal === "SIGTERM" ? 143 : 1)));
  });
}
