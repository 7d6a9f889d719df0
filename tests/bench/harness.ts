/**
 * How a benchmark row is measured and reported; conventions, "Benchmarks".
 *
 * A row states its workload, its peer and how results are compared. Ours and the peer run interleaved (A B A B …) in one
 * process, after one run of each that is compared and not timed; medians count. The runner gives each row a process.
 *
 * A peer below 5 MB/s is sampled (`SampledWorkload`): fresh processes of both, three rounds, the peer's start-up taken
 * off by a second run on twice the sample. Its runs last long enough for other work on the machine to get in between, so
 * that both are given in processor time, of which one thread has no more than the clock says.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
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
  /** What else the printed line should say; asked after the last run. */
  details?(): Readonly<Record<string, unknown>>;
}

/** A row against a peer so slow that it runs on a sample; ours also runs on the whole. Amounts as in `Workload`. */
export interface SampledWorkload {
  readonly kind: "sampled";
  readonly sampleAmount: number;
  readonly doubleAmount: number;
  readonly wholeAmount: number;
  readonly ours: { readonly name: string; run(part: "sample" | "whole"): void };
  /** `run` starts a process of its own and returns its processor time in seconds. */
  readonly peer?: { readonly name: string; run(part: "sample" | "double"): Promise<number> };
  readonly missingPeer?: string;
  /** Compares results outside the timed runs; `details` go into the printed line. */
  verify(): Promise<{ readonly verified: boolean; readonly details: Readonly<Record<string, unknown>> }>;
}

/** A row that measures itself: runs of whole programs. */
export interface MeasuredWorkload {
  readonly kind: "measured";
  measure(): Promise<Measured>;
}

export interface Measured
  extends
    Pick<BenchResult, "value" | "peer" | "peerValue" | "verified" | "runs" | "peakMemoryBytes">,
    Partial<Pick<BenchResult, "ratio" | "wholeValue" | "details" | "note">> {}

export interface BenchRow {
  readonly name: string;
  readonly unit: "MB/s" | "documents/s" | "MB";
  /** Timed runs of each side, 0 where the first one must do because it takes minutes. @default 5; 3 where the peer takes long */
  readonly runs?: number;
  /** A workload, or the reason why the row cannot run here. */
  prepare(): Promise<Workload | SampledWorkload | MeasuredWorkload | string>;
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
  readonly runs: {
    readonly ours: readonly number[];
    readonly peer: readonly number[];
    /** Of a sampled row: ours on the whole, the peer on twice the sample. */
    readonly oursWhole?: readonly number[];
    readonly peerDouble?: readonly number[];
    readonly peerWhole?: readonly number[];
  };
  /** Of a sampled row: ours on the whole; `value` and `ratio` are the sample's. */
  readonly wholeValue?: number;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly peakMemoryBytes: number;
  readonly commit: string;
  readonly node: string;
  readonly cpu: string;
  readonly note?: string;
}

/** Measures one row, or returns why it cannot run. */
export async function measure(bench: string, row: BenchRow): Promise<BenchResult | string> {
  const workload = await row.prepare();
  if (typeof workload === "string") return workload;
  if ("kind" in workload) {
    if (workload.kind === "sampled") return await measureSampled(bench, row, workload);
    const measured = await workload.measure();
    const ratio = measured.peerValue === null ? null : measured.value / measured.peerValue;
    return { bench, row: row.name, unit: row.unit, ratio, ...measured, ...provenance() };
  }
  const { ours, peer, amount, missingPeer } = workload;
  const first = await secondsOf(ours);
  await peer?.run();
  const verified = await workload.verify();
  const runs = row.runs ?? 5;
  const times = { ours: runs === 0 ? [first] : [], peer: [] as number[] };
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
    ...provenance(),
    ...(missingPeer === undefined ? {} : { note: missingPeer }),
    ...(workload.details === undefined ? {} : { details: workload.details() }),
  };
}

/** Processor time of ours in a process of its own, in seconds. */
interface OwnTimes {
  readonly sample: number;
  readonly whole: number;
  readonly peakMemoryBytes: number;
}

