/**
 * The rows of `npm run bench -- build-corpus`: the whole way from compressed JSON Lines to shards on disk.
 *
 * - end-to-end: JSONL.zst, language, Gopher repetition and quality, C4, FineWeb, exact and verified near duplicates,
 *   13-gram decontamination, GPT-2 tokens, documents and shards; one worker. Peer: datatrove's LocalPipelineExecutor with
 *   one worker doing the same without language. Processor time on the same documents: a sample and
 *   the whole corpus, each run a fresh process (datatrove goes through the whole once, which takes minutes); the sample's
 *   time is taken off, and with it the start-up. `wholeValue` is the whole corpus with start-up.
 * - two-workers: wall time on 3 GB of text in one file, against one worker. Needs two idle cores. Beside it the ratio to
 *   one worker on one core (Linux' taskset), since what a worker has done beside it takes part of another.
 * - memory: peak resident memory on so many variations that they hold 1 GB of text, against the promised bound.
 *
 * Result check: planted contamination is found, documents are conserved, the output does not depend on the number of
 * workers, and without language and decontamination the kept documents are datatrove's but for a stated part.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createZstdDecompress, gzipSync, zstdCompressSync, constants } from "node:zlib";
import { shippedPath } from "../../forge/base/locate.ts";
import { lostDocuments } from "../../schemas/run/manifest.ts";
import type { OwnRun } from "./build-corpus/ours.ts";
import { corpusPath, missingCorpus, type BenchRow, type Measured } from "./harness.ts";
import { locateDatatrove } from "./kernels/datatrove.ts";

export const rows: readonly BenchRow[] = [
  { name: "end-to-end", unit: "MB/s", prepare: async () => await prepared(endToEnd) },
  { name: "two-workers", unit: "MB/s", prepare: async () => await prepared(twoWorkers) },
  { name: "memory", unit: "MB", prepare: async () => await prepared(memory) },
];

async function prepared(measure: (bench: Bench) => Promise<Measured>): ReturnType<BenchRow["prepare"]> {
  const corpus = corpusPath();
  if (corpus === undefined) return missingCorpus;
  const tokenizer = join(corpus, "../tokenizers/gpt2.json");
  if (!existsSync(tokenizer))
    return "GPT-2's tokenizer.json is missing: it is looked for in tokenizers/ beside the corpus";
  const folder = mkdtempSync(join(tmpdir(), "forge-bench-build-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return { kind: "measured", measure: async () => await measure({ folder, corpus, tokenizer }) };
}

interface Bench {
  readonly folder: string;
  readonly corpus: string;
  readonly tokenizer: string;
}

/** Documents of the corpus, one after the other. */
async function* texts(corpus: string): AsyncGenerator<string, void, undefined> {
  const lines = createInterface({ input: createReadStream(corpus).pipe(createZstdDecompress()) });
  for await (const line of lines) yield (JSON.parse(line) as { readonly text: string }).text;
}

interface Input {
  /** The same lines twice: as JSONL.zst, and as JSONL.gz for the peer. */
  readonly path: string;
  readonly peerPath: string;
  readonly textBytes: number;
  readonly documents: number;
}

/** Bytes of lines in a frame. */
const frameBytes = 16e6;

/**
 * Writes the first documents, up to so many bytes of text, as JSONL.zst; copies beyond the first have their lines
 * numbered, so that they are as much work and no duplicates.
 */
async function writeInput(bench: Bench, name: string, maxBytes: number, copies = 1): Promise<Input> {
  const path = join(bench.folder, `${name}.jsonl.zst`);
  let textBytes = 0;
  let documents = 0;
  const parts: Buffer[] = [];
  const peerParts: Buffer[] = [];
  let lines: string[] = [];
  let pending = 0;
  const flush = (): void => {
    if (lines.length > 0) {
      const bytes = Buffer.from(lines.join("\n") + "\n");
      parts.push(zstdCompressSync(bytes, level(3)));
      // Of variations there is no peer.
      if (copies === 1) peerParts.push(gzipSync(bytes));
    }
    lines = [];
    pending = 0;
  };
  for (let copy = 0; copy < copies; copy++) {
    for await (const text of texts(bench.corpus)) {
      const own = copy === 0 ? text : text.replaceAll(/\n/g, `\nv${copy} `);
      const bytes = Buffer.byteLength(own);
      if (textBytes + bytes > maxBytes) break;
      textBytes += bytes;
      lines.push(JSON.stringify({ id: String(documents++), text: own }));
      pending += bytes;
      if (pending > frameBytes) flush();
    }
  }
  flush();
  writeFileSync(path, Buffer.concat(parts));
  const peerPath = path.replace(/zst$/, "gz");
  writeFileSync(peerPath, Buffer.concat(peerParts));
  return { path, peerPath, textBytes, documents };
}

