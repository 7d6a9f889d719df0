/**
 * `npm run cards`: builds the corpus of every recipe into shards/ and puts its card into docs/cards/.
 *
 * `tests/e2e/recipes.test.ts` fails while a committed card is not the one that this writes.
 */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../forge/base/locate.ts";
import { corpusRecipes } from "../tests/recipes.ts";

for (const name of await corpusRecipes()) {
  forge("build-corpus", `docs/recipes/${name}.yaml`, "--out", `shards/${name}`, "--update");
  // Plots that the new card does not have go with the old one.
  rmSync(join(packageRoot, "docs", "cards", name), { recursive: true, force: true });
  forge("card", `shards/${name}`, "--copy-to", `docs/cards/${name}/README.md`);
}

function forge(...args: readonly string[]): void {
  const { status } = spawnSync(process.execPath, [join(packageRoot, "bin/forge.js"), ...args], {
    cwd: packageRoot,
    stdio: "inherit",
  });
  if (status !== 0) process.exit(status ?? 1);
}