const sampledRounds = 3;

async function measureSampled(bench: string, row: BenchRow, workload: SampledWorkload): Promise<BenchResult> {
  const { peer, sampleAmount, doubleAmount, wholeAmount, missingPeer } = workload;
  const { verified, details } = await workload.verify();
  const times = { ours: [] as number[], peer: [] as number[], oursWhole: [] as number[], peerDouble: [] as number[] };
  let peakMemoryBytes = 0;
  const runOurs = (): void => {
    const own = timeApart(bench, row.name);
    times.ours.push(own.sample);
    times.oursWhole.push(own.whole);
    peakMemoryBytes = Math.max(peakMemoryBytes, own.peakMemoryBytes);
  };
  for (let round = 0; round < sampledRounds; round++) {
    runOurs();
    if (peer !== undefined) times.peer.push(await peer.run("sample"));
    runOurs();
    if (peer !== undefined) times.peerDouble.push(await peer.run("double"));
  }
  const value = sampleAmount / median(times.ours);
  const peerValue =
    peer === undefined ? null : (doubleAmount - sampleAmount) / (median(times.peerDouble) - median(times.peer));
  return {
    bench,
    row: row.name,
    value,
    unit: row.unit,
    peer: peer?.name ?? null,
    peerValue,
    ratio: peerValue === null ? null : value / peerValue,
    wholeValue: wholeAmount / median(times.oursWhole),
    verified,
    details,
    runs: times,
    peakMemoryBytes,
    ...provenance(),
    ...(missingPeer === undefined ? {} : { note: missingPeer }),
  };
}

/** Runs ours in a fresh process: `run.ts BENCH ROW --ours`. */
function timeApart(bench: string, row: string): OwnTimes {
  const runner = fileURLToPath(new URL("./run.ts", import.meta.url));
  const child = spawnSync(process.execPath, [runner, bench, row, "--ours"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.status !== 0) throw new Error(`${row} ended with ${child.status}`);
  return JSON.parse(child.stdout) as OwnTimes;
}

/** What `--ours` prints: a first run counts as start-up, as the peer's does; the sample is short, so a median of five. */
export async function measureOurs(row: BenchRow): Promise<OwnTimes | string> {
  const workload = await row.prepare();
  if (typeof workload === "string") return workload;
  if (!("kind" in workload) || workload.kind !== "sampled") return `${row.name} is not a sampled row`;
  workload.ours.run("sample");
  const sample: number[] = [];
  for (let run = 0; run < 5; run++) sample.push(processorSeconds(() => workload.ours.run("sample")));
  const whole = processorSeconds(() => workload.ours.run("whole"));
  return { sample: median(sample), whole, peakMemoryBytes: process.resourceUsage().maxRSS * 1024 };
}

function provenance(): Pick<BenchResult, "commit" | "node" | "cpu"> {
  return { commit: commit(), node: process.version, cpu: cpus()[0]?.model ?? "unknown" };
}

/** The shared corpus, JSONL.zst; undefined where it is not. */
export function corpusPath(): string | undefined {
  const path = process.env["FORGE_BENCH_DATA"] ?? join(packageRoot, "../shared/data/docs.jsonl.zst");
  return existsSync(path) ? path : undefined;
}

/** The first `megabytes` of the shared corpus as JSON Lines, ending with a whole line; undefined where it is not. */
export function sharedCorpus(megabytes: number): Uint8Array | undefined {
  const path = corpusPath();
  if (path === undefined) return undefined;
  const bytes = zstdDecompressSync(readFileSync(path));
  const end = bytes.lastIndexOf(10, Math.min(bytes.length, megabytes * 1e6)) + 1;
  return new Uint8Array(bytes.subarray(0, end));
}

export const missingCorpus = "no corpus: set FORGE_BENCH_DATA to a docs.jsonl.zst";

async function secondsOf(contestant: Contestant): Promise<number> {
  const start = performance.now();
  await contestant.run();
  return (performance.now() - start) / 1000;
}

/** Of all threads of this process, the collector's and the compiler's included. */
function processorSeconds(run: () => void): number {
  const start = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
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
