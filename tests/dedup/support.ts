/**
 * What the deduplication tests share: documents as batches, plain kernels to judge by, and a run of all tasks.
 *
 * The kernels here are naive on purpose (strings, Sets, SHA-1): they are the oracle that results are held against.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Float64, Table, Utf8, vectorFromArray, type RecordBatch } from "apache-arrow";
import { random } from "../../forge/base/index.ts";
import {
  decisionsPath,
  planDedup,
  readDecisions,
  runDedupTask,
  type DedupKernels,
  type DedupPartition,
  type DedupReason,
  type DedupTask,
} from "../../forge/dedup/index.ts";
import { loadKernels, type TextColumn } from "../../forge/kernels/index.ts";
import type { DedupConfig } from "../../schemas/config/dedup.ts";

export interface TestDocument {
  readonly id: string;
  readonly text: string;
  readonly sourceRank?: number;
  readonly quality?: number;
  readonly url?: string;
  readonly date?: string;
  readonly scope?: number;
}

export interface Fate {
  readonly reason: DedupReason | undefined;
  readonly partner: string | undefined;
  readonly jaccard: number | undefined;
  readonly clusterSize: number;
}

/** A document id from anything. */
export function idOf(...parts: readonly (string | number)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

/** Partitions of given documents; each needs documents of one source rank and scope. */
export function partitionsOf(
  parts: readonly (readonly TestDocument[])[],
  options: { readonly batchRows?: number } = {},
): DedupPartition[] {
  const { batchRows = 7 } = options;
  return parts.map((documents, index) => ({
    key: `part-${index}`,
    sourceRank: documents[0]?.sourceRank ?? 0,
    scope: documents[0]?.scope ?? 0,
    async *open() {
      for (let start = 0; start < documents.length; start += batchRows) {
        yield batchOf(documents.slice(start, start + batchRows));
      }
    },
  }));
}

export function batchOf(documents: readonly TestDocument[]): RecordBatch {
  const texts = (values: readonly string[]) => vectorFromArray(values, new Utf8());
  const table = new Table({
    id: texts(documents.map(({ id }) => id)),
    text: texts(documents.map(({ text }) => text)),
    url: vectorFromArray(
      documents.map(({ url }) => url ?? null),
      new Utf8(),
    ),
    date: vectorFromArray(
      documents.map(({ date }) => date ?? null),
      new Utf8(),
    ),
    signal_quality: vectorFromArray(
      documents.map(({ quality }) => quality ?? null),
      new Float64(),
    ),
  });
  return table.batches[0] as RecordBatch;
}

/** Runs all tasks; `shuffle` runs the tasks of each stage in a random order. */
export async function runDedup(
  partitions: readonly DedupPartition[],
  config: DedupConfig,
  folder: string,
  options: { readonly kernels?: DedupKernels; readonly shuffle?: number } = {},
): Promise<{ readonly fates: ReadonlyMap<string, Fate>; readonly counts: Record<string, number> }> {
  const { kernels = await loadKernels(), shuffle } = options;
  const counts: Record<string, number> = {};
  for (const stage of planDedup(partitions.length, config)) {
    // Plain JSON: what a worker thread or another machine would get.
    const tasks = JSON.parse(JSON.stringify(stage.tasks)) as DedupTask[];
    if (shuffle !== undefined) random(shuffle, stage.name).shuffle(tasks);
    for (const task of tasks) {
      const result = await runDedupTask(task, { folder, config, kernels, partitions });
      for (const [name, count] of Object.entries(result.counts)) {
        const key = `${stage.name}.${name}`;
        counts[key] = (counts[key] ?? 0) + count;
      }
    }
  }
  const fates = new Map<string, Fate>();
  for (const index of partitions.keys()) {
    const decisions = await readDecisions(join(folder, decisionsPath(index)));
    for (let row = 0; row < decisions.length; row++) {
      fates.set(decisions.id(row), {
        reason: decisions.reason(row),
        partner: decisions.partner(row),
        jaccard: decisions.jaccard(row),
        clusterSize: decisions.clusterSize(row),
      });
    }
  }
  return { fates, counts };
}

/** Distinct word n-grams of the plain normal form. */
export function shingles(text: string, words = 5): Set<string> {
  const all = normalForm(text).split(" ").filter(Boolean);
  return new Set(
    Array.from({ length: Math.max(0, all.length - words + 1) }, (_, i) => all.slice(i, i + words).join(" ")),
  );
}

export function trueJaccard(a: string, b: string, words = 5): number {
  const left = shingles(a, words);
  const right = shingles(b, words);
  const common = left.intersection(right).size;
  return common / (left.size + right.size - common);
}

function normalForm(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/\d+/g, "0")
    .replaceAll(/[^\p{L}\p{N}\s]/gu, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
}

export const plainKernels: DedupKernels = {
  countCodePoints: (column) => Uint32Array.from(textsOf(column), (text) => [...text].length),
  hashTexts: (column) =>
    Buffer.concat(textsOf(column).map((text) => createHash("sha1").update(text).digest().subarray(0, 16))),
  normalizeForDedup: (column) => columnOf(textsOf(column).map(normalForm)),
  signMinHash(column, { shingleWords = 5, bands = 14, rows = 8, seed = 1 } = {}) {
    const hashes = bands * rows;
    const signatures = new Uint32Array(column.length * hashes).fill(0xffff_ffff);
    const shingleCounts = new Uint32Array(column.length);
    const draw = random(seed, "permutations");
    const a = Uint32Array.from({ length: hashes }, () => draw.uint32() | 1);
    const b = Uint32Array.from({ length: hashes }, () => draw.uint32());
    textsOf(column).forEach((text, i) => {
      for (const shingle of shingles(text, shingleWords)) {
        shingleCounts[i] = (shingleCounts[i] as number) + 1;
        const x = createHash("sha1").update(shingle).digest().readUInt32LE(0);
        for (let h = 0; h < hashes; h++) {
          let y = (Math.imul(a[h] as number, x) + (b[h] as number)) >>> 0;
          y = Math.imul(y ^ (y >>> 15), 0x2c1b_3c6d);
          y = (y ^ (y >>> 13)) >>> 0;
          if (y < (signatures[i * hashes + h] as number)) signatures[i * hashes + h] = y;
        }
      }
    });
    return { signatures, shingleCounts };
  },
  bandKeys(signatures, length, { bands, rows }) {
    const keys = new Uint32Array(length * bands * 2);
    for (let key = 0; key < length * bands; key++) {
      const part = signatures.subarray(key * rows, (key + 1) * rows);
      const digest = createHash("sha1")
        .update(`${key % bands}:${part.join(",")}`)
        .digest();
      keys[2 * key] = digest.readUInt32LE(0);
      keys[2 * key + 1] = digest.readUInt32LE(4);
    }
    return keys;
  },
  shingleSets(column, shingleWords) {
    const offsets = new Uint32Array(column.length + 1);
    const all: bigint[] = [];
    textsOf(column).forEach((text, i) => {
      const hashes = [...shingles(text, shingleWords)].map((shingle) =>
        createHash("sha1").update(shingle).digest().readBigUInt64LE(0),
      );
      all.push(...hashes.sort((x, y) => (x < y ? -1 : 1)));
      offsets[i + 1] = all.length;
    });
    return { hashes: new Uint32Array(BigUint64Array.from(all).buffer), offsets };
  },
  jaccard(sets, i, other, j) {
    const set = (from: typeof sets, index: number): Set<string> => {
      const result = new Set<string>();
      for (let k = from.offsets[index] as number; k < (from.offsets[index + 1] as number); k++) {
        result.add(`${from.hashes[2 * k]}:${from.hashes[2 * k + 1]}`);
      }
      return result;
    };
    const left = set(sets, i);
    const right = set(other, j);
    const common = left.intersection(right).size;
    const union = left.size + right.size - common;
    return union === 0 ? 0 : common / union;
  },
};

export function textsOf({ values, offsets, length }: TextColumn): string[] {
  return Array.from({ length }, (_, i) => Buffer.from(values.subarray(offsets[i], offsets[i + 1])).toString("utf8"));
}

export function columnOf(texts: readonly string[]): TextColumn {
  const parts = texts.map((text) => Buffer.from(text, "utf8"));
  const offsets = new Int32Array(texts.length + 1);
  parts.forEach((part, i) => {
    offsets[i + 1] = (offsets[i] as number) + part.byteLength;
  });
  return { values: Buffer.concat(parts), offsets, length: texts.length };
}
