/** The promise of resuming, at many random moments. Long: run in CI, not by `npm test`. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { random } from "../../forge/base/index.ts";
import { build, plantedConfig, plantedFiles, snapshot, writeFiles } from "../pipeline/corpora.ts";
import { buildAndKill } from "../pipeline/kill.ts";

it("gives the same bytes whichever 50 events a build is killed at", { timeout: 1_200_000 }, async () => {
  const work = await mkdtemp(join(tmpdir(), "forge-kills-"));
  try {
    const files = plantedFiles();
    const question = String(files["c/one.md"]).split(" ").slice(20, 50).join(" ");
    await writeFiles(join(work, "in"), { ...files, "evaluation/set.jsonl": JSON.stringify({ question }) });
    const config = plantedConfig(join(work, "in"), {
      decontaminate: {
        sets: [{ name: "set", path: "evaluation/set.jsonl", fields: { question: "question" } }],
        action: "cut",
        minPieceCharacters: 10,
      },
    });
    await writeFile(join(work, "config.json"), JSON.stringify(config));
    await build(config, join(work, "whole"));
    const whole = await snapshot(join(work, "whole"));
    const stream = random("kills");
    let kills = 0;
    for (let round = 0; kills < 50; round++) {
      const out = join(work, `out-${round}`);
      // Killed up to five times on the way, each time a little later than what was skipped.
      for (let times = 1 + stream.below(5); times > 0; times--, kills++) {
        await buildAndKill(join(work, "config.json"), out, 1 + stream.below(200));
      }
      await build(config, out);
      expect(await snapshot(out)).toEqual(whole);
      await rm(out, { recursive: true });
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
});
