/**
 * How a benchmark row is measured and reported; conventions, "Benchmarks".
 *
 * A row states its workload, its peer and how results are compared. Ours and the peer run interleaved (A B A B …) in one
 * process, after one run of each that is compared and not timed; medians count. The runner gives each row a process.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { packageRoot } from "../../forge/base/locate.ts";

/** One side of a row. `run` does the whole workload once. */
export interface Contestant {
  readonly name: string;
  run(): Promise<void> | void;
}

/** A row ready to run. */
export interface Workload {
  readonly ours: Contestant;
  /** Absent when it is not to be had here; `missingPeer` then says what would bring it. */
  readonly peer?: Contestant;
  readonly missingPeer?: string;
  /** Amount of work of one run, in the row's unit times seconds (megabytes for MB/s). */
  readonly amount: number;
  /** Compares ours with the peer, or with the twin; called once after both have run. */
  verify(): Promise<boolean> | boolean;
}

export interface BenchRow {
  readonly name: string;
  readonly unit: "MB/s" | "documents/s";
  /** A workload, or the reason why the row cannot run here. */
  prepare(): Promise<Workload | string>;
}

/** One printed line. Times are seconds; a ratio above 1 means ahead of the peer. */
export interface BenchResult {
  readonly bench: string;
  readonly row: string;
  readonly value: number;
  readonly unit: string;
  readonly peer: string | null;
  readonly peerValue: number | null;
  readonly ratio: number | null;
  readonly verified: boolean;
  readonly runs: { readonly ours: readonly number[]; readonly peer: readonly number[] };
  readonly peakMemoryBytes: number;
  readonly commit: string;
  readonly node: string;
  readonly cpu: string;
  readonly note?: string;
}

/** Measures one row, or returns why it cannot run. */
export async function measure(bench: string, row: BenchRow, runs = 5): Promise<BenchResult | string> {
  const workload = await row.prepare();
  if (typeof workload === "string") return workload;
  const { ours, peer, amount, missingPeer } = workload;
  await ours.run();
  await peer?.run();
  const verified = await workload.verify();
  const times = { ours: [] as number[], peer: [] as number[] };
  for (let run = 0; run < runs; run++) {
    times.ours.push(await secondsOf(ours));
    if (peer !== undefined) times.peer.push(await secondsOf(peer));
  }
  const value = amount / median(times.ours);
  const peerValue = peer === undefined ? null : amount / median(times.peer);
  return {
    bench,
    row: row.name,
    value,
    unit: row.unit,
    peer: peer?.name ?? null,
    peerValue,
    ratio: peerValue === null ? null : value / peerValue,
    verified,
    runs: times,
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    commit: commit(),
    node: process.version,
    cpu: cpus()[0]?.model ?? "unknown",
    ...(missingPeer === undefined ? {} : { note: missingPeer }),
  };
}

/** The first `megabytes` of the shared corpus as JSON Lines, ending with a whole line; undefined where it is not. */
export function sharedCorpus(megabytes: number): Uint8Array | undefined {
  const path = process.env["FORGE_BENCH_DATA"] ?? join(packageRoot, "../shared/data/docs.jsonl.zst");
  if (!existsSync(path)) return undefined;
  const bytes = zstdDecompressSync(readFileSync(path));
  const end = bytes.lastIndexOf(10, megabytes * 1e6) + 1;
  return new Uint8Array(bytes.subarray(0, end));
}

export const missingCorpus = "no corpus: set FORGE_BENCH_DATA to a docs.jsonl.zst";

async function secondsOf(contestant: Contestant): Promise<number> {
  const start = performance.now();
  await contestant.run();
  return (performance.now() - start) / 1000;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: packageRoot, encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}
