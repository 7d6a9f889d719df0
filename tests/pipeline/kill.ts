/** Builds in a process of its own that is killed without warning after some events. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("./fixtures/build.ts", import.meta.url));

/**
 * Runs a build and kills it (SIGKILL) as soon as it told of so many events.
 *
 * @param options `cwd`: the folder that paths of the config are relative to
 * @returns how many events it told of before it ended
 */
export async function buildAndKill(
  configPath: string,
  out: string,
  afterEvents: number,
  { cwd = process.cwd() } = {},
): Promise<number> {
  const child = spawn(process.execPath, [script, configPath, out], { cwd, stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  let events = 0;
  for await (const _line of createInterface({ input: child.stdout })) {
    if (++events === afterEvents) child.kill("SIGKILL");
  }
  await exited;
  return events;
}