function level(value: number): { readonly params: Record<number, number> } {
  return { params: { [constants.ZSTD_c_compressionLevel]: value } };
}

/** 2,000 questions that no document holds, and 20 passages that documents hold. */
async function writeEvaluation(bench: Bench): Promise<{ readonly path: string; readonly planted: number }> {
  const path = join(bench.folder, "evaluation.jsonl");
  const rows: string[] = [];
  for (let i = 0; i < 2000; i++) {
    const question = `Question ${i} asks how many of the ${i * 7} lanterns were lit by person ${i % 17} before the boat number ${i % 29} left harbour ${i % 5}`;
    rows.push(JSON.stringify({ id: `q${i}`, question }));
  }
  let planted = 0;
  let seen = 0;
  for await (const text of texts(bench.corpus)) {
    if (seen++ % 40 !== 0 || planted === 20) continue;
    const words = text.split(/\s+/).filter((word) => /^[a-z]+$/i.test(word));
    if (words.length < 300) continue;
    const middle = text.indexOf("\n\n", text.length >> 1);
    const passage = text.slice(middle, middle + 600).trim();
    if (middle < 0 || passage.split(/\s+/).length < 40) continue;
    rows.push(JSON.stringify({ id: `p${planted++}`, question: passage }));
    if (planted === 20) break;
  }
  writeFileSync(path, rows.join("\n"));
  return { path, planted };
}

const rules = [{ filter: "gopher-repetition" }, { filter: "gopher-quality" }, { filter: "c4" }, { filter: "fineweb" }];

function configOf(bench: Bench, input: Input, more: Record<string, unknown>): Record<string, unknown> {
  return {
    name: "bench",
    root: bench.folder,
    sources: [{ name: "docs", path: input.path, fields: { meta: ["id"] } }],
    filters: [{ filter: "language", languages: null }, ...rules],
    tokenizer: { path: bench.tokenizer, name: "gpt2" },
    // Personal data is left alone: the peer's steps are these.
    redact: { email: false, ipv4: false, ipv6: false, phone: false, iban: false, paymentCard: false },
    ...more,
  };
}

function contamination(path: string): Record<string, unknown> {
  return { decontaminate: { sets: [{ name: "planted", path, fields: { question: "question", id: "id" } }] } };
}

let runs = 0;

