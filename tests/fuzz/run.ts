/**
 * `npm run fuzz -- [--minutes N | --seconds N] [--seed N] [--failures FOLDER] [KERNEL …]`: fuzzes the text kernels.
 *
 * Each kernel gets an equal share of the time (one minute for all by default). A case is a function of seed, kernel and
 * number, so that the same command finds the same failures. A failing input is made small and written to a file. Exit
 * code 1 when something failed, 2 for bad usage.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import type { FuzzMessage, FuzzTask } from "./worker.ts";

/** A case that takes longer hangs. */
const hangMs = 120_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: "string" },
    seconds: { type: "string" },
    seed: { type: "string", default: "1" },
    failures: { type: "string", default: join(tmpdir(), "forge-fuzz") },
  },
});
const seconds = values.seconds === undefined ? 60 * Number(values.minutes ?? 1) : Number(values.seconds);
const seed = Number(values.seed);
if (!(seconds > 0) || !Number.isInteger(seed)) {
  process.stderr.write(
    "usage: npm run fuzz -- [--minutes N | --seconds N] [--seed N] [--failures FOLDER] [KERNEL …]\n",
  );
  process.exit(2);
}

const progress = new Int32Array(new SharedArrayBuffer(4));
const task: FuzzTask = {
  kernels: positionals.length === 0 ? null : positionals,
  seed,
  seconds,
  failures: values.failures,
  progress,
};
process.stdout.write(`seed ${seed}, ${seconds} seconds\n`);
const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: task });
let kernel = "";
let failures = 0;
let executions = 0;

worker.on("message", (message: FuzzMessage) => {
  switch (message.type) {
    case "kernels": {
      const unknown = positionals.filter((name) => !message.names.includes(name));
      if (unknown.length === 0) return;
      process.stderr.write(`no kernel ${unknown.join(", ")}; there are ${message.names.join(", ")}\n`);
      process.exit(2);
      return;
    }
    case "start":
      kernel = message.kernel;
      return;
    case "done":
      executions += message.executions;
      process.stdout.write(
        `${message.kernel.padEnd(22)} ${String(message.executions).padStart(9)} executions, slowest ${message.slowestMs.toFixed(0)} ms\n`,
      );
      return;
    case "failure":
      failures++;
      process.stdout.write(`FAILED ${message.kernel}, case ${message.index}: ${message.error}\n  ${message.path}\n`);
      return;
    default:
      message satisfies never;
  }
});
worker.on("error", (error) => {
  process.stdout.write(`FAILED ${kernel}: ${error.stack}\n`);
  process.exit(1);
});

let last = -1;
const watchdog = setInterval(() => {
  const now = Atomics.load(progress, 0);
  if (now === last && kernel !== "") {
    process.stdout.write(`FAILED ${kernel}: hangs in case ${now} of the run, after ${hangMs / 1000} seconds\n`);
    process.exit(1);
  }
  last = now;
}, hangMs);

worker.on("exit", () => {
  clearInterval(watchdog);
  process.stdout.write(`${executions} executions, ${failures} failures\n`);
  process.exitCode = failures === 0 ? 0 : 1;
});
