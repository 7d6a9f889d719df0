/**
 * `npm run bench -- NAME [ROW] [--json]`: measures the rows of `tests/bench/NAME.ts`, each in a fresh process.
 *
 * Results go to stdout, as NDJSON with `--json` and as a table otherwise; what could not run goes to stderr with its reason.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { measure, measureOurs, type BenchResult, type BenchRow } from "./harness.ts";

const here = fileURLToPath(import.meta.url);
const words = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const [name, wanted] = words;
const asJson = process.argv.includes("--json");

if (name === undefined || !existsSync(new URL(`./${name}.ts`, import.meta.url))) {
  const names = readdirSync(new URL(".", import.meta.url))
    .filter((file) => file.endsWith(".ts") && file !== "run.ts" && file !== "harness.ts")
    .map((file) => file.slice(0, -3));
  process.stderr.write(`usage: npm run bench -- NAME [ROW] [--json]; NAME is one of ${names.join(", ")}\n`);
  process.exitCode = 2;
} else {
  const { rows } = (await import(`./${name}.ts`)) as { rows: readonly BenchRow[] };
  const chosen = rows.filter((row) => wanted === undefined || row.name === wanted);
  if (chosen.length === 0) {
    process.stderr.write(`${name} has no row ${wanted}; it has ${rows.map((row) => row.name).join(", ")}\n`);
    process.exitCode = 2;
  } else if (process.argv.includes("--ours")) {
    // For rows that are sampled: the harness asks for ours in a fresh process.
    for (const row of chosen) process.stdout.write(`${JSON.stringify(await measureOurs(row))}\n`);
  } else if (process.argv.includes("--here")) await runHere(name, chosen);
  else for (const row of chosen) runApart(name, row.name);
}

/** Measures in this process and prints NDJSON. */
async function runHere(bench: string, rows: readonly BenchRow[]): Promise<void> {
  for (const row of rows) {
    const result = await measure(bench, row);
    if (typeof result === "string") process.stderr.write(`${row.name}: not measured, ${result}\n`);
    else process.stdout.write(`${JSON.stringify(result)}\n`);
  }
  // A peer in a process of its own keeps this one alive; it ends with it.
  process.exit();
}

/** Measures one row in a process of its own. */
function runApart(bench: string, row: string): void {
  const { stdout, status } = spawnSync(process.execPath, [here, bench, row, "--here"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) process.exitCode = 1;
  for (const line of stdout.split("\n").filter(Boolean)) {
    process.stdout.write(asJson ? `${line}\n` : `${describe(JSON.parse(line) as BenchResult)}\n`);
  }
}

function describe(result: BenchResult): string {
  const { row, value, unit, peer, peerValue, ratio, wholeValue, verified, note } = result;
  const against =
    peerValue === null ? "no peer" : `${peer} ${peerValue.toFixed(1)} ${unit}, ratio ${ratio?.toFixed(1)}`;
  const whole = wholeValue === undefined ? undefined : `${wholeValue.toFixed(1)} ${unit} on the whole`;
  const remarks = [whole, verified ? "verified" : "NOT VERIFIED", note].filter((remark) => remark !== undefined);
  return `${row.padEnd(20)} ${value.toFixed(1).padStart(8)} ${unit}   ${against} (${remarks.join("; ")})`;
}
