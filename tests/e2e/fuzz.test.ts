/** Twenty seconds of fuzzing over all text kernels; `npm run fuzz -- --minutes 10` is the long form. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { shippedPath } from "../../forge/base/locate.ts";

test("twenty seconds of fuzzing find no input on which a kernel differs from its twin or leaves its memory", () => {
  const failures = mkdtempSync(join(tmpdir(), "forge-fuzz-"));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [shippedPath("tests/fuzz/run.ts"), "--seconds", "20", "--seed", "20", "--failures", failures],
    { encoding: "utf8" },
  );
  expect(readdirSync(failures), stdout).toEqual([]);
  expect(`${stdout}${stderr}`).toContain("0 failures");
  expect(status).toBe(0);
});
