/** What the system refuses a user who is not its administrator: run as such a one, since root may do everything. */
import { spawnSync } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { shippedPath } from "../../forge/base/index.ts";
import { makeText } from "../pipeline/corpora.ts";

const nobody = 65_534;
const isRoot = process.getuid?.() === 0;

function forge(cwd: string, ...argv: readonly string[]): { status: number | null; stderr: string } {
  const { status, stderr } = spawnSync(process.execPath, [shippedPath("bin", "forge.js"), ...argv], {
    cwd,
    encoding: "utf8",
    ...(isRoot && { uid: nobody, gid: nobody }),
    env: { PATH: process.env["PATH"] ?? "", HOME: cwd },
  });
  return { status, stderr };
}

// In a folder that only root may enter, nobody cannot run the program at all.
const cannotRun = process.platform === "win32" || forge(tmpdir(), "--version").status !== 0;

describe.skipIf(cannotRun)("forge without permission (skipped where another user cannot run this clone)", () => {
  let cwd: string;
  beforeAll(async () => {
    cwd = await mkdtemp(join(tmpdir(), "forge-permissions-"));
    await chmod(cwd, 0o755);
    for (const folder of ["in", "in/open", "in/closed", "mine", "theirs"]) await mkdir(join(cwd, folder));
    const line = (i: number): string => `${JSON.stringify({ text: makeText(200, i) })}\n`;
    await writeFile(join(cwd, "in/open/a.jsonl"), [1, 2, 3].map(line).join(""));
    await writeFile(join(cwd, "in/closed/b.jsonl"), [4, 5, 6].map(line).join(""));
    if (isRoot) await chown(join(cwd, "mine"), nobody, nobody);
    await chmod(join(cwd, "in/closed"), 0o000);
    await chmod(join(cwd, "theirs"), 0o555);
  });
  afterAll(async () => {
    await chmod(join(cwd, "in/closed"), 0o755);
    await chmod(join(cwd, "theirs"), 0o755);
    await rm(cwd, { recursive: true, force: true });
  });

  it.each(["in", "in/closed", "in/closed/b.jsonl", "in/**/*.jsonl", "in/*/*.jsonl", "in/*/b.jsonl"])(
    "names the folder of %s that it may not read, and does not pass over it",
    (source) => {
      const { status, stderr } = forge(cwd, "build-corpus", "--source", source, "--out", "mine/out");
      expect(stderr).toMatch(/^error: .*in\/closed(\/b\.jsonl)? may not be accessed\nhint: Check the permissions/);
      expect(status).toBe(3);
    },
  );

  it("names an output folder that it may not write to, or make", () => {
    for (const out of ["theirs", "theirs/below/it"]) {
      const { status, stderr } = forge(cwd, "build-corpus", "--source", "in/open", "--out", out);
      expect(stderr).toMatch(/^error: .*theirs.* cannot be written to\nhint: Check the permissions/);
      expect(status).toBe(4);
    }
  });
});
