/** What a finished corpus is, in a few lines for the terminal. */
import { join } from "node:path";
import type { CorpusManifest } from "../../schemas/run/corpus-manifest.ts";

/** @param out folder as the user names it */
export function describeOutput(manifest: CorpusManifest, out: string): string {
  const { conservation, figures } = manifest;
  const number = (value: number): string => value.toLocaleString("en-US");
  const rejected = Object.entries(conservation.rejected).sort(([, a], [, b]) => b - a);
  const tokens = Object.entries(figures.tokens).map(([split, one]) => `${number(one.tokens)} ${split}`);
  return [
    `documents in   ${number(conservation.documentsIn)}`,
    `kept           ${number(conservation.kept)} (${megabytes(figures.keptTextBytes)} of text)`,
    `rejected       ${number(rejected.reduce((sum, [, count]) => sum + count, 0))}`,
    ...rejected.map(([reason, count]) => `  ${number(count).padStart(11)}  ${reason}`),
    `quarantined    ${number(conservation.quarantined)}${conservation.quarantined === 0 ? "" : ` (see ${join(out, "quarantine.jsonl")})`}`,
    `tokens         ${tokens.length === 0 ? "0" : tokens.join(", ")}`,
    `card           ${join(out, "README.md")}`,
  ].join("\n");
}

/** 0, or 6 when input was quarantined and the user wants to know. */
export function exitCodeOf({ conservation }: CorpusManifest, strict: boolean): number {
  return strict && conservation.quarantined > 0 ? 6 : 0;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
