/** Files of keys that several stages write or read, and the sections in them. */
import type { DedupConfig } from "../../schemas/config/dedup.ts";

export const fingerprintKind = "dedup-fingerprints-2";
/** Sections: `keep` (keep words, id, row), `id` (id, row), and one for each relation (key, row). */
export const keyKind = "dedup-keys-1";
/** A section for each band: key (two words), dense id. */
export const signatureKind = "dedup-band-keys-2";

/** Relations that make one document a copy of another. */
export type CopyRelation = "url" | "exact" | "normalForm";

export function copyRelations(config: DedupConfig): readonly CopyRelation[] {
  return [...(config.url ? ["url" as const] : []), "exact", ...(config.normalForm ? ["normalForm" as const] : [])];
}

export function bandSection(band: number): string {
  return `band${band}`;
}
