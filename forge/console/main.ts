/** Joins a program to its process: streams, signals, the parent that may die, the exit code. */
import { once } from "node:events";
import type { ProgramSpec } from "./program.ts";
import { Interrupted, runProgram } from "./program.ts";

/**
 * Runs the program with this process's arguments and sets `process.exitCode`.
 *
 * A first SIGINT or SIGTERM lets the command stop in order; a second one ends the process at once. When the bin shim
 * started this process under another Node, the IPC channel's end means that the shim died: same as SIGTERM.
 */
export async function main(program: ProgramSpec, argv: readonly string[] = process.argv.slice(2)): Promise<void> {
  const controller = new AbortController();
  const interrupt = (signal: "SIGINT" | "SIGTERM"): void => {
    const reason = new Interrupted(signal);
    if (controller.signal.aborted) process.exit(reason.exitCode);
    controller.abort(reason);
  };
  const onInterrupt = (): void => interrupt("SIGINT");
  const onTerminate = (): void => interrupt("SIGTERM");
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onTerminate);
  process.on("disconnect", () => {
    interrupt("SIGTERM");
    // A command that cannot stop in order must not outlive its parent.
    setTimeout(() => process.exit(143), 2000).unref();
  });
  // `forge … | head` closes our stdout: not a fault.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
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
    signal: controller.signal,
  });
  process.exitCode = code;
  process.off("SIGINT", onInterrupt);
  process.off("SIGTERM", onTerminate);
  if (process.channel !== undefined && process.connected) process.disconnect();
  if (process.stdout.writableLength > 0) await once(process.stdout, "drain");
}
