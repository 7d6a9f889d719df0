/** What a card says of a corpus' documents: who was rejected and why, what was edited, duplicates, languages, tokens. */
import type { CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import { blocks, byCount, code, count, decimal, escape, excerpt, facts, percent, table, totalOf } from "./markdown.ts";
import { redactedNames } from "./sections-making.ts";
import { configOf, stepsOf } from "./steps.ts";

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

export function funnelSection(manifest: CorpusManifest, plot: string | undefined): string {
  const { documentsIn, quarantined } = manifest.conservation;
  const rows = stepsOf(manifest).map((step) => {
    const rejected = totalOf(step.rejected);
    return [
      step.name,
      count(step.documentsIn),
      count(rejected),
      count(step.kept),
      percent(step.kept, step.documentsIn),
    ];
  });
  const readable = documentsIn - quarantined;
  const reading = ["reading", count(documentsIn), count(quarantined), count(readable), percent(readable, documentsIn)];
  return blocks("## Funnel", plot, table(["step", "in", "out", "left", "left of in"], [reading, ...rows]));
}

export function rejectedSection(manifest: CorpusManifest, examples: readonly RejectExample[]): string {
  const { documentsIn } = manifest.conservation;
  const reasons = stepsOf(manifest).flatMap(({ name, rejected }) =>
    byCount(rejected).map(([reason, value]) => ({ step: name, reason, value })),
  );
  const rows = reasons.map(({ step, reason, value }) => [
    code(reason),
    step,
    count(value),
    percent(value, documentsIn),
  ]);
  if (rows.length === 0) return blocks("## Rejected, by reason", "No document was rejected.");
  const inOrder = reasons.flatMap(({ step, reason }) =>
    examples.filter((example) => example.stage === step && example.reason === reason),
  );
  const shown = inOrder.map((example) => {
    const told = [
      code(example.reason),
      code(example.source),
      ...(example.value === null ? [] : [`measured ${decimal(example.value)}`]),
      ...(example.jaccard === null ? [] : [`Jaccard ${decimal(example.jaccard)} with ${example.partnerId ?? "?"}`]),
    ].join(", ");
    return `- ${told}: “${excerpt(example.text)}”`;
  });
  return blocks(
    "## Rejected, by reason",
    table(["reason", "step", "documents", "of all"], rows),
    ...(shown.length === 0 ? [] : ["Examples (all of them are in `rejects/`):", shown.join("\n")]),
  );
}

export function textsSection({ figures }: CorpusManifest): string {
  const { extract, repair, redact } = figures.texts;
  const pages = [
    ["pages of HTML", count(extract.pages)],
    ["their bytes", count(extract.bytesIn)],
    ["bytes of the texts in them", count(extract.bytesOut)],
    ["of them read up to a budget only", count(extract.cut)],
  ];
  return blocks(
    "## Extraction, repair and redaction",
    facts([
      ...(extract.pages === 0 ? [] : pages),
      ["texts repaired", count(repair.changed)],
      ["of them with mojibake decoded", count(repair.mojibake)],
      ["of them not in Unicode's composed form", count(repair.composed)],
      ["control and invisible characters taken out", count(repair.controls)],
      ["invalid UTF-8 and lone surrogates, replaced by U+FFFD", count(figures.replacements)],
      ["texts with personal data replaced", count(redact.changed)],
      ...Object.entries(redact.found).map(([kind, found]) => [`${redactedNames[kind] ?? kind} replaced`, count(found)]),
    ]),
    "Counted over all documents that could be read, the rejected ones too.",
  );
}

/** What steps took out of texts that they kept. */
export function editsSection({ figures }: CorpusManifest): string {
  const { editedBytes, repeatedLines } = figures;
  const rows: (readonly string[])[] = Object.entries(editedBytes).map(([stage, value]) => [
    editNames[stage] ?? stage,
    count(value),
  ]);
  return blocks(
    "## Taken out of kept texts",
    table(["", "bytes"], rows),
    repeatedLines === null
      ? undefined
      : `Of repeated lines ${count(repeatedLines.editedDocuments)} documents lost some and keep the rest.`,
  );
}

const editNames: Readonly<Record<string, string>> = {
  ingest: "by rules for lines",
  lines: "lines that other documents repeat",
  decontaminate: "around parts of evaluation sets",
};

export function duplicatesSection({ figures, config }: CorpusManifest, plot: string | undefined): string {
  const { dedup } = configOf(config);
  const { clusters, clusterSizes, largestCluster, comparedPairs, verifiedPairs, unresolved } = figures.duplicates;
  const near = dedup.near
    ? `near ones: MinHash ${dedup.bands} × ${dedup.rows} over word ${dedup.shingleWords}-grams finds candidates, their true Jaccard of at least ${decimal(dedup.threshold)} decides`
    : "near ones were not looked for";
  const exact = dedup.normalForm ? "exact copies and texts equal in normal form" : "exact copies";
  const ways = [...(dedup.url ? ["all but one document of each URL"] : []), exact, near].join("; ");
  const others = dedup.against.map((path) => code(path.replace(/\/+$/, "").replace(/^.*\//, ""))).join(", ");
  return blocks(
    "## Duplicates",
    `Removed: ${ways}. A document is removed only for a document that is kept; \`rejects/\` names that partner.`,
    others === "" ? undefined : `Documents of ${others} came first: what copies them is removed here.`,
    plot,
    facts([
      ["kept documents without a copy", count(clusterSizes[0] ?? 0)],
      ["kept documents that stand for several", count(clusters)],
      ["largest group", count(largestCluster)],
      ["candidate pairs compared", count(comparedPairs)],
      ["of them at or above the threshold", count(verifiedPairs)],
      ["kept although a budget left them uncompared", count(unresolved)],
    ]),
  );
}

export function contaminationSection({ figures }: CorpusManifest): string | undefined {
  const { contamination } = figures;
  if (contamination === null) return undefined;
  const { action, ngram, maxCorpusFrequency, sets, flagged, flaggedByCopy, dropped } = contamination;
  const rows = sets.map((set) => [
    set.name,
    escape(set.license ?? "not stated"),
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
  return blocks(
    "## Contamination",
    `Evaluation sets were looked for by ${ngram}-grams of their normal form, shorter examples whole; n-grams in more than ${count(maxCorpusFrequency)} documents were ignored as common phrases. Every hit with its evaluation set, example and document is in \`decontamination/\`; documents that duplicate each other count once.`,
    table(heads, rows),
    facts([
      ["action", action],
      ["kept documents flagged", count(flagged)],
      ["of them by a removed duplicate alone", count(flaggedByCopy)],
      ["dropped", count(dropped)],
      ["cut", count(contamination.cutDocuments)],
      ["characters cut", count(contamination.cutCharacters)],
    ]),
  );
}

export function languagesSection({ figures, conservation }: CorpusManifest, plot: string | undefined): string {
  const rows = byCount(figures.languages).map(([name, value]) => [
    name,
    count(value),
    percent(value, conservation.kept),
  ]);
  return blocks("## Languages", plot, table(["language", "documents", "of kept"], rows));
}

export function lengthSection(plot: string | undefined): string {
  return blocks("## Document length", plot);
}

export function tokensSection({ figures, config }: CorpusManifest): string {
  const { name, vocabularySize, trained, sha256 } = figures.tokenizer;
  const rows = Object.entries(figures.tokens).map(([split, one]) => [
    split,
    count(one.documents),
    count(one.tokens),
    count(one.shards),
  ]);
  const { tokenBudget } = configOf(config).shard;
  const { documents, tokens } = figures.beyondBudget;
  return blocks(
    "## Tokens",
    `Tokenizer ${code(name)}: byte-level BPE, ${count(vocabularySize)} tokens, ${trained ? "trained on this corpus" : "given"}, SHA-256 \`${sha256}\`. Counts include the tokens that begin and end documents.`,
    table(["split", "documents", "tokens", "shards"], rows),
    tokenBudget === null
      ? undefined
      : `Of a budget of ${count(tokenBudget)} tokens; ${count(documents)} kept documents with ${count(tokens)} tokens are beyond it: they are in \`documents/\`, but in no shard.`,
  );
}
