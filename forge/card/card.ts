/**
 * A Hugging Face dataset card (README.md with YAML front matter) and its plots, from a corpus manifest.
 *
 * Layout after huggingface/hub-docs `datasetcard.md`. Every figure in it stands in the manifest or follows from it.
 */
import { stringify } from "yaml";
import type { CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import { barChart, type Bar } from "./svg.ts";

export interface CardFile {
  /** Relative to the output folder. */
  readonly path: string;
  readonly content: string;
}

/** A rejected document, to show what a reason means. */
export interface RejectExample {
  readonly stage: string;
  readonly reason: string;
  readonly source: string;
  readonly value: number | null;
  readonly jaccard: number | null;
  readonly partnerId: string | null;
  readonly text: string;
}

/** Characters of a rejected text that are shown. */
const excerptLength = 140;

/** Renders the card. The same manifest and examples give the same bytes. */
export function renderCard(manifest: CorpusManifest, examples: readonly RejectExample[]): readonly CardFile[] {
  const sections = [
    frontMatter(manifest),
    `# ${manifest.name}`,
    manifest.description ?? "A text corpus.",
    numbersSection(manifest),
    sourcesSection(manifest),
    `## Funnel\n\n![Funnel](card/funnel.svg)\n\n${funnelTable(manifest)}`,
    rejectedSection(manifest, examples),
    textsSection(manifest),
    duplicatesSection(manifest),
    ...contaminationSection(manifest),
    `## Languages\n\n${table(["language", "documents"], countRows(manifest.figures.languages))}`,
    `## Document length\n\n![Document length](card/length.svg)`,
    tokensSection(manifest),
    filesSection(manifest),
    toolsSection(manifest),
    limitsSection(manifest),
  ];
  return [
    { path: "README.md", content: `${sections.join("\n\n")}\n` },
    { path: "card/funnel.svg", content: barChart("Documents left after each step", funnelBars(manifest)) },
    { path: "card/length.svg", content: barChart("Kept documents by length", lengthBars(manifest)) },
  ];
}

/** Metadata that the Hugging Face hub reads. */
function frontMatter(manifest: CorpusManifest): string {
  const { figures, conservation } = manifest;
  const languages = Object.keys(figures.languages).filter((code) => /^[a-z]{2,3}$/.test(code));
  const licenses = [...new Set(figures.sources.map((source) => source.license))];
  const only = licenses.length === 1 ? licenses[0] : undefined;
  const metadata = {
    pretty_name: manifest.name,
    ...(languages.length === 0 ? {} : { language: languages }),
    license: only !== undefined && only !== null && /^[a-z0-9.-]+$/.test(only) ? only : "other",
    task_categories: ["text-generation"],
    size_categories: [sizeCategory(conservation.kept)],
    tags: ["forge", "deduplicated"],
    configs: [
      { config_name: "default", data_files: "documents/*.parquet", default: true },
      { config_name: "rejects", data_files: "rejects/*.parquet" },
      ...(figures.contamination === null
        ? []
        : [{ config_name: "contamination", data_files: "decontamination/part-*.parquet" }]),
    ],
    // Only the token shards are split; the hub calls a config's single part "train".
    dataset_info: {
      config_name: "default",
      splits: [{ name: "train", num_examples: conservation.kept, num_bytes: figures.keptTextBytes }],
    },
  };
  return `---\n${stringify(metadata)}---`;
}

/** Classes of the hub. */
function sizeCategory(documents: number): string {
  const bounds = [
    [1e3, "n<1K"],
    [1e4, "1K<n<10K"],
    [1e5, "10K<n<100K"],
    [1e6, "100K<n<1M"],
    [1e7, "1M<n<10M"],
    [1e8, "10M<n<100M"],
    [1e9, "100M<n<1B"],
  ] as const;
  return bounds.find(([bound]) => documents < bound)?.[1] ?? "n>1B";
}

function numbersSection({ conservation, figures }: CorpusManifest): string {
  const tokens = Object.values(figures.tokens).reduce((sum, split) => sum + split.tokens, 0);
  return [
    "## In numbers",
    table(
      ["", ""],
      [
        ["documents in", count(conservation.documentsIn)],
        ["kept", `${count(conservation.kept)} (${percent(conservation.kept, conservation.documentsIn)})`],
        ["rejected", count(totalOf(conservation.rejected))],
        ["quarantined (unreadable input)", count(conservation.quarantined)],
        ["text kept", bytes(figures.keptTextBytes)],
        ["tokens", count(tokens)],
      ],
    ),
    "Documents in = kept + rejected + quarantined: every document is in exactly one of `documents/`, `rejects/` and `quarantine.jsonl`.",
  ].join("\n\n");
}

function sourcesSection({ figures }: CorpusManifest): string {
  const rows = figures.sources.map((source) => [
    source.name,
    source.description ?? "",
    source.license ?? "not stated",
    count(source.files),
    bytes(source.bytes),
    count(source.documentsIn),
    count(source.kept),
    bytes(source.keptTextBytes),
  ]);
  const heads = ["source", "what", "licence", "files", "size", "documents", "kept", "text kept"];
  return `## Sources\n\n${table(heads, rows)}`;
}

function funnelTable(manifest: CorpusManifest): string {
  const rows = manifest.stages.map((stage) => [
    stage.stage,
    count(stage.documentsIn),
    count(totalOf(stage.rejected)),
    count(stage.quarantined),
    count(stage.kept),
    percent(stage.kept, stage.documentsIn),
  ]);
  return table(["stage", "in", "rejected", "quarantined", "kept", "kept of in"], rows);
}

function rejectedSection({ conservation, stages }: CorpusManifest, examples: readonly RejectExample[]): string {
  const stageOf = (reason: string): string => stages.find((stage) => reason in stage.rejected)?.stage ?? "";
  const rows = byCount(conservation.rejected).map(([reason, value]) => [
    `\`${reason}\``,
    stageOf(reason),
    count(value),
    percent(value, conservation.documentsIn),
  ]);
  const shown = examples.map((example) => {
    const measured = [
      example.value === null ? "" : `measured ${decimal(example.value)}`,
      example.jaccard === null ? "" : `Jaccard ${decimal(example.jaccard)} with ${example.partnerId ?? "?"}`,
    ].filter((part) => part !== "");
    const facts = [`\`${example.reason}\``, example.source, ...measured].join(", ");
    return `- ${facts}: “${excerpt(example.text)}”`;
  });
  const parts = ["## Rejected, by reason", table(["reason", "stage", "documents", "of all"], rows)];
  if (shown.length > 0) parts.push("Examples (all of them are in `rejects/`):", shown.join("\n"));
  return parts.join("\n\n");
}

function textsSection({ figures }: CorpusManifest): string {
  const { extract, repair, redact } = figures.texts;
  const pages = [
    ["pages of HTML", count(extract.pages)],
    ["their size, and that of the texts in them", `${bytes(extract.bytesIn)}, ${bytes(extract.bytesOut)}`],
    ["of them read up to a budget only", count(extract.cut)],
  ];
  const rows = [
    ...(extract.pages === 0 ? [] : pages),
    ["texts repaired", count(repair.changed)],
    ["of them with mojibake decoded", count(repair.mojibake)],
    ["of them not in Unicode's composed form", count(repair.composed)],
    ["control and invisible characters taken out", count(repair.controls)],
    ["bytes that were no UTF-8, replaced by U+FFFD", count(figures.replacements)],
    ["texts with personal data replaced", count(redact.changed)],
    ...Object.entries(redact.found).map(([kind, found]) => [redactedNames[kind] ?? kind, count(found)]),
  ];
  return `## Extraction, repair and redaction\n\n${table(["", ""], rows)}`;
}

const redactedNames: Readonly<Record<string, string>> = {
  email: "e-mail addresses replaced",
  ipv4: "public IPv4 addresses replaced",
  ipv6: "public IPv6 addresses replaced",
  phone: "phone numbers replaced",
  iban: "bank account numbers (IBAN) replaced",
  paymentCard: "payment card numbers replaced",
};

function duplicatesSection({ figures }: CorpusManifest): string {
  const { clusters, largestCluster, comparedPairs, verifiedPairs, unresolved } = figures.duplicates;
  return [
    "## Duplicates",
    "A document is removed only if it equals, or by its true Jaccard is near, a document that is kept; `rejects/` names that partner.",
    table(
      ["", ""],
      [
        ["kept documents that stand for several", count(clusters)],
        ["largest group", count(largestCluster)],
        ["candidate pairs compared", count(comparedPairs)],
        ["of them at or above the threshold", count(verifiedPairs)],
        ["kept although a budget left them uncompared", count(unresolved)],
      ],
    ),
  ].join("\n\n");
}

function contaminationSection({ figures }: CorpusManifest): readonly string[] {
  const { contamination } = figures;
  if (contamination === null) return [];
  const { action, ngram, maxCorpusFrequency, sets, flagged, flaggedByCopy, dropped } = contamination;
  const rows = sets.map((set) => [
    set.name,
    set.license ?? "not stated",
    count(set.examples),
    count(set.contaminated),
    count(set.frequent),
    count(set.tooShort),
    count(set.documents),
  ]);
  const heads = [
    "evaluation set",
    "licence",
    "examples",
    "contaminated",
    "common phrases only",
    "too short",
    "documents",
  ];
  return [
    [
      "## Contamination",
      `Evaluation sets were looked for by ${ngram}-grams of their normal form, shorter examples whole; n-grams in more than ${count(maxCorpusFrequency)} documents were ignored as common phrases. Every hit with its evaluation set, example and document is in \`decontamination/\`; documents that duplicate each other count once.`,
      table(heads, rows),
      table(
        ["", ""],
        [
          ["action", action],
          ["kept documents flagged", count(flagged)],
          ["of them by a removed duplicate alone", count(flaggedByCopy)],
          ["dropped", count(dropped)],
          ["cut", count(contamination.cutDocuments)],
          ["characters cut", count(contamination.cutCharacters)],
        ],
      ),
    ].join("\n\n"),
  ];
}

function tokensSection({ figures }: CorpusManifest): string {
  const { name, vocabularySize, trained, sha256 } = figures.tokenizer;
  const rows = Object.entries(figures.tokens).map(([split, one]) => [
    split,
    count(one.documents),
    count(one.tokens),
    count(one.shards),
  ]);
  return [
    "## Tokens",
    `Tokenizer \`${name}\`: byte-level BPE, ${count(vocabularySize)} tokens, ${trained ? "trained on this corpus" : "given"}, SHA-256 \`${sha256}\`.`,
    table(["split", "documents", "tokens", "shards"], rows),
  ].join("\n\n");
}

function filesSection({ files }: CorpusManifest): string {
  const groups = Map.groupBy(
    files.filter((file) => file.path.includes("/") && !file.path.startsWith("card/")),
    (file) => file.path.slice(0, file.path.indexOf("/") + 1),
  );
  const rows = [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([folder, members]) => [
      `\`${folder}\``,
      count(members.length),
      bytes(members.reduce((sum, file) => sum + file.bytes, 0)),
    ]);
  return `## Files\n\n${table(["folder", "files", "size"], rows)}\n\nSizes and SHA-256 of all files are in \`manifest.json\`; \`forge verify\` checks them.`;
}

function toolsSection({ program, config }: CorpusManifest): string {
  const lines = [
    `- Forge (\`@forge-corpus/forge\`) ${program}, Apache-2.0. The resolved config is in \`manifest.json\`.`,
  ];
  if (usesLanguageModel(config)) {
    lines.push(
      "- Languages were identified with fastText's `lid.176` model (Joulin et al. 2016), licensed CC-BY-SA 3.0: https://fasttext.cc/docs/en/language-identification.html",
    );
  }
  return `## How it was made\n\n${lines.join("\n")}`;
}

function limitsSection({ figures }: CorpusManifest): string {
  const kinds = Object.keys(figures.texts.redact.found).map((kind) => redactedNames[kind]?.replace(/ replaced$/, ""));
  const personal =
    kinds.length === 0
      ? "No personal data was removed."
      : `Of personal data only ${kinds.join(", ")} were replaced, as far as patterns and checksums find them; names and addresses were not.`;
  return [
    "## Limits",
    `Filters are heuristics and err in both directions; see the examples above. ${personal} Licences of single documents may differ from what is stated for their source.`,
  ].join("\n\n");
}

function funnelBars({ conservation, stages }: CorpusManifest): Bar[] {
  const bar = (label: string, value: number): Bar => ({
    label,
    value,
    note: `${count(value)} (${percent(value, conservation.documentsIn)})`,
  });
  return [
    bar("documents in", conservation.documentsIn),
    ...stages.map((stage) => bar(`after ${stage.stage}`, stage.kept)),
  ];
}

function lengthBars({ figures }: CorpusManifest): Bar[] {
  const first = figures.lengths.findIndex((value) => value > 0);
  return figures.lengths.slice(Math.max(0, first)).map((value, i) => {
    const low = 2 ** (Math.max(0, first) + i);
    return { label: `${bytes(low)} – ${bytes(low * 2)}`, value };
  });
}

/** True when a filter of the corpus or of one of its sources identifies languages. */
function usesLanguageModel(config: unknown): boolean {
  return JSON.stringify(config).includes('"filter":"language"');
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}

function countRows(counts: Readonly<Record<string, number>>): string[][] {
  return byCount(counts).map(([name, value]) => [name, count(value)]);
}

/** Largest first, equal ones by name. */
function byCount(counts: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(counts).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
}

function totalOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, value) => sum + value, 0);
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

function decimal(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "0.0 %" : `${((part / whole) * 100).toFixed(1)} %`;
}

function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, value < 1 ? 0 : Math.floor(Math.log10(value) / 3));
  return `${power === 0 ? value : (value / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/** One line of Markdown-safe text. */
function excerpt(text: string): string {
  const line = text
    .slice(0, excerptLength * 2)
    .replace(/\s+/g, " ")
    .trim();
  const cut = line.length > excerptLength ? `${line.slice(0, excerptLength)}…` : line;
  return cut.toWellFormed().replace(/[\\`*_{}[\]<>#|]/g, "\\$&");
}
