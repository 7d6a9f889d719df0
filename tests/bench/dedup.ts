/**
 * The rows of `npm run bench -- dedup`: deduplication of documents without text, so that what is measured is the work
 * between fingerprints and decisions, at sizes that no text corpus here has.
 *
 * Workload: tests/dedup/planted.ts, clusters, copies, hubs and a chain of up to a hundredth of the documents; all stages,
 * one after the other, in one process. No peer. Result check: every document's fate against what was planted. The
 * details give for each stage seconds, peak memory and the bytes that the process read and wrote (from /proc).
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decisionsPath, planDedup, readDecisions, runDedupTask } from "../../forge/dedup/index.ts";
import { dedupConfigSchema } from "../../schemas/config/dedup.ts";
import { plantCorpus } from "../dedup/planted.ts";
import type { BenchRow, Workload } from "./harness.ts";

const row = (name: string, documents: number, partitions: number): BenchRow => ({
  name,
  unit: "documents/s",
  runs: 0,
  prepare: async () => await prepare(documents, partitions),
});

export const rows: readonly BenchRow[] = [row("dedup-1m", 1_000_000, 25), row("dedup-10m", 10_000_000, 250)];

interface StageFigures {
  readonly seconds: number;
  readonly peakMegabytes: number;
  readonly readMegabytes: number;
  readonly writtenMegabytes: number;
}

async function prepare(documents: number, count: number): Promise<Workload> {
  const { partitions, kernels, check } = await plantCorpus(documents, { partitions: count });
  const config = dedupConfigSchema.parse({});
  const folder = mkdtempSync(join(tmpdir(), "forge-bench-dedup-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const stages: Record<string, StageFigures> = {};
  const counts: Record<string, number> = {};
  return {
    amount: documents,
    ours: {
      name: "forge",
      async run() {
        for (const stage of planDedup(partitions.length, config)) {
          const before = meter();
          for (const task of stage.tasks) {
            const done = await runDedupTask(task, { folder, config, kernels, partitions });
            for (const [name, value] of Object.entries(done.counts)) {
              counts[`${stage.name}.${name}`] = (counts[`${stage.name}.${name}`] ?? 0) + value;
            }
          }
          stages[stage.name] = before();
        }
      },
    },
    async verify() {
      const { problems } = await check(async (i) => await readDecisions(join(folder, decisionsPath(i))));
      for (const problem of problems) process.stderr.write(`${problem}\n`);
      return problems.length === 0;
    },
    details: () => ({ stages, counts }),
  };
}

/** Figures from now on; the kernel's mark of peak memory is set back where it allows that. */
function meter(): () => StageFigures {
  const started = performance.now();
  resetPeak();
  const before = readProc("io");
  return () => {
    const after = readProc("io");
    const megabytes = (name: string): number => Math.round(((after[name] ?? 0) - (before[name] ?? 0)) / 1e6);
    return {
      seconds: Math.round(performance.now() - started) / 1000,
      peakMegabytes: Math.round(((readProc("status")["VmHWM"] ?? 0) * 1024) / 1e6),
      readMegabytes: megabytes("rchar"),
      writtenMegabytes: megabytes("wchar"),
    };
  };
}

function resetPeak(): void {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    // Then a stage's figure is the peak so far.
  }
}

/** Numbers by name of a file like /proc/self/io; empty where there is none. */
function readProc(name: string): Readonly<Record<string, number>> {
  try {
    const lines = readFileSync(`/proc/self/${name}`, "utf8").split("\n");
    return Object.fromEntries(
      lines.map((line) => {
        const [key = "", value = ""] = line.split(":");
        return [key, Number.parseInt(value, 10)];
      }),
    );
  } catch {
    return {};
  }
}
