/** The pictures of a card: which bars, from a manifest's figures. */
import type { CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import { byCount, bytes, count, percent } from "./markdown.ts";
import { stepsOf } from "./steps.ts";
import { barChart, type Bar } from "./svg.ts";

export interface Plot {
  /** Name of the file without its ending. */
  readonly name: string;
  readonly title: string;
  readonly svg: string;
}

/** Languages that have a bar of their own. */
const maxLanguages = 20;

/** Plots by name; one without bars is missing. */
export function plotsOf(manifest: CorpusManifest): readonly Plot[] {
  const plots: readonly (readonly [string, string, readonly Bar[]])[] = [
    ["funnel", "Documents left after each step", funnelBars(manifest)],
    ["length", "Kept documents by length in bytes of UTF-8", lengthBars(manifest)],
    ["language", "Kept documents by language", languageBars(manifest)],
    ["clusters", "Kept documents with copies, by how many each stands for", clusterBars(manifest)],
  ];
  return plots
    .filter(([, , bars]) => bars.length > 0)
    .map(([name, title, bars]) => ({ name, title, svg: barChart(title, bars) }));
}

function funnelBars(manifest: CorpusManifest): Bar[] {
  const { documentsIn, quarantined } = manifest.conservation;
  const bar = (label: string, value: number): Bar => ({
    label,
    value,
    note: `${count(value)} (${percent(value, documentsIn)})`,
  });
  return [
    bar("documents in", documentsIn),
    ...(quarantined === 0 ? [] : [bar("readable", documentsIn - quarantined)]),
    ...stepsOf(manifest).map((step) => bar(`after ${step.name}`, step.kept)),
  ];
}

function lengthBars({ figures }: CorpusManifest): Bar[] {
  return bucketBars(figures.lengths, 0, (low, high) => `${bytes(low)} – ${bytes(high)}`);
}

function clusterBars({ figures }: CorpusManifest): Bar[] {
  return bucketBars(figures.duplicates.clusterSizes, 1, (low, high) =>
    high === low + 1 ? count(low) : `${count(low)} – ${count(high - 1)}`,
  );
}

/** A bar for each bucket [2ᵏ, 2ᵏ⁺¹) from the first that holds something. */
function bucketBars(buckets: readonly number[], from: number, label: (low: number, high: number) => string): Bar[] {
  const first = buckets.findIndex((value, bucket) => bucket >= from && value > 0);
  if (first < 0) return [];
  return buckets.slice(first).map((value, i) => ({ label: label(2 ** (first + i), 2 ** (first + i + 1)), value }));
}

function languageBars({ figures, conservation }: CorpusManifest): Bar[] {
  const bar = (label: string, value: number): Bar => ({
    label,
    value,
    note: `${count(value)} (${percent(value, conservation.kept)})`,
  });
  const languages = byCount(figures.languages);
  const others = languages.slice(maxLanguages);
  return [
    ...languages.slice(0, maxLanguages).map(([code, value]) => bar(code, value)),
    ...(others.length === 0
      ? []
      : [
          bar(
            `${others.length} others`,
            others.reduce((sum, [, value]) => sum + value, 0),
          ),
        ]),
  ];
}