/** @param cores processors that the run may use, as `taskset` names them. @default all */
async function build(
  bench: Bench,
  config: unknown,
  workers: number,
  cores?: string,
): Promise<OwnRun & { readonly out: string }> {
  const out = join(bench.folder, `out-${runs++}`);
  const [job, result] = [`${out}-job.json`, `${out}-result.json`];
  writeFileSync(job, JSON.stringify({ config, out, workers }));
  const command = [process.execPath, shippedPath("tests/bench/build-corpus/ours.ts"), job, result];
  // What earlier runs left to be written would be written beside this one.
  spawnSync("sync");
  const [program = "", ...args] = cores === undefined ? command : ["taskset", "--cpu-list", cores, ...command];
  await run(program, args);
  return { ...(JSON.parse(readFileSync(result, "utf8")) as OwnRun), out };
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-4000)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${errors}`);
}

const rounds = 3;

async function endToEnd(bench: Bench): Promise<Measured> {
  const sample = await writeInput(bench, "sample", 6e6);
  const whole = await writeInput(bench, "whole", Number.POSITIVE_INFINITY);
  const evaluation = await writeEvaluation(bench);
  const peer = locateDatatrove();
  const ours = { sample: [] as number[], whole: [] as number[] };
  const theirs = { sample: [] as number[], whole: [] as number[] };
  let last: OwnRun | undefined;
  let peak = 0;
  for (let round = 0; round < rounds; round++) {
    for (const [name, input] of [
      ["sample", sample],
      ["whole", whole],
    ] as const) {
      const made = await build(bench, configOf(bench, input, contamination(evaluation.path)), 1);
      ours[name].push(made.processorSeconds);
      peak = Math.max(peak, made.peakMemoryBytes);
      if (name === "whole") last = made;
      rmSync(made.out, { recursive: true });
    }
    if (typeof peer === "string") continue;
    theirs.sample.push((await runDatatrove(bench, peer, sample, evaluation.path)).seconds);
    if (round === 0) theirs.whole.push((await runDatatrove(bench, peer, whole, evaluation.path)).seconds);
  }
  if (last === undefined) throw new Error("there is a run");
  const speed = (times: typeof ours): number =>
    (whole.textBytes - sample.textBytes) / 1e6 / (median(times.whole) - median(times.sample));
  const value = speed(ours);
  const peerValue = typeof peer === "string" ? null : speed(theirs);
  const agreement = typeof peer === "string" ? undefined : await compare(bench, peer, sample);
  const megabytes = whole.textBytes / 1e6;
  return {
    value,
    peer: typeof peer === "string" ? null : "datatrove, one worker, without language",
    peerValue,
    wholeValue: megabytes / median(ours.whole),
    verified:
      lostDocuments(last.conservation) === 0 &&
      last.contaminated > 0 &&
      (agreement === undefined || agreement.sameFate >= 0.95),
    runs: { ours: ours.sample, oursWhole: ours.whole, peer: theirs.sample, peerWhole: theirs.whole },
    peakMemoryBytes: peak,
    details: {
      megabytes,
      documents: whole.documents,
      kept: last.conservation.kept,
      tokens: last.tokens,
      contaminated: last.contaminated,
      planted: evaluation.planted,
      ...agreement,
      ...stepsPerMegabyte(last, megabytes),
    },
    ...(typeof peer === "string" && { note: peer }),
  };
}

/** Milliseconds of wall time per megabyte; a stage that tells its steps is given by them. */
function stepsPerMegabyte(made: OwnRun, megabytes: number): Record<string, unknown> {
  const rounded = (ms: number): number => Number((ms / megabytes).toFixed(2));
  const steps = Object.fromEntries(Object.entries(made.steps).map(([name, ms]) => [name, rounded(ms)]));
  const stages = Object.entries(made.steps).filter(([name]) => !name.includes(": "));
  return {
    millisecondsPerMegabyte: steps,
    sumOfStages: rounded(stages.reduce((sum, [, ms]) => sum + ms, 0)),
    wallPerMegabyte: rounded(made.seconds * 1000),
  };
}

interface DatatroveRun {
  readonly seconds: number;
  readonly filtered: readonly string[];
  readonly kept: readonly string[];
  readonly tokens: number;
}

async function runDatatrove(
  bench: Bench,
  { source, python }: { readonly source: string; readonly python: string },
  input: Input,
  evaluation?: string,
): Promise<DatatroveRun> {
  const out = join(bench.folder, `datatrove-${runs++}`);
  const folder = join(out, "in");
  mkdirSync(folder, { recursive: true });
  copyFileSync(input.peerPath, join(folder, "documents.jsonl.gz"));
  const result = join(out, "result.json");
  const script = shippedPath("tests/bench/build-corpus/datatrove.py");
  const set = evaluation === undefined ? [] : [evaluation];
  await run(python, [script, source, folder, bench.tokenizer, join(out, "out"), result, ...set]);
  const made = JSON.parse(readFileSync(result, "utf8")) as DatatroveRun;
  rmSync(out, { recursive: true });
  return made;
}

/** How many documents of the sample both keep or both turn away, and the tokens of both. */
async function compare(
  bench: Bench,
  peer: { readonly source: string; readonly python: string },
  input: Input,
): Promise<{ readonly sameFate: number } & Record<string, number>> {
  const theirs = await runDatatrove(bench, peer, input);
  const config = configOf(bench, input, { filters: rules, dedup: { normalForm: false } });
  const made = await build(bench, config, 1);
  const kept = new Set(await keptRows(made.out, input.documents));
  rmSync(made.out, { recursive: true });
  const other = new Set(theirs.kept.map(Number));
  let same = 0;
  for (let i = 0; i < input.documents; i++) if (kept.has(i) === other.has(i)) same++;
  return {
    sameFate: same / input.documents,
    keptByOurs: kept.size,
    keptByDatatrove: other.size,
    tokensOfOurs: made.tokens,
    tokensOfDatatrove: theirs.tokens,
  };
}

/** Numbers of the input's documents that an output kept, by their place in `meta`. */
async function keptRows(out: string, documents: number): Promise<number[]> {
  const { sampleRows } = await import("../../forge/pipeline/index.ts");
  const rows = await sampleRows(out, "documents", () => true, { count: documents });
  return rows.map((row) => Number((JSON.parse(String(row["meta"])) as { readonly id: string }).id));
}

async function twoWorkers(bench: Bench): Promise<Measured> {
  const input = await writeInput(bench, "gigabytes", 3e9, 36);
  const evaluation = await writeEvaluation(bench);
  const config = configOf(bench, input, contamination(evaluation.path));
  const times = { one: [] as number[], two: [] as number[], oneCore: [] as number[] };
  const hasTaskset = spawnSync("taskset", ["--version"]).status === 0;
  const cores = { one: 0, two: 0 };
  const digests = new Set<string>();
  let peak = 0;
  let steps: Record<string, unknown> = {};
  const { bavail, bsize } = statfsSync(bench.folder);
  const isRoomy = bavail * bsize > 3 * rounds * input.textBytes;
  // For minutes after files were deleted, ext4 looks through all of them whenever it makes one (`recently_deleted`): a
  // user's run has none before it, so that outputs stay where there is room for them.
  const discard = (out: string): void => {
    if (!isRoomy) rmSync(out, { recursive: true });
  };
  for (let round = 0; round < rounds; round++) {
    for (const [name, workers] of [
      ["two", 2],
      ["one", 1],
    ] as const) {
      const made = await build(bench, config, workers);
      times[name].push(made.seconds);
      // Of the last round. One worker may use more than one: reading ahead and collecting garbage go beside it.
      cores[name] = made.processorSeconds / made.seconds;
      digests.add(made.digest);
      if (workers === 2) {
        peak = Math.max(peak, made.peakMemoryBytes);
        steps = stepsPerMegabyte(made, input.textBytes / 1e6);
      }
      discard(made.out);
    }
    // One worker on one core, as it has where there are as many workers as cores.
    if (!hasTaskset) continue;
    const alone = await build(bench, config, 1, "0");
    times.oneCore.push(alone.seconds);
    digests.add(alone.digest);
    discard(alone.out);
  }
  const megabytes = input.textBytes / 1e6;
  return {
    value: megabytes / median(times.two),
    peer: "one worker",
    peerValue: megabytes / median(times.one),
    verified: digests.size === 1,
    runs: { ours: times.two, peer: times.one },
    peakMemoryBytes: peak,
    details: {
      megabytes,
      bytesOnDisk: statSync(input.path).size,
      coresOfOne: cores.one,
      coresOfTwo: cores.two,
      ...(hasTaskset && {
        secondsOnOneCore: times.oneCore,
        ratioToOneCore: median(times.oneCore) / median(times.two),
      }),
      ...steps,
    },
  };
}

/** The promise: 300 MB and 400 MB a worker, plus what all workers share, whatever the size of the corpus. */
const promisedMegabytes = 300 + 400;

async function memory(bench: Bench): Promise<Measured> {
  const input = await writeInput(bench, "gigabyte", 1e9, 12);
  const evaluation = await writeEvaluation(bench);
  const made = await build(bench, configOf(bench, input, contamination(evaluation.path)), 1);
  rmSync(made.out, { recursive: true });
  const value = made.peakMemoryBytes / 1e6;
  return {
    value,
    peer: "promised",
    peerValue: promisedMegabytes,
    // Less is better here.
    ratio: promisedMegabytes / value,
    verified: lostDocuments(made.conservation) === 0,
    runs: { ours: [value], peer: [promisedMegabytes] },
    peakMemoryBytes: made.peakMemoryBytes,
    details: { megabytes: input.textBytes / 1e6, documents: input.documents, seconds: made.seconds },
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
