import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it("lets threads keep compiled modules in the folder that the program's own lie in", async () => {
  const folder = await mkdtemp(join(tmpdir(), "forge-cache-"));
  try {
    const program = fileURLToPath(new URL("./fixtures/cached-pool.ts", import.meta.url));
    const { NODE_COMPILE_CACHE: _, NODE_DISABLE_COMPILE_CACHE: __, ...env } = process.env;
    const { stdout } = await promisify(execFile)(process.execPath, [program, folder], { env });
    expect(stdout).toBe(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
