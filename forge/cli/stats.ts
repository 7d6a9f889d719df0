/** `forge stats`: what is in a finished corpus, in figures. */
import type { CommandSpec } from "../console/command.ts";
import { formatBytes, formatCount, formatTable } from "../console/format.ts";
import { readCorpusManifest, signalQuantiles } from "../pipeline/index.ts";
import { outputFolder } from "./folder.ts";

export const spec: CommandSpec = {
  name: "stats",
  summary: "Show the figures of a corpus: funnel, sources, languages, tokens, signals",
  description: "The figures are those of the manifest; --signals reads the documents' signals and shows quantiles.",
  examples: ["forge stats shards/quickstart", "forge stats shards/quickstart --signals"],
  argument: { name: "DIR", description: "Output folder of build-corpus", required: true },
  options: [{ name: "signals", description: "Quantiles of every signal over the kept documents" }],
  async run({ argument, flags, cwd }) {
    const { folder, name } = await outputFolder({ argument, cwd });
    const { conservation, stages, figures } = await readCorpusManifest(folder);
    const signals = flags.on("signals") ? await signalQuantiles(folder) : [];
    const share = (count: number, of: number): string => (of === 0 ? "" : `${((100 * count) / of).toFixed(1)} %`);
    const funnel = stages.flatMap((stage) => [
      [`${stage.stage}, in`, formatCount(stage.documentsIn), ""],
      ...Object.entries(stage.rejected)
        .sort(([, a], [, b]) => b - a)
        .map(([reason, count]) => [`  ${reason}`, formatCount(count), share(count, stage.documentsIn)]),
      ...(stage.quarantined === 0
        ? []
        : [["  quarantined", formatCount(stage.quarantined), share(stage.quarantined, stage.documentsIn)]]),
    ]);
    funnel.push(["kept", formatCount(conservation.kept), share(conservation.kept, conservation.documentsIn)]);
    const sections: [string, readonly (readonly string[])[]][] = [
      ["documents", funnel],
      [
        "sources",
        figures.sources.map((one) => [
          one.name,
          `${formatCount(one.kept)} of ${formatCount(one.documentsIn)}`,
          formatBytes(one.keptTextBytes),
        ]),
      ],
      [
        "languages",
        Object.entries(figures.languages)
          .sort(([, a], [, b]) => b - a)
          .slice(0, 20)
          .map(([language, count]) => [language, formatCount(count), share(count, conservation.kept)]),
      ],
      [
        "tokens",
        Object.entries(figures.tokens).map(([split, one]) => [
          split,
          formatCount(one.tokens),
          `${formatCount(one.documents)} documents`,
          `${formatCount(one.shards)} shards`,
        ]),
      ],
    ];
    if (signals.length > 0) {
      const labels = Object.keys(signals[0]?.quantiles ?? {});
      sections.push([
        "signals of kept documents",
        [
          ["", ...labels],
          ...signals.map((one) => [one.signal, ...labels.map((label) => round(one.quantiles[label] ?? Number.NaN))]),
        ],
      ]);
    }
    const text = sections
      .filter(([, rows]) => rows.length > 0)
      .map(([title, rows]) => `${title}\n${formatTable(rows)}`)
      .join("\n\n");
    return { text, json: { folder: name, conservation, stages, figures, signals } };
  },
};

function round(value: number): string {
  return Number.isNaN(value) ? "-" : String(Number(value.toPrecision(4)));
}
