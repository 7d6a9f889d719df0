/** Signals of this process, and the death of the parent that started it, as one abort signal. */
import { Interrupted } from "./program.ts";

export interface ProcessSignals {
  /** Aborts with `Interrupted`. */
  readonly signal: AbortSignal;
  /** Stops listening and lets go of the parent, so that the process can end. */
  readonly stop: () => void;
}

/**
 * Listens to SIGINT and SIGTERM: the first lets the program stop in order, a second one ends the process at once.
 *
 * When a shim started this process under another Node, the end of the IPC channel means that the shim died: same as
 * SIGTERM.
 */
export function listenForSignals(): ProcessSignals {
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
  const onDisconnect = (): void => {
    interrupt("SIGTERM");
    // A command that cannot stop in order must not outlive its parent.
    setTimeout(() => process.exit(143), 2000).unref();
  };
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onTerminate);
  process.on("message", onMessage);
  process.on("disconnect", onDisconnect);
  return {
    signal: controller.signal,
    stop() {
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onTerminate);
      process.off("message", onMessage);
      // Our own disconnecting is no death of the parent: it must not change the exit code.
      process.off("disconnect", onDisconnect);
      if (process.channel !== undefined && process.connected) process.disconnect();
    },
  };
}
