/** Joins a program to its process: streams, signals, the exit code. */
import { once } from "node:events";
import type { ProgramSpec } from "./program.ts";
import { runProgram } from "./program.ts";
import { listenForSignals } from "./signals.ts";

/** Runs the program with this process's arguments and sets `process.exitCode`. */
export async function main(program: ProgramSpec, argv: readonly string[] = process.argv.slice(2)): Promise<void> {
  const signals = listenForSignals();
  // `forge … | head` closes our stdout: not a fault.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    process.stderr.write(`error: The result could not be written to stdout: ${error.message}\n`);
    process.exit(4);
  });
  const code = await runProgram(program, argv, {
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    stdoutIsTerminal: process.stdout.isTTY,
    stderrIsTerminal: process.stderr.isTTY,
    stdinIsTerminal: process.stdin.isTTY,
    columns: process.stderr.columns ?? 100,
    env: process.env,
    cwd: process.cwd(),
    signal: signals.signal,
  });
  process.exitCode = code;
  signals.stop();
  if (process.stdout.writableLength > 0) await once(process.stdout, "drain");
}
