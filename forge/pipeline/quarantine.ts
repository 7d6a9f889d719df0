/**
 * Input that never became a document: one list in the output, told of as soon as everything is read.
 *
 * A run of which nothing is left ends there, too: no later stage could find anything.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ManifestFile, Conservation } from "../../schemas/run/manifest.ts";
import type { CompletionRecord } from "../../schemas/run/plan.ts";
import { quarantineSchema, type Quarantine } from "../../schemas/record/reject.ts";
import { DataError, writeFileAtomic, type Reporter } from "../base/index.ts";
import { partitionFiles, quarantinePath } from "./layout.ts";
import type { IngestCounts } from "./tasks/ingest.ts";

/** All quarantined input of a run in one file, in the order of the partitions. */
export async function writeQuarantine(folder: string, partitions: number): Promise<ManifestFile> {
  const parts: Buffer[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    parts.push(await readFile(join(folder, partitionFiles(partition).quarantine)));
  }
  return { path: quarantinePath, ...(await writeFileAtomic(join(folder, quarantinePath), Buffer.concat(parts))) };
}

/**
 * Looks at what reading left.
 *
 * @param records of all ingest tasks, in the order of the partitions
 * @throws DataError `nothing-kept`
 */
export async function checkReading(
  folder: string,
  records: readonly CompletionRecord[],
  reporter: Reporter,
): Promise<void> {
  // Ingest tasks return this very shape; records keep it as JSON.
  const counts = records.map((record) => record.result as unknown as IngestCounts);
  const total = (of: (one: IngestCounts) => number): number => counts.reduce((sum, one) => sum + of(one), 0);
  const quarantined = total((one) => one.quarantined);
  const faults = quarantined === 0 ? [] : await faultsOf(folder, counts);
  for (const { count, first } of faults) {
    const many = count === 1 ? "1 record is" : `${count} records are`;
    const message = `${many} quarantined (${first.reason}): ${describeQuarantine(first)}${count === 1 ? "" : "; and others"}`;
    reporter({ type: "warning", message, details: { count, reason: first.reason, source: first.source } });
  }
  if (total((one) => one.kept) > 0) return;
  await writeQuarantine(folder, records.length);
  const rejected: Record<string, number> = {};
  for (const one of counts) {
    for (const [reason, count] of Object.entries(one.rejected)) rejected[reason] = (rejected[reason] ?? 0) + count;
  }
  throw nothingKept({ documentsIn: total((one) => one.documentsIn), kept: 0, rejected, quarantined }, faults[0]?.first);
}

/** An empty corpus would only fail later, in whoever trains on it. */
export function nothingKept({ documentsIn, rejected, quarantined }: Conservation, fault?: Quarantine): DataError {
  const reasons = Object.entries(rejected)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${count} ${reason}`);
  const found = [...reasons, ...(quarantined > 0 ? [`${quarantined} quarantined`] : [])].join(", ");
  const shown = quarantined < documentsIn || fault === undefined ? "" : `; ${describeQuarantine(fault)}`;
  return new DataError(
    "nothing-kept",
    `No document is left of ${documentsIn}: ${found}${shown}`,
    {},
    {
      hint:
        quarantined === documentsIn
          ? "Look at quarantine.jsonl in the output folder: it names the fault and the place of each record."
          : "Look at the filters in the config, and at rejects/ in the output folder for the measured values.",
      details: { documentsIn, rejected, quarantined },
    },
  );
}

interface Fault {
  readonly count: number;
  readonly first: Quarantine;
}

/** By reason, the most frequent first. */
async function faultsOf(folder: string, counts: readonly IngestCounts[]): Promise<readonly Fault[]> {
  const faults = new Map<string, Fault>();
  for (const [partition, { quarantined }] of counts.entries()) {
    if (quarantined === 0) continue;
    const text = await readFile(join(folder, partitionFiles(partition).quarantine), "utf8");
    for (const line of text.split("\n").filter((one) => one !== "")) {
      const entry = quarantineSchema.parse(JSON.parse(line));
      const known = faults.get(entry.reason);
      faults.set(entry.reason, { count: (known?.count ?? 0) + 1, first: known?.first ?? entry });
    }
  }
  return [...faults.values()].sort((a, b) => b.count - a.count || (a.first.reason < b.first.reason ? -1 : 1));
}

function describeQuarantine({ source, row, byteOffset, message }: Quarantine): string {
  const place = row === null ? (byteOffset === 0 ? "" : ` from byte ${byteOffset} on`) : `, record ${row}`;
  return message.startsWith(source) ? message : `${source}${place}: ${message}`;
}
