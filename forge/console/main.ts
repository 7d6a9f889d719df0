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
  // A terminal sends SIGINT to this process and to the shim, which relays its count: each press counts once.
  let presses = 0;
  let ownPresses = 0;
  const pressed = (times: number): void => {
    for (; presses < times; presses += 1) interrupt("SIGINT");
  };
  const onInterrupt = (): void => pressed((ownPresses += 1));
  const onMessage = (message: unknown): void => {
    if (typeof message === "object" && message !== null && "interrupts" in message) pressed(Number(message.interrupts));
  };
  const onTerminate = (): void => interrupt("SIGTERM");
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onTerminate);
  const onDisconnect = (): void => {
    interrupt("SIGTERM");
    // A command that cannot stop in order must not outlive its parent.
    setTimeout(() => process.exit(143), 2000).unref();
  };
  process.on("message", onMessage);
  process.on("disconnect", onDisconnect);
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
    signal: controller.signal,
  });
  process.exitCode = code;
  process.off("SIGINT", onInterrupt);
  process.off("SIGTERM", onTerminate);
  process.off("message", onMessage);
  // Our own disconnecting is no death of the parent: it must not change the exit code.
  process.off("disconnect", onDisconnect);
  if (process.channel !== undefined && process.connected) process.disconnect();
  if (process.stdout.writableLength > 0) await once(process.stdout, "drain");
}
