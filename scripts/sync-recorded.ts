/**
 * Keeps the hashes of recorded answers in step with the queries and system messages they answer.
 *
 * `node scripts/sync-recorded.ts` rewrites what is stale in the files that prompts/orca.yaml names; with `--check` it
 * only tells and ends with 1. Run it after a system message or a query was changed on purpose.
 */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { shippedPath, writeFileAtomic } from "../forge/base/index.ts";
import { planTeach } from "../forge/teach/index.ts";
import { teachConfigSchema } from "../schemas/config/teach.ts";

const path = shippedPath("prompts", "orca.yaml");
const config = teachConfigSchema.parse(parse(await readFile(path, "utf8")));
const planned = new Map((await planTeach(config, dirname(path))).map((row) => [row.query.id, row]));
let stale = 0;
for (const name of config.recorded) {
  const file = join(dirname(path), name);
  const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
  const synced = lines.map((line, index) => {
    const recorded = JSON.parse(line) as { query: string; system: string; messages_sha256: string };
    const row = planned.get(recorded.query);
    if (row?.system.id !== recorded.system)
      throw new Error(`${file}:${index + 1}: ${recorded.query} with ${recorded.system} is not planned`);
    if (recorded.messages_sha256 === row.messagesSha256) return line;
    stale++;
    return JSON.stringify({ ...recorded, messages_sha256: row.messagesSha256 });
  });
  if (!process.argv.includes("--check")) await writeFileAtomic(file, `${synced.join("\n")}\n`);
}
console.log(`${stale} stale hashes${process.argv.includes("--check") ? "" : ", all in step now"}`);
if (stale > 0 && process.argv.includes("--check")) process.exitCode = 1;
