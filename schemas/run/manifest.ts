/**
 * `manifest.json`: written last, so its presence means the output is whole. It names every file with its digest and
 * states the law of conservation in numbers.
 */
import { z } from "zod";

/** One file of an output, path relative to the manifest, forward slashes. */
export const manifestFileSchema = z.strictObject({
  path: z.string(),
  bytes: z.int().nonnegative(),
  sha256: z.string().length(64),
  /** Rows of a Parquet or Arrow file. */
  rows: z.int().nonnegative().optional(),
});
export type ManifestFile = z.infer<typeof manifestFileSchema>;

/** in = kept + Σ rejected by reason + quarantined, for a stage or a whole run. */
export const conservationSchema = z.strictObject({
  documentsIn: z.int().nonnegative(),
  kept: z.int().nonnegative(),
  rejected: z.record(z.string(), z.int().nonnegative()),
  quarantined: z.int().nonnegative(),
});
export type Conservation = z.infer<typeof conservationSchema>;

/** Documents in that are in none of the three places; anything but 0 is a bug. */
export function lostDocuments(counts: Conservation): number {
  const rejected = Object.values(counts.rejected).reduce((sum, count) => sum + count, 0);
  return counts.documentsIn - counts.kept - rejected - counts.quarantined;
}

export const stageCountsSchema = conservationSchema.extend({ stage: z.string() });
export type StageCounts = z.infer<typeof stageCountsSchema>;
