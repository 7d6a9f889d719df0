/** The shim and its child under signals: real processes, since exit codes and channels are what is promised. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { packageRoot } from "../../forge/base/locate.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-interrupt-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** Starts the shim over a program whose one command ends by itself, or waits until it is told to stop. */
async function start(waits: boolean): Promise<{ shim: ChildProcess; exit: Promise<unknown[]>; output: () => string }> {
  const at = (path: string): string => JSON.stringify(pathToFileURL(join(packageRoot, path)).href);
  const command = join(folder, "command.mjs");
  const child = join(folder, "child.mjs");
  const parent = join(folder, "parent.mjs");
  const wait = `process.stderr.write("waiting\\n");
      const alive = setInterval(() => {}, 1000);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      clearInterval(alive);
      signal.throwIfAborted();`;
  await writeFile(
    command,
    `export const spec = { name: "work", summary: "Works", examples: [], options: [],
      async run({ signal }) { ${waits ? wait : ""} return { text: "done", json: {} }; } };`,
  );
  await writeFile(
    child,
    `import { main } from ${at("forge/console/main.ts")};
    await main({ name: "test", summary: "Tests", examples: [],
      commands: [{ name: "work", summary: "Works", load: async () => (await import("./command.mjs")).spec }] });`,
  );
  await writeFile(
    parent,
    `import { runChild } from ${at("bin/run.js")};
    process.exitCode = await runChild(process.execPath, [${JSON.stringify(child)}, "work"]);`,
  );
  const shim = spawn(process.execPath, [parent], { detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const exit = once(shim, "exit");
  let text = "";
  const listening = new Promise<void>((resolve) => {
    for (const stream of [shim.stdout, shim.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        if (text.includes("waiting")) resolve();
      });
    }
  });
  await Promise.race([waits ? listening : exit, exit]);
  return { shim, exit, output: () => text };
}

describe.skipIf(process.platform === "win32")("interruption (skipped on Windows: no signals there)", () => {
  it("ends with 0 and closes the channel when nothing interrupts", async () => {
    const { exit } = await start(false);
    expect((await exit)[0]).toBe(0);
  });

  it("ends with 130 and tells how to resume when a terminal interrupts the whole group", async () => {
    const { shim, exit, output } = await start(true);
    process.kill(-(shim.pid as number), "SIGINT");
    expect((await exit)[0], output()).toBe(130);
    expect(output()).toContain("resume with: test work");
  });

  it("ends with 130 when only the shim is interrupted", async () => {
    const { shim, exit, output } = await start(true);
    shim.kill("SIGINT");
    expect((await exit)[0], output()).toBe(130);
    expect(output()).toContain("interrupted");
  });
});
